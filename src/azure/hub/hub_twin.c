// SPDX-License-Identifier: MIT
#include "azure/hub/hub_twin.h"

#include <stdlib.h>

#include "azure/hub/amqp_message.h"
#include "azure/hub/hub_core.h"
#include "azure/hub/hub_link.h"
#include "azure/hub/hub_trial.h"
#include "azure/names.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"

/* The hub has 32 KiB of reported properties; this is with AMQP's share. */
#define SIZE_MAX_ENCODED  65536
#define WINDOW            10
#define TWIN_DEPTH        32
#define ANSWER_TIMEOUT_MS 60000

/* After desired properties could not be followed; a hub of the basic tier has no twins at all. */
#define FOLLOW_PAUSE_MS  10000
#define REFUSED_PAUSE_MS (INT64_C(10) * 60 * 1000)

/* Desired properties that the owner is to be told. */
struct news {
        struct list_node node;
        struct buf json;
        bool is_whole;
};

static void answer_is_late(struct timer *timer);
static void follow_is_late(struct timer *timer);

static struct hub_twin *twin_of(struct hub_device *device)
{
        struct hub_twin *twin = device->twin;

        if (twin != NULL)
                return twin;
        twin = device->twin = mem_new(1, sizeof(*twin));
        twin->device = device;
        twin->timer.run = answer_is_late;
        twin->follow_timer.run = follow_is_late;
        list_init(&twin->desired);
        return twin;
}

static void news_free(struct news *news)
{
        buf_deinit(&news->json);
        free(news);
}

void hub_twin_free(struct hub_device *device)
{
        struct hub_twin *twin = device->twin;

        if (twin == NULL)
                return;
        if (twin->report != NULL)
                hub_core_send_free(twin->report);
        buf_deinit(&twin->patch);
        while (!list_is_empty(&twin->desired))
                news_free(list_entry(list_pop_front(&twin->desired), struct news, node));
        free(twin);
        device->twin = NULL;
}

void hub_twin_stop_timers(struct hub_device *device)
{
        if (device->twin == NULL)
                return;
        loop_timer_stop(device->hub->client->loop, &device->twin->timer);
        loop_timer_stop(device->hub->client->loop, &device->twin->follow_timer);
}

bool hub_twin_has(const struct hub_device *device, const pn_link_t *link)
{
        return device->twin != NULL &&
               (link == device->twin->links.in || link == device->twin->links.out);
}

void hub_twin_detach(struct hub_device *device, const char *why)
{
        struct hub_twin *twin = device->twin;

        if (twin == NULL)
                return;
        if (twin->report != NULL)
                hub_core_send_end(twin->report, HUB_UNKNOWN, why);
        twin->follow = HUB_FOLLOW_NOT;
        loop_timer_stop(device->hub->client->loop, &twin->follow_timer);
        hub_link_end_pair(device->connection, &twin->links);
}

/* Begins to follow anew after a pause. */
static void follow_later(struct hub_device *device, int64_t pause_ms)
{
        device->twin->follow = HUB_FOLLOW_NOT;
        if (device->follows && device->place == HUB_PLACE_READY)
                loop_timer_start(device->hub->client->loop, &device->twin->follow_timer, pause_ms);
}

static void answer_is_late(struct timer *timer)
{
        struct hub_device *device = list_entry(timer, struct hub_twin, timer)->device;

        hub_trial_failed(device->twin->report, HUB_UNKNOWN, "the hub did not answer a report");
        hub_twin_detach(device, NULL);
        follow_later(device, FOLLOW_PAUSE_MS);
}

/* --- the request ----------------------------------------------------------------------------- */

struct request {
        const char *operation;
        const char *resource; /* or NULL */
        const char *correlation;
        struct amqp_wire_bytes body;
};

static void encode(const struct request *request, struct buf *out)
{
        CLEANUP(buf_deinit) struct buf correlation = BUF_INIT;
        size_t begin;

        amqp_wire_put_string(&correlation, request->correlation);
        buf_clear(out);
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_MESSAGE_ANNOTATIONS);
        begin = amqp_wire_begin_map(out);
        amqp_wire_put_symbol(out, AZURE_TWIN_OPERATION);
        amqp_wire_put_string(out, request->operation);
        if (request->resource != NULL) {
                amqp_wire_put_symbol(out, AZURE_TWIN_RESOURCE);
                amqp_wire_put_string(out, request->resource);
        }
        amqp_wire_end(out, begin, request->resource != NULL ? 4 : 2);
        amqp_message_fields(
                out, &(struct amqp_fields){.correlation_id = amqp_wire_bytes_of(&correlation)});
        amqp_wire_put_data(out, request->body.data, request->body.size);
}

static void send_request(struct hub_device *device, const struct request *request)
{
        struct buf *encoded = &device->hub->client->encoded;
        struct hub_pair *links = &device->twin->links;

        encode(request, encoded);
        /* Settled at once: the answer is a message of its own. */
        pn_delivery_settle(hub_link_send(device->connection, links->out, ++links->sent, encoded));
}

static void send_report(struct hub_device *device)
{
        struct hub_twin *twin = device->twin;

        send_request(device, &(struct request){.operation = "PATCH",
                                               .resource = AZURE_TWIN_REPORTED,
                                               .correlation = twin->correlation,
                                               .body = amqp_wire_bytes_of(&twin->patch)});
        buf_clear(&twin->patch);
}

/* What there is to be asked on the way to following. */
static void send_question(struct hub_device *device)
{
        static const struct amqp_wire_bytes blank = {.data = (const uint8_t *)" ", .size = 1};
        bool is_subscription = device->twin->follow == HUB_FOLLOW_SUBSCRIBING;

        send_request(device, &(struct request){
                                     .operation = is_subscription ? "PUT" : "GET",
                                     .resource = is_subscription ? AZURE_TWIN_NOTIFICATIONS : NULL,
                                     .correlation = device->twin->follow_correlation,
                                     .body = blank,
                             });
        device->twin->is_asked = true;
}

/* Sends what waits as soon as the hub has opened both links. */
static void send_if_possible(struct hub_device *device)
{
        struct hub_twin *twin = device->twin;
        struct hub_pair *links = &twin->links;

        if ((pn_link_state(links->in) & PN_REMOTE_ACTIVE) == 0)
                return;
        if (twin->report != NULL && twin->patch.size > 0 && pn_link_credit(links->out) > 0)
                send_report(device);
        if (twin->follow != HUB_FOLLOW_NOT && twin->follow != HUB_FOLLOWED && !twin->is_asked &&
            pn_link_credit(links->out) > 0)
                send_question(device);
}

static void attach(struct hub_device *device)
{
        static const struct hub_pair_kind kind = {
                "twin",           AZURE_PATH_TWIN, AZURE_CORRELATION_TWIN,
                SIZE_MAX_ENCODED, WINDOW,          PN_SND_SETTLED};

        hub_link_attach_pair(device, &device->twin->links, &kind);
}

bool hub_device_report(struct hub_device *device, const char *patch, size_t size, uint64_t token)
{
        struct hub_twin *twin = twin_of(device);

        THREAD_ASSERT(LOOP_THREAD);
        if (device->place != HUB_PLACE_READY || device->hub->client->stopping ||
            !hub_core_may_act(device) || twin->report != NULL)
                return false;
        twin->report = hub_core_send_new(device, token);
        buf_clear(&twin->patch);
        buf_add(&twin->patch, patch, size);
        crypto_uuid4(twin->correlation);
        loop_timer_start(device->hub->client->loop, &twin->timer, ANSWER_TIMEOUT_MS);
        attach(device);
        send_if_possible(device);
        return true;
}

/* --- desired properties ---------------------------------------------------------------------- */

static void begin_step(struct hub_device *device, enum hub_follow step)
{
        struct hub_twin *twin = device->twin;

        twin->follow = step;
        twin->is_asked = false;
        crypto_uuid4(twin->follow_correlation);
        loop_timer_start(device->hub->client->loop, &twin->follow_timer, ANSWER_TIMEOUT_MS);
        send_if_possible(device);
}

void hub_twin_follow(struct hub_device *device)
{
        struct hub_twin *twin = device->follows ? twin_of(device) : NULL;

        if (twin == NULL || twin->follow != HUB_FOLLOW_NOT || twin->follow_timer.position != 0 ||
            device->place != HUB_PLACE_READY || device->hub->client->stopping)
                return;
        attach(device);
        begin_step(device, HUB_FOLLOW_SUBSCRIBING);
}

static void follow_is_late(struct timer *timer)
{
        struct hub_device *device = list_entry(timer, struct hub_twin, follow_timer)->device;

        device->twin->follow = HUB_FOLLOW_NOT;
        hub_twin_follow(device);
}

static void note_desired(struct hub_device *device, struct amqp_wire_bytes json, bool is_whole)
{
        struct news *news = mem_new(1, sizeof(*news));

        buf_add(&news->json, json.data, json.size);
        news->is_whole = is_whole;
        list_push_back(&device->twin->desired, &news->node);
        hub_core_news(device);
}

/* The answer to a question; of the twin's document only the part `desired` is of interest. */
static void read_desired(struct hub_device *device, const struct amqp_inbox *inbox)
{
        CLEANUP(json_cleanup)
        struct json_object *twin =
                json_parse_foreign((const char *)inbox->body.data, inbox->body.size, TWIN_DEPTH,
                                   JSON_VALUES_USUAL, NULL);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct json_object *desired = json_object_member(twin, "desired");

        if (desired == NULL) {
                follow_later(device, FOLLOW_PAUSE_MS);
                return;
        }
        device->twin->follow = HUB_FOLLOWED;
        loop_timer_stop(device->hub->client->loop, &device->twin->follow_timer);
        json_write(&text, desired);
        note_desired(device, amqp_wire_bytes_of(&text), true);
}

static void question_answered(struct hub_device *device, const struct amqp_inbox *inbox,
                              int64_t status)
{
        if (status < 200 || status > 299)
                follow_later(device, FOLLOW_PAUSE_MS);
        else if (device->twin->follow == HUB_FOLLOW_SUBSCRIBING)
                begin_step(device, HUB_FOLLOW_READING);
        else
                read_desired(device, inbox);
}

void hub_twin_tell(struct hub_device *device)
{
        struct list_node *node;

        if (device->twin == NULL)
                return;
        while ((node = list_pop_front(&device->twin->desired)) != NULL) {
                struct news *news = list_entry(node, struct news, node);

                device->handler->desired(device->context, buf_text(&news->json), news->json.size,
                                         news->is_whole);
                news_free(news);
        }
}

/* --- the answer ------------------------------------------------------------------------------ */

static void end_by_status(struct hub_send *report, int64_t status, const char *why)
{
        if (status >= 200 && status <= 299)
                hub_trial_accepted(report);
        else if (status == 401 || status == 403 || status == 404)
                hub_core_send_end(report, HUB_UNKNOWN, why); /* the links will say so, too */
        else if (status == 429)
                hub_core_send_end(report, HUB_THROTTLED, why);
        else if (status >= 400 && status <= 499 && status != 408 && status != 412)
                hub_core_send_end(report, HUB_REJECTED, why);
        else
                hub_trial_failed(report, HUB_THROTTLED, why);
}

static void read_answer(struct hub_device *device, const struct amqp_inbox *inbox)
{
        CLEANUP(buf_deinit) struct buf correlation = BUF_INIT;
        CLEANUP(buf_deinit) struct buf said = BUF_INIT;
        struct amqp_wire_value value = amqp_inbox_annotation(inbox, AZURE_TWIN_STATUS);
        struct reason reason = REASON_INIT;
        struct hub_twin *twin = device->twin;
        int64_t status;

        if (!amqp_wire_int(&value, &status))
                status = 0;
        if (!amqp_wire_add_plain(&correlation, &inbox->message.correlation_id)) {
                /* Nobody's answer: news. */
                if (twin->follow != HUB_FOLLOW_NOT)
                        note_desired(device, inbox->body, false);
                return;
        }
        if (twin->is_asked && text_equal_nocase(buf_text(&correlation), twin->follow_correlation)) {
                question_answered(device, inbox, status);
                return;
        }
        if (twin->report == NULL || !text_equal_nocase(buf_text(&correlation), twin->correlation))
                return;
        buf_add(&said, inbox->body.data, inbox->body.size);
        reason_set(&reason, "the hub answered the report with %d %.300s", (int)status,
                   buf_text(&said));
        end_by_status(device->twin->report, status, reason.text);
}

static void end_by_fault(struct hub_send *report, const struct hub_condition *condition)
{
        enum hub_fate fate = hub_fault_fate(condition->fault);
        const char *why = condition->reason.text;

        if (fate == HUB_FATE_NEVER || condition->fault == HUB_FAULT_REFUSED)
                hub_core_send_end(report, HUB_REJECTED, why); /* the basic tier has no twins */
        else if (fate == HUB_FATE_TRY)
                hub_trial_failed(report, HUB_THROTTLED, why);
        else
                hub_core_send_end(report, fate == HUB_FATE_LATER ? HUB_THROTTLED : HUB_UNKNOWN,
                                  why);
}

void hub_twin_ended(struct hub_device *device, const struct hub_condition *condition)
{
        if (device->twin->report != NULL)
                end_by_fault(device->twin->report, condition);
        hub_twin_detach(device, condition->reason.text);
        follow_later(device,
                     condition->fault == HUB_FAULT_REFUSED ? REFUSED_PAUSE_MS : FOLLOW_PAUSE_MS);
        if (hub_fault_fate(condition->fault) == HUB_FATE_NOT_ASKED)
                hub_core_condition(device, HUB_WORK_LINK, condition);
}

void hub_twin_event(struct hub_device *device, pn_event_t *event)
{
        const struct amqp_inbox *answer;

        if (pn_event_type(event) != PN_DELIVERY) {
                send_if_possible(device);
        } else if (pn_event_link(event) == device->twin->links.in) {
                answer = hub_link_receive(device->hub->client, pn_event_delivery(event),
                                          SIZE_MAX_ENCODED);
                if (answer != NULL)
                        read_answer(device, answer);
        }
}
