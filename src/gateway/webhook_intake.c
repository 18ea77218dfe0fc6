// SPDX-License-Identifier: MIT
#include "gateway/webhook_intake.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "gateway/device/device_identity.h"
#include "gateway/device/downlink_route.h"
#include "gateway/uplink/uplink_store.h"
#include "gateway/webhook_door.h"
#include "gateway/webhook_keys.h"
#include "http/http_server.h"

/* Of one delivery; its answer names them all. */
#define MOST_REFUSALS_LOGGED 16

struct webhook_intake {
        struct webhook_intake_options options;
        struct webhook_keys keys;
        struct http_server *server;
        struct webhook_door door;
};

/* What one webhook brought, on its way to the store. */
struct delivery {
        struct webhook_intake *webhook;
        struct http_exchange *exchange;
        bool not_now; /* something of it was refused that may be taken later */
        const struct network *network;
        const struct settings_webhook_key *key; /* that the sender has */
        struct webhook received;
        struct uplink_put put;
        struct buf answer; /* names what is not stored of it; empty if all is */
        int64_t arrived_ns;
        int confirms;     /* events of it that tell the fate of a downlink */
        atomic_int parts; /* that must be done before the answer: one is our own work on it */
        atomic_int result;
};

/* --- state pages -------------------------------------------------------------------------- */

static bool is_ready(const struct webhook_intake *webhook)
{
        struct store_state state;

        store_get_state(webhook->options.store, &state);
        return !state.full;
}

/* Answers /healthz, /readyz and /metrics; false if it is none of them. */
static bool answer_state_page(const struct webhook_intake *webhook, struct http_exchange *exchange)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        const char *path = http_exchange_path(exchange);
        bool ready;

        if (text_equal(path, "/metrics")) {
                metrics_write(&body);
                http_exchange_answer(exchange, 200, "text/plain; version=0.0.4; charset=utf-8",
                                     &body);
                return true;
        }
        if (!text_equal(path, "/healthz") && !text_equal(path, "/readyz"))
                return false;
        ready = text_equal(path, "/healthz") || is_ready(webhook);
        buf_add_text(&body, ready ? "ok\n" : "the store is full\n");
        http_exchange_answer(exchange, ready ? 200 : 503, "text/plain; charset=utf-8", &body);
        return true;
}

/* --- who sends ---------------------------------------------------------------------------- */

/* The whole of a webhook is refused for the one thing that its key may not send. */
static void refuse_key(struct webhook_intake *webhook, struct http_exchange *exchange,
                       const struct settings_webhook_key *key, const char *network,
                       const char *application)
{
        CLEANUP(mem_cleanup)
        char *detail = application ? mem_format("this key may not send events of the application "
                                                "'%.200s'; nothing was stored",
                                                application)
                                   : mem_format("this key may not send events of this network");

        webhook_keys_report(&webhook->keys, key, network, application);
        http_exchange_problem(exchange, 403, "Not this key's", detail);
}

/* The headers are there. */
static void admit(void *context, struct http_exchange *exchange)
{
        struct webhook_intake *webhook = context;
        const char *method = http_exchange_method(exchange);
        const struct settings_webhook_key *key;
        const struct network *network;
        const char *rest;

        if (webhook->keys.count == 0 && http_exchange_is_from_a_page(exchange)) {
                http_exchange_problem(exchange, 403, "Not from a web page",
                                      "without WebhookKeys only programs on this machine may call: "
                                      "no web page, and no host but localhost");
                return;
        }
        if (text_equal(method, "GET") && answer_state_page(webhook, exchange))
                return;
        network = network_by_path(http_exchange_path(exchange), &rest);
        key = webhook_keys_find(&webhook->keys, exchange);
        if (!network) {
                http_exchange_problem(exchange, 404, "No such path",
                                      "webhooks are taken at the path of their network, for "
                                      "example /things-stack");
        } else if (!text_equal(method, "POST")) {
                http_exchange_problem(exchange, 405, "Only POST", "a webhook is a POST request");
        } else if (!key) {
                metrics_add(METRIC_WEBHOOK_UNAUTHORIZED, 1);
                http_exchange_problem(exchange, 401, "Who are you?",
                                      "send one of the configured WebhookKeys as header "
                                      "X-Api-Key, as password of basic authentication or as "
                                      "?code=");
        } else if (!webhook_key_has_network(key, network->name)) {
                refuse_key(webhook, exchange, key, network->name, NULL);
        }
}

/* --- storing ------------------------------------------------------------------------------ */

static void delivery_free(struct delivery *delivery)
{
        if (!delivery)
                return;
        uplink_events_free(&delivery->put.events);
        buf_deinit(&delivery->answer);
        free(delivery);
}

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
        else
                reason_set(reason, "the store can't write; nothing was stored");
}

/* One part is durable, or can't be; after the last one the sender is answered. Any thread. */
static void part_done(void *context, int result)
{
        struct delivery *delivery = context;
        struct http_exchange *exchange = delivery->exchange;
        struct reason reason = REASON_INIT;

        if (result != 0)
                atomic_store(&delivery->result, result);
        if (atomic_fetch_sub(&delivery->parts, 1) > 1)
                return;
        result = atomic_load(&delivery->result);
        if (result == 0) {
                metrics_add(METRIC_WEBHOOK_STORED, 1);
                http_exchange_answer(exchange, 202,
                                     delivery->answer.size > 0 ? "application/json" : NULL,
                                     &delivery->answer);
        } else {
                explain(delivery, result, &reason);
                metrics_add(METRIC_WEBHOOK_REFUSED, 1);
                http_exchange_problem(exchange, 503, "Not now", reason.text);
        }
        delivery_free(delivery);
}

/* On the store's thread. */
static void put_done(struct uplink_put *put, int result)
{
        struct delivery *delivery = list_entry(put, struct delivery, put);

        if (result == 0)
                metrics_observe(METRIC_WEBHOOK_TO_STORED, clock_steady_ns() - delivery->arrived_ns);
        part_done(delivery, result);
}

/* What tells the fate of a downlink is to be durable before the answer. */
static void confirm(struct delivery *delivery, const struct event *event)
{
        if (!command_confirm_concerns(event))
                return;
        delivery->confirms++;
        atomic_fetch_add(&delivery->parts, 1);
        command_confirm_event(delivery->webhook->options.confirm, event, part_done, delivery);
}

static bool is_wanted(const struct webhook_intake_options *options, const struct event *event)
{
        if (!uplink_store_wants(options->settings, event->kind))
                return false;
        if (device_directory_integrates(options->directory, event))
                return true;
        metrics_add(METRIC_DEVICE_OFF, 1);
        log_debug("EVENT_NOT_INTEGRATED", "An event is dropped: its device is not to be in Azure",
                  LOG_TEXT("message_id", event->message_id),
                  LOG_TEXT("application", event->application), LOG_TEXT("device", event->device),
                  LOG_END);
        return false;
}

/* May its device be one of IoT Hub's? */
static bool is_admissible(struct delivery *delivery, const struct event *event,
                          const char *device_key, struct reason *reason)
{
        const struct webhook_intake_options *options = &delivery->webhook->options;

        if (!device_identity_check(options->settings, event, reason))
                return false;
        if (device_table_admits(options->devices, device_key, reason))
                return true;
        delivery->not_now = true;
        return false;
}

/* Moves an event that is to be stored from the parsed list to the delivery. */
static void select_event(struct delivery *delivery, struct event_list *parsed, struct event *event)
{
        const struct webhook_intake_options *options = &delivery->webhook->options;
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        struct reason unfit = REASON_INIT;
        struct uplink_event *moved;

        if (!is_wanted(options, event))
                return;
        event_device_key(event, &key);
        if (!is_admissible(delivery, event, buf_text(&key), &unfit)) {
                event_list_refuse(parsed, event->device, unfit.text);
                return;
        }
        moved = mem_new(1, sizeof(*moved));
        moved->event = *event;
        *event = EVENT_INIT;
        moved->device_key = buf_take(&key);
        moved->heard = downlink_hear(options->settings, &delivery->received, &moved->event);
        moved->arrived_ns = delivery->arrived_ns;
        list_push_back(&delivery->put.events, &moved->node);
}

/* Everything that is to be durable before the answer is under way when it returns. */
static void start_put(struct delivery *delivery)
{
        const struct webhook_intake_options *options = &delivery->webhook->options;

        if (!list_is_empty(&delivery->put.events)) {
                atomic_fetch_add(&delivery->parts, 1);
                delivery->put.done = put_done;
                uplink_store(options->store, options->queue, &delivery->put);
        }
        part_done(delivery, 0);
}

/* Frees the delivery. */
static void refuse(struct delivery *delivery, int status, const char *title,
                   const struct reason *reason)
{
        struct http_exchange *exchange = delivery->exchange;

        delivery_free(delivery);
        http_exchange_problem(exchange, status, title, reason->text);
}

/* --- parts that are not stored ------------------------------------------------------------ */

static void tell_refusals(const struct delivery *delivery, const struct event_list *parsed)
{
        metrics_add(METRIC_WEBHOOK_PART_REFUSED, (int64_t)parsed->refusal_count);
        for (size_t i = 0; i < parsed->refusal_count && i < MOST_REFUSALS_LOGGED; i++)
                log_warn("WEBHOOK_PART_REFUSED", "A part of a webhook was not stored",
                         LOG_TEXT("network", delivery->network->name),
                         LOG_TEXT("device",
                                  parsed->refusals[i].device ? parsed->refusals[i].device : ""),
                         LOG_TEXT("reason", parsed->refusals[i].why),
                         LOG_INT("of", (int64_t)parsed->refusal_count), LOG_END);
}

/* `{"stored":1,"notStored":[{"device":"...","reason":"..."}]}` */
static void write_answer(struct delivery *delivery, const struct event_list *parsed)
{
        struct buf *out = &delivery->answer;

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

static void store_events(struct delivery *delivery, struct event_list *parsed)
{
        struct http_exchange *exchange = delivery->exchange;

        for (size_t i = 0; i < parsed->count; i++) {
                confirm(delivery, &parsed->events[i]);
                select_event(delivery, parsed, &parsed->events[i]);
        }
        tell_refusals(delivery, parsed);
        if (!list_is_empty(&delivery->put.events) || delivery->confirms > 0) {
                if (parsed->refusal_count > 0)
                        write_answer(delivery, parsed);
                start_put(delivery);
        } else if (parsed->refusal_count > 0) {
                struct reason unfit = REASON_INIT;

                for (size_t i = 0; i < parsed->refusal_count; i++)
                        reason_add(&unfit, "%s", parsed->refusals[i].why);
                metrics_add(delivery->not_now ? METRIC_WEBHOOK_REFUSED : METRIC_WEBHOOK_MALFORMED,
                            1);
                if (delivery->not_now)
                        refuse(delivery, 503, "Not now", &unfit);
                else
                        refuse(delivery, 400, "Not taken", &unfit);
        } else {
                metrics_add(METRIC_WEBHOOK_IGNORED, 1);
                delivery_free(delivery);
                http_exchange_answer(exchange, 200, NULL, NULL);
        }
}

/* --- understanding ------------------------------------------------------------------------ */

static void refuse_malformed(struct delivery *delivery, const struct reason *reason)
{
        metrics_add(METRIC_WEBHOOK_MALFORMED, 1);
        refuse(delivery, 400, "Not a valid webhook", reason);
}

/* Refuses the delivery if not all of it is of the key's applications. */
static bool has_foreign(struct delivery *delivery, const struct event_list *parsed)
{
        const struct event *foreign = webhook_key_foreign(delivery->key, parsed);
        const struct delivery kept = *delivery;

        if (!foreign)
                return false;
        delivery_free(delivery);
        refuse_key(kept.webhook, kept.exchange, kept.key, kept.network->name, foreign->application);
        return true;
}

static void take(struct delivery *delivery)
{
        CLEANUP(event_list_deinit) struct event_list parsed = EVENT_LIST_INIT;
        struct reason reason = REASON_INIT;

        if (delivery->network->parse(&delivery->received, &parsed, &reason) ==
            NETWORK_E_MALFORMED) {
                tell_refusals(delivery, &parsed);
                refuse_malformed(delivery, &reason);
                return;
        }
        if (has_foreign(delivery, &parsed))
                return;
        if (reason.text[0] != '\0')
                log_info("WEBHOOK_REMARK", "A webhook was taken with a remark",
                         LOG_TEXT("network", delivery->network->name),
                         LOG_TEXT("remark", reason.text), LOG_END);
        store_events(delivery, &parsed);
}

/* On "ingest", or where the certificate came from. */
static void on_verdict(void *context, enum uplink_verdict verdict, const struct reason *reason)
{
        struct delivery *delivery = context;

        switch (verdict) {
        case UPLINK_TRUSTED:
                take(delivery);
                break;
        case UPLINK_MALFORMED:
                refuse_malformed(delivery, reason);
                break;
        case UPLINK_REFUSED:
                metrics_add(METRIC_WEBHOOK_UNTRUSTED, 1);
                refuse(delivery, 403, "Not authentic", reason);
                break;
        case UPLINK_UNAVAILABLE:
        case UPLINK_UNDECIDED:
                metrics_add(METRIC_WEBHOOK_REFUSED, 1);
                refuse(delivery, 503, "Not now", reason);
                break;
        }
}

static const char *find_header(const struct webhook *webhook, const char *name)
{
        return http_exchange_header(webhook->context, name);
}

static struct delivery *delivery_new(struct webhook_intake *webhook, struct http_exchange *exchange)
{
        struct delivery *delivery = mem_new(1, sizeof(*delivery));
        struct webhook *received = &delivery->received;
        const struct buf *body = http_exchange_body(exchange);

        delivery->webhook = webhook;
        delivery->exchange = exchange;
        delivery->arrived_ns = http_exchange_arrived_ns(exchange);
        list_init(&delivery->put.events);
        atomic_init(&delivery->parts, 1);
        received->arrived_ns = clock_wall_ns();
        received->header = find_header;
        received->context = exchange;
        received->maximum_values = (size_t)webhook->options.settings->limits.json_values;
        received->body = buf_text(body);
        received->body_size = body->size;
        delivery->key = webhook_keys_find(&webhook->keys, exchange);
        delivery->network = network_by_path(http_exchange_path(exchange), &received->path);
        return delivery;
}

/* The whole body is there. */
static void handle(void *context, struct http_exchange *exchange)
{
        struct webhook_intake *webhook = context;
        struct delivery *delivery = delivery_new(webhook, exchange);
        struct uplink_proof *proof;
        struct reason reason = REASON_INIT;
        enum uplink_verdict verdict = uplink_trust_check(webhook->options.trust, delivery->network,
                                                         &delivery->received, &proof, &reason);

        if (verdict != UPLINK_UNDECIDED) {
                on_verdict(delivery, verdict, &reason);
                return;
        }
        http_exchange_hold(exchange);
        uplink_trust_decide(proof, on_verdict, delivery);
}

static void note(void *context, const struct http_note *note)
{
        struct webhook_intake *webhook = context;

        webhook_door_note(&webhook->door, note);
}

/* --- start and stop ----------------------------------------------------------------------- */

int webhook_intake_start(const struct webhook_intake_options *options,
                         struct webhook_intake **webhook, struct reason *reason)
{
        struct webhook_intake *made = mem_new(1, sizeof(*made));
        CLEANUP(webhook_tls_deinit) struct webhook_tls tls = {.certificate = NULL};
        const struct settings *settings = options->settings;
        int result = webhook_tls_read(settings->listen.tls_certificate, settings->listen.tls_key,
                                      &tls, reason);

        made->door.connections = (unsigned)settings->limits.connections;
        made->options = *options;
        made->keys.keys = settings->webhook_keys;
        made->keys.count = settings->webhook_key_count;
        if (result == 0)
                result = http_server_start(
                        &(struct http_server_options){
                                .thread = "ingest",
                                .host = settings->listen.host,
                                .port = settings->listen.port,
                                .certificate = tls.certificate,
                                .private_key = tls.key,
                                .proxy_header = settings->listen.proxy_header,
                                .maximum_body = (size_t)settings->limits.body_bytes,
                                .header_timeout_ms = settings->limits.header_timeout_s * 1000,
                                .request_timeout_ms = settings->limits.request_timeout_s * 1000,
                                .maximum_connections = (unsigned)settings->limits.connections,
                                .maximum_per_address =
                                        (unsigned)settings->limits.connections_per_address,
                                .methods = "POST",
                                .admit = admit,
                                .handle = handle,
                                .note = note,
                                .context = made,
                        },
                        &made->server, reason);
        if (result != 0) {
                free(made);
                return result;
        }
        *webhook = made;
        return 0;
}

void webhook_intake_refresh(struct webhook_intake *webhook)
{
        const struct settings *settings = webhook->options.settings;
        CLEANUP(webhook_tls_deinit) struct webhook_tls tls = {.certificate = NULL};
        struct reason reason = REASON_INIT;
        int result;

        if (!settings->listen.tls_certificate)
                return;
        result = webhook_tls_read(settings->listen.tls_certificate, settings->listen.tls_key, &tls,
                                  &reason);
        if (result == 0)
                result = http_server_set_certificate(webhook->server, tls.certificate, tls.key,
                                                     &reason);
        if (result == 0)
                log_info("TLS_RELOADED", "New connections get the certificate that is there now",
                         LOG_END);
        else
                log_error("TLS_NOT_RELOADED", "The certificate is not in order; the old one stays",
                          LOG_TEXT("reason", reason.text), LOG_END);
}

uint16_t webhook_intake_port(const struct webhook_intake *webhook)
{
        return http_server_port(webhook->server);
}

void webhook_intake_stop(struct webhook_intake *webhook)
{
        if (!webhook)
                return;
        http_server_drain(webhook->server);
        http_server_free(webhook->server);
        free(webhook);
}
