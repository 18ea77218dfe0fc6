// SPDX-License-Identifier: MIT
#include "gateway/intake/delivery.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json_writer.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "gateway/device/device_facts.h"
#include "gateway/device/device_identity.h"
#include "gateway/device/downlink_route.h"
#include "gateway/intake/webhook_keys.h"
#include "gateway/uplink/uplink_hold.h"
#include "gateway/uplink/uplink_store.h"

/* Of one delivery; its answer names them all. */
#define MOST_REFUSALS_LOGGED 16

/* What a monitor is told of its events. */
struct told {
        char *application;
        char message_id[CRYPTO_UUID_SIZE]; /* of the first one */
        struct buf message_ids;            /* of all, with commas between them */
        size_t count;
        int32_t stands_for;
};

struct delivery {
        const struct delivery_means *means;
        struct delivery_source source;
        delivery_done *done;
        void *context;
        enum uplink_verdict verdict; /* at once */
        struct uplink_proof *proof;  /* of UPLINK_UNDECIDED */
        struct reason doubt;         /* why it isn't UPLINK_TRUSTED, or was not stored */
        bool not_now;                /* something of it was refused that may be taken later */
        struct uplink_put put;
        struct uplink_hold *hold; /* of who waits for more than the disk; or NULL */
        bool held;
        struct told told;
        struct buf not_stored;
        struct event_list refused; /* those parts; it has no events */
        bool has_news;             /* an event of it tells the fate of a downlink */
        bool is_cut;               /* there was room for nothing else */
};

/* --- its end ------------------------------------------------------------------------------ */

/* Frees the delivery. */
static void end_as(struct delivery *delivery, const struct delivery_result *result)
{
        const struct told *told = &delivery->told;
        struct delivery_result full = *result;

        full.source = &delivery->source;
        full.application = told->application;
        full.message_id = told->count > 0 ? told->message_id : NULL;
        full.message_ids = told->count > 1 ? buf_text(&told->message_ids) : NULL;
        full.stands_for = told->stands_for;
        delivery->done(delivery->context, &full);
        uplink_events_free(&delivery->put.events);
        free(delivery->told.application);
        buf_deinit(&delivery->told.message_ids);
        buf_deinit(&delivery->not_stored);
        event_list_deinit(&delivery->refused);
        free(delivery);
}

static void end(struct delivery *delivery, enum delivery_fate fate, const struct reason *reason)
{
        end_as(delivery, &(struct delivery_result){.fate = fate,
                                                   .reason = reason,
                                                   .not_stored = &delivery->not_stored,
                                                   .refused = &delivery->refused,
                                                   .held = delivery->held});
}

/* --- storing ------------------------------------------------------------------------------ */

/* Why nothing of it could be stored. */
static void explain(const struct delivery *delivery, int result, struct reason *reason)
{
        if (result == STORE_E_SHARE)
                reason_set(reason,
                           "so many events of %s wait that it has used up its share of the store; "
                           "nothing was stored",
                           list_entry(delivery->put.events.head.next, struct uplink_event, node)
                                   ->device_key);
        else if (result == STORE_E_FULL)
                reason_set(reason, "the store is full; nothing was stored");
        else if (result == STORE_E_AWAY)
                reason_set(reason, "the store can't be reached; nothing was stored");
        else
                reason_set(reason, "the store can't write; nothing was stored");
}

/* What is left for the store if it has no room: what tells the fate of a downlink. */
static void cut_to_news(struct delivery *delivery)
{
        list_for_each_safe (node, &delivery->put.events) {
                struct uplink_event *event = list_entry(node, struct uplink_event, node);

                if (event->purpose != STORE_UPLINK) {
                        event->purpose = STORE_DOWNLINK_NEWS;
                        continue;
                }
                list_remove(&delivery->put.events, node);
                uplink_event_free(event);
        }
        delivery->is_cut = true;
        delivery->put.owed = true;
}

/* On the store's thread. */
static void delivery_stored(struct uplink_put *put, int result)
{
        struct delivery *delivery = list_entry(put, struct delivery, put);
        struct uplink_hold *hold = delivery->hold;
        bool any_known = put->any_known;
        bool is_stored = result == 0 && !delivery->is_cut;
        const struct reason nothing = REASON_INIT;

        delivery->held = hold && is_stored;
        if (hold && !is_stored)
                uplink_hold_drop(hold);
        delivery->hold = NULL;
        if (is_stored)
                metrics_observe(METRIC_WEBHOOK_TO_STORED,
                                clock_steady_ns() - delivery->source.arrived_ns);
        else if (!delivery->is_cut)
                explain(delivery, result, &delivery->doubt);
        if (delivery->has_news && !put->owed &&
            (result == STORE_E_FULL || result == STORE_E_SHARE)) {
                cut_to_news(delivery);
                uplink_store(delivery->means->store, delivery->means->queue, put);
                return;
        }
        if (is_stored)
                end(delivery, DELIVERY_STORED, &nothing);
        else
                end(delivery, DELIVERY_NOT_NOW, &delivery->doubt);
        if (hold && is_stored)
                uplink_hold_stored(hold, any_known);
}

/* False, and counted, if the device is not to be in Azure; false also for a kind that is not sent.
 */
static bool check_wanted(const struct delivery_means *means, const struct event *event)
{
        if (!uplink_store_wants(means->settings, event->kind))
                return false;
        if (device_directory_integrates(means->directory, event))
                return true;
        metrics_add(METRIC_DEVICE_OFF, 1);
        log_debug("EVENT_NOT_INTEGRATED", "An event is dropped: its device is not to be in Azure",
                  LOG_TEXT("message_id", event->message_id),
                  LOG_TEXT("application", event->application), LOG_TEXT("device", event->device),
                  LOG_END);
        return false;
}

/* May its device be one of IoT Hub's? If so it is known from now on. */
static bool admit_event(struct delivery *delivery, const struct event *event,
                        const char *device_key, struct reason *reason)
{
        const struct delivery_means *means = delivery->means;

        if (!device_identity_check(means->settings, event, reason))
                return false;
        if (device_table_admit(means->devices, device_key, reason))
                return true;
        delivery->not_now = true;
        return false;
}

/* One operation begins with the first event; the others, which came with it, are told as it is. */
static void note_told(struct delivery *delivery, struct uplink_event *event)
{
        struct told *told = &delivery->told;

        if (!delivery->means->monitor)
                return;
        if (told->count++ == 0) {
                told->stands_for = monitor_begin(delivery->means->monitor, event->event.message_id);
                told->application = mem_text(event->event.application);
                strcpy(told->message_id, event->event.message_id);
        }
        event->stands_for = told->stands_for;
        if (told->stands_for <= 0)
                return;
        if (told->message_ids.size > 0)
                buf_add_char(&told->message_ids, ',');
        buf_add_text(&told->message_ids, event->event.message_id);
}

static enum store_purpose purpose_of(bool is_telemetry, bool is_news)
{
        if (!is_news)
                return STORE_UPLINK;
        return is_telemetry ? STORE_BOTH : STORE_DOWNLINK_NEWS;
}

/* Moves an event that is to be stored from the parsed list to the delivery. */
static void select_event(struct delivery *delivery, struct event_list *parsed, struct event *event)
{
        const struct delivery_means *means = delivery->means;
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        bool is_news = command_confirm_concerns(event);
        bool is_telemetry = check_wanted(means, event);
        struct reason unfit = REASON_INIT;
        struct uplink_event *moved;

        event_device_key(event, &key);
        if (!is_telemetry && !is_news) {
                device_table_tell_facts(means->devices, buf_text(&key), event);
                return;
        }
        if (is_telemetry && !admit_event(delivery, event, buf_text(&key), &unfit)) {
                event_list_refuse(parsed, &(struct event_refusal){.part = event->part,
                                                                  .device = event->device,
                                                                  .why = unfit.text});
                is_telemetry = false;
                if (!is_news)
                        return;
        }
        moved = uplink_event_new(event, buf_text(&key));
        moved->arrived_ns = delivery->source.arrived_ns;
        moved->purpose = purpose_of(is_telemetry, is_news);
        if (is_telemetry) {
                moved->heard =
                        downlink_hear(means->settings, &delivery->source.received, &moved->event);
                moved->keeps_heard = store_is_shared(means->store);
                note_told(delivery, moved);
        }
        delivery->has_news |= is_news;
        list_push_back(&delivery->put.events, &moved->node);
}

/* Everything that is to be durable before the answer is under way when it returns. */
static void start_put(struct delivery *delivery)
{
        const struct delivery_means *means = delivery->means;

        delivery->put.done = delivery_stored;
        if (delivery->source.left)
                delivery->hold = uplink_hold_begin(means->holds, &delivery->put.events,
                                                   delivery->source.left, delivery->context);
        uplink_store(means->store, means->queue, &delivery->put);
}

/* --- parts that are not stored ------------------------------------------------------------ */

static void tell_refusals(const struct delivery *delivery, const struct event_list *parsed)
{
        metrics_add(METRIC_WEBHOOK_PART_REFUSED, (int64_t)parsed->refusal_count);
        for (size_t i = 0; i < parsed->refusal_count && i < MOST_REFUSALS_LOGGED; i++)
                log_warn("WEBHOOK_PART_REFUSED", "A part of a webhook was not stored",
                         LOG_TEXT("network", delivery->source.network->name),
                         LOG_TEXT("device",
                                  parsed->refusals[i].device ? parsed->refusals[i].device : ""),
                         LOG_TEXT("reason", parsed->refusals[i].why),
                         LOG_INT("of", (int64_t)parsed->refusal_count), LOG_END);
}

/* `{"stored":1,"notStored":[{"device":"...","reason":"..."}]}` */
static void write_not_stored(struct delivery *delivery, const struct event_list *parsed)
{
        struct buf *out = &delivery->not_stored;

        buf_add_format(out, "{\"stored\":%zu,\"notStored\":[", delivery->put.events.count);
        for (size_t i = 0; i < parsed->refusal_count; i++) {
                struct json_writer part;

                if (i > 0)
                        buf_add_char(out, ',');
                json_writer_open(&part, out);
                json_writer_text(&part, "device", parsed->refusals[i].device);
                json_writer_text(&part, "reason", parsed->refusals[i].why);
                json_writer_close(&part);
        }
        buf_add_text(out, "]}\n");
}

static void keep_refusals(struct delivery *delivery, struct event_list *parsed)
{
        write_not_stored(delivery, parsed);
        delivery->refused.refusals = parsed->refusals;
        delivery->refused.refusal_count = parsed->refusal_count;
        parsed->refusals = NULL;
        parsed->refusal_count = 0;
}

static void store_events(struct delivery *delivery, struct event_list *parsed)
{
        struct reason unfit = REASON_INIT;

        for (size_t i = 0; i < parsed->count; i++)
                select_event(delivery, parsed, &parsed->events[i]);
        tell_refusals(delivery, parsed);
        if (!list_is_empty(&delivery->put.events)) {
                if (parsed->refusal_count > 0)
                        keep_refusals(delivery, parsed);
                start_put(delivery);
                return;
        }
        for (size_t i = 0; i < parsed->refusal_count; i++)
                reason_add(&unfit, "%s", parsed->refusals[i].why);
        if (parsed->refusal_count == 0)
                end(delivery, DELIVERY_IGNORED, &unfit);
        else
                end(delivery, delivery->not_now ? DELIVERY_NOT_NOW : DELIVERY_UNFIT, &unfit);
}

/* --- understanding ------------------------------------------------------------------------ */

/* Ends the delivery if not all of it is of the key's applications; then true. */
static bool refuse_foreign(struct delivery *delivery, const struct event_list *parsed)
{
        const struct event *foreign =
                delivery->source.key ? webhook_key_foreign(delivery->source.key, parsed) : NULL;
        const struct reason reason = REASON_INIT;

        if (!foreign)
                return false;
        end_as(delivery, &(struct delivery_result){.fate = DELIVERY_FOREIGN,
                                                   .reason = &reason,
                                                   .not_stored = &delivery->not_stored,
                                                   .foreign_application = foreign->application});
        return true;
}

static void take(struct delivery *delivery)
{
        CLEANUP(event_list_deinit) struct event_list parsed = EVENT_LIST_INIT;
        struct reason reason = REASON_INIT;
        const struct network *network = delivery->source.network;

        if (network->parse(&delivery->source.received, &parsed, &reason) == NETWORK_E_MALFORMED) {
                tell_refusals(delivery, &parsed);
                end(delivery, DELIVERY_MALFORMED, &reason);
                return;
        }
        if (refuse_foreign(delivery, &parsed))
                return;
        if (reason.text[0] != '\0')
                log_info("WEBHOOK_REMARK", "A webhook was taken with a remark",
                         LOG_TEXT("network", network->name), LOG_TEXT("remark", reason.text),
                         LOG_END);
        store_events(delivery, &parsed);
}

/* On the thread that takes it, or where the certificate came from. */
static void on_verdict(void *context, enum uplink_verdict verdict, const struct reason *reason)
{
        struct delivery *delivery = context;

        switch (verdict) {
        case UPLINK_TRUSTED:
                take(delivery);
                break;
        case UPLINK_MALFORMED:
                end(delivery, DELIVERY_MALFORMED, reason);
                break;
        case UPLINK_REFUSED:
                end(delivery, DELIVERY_UNTRUSTED, reason);
                break;
        case UPLINK_UNAVAILABLE:
        case UPLINK_UNDECIDED:
                end(delivery, DELIVERY_NOT_NOW, reason);
                break;
        }
}

struct delivery *delivery_new(const struct delivery_means *means,
                              const struct delivery_source *source, delivery_done *done,
                              void *context)
{
        struct delivery *delivery = mem_new(1, sizeof(*delivery));

        delivery->means = means;
        delivery->source = *source;
        delivery->done = done;
        delivery->context = context;
        list_init(&delivery->put.events);
        delivery->verdict = UPLINK_TRUSTED;
        if (!source->vouched)
                delivery->verdict = uplink_trust_check(means->trust, source->network,
                                                       &delivery->source.received, &delivery->proof,
                                                       &delivery->doubt);
        return delivery;
}

bool delivery_must_wait(const struct delivery *delivery)
{
        return delivery->verdict == UPLINK_UNDECIDED;
}

void delivery_take(struct delivery *delivery)
{
        if (delivery->verdict == UPLINK_UNDECIDED)
                uplink_trust_decide(delivery->proof, on_verdict, delivery);
        else
                on_verdict(delivery, delivery->verdict, &delivery->doubt);
}
