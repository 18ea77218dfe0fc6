// SPDX-License-Identifier: MIT
#include "azure/hub/hub_twin.h"

#include <proton/event.h>
#include <stdlib.h>

#include "azure/hub/amqp_message.h"
#include "azure/hub/hub_core.h"
#include "azure/hub/hub_link.h"
#include "azure/hub/hub_trial.h"
#include "azure/names.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"

/* The hub has 32 KiB of reported properties; this is with AMQP's share. */
#define SIZE_MAX_ENCODED  65536
#define WINDOW            10
#define ANSWER_TIMEOUT_MS 60000

static void answer_is_late(struct timer *timer);

void hub_twin_init(struct hub_twin *twin)
{
        twin->timer.run = answer_is_late;
}

void hub_twin_deinit(struct hub_twin *twin)
{
        if (twin->report != NULL)
                hub_core_send_free(twin->report);
        buf_deinit(&twin->patch);
}

void hub_twin_detach(struct hub_device *device, const char *why)
{
        if (device->twin.report != NULL)
                hub_core_send_end(device->twin.report, HUB_UNKNOWN, why);
        hub_link_end_pair(device->connection, &device->twin.links);
}

static void answer_is_late(struct timer *timer)
{
        struct hub_device *device = list_entry(timer, struct hub_device, twin.timer);

        hub_trial_failed(device->twin.report, HUB_UNKNOWN, "the hub did not answer a report");
        hub_twin_detach(device, NULL);
}

/* --- the request ----------------------------------------------------------------------------- */

static void encode(struct hub_device *device, struct buf *out)
{
        CLEANUP(buf_deinit) struct buf correlation = BUF_INIT;
        struct hub_twin *twin = &device->twin;
        size_t begin;

        amqp_wire_put_string(&correlation, twin->correlation);
        buf_clear(out);
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_MESSAGE_ANNOTATIONS);
        begin = amqp_wire_begin_map(out);
        amqp_wire_put_symbol(out, AZURE_TWIN_OPERATION);
        amqp_wire_put_string(out, "PATCH");
        amqp_wire_put_symbol(out, AZURE_TWIN_RESOURCE);
        amqp_wire_put_string(out, AZURE_TWIN_REPORTED);
        amqp_wire_end(out, begin, 4);
        amqp_message_fields(
                out, &(struct amqp_fields){.correlation_id = amqp_wire_bytes_of(&correlation)});
        amqp_wire_put_data(out, twin->patch.data, twin->patch.size);
}

/* Sends what waits as soon as the hub has opened both links. */
static void send_if_possible(struct hub_device *device)
{
        struct buf *encoded = &device->hub->client->encoded;
        struct hub_twin *twin = &device->twin;
        struct hub_pair *links = &twin->links;

        if (twin->report == NULL || twin->patch.size == 0 || pn_link_credit(links->out) <= 0 ||
            (pn_link_state(links->in) & PN_REMOTE_ACTIVE) == 0)
                return;
        encode(device, encoded);
        buf_clear(&twin->patch);
        /* Settled at once: the answer is a message of its own. */
        pn_delivery_settle(hub_link_send(device->connection, links->out, ++links->sent, encoded));
}

bool hub_device_report(struct hub_device *device, const char *patch, size_t size, uint64_t token)
{
        static const struct hub_pair_kind kind = {
                "twin",           AZURE_PATH_TWIN, AZURE_CORRELATION_TWIN,
                SIZE_MAX_ENCODED, WINDOW,          PN_SND_SETTLED};
        struct hub_twin *twin = &device->twin;

        THREAD_ASSERT(LOOP_THREAD);
        if (device->place != HUB_PLACE_READY || device->hub->client->stopping ||
            twin->report != NULL)
                return false;
        twin->report = hub_core_send_new(device, token);
        buf_clear(&twin->patch);
        buf_add(&twin->patch, patch, size);
        crypto_uuid4(twin->correlation);
        loop_timer_start(device->hub->client->loop, &twin->timer, ANSWER_TIMEOUT_MS);
        hub_link_attach_pair(device, &twin->links, &kind);
        send_if_possible(device);
        return true;
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
        int64_t status;

        if (device->twin.report == NULL ||
            !amqp_wire_add_plain(&correlation, &inbox->message.correlation_id) ||
            !text_equal_nocase(buf_text(&correlation), device->twin.correlation))
                return;
        if (!amqp_wire_int(&value, &status))
                status = 0;
        buf_add(&said, inbox->body.data, inbox->body.size);
        reason_set(&reason, "the hub answered the report with %d %.300s", (int)status,
                   buf_text(&said));
        end_by_status(device->twin.report, status, reason.text);
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
        if (device->twin.report != NULL)
                end_by_fault(device->twin.report, condition);
        hub_twin_detach(device, condition->reason.text);
        if (hub_fault_fate(condition->fault) == HUB_FATE_NOT_ASKED)
                hub_core_condition(device, HUB_WORK_LINK, condition);
}

void hub_twin_event(struct hub_device *device, pn_event_t *event)
{
        const struct amqp_inbox *answer;

        if (pn_event_type(event) != PN_DELIVERY) {
                send_if_possible(device);
        } else if (pn_event_link(event) == device->twin.links.in) {
                answer = hub_link_receive(device->hub->client, pn_event_delivery(event),
                                          SIZE_MAX_ENCODED);
                if (answer != NULL)
                        read_answer(device, answer);
        }
}
