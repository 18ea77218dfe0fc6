// SPDX-License-Identifier: MIT
/* From a webhook of The Things Stack to an event. */
#include "networks/things_stack/things_stack.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "networks/driver.h"

/* LoRaWAN's port of the certification protocol; no application data. */
#define PORT_CERTIFICATION 224

#define FIELD_MASK_HINT                                                                            \
        "; if the webhook has a field mask, it must let end_device_ids and the message through"

/* --- who (rule U16) --------------------------------------------------------------------- */

/* `path` is that of `object`, as people write it. */
static const char *required_text(struct json_object *object, const char *path, const char *name,
                                 struct reason *reason)
{
        const char *text = json_text_member(object, name);

        if (text && text[0] != '\0')
                return text;
        if (!json_member(object, name) || text)
                reason_set(reason, "%s.%s is missing" FIELD_MASK_HINT, path, name);
        else
                reason_set(reason, "%s.%s is no text that an id can be", path, name);
        return NULL;
}

static struct json_object *required_object(struct json_object *object, const char *path,
                                           const char *name, struct reason *reason)
{
        struct json_object *member = json_member(object, name);

        if (json_object_is_type(member, json_type_object))
                return member;
        if (member)
                reason_set(reason, "%s%s is no object", path, name);
        else
                reason_set(reason, "%s%s is missing" FIELD_MASK_HINT, path, name);
        return NULL;
}

static bool read_ids(struct things_stack_message *message, struct reason *reason)
{
        struct json_object *ids = required_object(message->root, "", "end_device_ids", reason);
        struct json_object *application;

        if (!ids)
                return false;
        message->device = required_text(ids, "end_device_ids", "device_id", reason);
        if (!message->device)
                return false;
        application = required_object(ids, "end_device_ids.", "application_ids", reason);
        if (!application)
                return false;
        message->application = required_text(application, "end_device_ids.application_ids",
                                             "application_id", reason);
        message->dev_eui = json_text_member(ids, "dev_eui");
        if (message->dev_eui && message->dev_eui[0] == '\0')
                message->dev_eui = NULL;
        return message->application != NULL;
}

/* --- what ------------------------------------------------------------------------------- */

/* Finds the one body member. */
static bool read_kind(struct things_stack_message *message, struct reason *reason)
{
        for (int i = 0; i < EVENT_NETWORK_KIND_COUNT; i++) {
                const char *name = event_kind_name((enum event_kind)i);
                struct json_object *body = json_member(message->root, name);

                if (!body)
                        continue;
                if (message->body) {
                        reason_set(reason, "the message has both %s and %s",
                                   event_kind_name(message->kind), name);
                        return false;
                }
                if (!json_object_is_type(body, json_type_object)) {
                        reason_set(reason, "%s is no object", name);
                        return false;
                }
                message->kind = (enum event_kind)i;
                message->body = body;
        }
        if (!message->body)
                reason_set(reason, "the message has no uplink_message, join_accept or other body "
                                   "of The Things Stack" FIELD_MASK_HINT);
        return message->body != NULL;
}

/* The object that holds f_port, which downlink_failed nests one level deeper. */
static struct json_object *port_holder(const struct things_stack_message *message)
{
        if (message->kind == EVENT_DOWNLINK_FAILED)
                return json_object_member(message->body, "downlink");
        return message->body;
}

static bool read_port(struct things_stack_message *message, struct reason *reason)
{
        struct json_object *holder = port_holder(message);
        int64_t port = 0;

        if (!json_member(holder, "f_port"))
                return true;
        if (!json_int_member(holder, "f_port", &port) || port < 0 || port > UINT8_MAX) {
                reason_set(reason, "%s: f_port is no whole number from 0 to 255",
                           event_kind_name(message->kind));
                return false;
        }
        message->port = (uint8_t)port;
        return true;
}

/* --- when (rule U5) --------------------------------------------------------------------- */

static const char *read_time(struct json_object *object, const char *what, int64_t *time_ns,
                             struct reason *reason)
{
        const char *text = json_text_member(object, "received_at");
        int64_t parsed;

        if (!json_member(object, "received_at"))
                return NULL;
        if (!text || !clock_parse_utc(text, &parsed) || !event_time_is_valid(parsed)) {
                reason_add(reason, "received_at of %s is no time and was not used", what);
                return NULL;
        }
        *time_ns = parsed;
        return text;
}

static int64_t read_times(struct things_stack_message *message, const struct webhook *webhook,
                          struct reason *reason)
{
        int64_t time_ns = webhook->arrived_ns;

        message->received_at = read_time(message->root, "the message", &time_ns, reason);
        message->network_time =
                read_time(message->body, event_kind_name(message->kind), &time_ns, reason);
        return time_ns;
}

/* --- which: the same id at every retry and through every webhook ------------------------ */

static void identify_uplink(const struct things_stack_message *message, struct buf *identity)
{
        int64_t counter = 0;

        json_int_member(message->body, "f_cnt", &counter);
        driver_identify(identity, message->network_time);
        driver_identify(identity, json_text_member(message->body, "session_key_id"));
        buf_add_format(identity, "%" PRId64, counter);
}

/*
 * The stack repeats an uplink with the same times, counter and session; a simulated one has no
 * counter but a time of its own. Everything else, and an uplink without any time, is recognised
 * by its content.
 */
static void identify(const struct things_stack_message *message, struct event *event)
{
        CLEANUP(buf_deinit) struct buf identity = BUF_INIT;

        driver_identify(&identity, things_stack.name);
        driver_identify(&identity, event_kind_name(message->kind));
        driver_identify(&identity, message->application);
        driver_identify(&identity, message->device);
        driver_identify(&identity, message->received_at);
        if (message->kind == EVENT_UPLINK && (message->received_at || message->network_time))
                identify_uplink(message, &identity);
        else
                json_write(&identity, message->body);
        crypto_uuid_of(identity.data, identity.size, event->message_id);
}

/* --- uplinks ---------------------------------------------------------------------------- */

/* The stack leaves f_port out when it is 0; but what was decoded had a port. */
static const char *why_no_port(const struct things_stack_message *message)
{
        if (json_member(message->body, "f_port") || !json_member(message->body, "decoded_payload"))
                return "the uplink has no f_port: MAC commands only";
        return "the uplink has decoded_payload but no f_port, and was not sent; if the webhook "
               "has a field mask, it must let uplink_message.f_port through";
}

/* NETWORK_E_IGNORED, or 0 if there is data for an application (rules U1, U13). */
static int check_uplink_port(const struct things_stack_message *message, struct reason *reason)
{
        if (message->port == 0) {
                reason_set(reason, "%s", why_no_port(message));
                return NETWORK_E_IGNORED;
        }
        if (message->port == PORT_CERTIFICATION) {
                reason_set(reason, "f_port %d is reserved for certification", PORT_CERTIFICATION);
                return NETWORK_E_IGNORED;
        }
        return 0;
}

static void read_payload(struct json_object *body, struct event *event, struct reason *reason)
{
        const char *payload = json_text_member(body, "frm_payload");

        if (!payload && json_member(body, "frm_payload"))
                reason_add(reason, "frm_payload is no text and was not used");
        event->payload = mem_text(payload);
}

/* Rule U17: only an object can be telemetry. */
static void read_decoded(struct json_object *body, struct event *event, struct reason *reason)
{
        struct json_object *decoded = json_member(body, "decoded_payload");
        struct buf text = BUF_INIT;

        if (!decoded)
                return;
        if (!json_object_is_type(decoded, json_type_object)) {
                reason_add(reason, "decoded_payload is no object and was not used");
                return;
        }
        json_write(&text, decoded);
        event->decoded = buf_take(&text);
}

static void read_uplink(const struct things_stack_message *message, struct event *event,
                        struct reason *reason)
{
        read_payload(message->body, event, reason);
        read_decoded(message->body, event, reason);
        event->encrypted = json_member(message->body, "app_s_key") != NULL;
}

/* --- all together ----------------------------------------------------------------------- */

static void fill_event(const struct things_stack_message *message, struct event *event,
                       struct reason *reason)
{
        event->network = things_stack.name;
        event->kind = message->kind;
        event->application = mem_text(message->application);
        event->device = mem_text(message->device);
        event->dev_eui = driver_eui(message->dev_eui);
        event->port = message->port;
        event->simulated = json_bool_member(message->root, "simulated", false);
        identify(message, event);
        if (message->kind == EVENT_UPLINK)
                read_uplink(message, event, reason);
        else
                things_stack_describe(message, event);
}

static int read_message(struct things_stack_message *message, const struct webhook *webhook,
                        struct event_list *events, struct reason *reason)
{
        struct event *event;
        int result = 0;

        if (!read_ids(message, reason) || !read_kind(message, reason) ||
            !read_port(message, reason))
                return NETWORK_E_MALFORMED;
        if (message->kind == EVENT_UPLINK)
                result = check_uplink_port(message, reason);
        if (result)
                return result;
        event = event_list_add(events);
        event->time_ns = read_times(message, webhook, reason);
        fill_event(message, event, reason);
        return 0;
}

static int things_stack_parse(const struct webhook *webhook, struct event_list *events,
                              struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *root = driver_body(webhook, reason);
        struct things_stack_message message = {.root = root};
        int result;

        if (!root)
                return NETWORK_E_MALFORMED;
        result = read_message(&message, webhook, events, reason);
        if (message.application)
                driver_name_device(reason, message.device, message.application);
        return result;
}

/* The Things Stack writes bytes as standard base64, as protocol buffers do in JSON. */
static int things_stack_payload(const struct event *event, struct buf *bytes, struct reason *reason)
{
        if (!event->payload || crypto_base64_decode(bytes, event->payload, strlen(event->payload)))
                return 0;
        reason_set(reason, "the payload is not base64");
        return 1;
}

const struct network things_stack = {
        .name = "things-stack",
        .route = "/things-stack",
        .parse = things_stack_parse,
        .telemetry = things_stack_telemetry,
        .payload = things_stack_payload,
        .downlink = &things_stack_downlink,
        .registry = &things_stack_listing,
};
