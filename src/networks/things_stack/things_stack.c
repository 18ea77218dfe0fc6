// SPDX-License-Identifier: MIT
/* From a webhook of The Things Stack to an event. */
#include "networks/things_stack/things_stack.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "networks/driver.h"
#include "networks/lorawan_telemetry.h"

/* LoRaWAN's port of the certification protocol; no application data. */
#define PORT_CERTIFICATION 224

#define FIELD_MASK_HINT                                                                            \
        "; if the webhook has a field mask, it must let end_device_ids and the message through"

/* --- what is wanted of a message ---------------------------------------------------------- */

enum slot {
        ROOT,
        IDS,
        DEVICE_ID,
        DEV_EUI,
        APPLICATION_IDS,
        APPLICATION_ID,
        RECEIVED_AT,
        SIMULATED,
        CORRELATION_IDS,
        /* Of the one body. */
        BODY,
        PORT,
        COUNTER,
        SESSION,
        PAYLOAD,
        DECODED,
        NETWORK_TIME,
        APP_S_KEY,
        GATEWAYS,
        TX_SETTINGS,
        DATA_RATE,
        LORA,
        BANDWIDTH,
        SPREADING_FACTOR,
        BATTERY,
        BATTERY_VALUE,
        BATTERY_TIME,
        DOWNLINK,
        DOWNLINK_PORT,
        /* The body of each kind. */
        KINDS,
        SLOTS = KINDS + EVENT_NETWORK_KIND_COUNT,
};

static const struct json_want application_wants[] = {JSON_WANT("application_id", APPLICATION_ID)};

static const struct json_want ids_wants[] = {
        JSON_WANT("device_id", DEVICE_ID),
        JSON_WANT("dev_eui", DEV_EUI),
        JSON_WANT_OF("application_ids", APPLICATION_IDS, application_wants),
};

static const struct json_want downlink_wants[] = {JSON_WANT("f_port", DOWNLINK_PORT)};

static const struct json_want lora_wants[] = {
        JSON_WANT("bandwidth", BANDWIDTH),
        JSON_WANT("spreading_factor", SPREADING_FACTOR),
};

static const struct json_want data_rate_wants[] = {JSON_WANT_OF("lora", LORA, lora_wants)};

static const struct json_want tx_settings_wants[] = {
        JSON_WANT_OF("data_rate", DATA_RATE, data_rate_wants)};

static const struct json_want battery_wants[] = {
        JSON_WANT("value", BATTERY_VALUE),
        JSON_WANT("received_at", BATTERY_TIME),
};

static const struct json_want body_wants[] = {
        JSON_WANT("f_port", PORT),
        JSON_WANT("f_cnt", COUNTER),
        JSON_WANT("session_key_id", SESSION),
        JSON_WANT("frm_payload", PAYLOAD),
        JSON_WANT_WHOLE("decoded_payload", DECODED),
        JSON_WANT("received_at", NETWORK_TIME),
        JSON_WANT("app_s_key", APP_S_KEY),
        JSON_WANT("rx_metadata", GATEWAYS),
        JSON_WANT_OF("settings", TX_SETTINGS, tx_settings_wants),
        JSON_WANT_OF("last_battery_percentage", BATTERY, battery_wants),
        JSON_WANT_OF("downlink", DOWNLINK, downlink_wants),
};

static const struct json_want root_wants[] = {
        JSON_WANT_OF("uplink_message", KINDS + EVENT_UPLINK, body_wants),
        JSON_WANT_OF("end_device_ids", IDS, ids_wants),
        JSON_WANT("received_at", RECEIVED_AT),
        JSON_WANT("simulated", SIMULATED),
        JSON_WANT("correlation_ids", CORRELATION_IDS),
        JSON_WANT("join_accept", KINDS + EVENT_JOIN_ACCEPT),
        JSON_WANT("uplink_normalized", KINDS + EVENT_UPLINK_NORMALIZED),
        JSON_WANT("location_solved", KINDS + EVENT_LOCATION_SOLVED),
        JSON_WANT("service_data", KINDS + EVENT_SERVICE_DATA),
        JSON_WANT("downlink_queued", KINDS + EVENT_DOWNLINK_QUEUED),
        JSON_WANT("downlink_sent", KINDS + EVENT_DOWNLINK_SENT),
        JSON_WANT("downlink_ack", KINDS + EVENT_DOWNLINK_ACK),
        JSON_WANT("downlink_nack", KINDS + EVENT_DOWNLINK_NACK),
        JSON_WANT("downlink_failed", KINDS + EVENT_DOWNLINK_FAILED),
        JSON_WANT("downlink_queue_invalidated", KINDS + EVENT_DOWNLINK_QUEUE_INVALIDATED),
};

static const struct json_want message_want = {
        .slot = ROOT, .members = root_wants, .count = ARRAY_SIZE(root_wants)};

static const struct json_want body_want = {
        .slot = BODY, .members = body_wants, .count = ARRAY_SIZE(body_wants)};

/* A message that is being read. */
struct reading {
        const struct webhook *webhook;
        struct json_slice slices[SLOTS];
        struct things_stack_message message;
};

static void reading_deinit(struct reading *reading)
{
        free(reading->message.application);
        free(reading->message.device);
        free(reading->message.dev_eui);
        free(reading->message.received_at);
        free(reading->message.network_time);
}

/* --- who (rule U16) --------------------------------------------------------------------- */

/* `path` is that of the member, as people write it. */
static char *required_text(const struct json_slice *slice, const char *path, struct reason *reason)
{
        char *text = json_slice_text(slice);

        if (!text_is_empty(text))
                return text;
        if (json_slice_is_absent(slice) || text)
                reason_set(reason, "%s is missing" FIELD_MASK_HINT, path);
        else
                reason_set(reason, "%s is no text that an id can be", path);
        free(text);
        return NULL;
}

static bool check_object(const struct json_slice *slice, const char *path, struct reason *reason)
{
        if (slice->kind == JSON_OBJECT)
                return true;
        if (json_slice_is_absent(slice))
                reason_set(reason, "%s is missing" FIELD_MASK_HINT, path);
        else
                reason_set(reason, "%s is no object", path);
        return false;
}

static bool read_ids(struct reading *reading, struct reason *reason)
{
        struct json_slice *slices = reading->slices;
        struct things_stack_message *message = &reading->message;

        message->correlation_ids = slices[CORRELATION_IDS];
        if (!check_object(&slices[IDS], "end_device_ids", reason))
                return false;
        message->device = required_text(&slices[DEVICE_ID], "end_device_ids.device_id", reason);
        if (!message->device)
                return false;
        if (!check_object(&slices[APPLICATION_IDS], "end_device_ids.application_ids", reason))
                return false;
        message->application = required_text(
                &slices[APPLICATION_ID], "end_device_ids.application_ids.application_id", reason);
        message->dev_eui = json_slice_text(&slices[DEV_EUI]);
        if (text_is_empty(message->dev_eui)) {
                free(message->dev_eui);
                message->dev_eui = NULL;
        }
        return message->application != NULL;
}

/* --- what ------------------------------------------------------------------------------- */

/* Finds the one body member. */
static bool read_kind(struct reading *reading, struct reason *reason)
{
        struct things_stack_message *message = &reading->message;

        for (int i = 0; i < EVENT_NETWORK_KIND_COUNT; i++) {
                const char *name = event_kind_name((enum event_kind)i);
                const struct json_slice *body = &reading->slices[KINDS + i];

                if (json_slice_is_absent(body))
                        continue;
                if (message->body.kind != JSON_ABSENT) {
                        reason_set(reason, "the message has both %s and %s",
                                   event_kind_name(message->kind), name);
                        return false;
                }
                if (body->kind != JSON_OBJECT) {
                        reason_set(reason, "%s is no object", name);
                        return false;
                }
                message->kind = (enum event_kind)i;
                message->body = *body;
        }
        if (message->body.kind == JSON_ABSENT)
                reason_set(reason, "the message has no uplink_message, join_accept or other body "
                                   "of The Things Stack" FIELD_MASK_HINT);
        return message->body.kind != JSON_ABSENT;
}

/* What is wanted of a body; of an uplink's it has been found on the way. */
static bool read_body(struct reading *reading, struct reason *reason)
{
        const struct things_stack_message *message = &reading->message;

        if (message->kind == EVENT_UPLINK)
                return true;
        return driver_read(&(struct driver_text){.what = event_kind_name(message->kind),
                                                 .text = message->body.at,
                                                 .size = message->body.size,
                                                 .values = SIZE_MAX},
                           &body_want, reading->slices, reason);
}

static bool read_port(struct reading *reading, struct reason *reason)
{
        struct things_stack_message *message = &reading->message;
        const struct json_slice *slice =
                &reading->slices[message->kind == EVENT_DOWNLINK_FAILED ? DOWNLINK_PORT : PORT];
        int64_t port = 0;

        if (json_slice_is_absent(slice))
                return true;
        if (!json_slice_int(slice, &port) || port < 0 || port > UINT8_MAX) {
                reason_set(reason, "%s: f_port is no whole number from 0 to 255",
                           event_kind_name(message->kind));
                return false;
        }
        message->port = (uint8_t)port;
        return true;
}

/* --- when (rule U5) --------------------------------------------------------------------- */

/* The text that it is; NULL if it is no time. */
static char *read_time(const struct json_slice *slice, const char *what, int64_t *time_ns,
                       struct reason *reason)
{
        CLEANUP(mem_cleanup) char *text = json_slice_text(slice);
        char *time = text;
        int64_t parsed;

        if (json_slice_is_absent(slice))
                return NULL;
        if (!text || !clock_parse_utc(text, &parsed) || !event_time_is_valid(parsed)) {
                reason_add(reason, "received_at of %s is no time and was not used", what);
                return NULL;
        }
        *time_ns = parsed;
        text = NULL;
        return time;
}

static int64_t read_times(struct reading *reading, struct reason *reason)
{
        struct things_stack_message *message = &reading->message;
        int64_t time_ns = reading->webhook->arrived_ns;

        message->received_at =
                read_time(&reading->slices[RECEIVED_AT], "the message", &time_ns, reason);
        message->network_time = read_time(&reading->slices[NETWORK_TIME],
                                          event_kind_name(message->kind), &time_ns, reason);
        return time_ns;
}

/* --- which: the same id at every retry and through every webhook ------------------------ */

static void identify_uplink(const struct reading *reading, struct buf *identity)
{
        int64_t counter = 0;

        json_slice_int(&reading->slices[COUNTER], &counter);
        driver_identify(identity, reading->message.network_time);
        driver_identify_slice(identity, &reading->slices[SESSION]);
        buf_add_int(identity, counter);
}

/* However it is spaced and escaped, it is the same content. */
static void identify_content(const struct json_slice *body, struct buf *identity)
{
        CLEANUP(json_cleanup) struct json_object *tree = json_slice_tree(body);

        if (tree)
                json_write(identity, tree);
        else
                buf_add(identity, body->at, body->size);
}

/*
 * The stack repeats an uplink with the same times, counter and session; a simulated one has no
 * counter but a time of its own. Everything else, and an uplink without any time, is recognised
 * by its content.
 */
static void identify(const struct reading *reading, struct event *event)
{
        const struct things_stack_message *message = &reading->message;
        CLEANUP(buf_deinit) struct buf identity = BUF_INIT;

        buf_reserve(&identity, 256);
        driver_identify(&identity, things_stack.name);
        driver_identify(&identity, event_kind_name(message->kind));
        driver_identify(&identity, message->application);
        driver_identify(&identity, message->device);
        driver_identify(&identity, message->received_at);
        if (message->kind == EVENT_UPLINK && (message->received_at || message->network_time))
                identify_uplink(reading, &identity);
        else
                identify_content(&message->body, &identity);
        crypto_uuid_of(identity.data, identity.size, event->message_id);
}

/* --- uplinks ---------------------------------------------------------------------------- */

/* The stack leaves f_port out when it is 0; but what was decoded had a port. */
static const char *why_no_port(const struct reading *reading)
{
        if (!json_slice_is_absent(&reading->slices[PORT]) ||
            json_slice_is_absent(&reading->slices[DECODED]))
                return "the uplink has no f_port: MAC commands only";
        return "the uplink has decoded_payload but no f_port, and was not sent; if the webhook "
               "has a field mask, it must let uplink_message.f_port through";
}

/* NETWORK_E_IGNORED, or 0 if there is data for an application (rules U1, U13). */
static int check_uplink_port(const struct reading *reading, struct reason *reason)
{
        if (reading->message.port == 0) {
                reason_set(reason, "%s", why_no_port(reading));
                return NETWORK_E_IGNORED;
        }
        if (reading->message.port == PORT_CERTIFICATION) {
                reason_set(reason, "f_port %d is reserved for certification", PORT_CERTIFICATION);
                return NETWORK_E_IGNORED;
        }
        return 0;
}

/* Rule U17: only an object can be telemetry. */
static void read_decoded(const struct json_slice *decoded, struct event *event,
                         struct reason *reason)
{
        struct buf text = BUF_INIT;

        if (json_slice_is_absent(decoded))
                return;
        if (decoded->kind != JSON_OBJECT) {
                reason_add(reason, "decoded_payload is no object and was not used");
                return;
        }
        json_slice_write(decoded, &text);
        event->decoded = buf_take(&text);
}

static void read_facts(const struct reading *reading, struct event *event)
{
        const struct json_slice *slices = reading->slices;
        struct event_facts *facts = &event->facts;
        CLEANUP(mem_cleanup) char *battery_time = json_slice_text(&slices[BATTERY_TIME]);
        int64_t counter;
        int64_t battery_ns;
        int64_t spreading_factor;
        int64_t bandwidth_hz;

        things_stack_hear(&slices[GATEWAYS], facts);
        if (json_slice_int(&slices[SPREADING_FACTOR], &spreading_factor) &&
            json_slice_int(&slices[BANDWIDTH], &bandwidth_hz))
                event_facts_lora(facts, spreading_factor, bandwidth_hz);
        if (json_slice_int(&slices[COUNTER], &counter) && counter >= 0 && counter <= UINT32_MAX)
                event_facts_count(facts, (uint32_t)counter);
        event_facts_charge(facts, json_slice_number(&slices[BATTERY_VALUE]));
        if (battery_time && clock_parse_utc(battery_time, &battery_ns) &&
            event_time_is_valid(battery_ns))
                facts->battery_ns = battery_ns;
}

static void read_uplink(const struct reading *reading, struct event *event, struct reason *reason)
{
        const struct json_slice *payload = &reading->slices[PAYLOAD];

        event->payload = json_slice_text(payload);
        if (!event->payload && !json_slice_is_absent(payload))
                reason_add(reason, "frm_payload is no text and was not used");
        read_decoded(&reading->slices[DECODED], event, reason);
        event->encrypted = !json_slice_is_absent(&reading->slices[APP_S_KEY]);
        read_facts(reading, event);
}

/* --- all together ----------------------------------------------------------------------- */

static void fill_event(struct reading *reading, struct event *event, struct reason *reason)
{
        struct things_stack_message *message = &reading->message;

        event->network = things_stack.name;
        event->kind = message->kind;
        event_eui(message->dev_eui);
        event->port = message->port;
        event->simulated = reading->slices[SIMULATED].kind == JSON_TRUE;
        identify(reading, event);
        event->application = message->application;
        event->device = message->device;
        event->dev_eui = message->dev_eui;
        message->application = NULL;
        message->device = NULL;
        message->dev_eui = NULL;
        if (message->kind == EVENT_UPLINK)
                read_uplink(reading, event, reason);
}

/* False if U+0000 is in a name: what is told about a device is kept as a tree. */
static bool describe(const struct things_stack_message *message, struct event *event,
                     struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *body = json_slice_tree(&message->body);

        if (body)
                things_stack_describe(message, body, event);
        else
                reason_set(reason, "%s: U+0000 in a name", event_kind_name(message->kind));
        return body != NULL;
}

static int read_message(struct reading *reading, struct event_list *events, struct reason *reason)
{
        struct event *event;
        int result = 0;

        if (!read_ids(reading, reason) || !read_kind(reading, reason) ||
            !read_body(reading, reason) || !read_port(reading, reason))
                return NETWORK_E_MALFORMED;
        if (reading->message.kind == EVENT_UPLINK)
                result = check_uplink_port(reading, reason);
        if (result)
                return result;
        event = event_list_add(events);
        event->time_ns = read_times(reading, reason);
        fill_event(reading, event, reason);
        if (event->kind == EVENT_UPLINK || describe(&reading->message, event, reason))
                return 0;
        driver_name_device(reason, event->device, event->application);
        event_list_deinit(events);
        return NETWORK_E_MALFORMED;
}

static int things_stack_parse(const struct webhook *webhook, struct event_list *events,
                              struct reason *reason)
{
        CLEANUP(reading_deinit) struct reading reading = {.webhook = webhook};
        int result;

        if (!driver_read_body(webhook, &message_want, reading.slices, reason))
                return NETWORK_E_MALFORMED;
        result = read_message(&reading, events, reason);
        if (result == 0)
                driver_name_device(reason, events->events[0].device, events->events[0].application);
        else if (reading.message.application)
                driver_name_device(reason, reading.message.device, reading.message.application);
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
        .settings = things_stack_settings,
        .parse = things_stack_parse,
        .telemetry = lorawan_telemetry,
        .payload = things_stack_payload,
        .downlink = &things_stack_downlink,
        .listing = &things_stack_listing,
};
