// SPDX-License-Identifier: MIT
/*
 * A network that nobody has: it tells an event's type in the query, and with each what a listing
 * would say of the device; calls a downlink by an id of its own, which the answer to the request
 * gives; knows no priorities; encodes for some applications; repeats no webhook; and takes settings
 * of its own. Included by one test file each.
 */
#ifndef ISTHMUS_TESTS_COMPONENT_GATEWAY_ORBIT_NETWORK_H
#define ISTHMUS_TESTS_COMPONENT_GATEWAY_ORBIT_NETWORK_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "networks/driver.h"
#include "networks/lorawan_telemetry.h"
#include "networks/network.h"

static const struct network orbit;

static char *text_of(struct json_object *object, const char *name)
{
        return mem_text(json_text_member(object, name));
}

/* How the device was heard, and what it has answered of its battery. */
static void read_facts(struct json_object *body, struct event_facts *facts)
{
        struct json_object *margin = json_member(body, "margin");
        int64_t number;

        if (json_int_member(body, "rssi", &number))
                event_facts_hear(facts, json_text_member(body, "gateway"), (double)number,
                                 (double)NAN);
        if (json_int_member(body, "battery", &number))
                event_facts_charge(facts, (double)number);
        if (margin) {
                facts->told |= FACT_MARGIN;
                facts->margin = (float)json_object_get_double(margin);
        }
}

/* A device's tags come with each of its events. */
static struct device_attributes *read_tags(struct json_object *body)
{
        struct json_object *tags = json_member(body, "tags");
        struct device_attributes *attributes;

        if (!tags)
                return NULL;
        attributes = mem_new(1, sizeof(*attributes));
        device_attributes_read(tags, attributes, NULL);
        return attributes;
}

static int orbit_parse(const struct webhook *webhook, struct event_list *events,
                       struct reason *reason)
{
        static const struct {
                const char *type;
                enum event_kind kind;
        } types[] = {
                {"up", EVENT_UPLINK},
                {"sent", EVENT_DOWNLINK_SENT},
                {"ack", EVENT_DOWNLINK_ACK},
                {"failed", EVENT_DOWNLINK_FAILED},
                {"expired", EVENT_DOWNLINK_FAILED},
                {"status", EVENT_DEVICE_STATUS},
                {"log", EVENT_NETWORK_LOG},
                {"join", EVENT_JOIN_ACCEPT},
        };
        const char *type = webhook_query(webhook, "event");
        CLEANUP(json_cleanup)
        struct json_object *body = json_parse(webhook->body, webhook->body_size, NETWORK_JSON_DEPTH,
                                              JSON_STRICT, reason);
        struct event *event;
        size_t i = 0;

        while (i < ARRAY_SIZE(types) && !text_equal(types[i].type, type))
                i++;
        if (i == ARRAY_SIZE(types))
                return NETWORK_E_IGNORED;
        if (!json_text_member(body, "device"))
                return NETWORK_E_MALFORMED;
        event = event_list_add(events);
        event->network = orbit.name;
        event->kind = types[i].kind;
        event->application = mem_text("fleet");
        event->application_name = text_of(body, "fleetName");
        event->attributes = read_tags(body);
        read_facts(body, &event->facts);
        event->device = text_of(body, "device");
        event->payload = text_of(body, "data");
        event->details = mem_text_n(webhook->body, webhook->body_size);
        event->time_ns = webhook->arrived_ns;
        crypto_uuid_of(webhook->body, webhook->body_size, event->message_id);
        return 0;
}

static int orbit_payload(const struct event *event, struct buf *bytes, struct reason *reason)
{
        (void)event;
        (void)bytes;
        (void)reason;
        return 0;
}

static void add_queue_url(const struct downlink *downlink, const struct network_access *access,
                          struct network_request *request, const char *method)
{
        request->method = method;
        request->url = mem_format("%s/devices/%s/queue", access->base_url, downlink->device);
        request->authorization = mem_text(access->api_key);
}

static int orbit_request(const struct downlink *downlink, const struct network_access *access,
                         struct network_request *request, struct reason *reason)
{
        (void)reason;
        add_queue_url(downlink, access, request, "POST");
        buf_add_format(&request->body, "{\"data\":\"%s\",\"object\":%s,\"expires\":%lld}",
                       downlink->payload ? downlink->payload : "",
                       downlink->decoded ? downlink->decoded : "{}",
                       (long long)downlink->expires_ms);
        return 0;
}

static enum downlink_answer orbit_answer(int status, const char *body, size_t size,
                                         struct reason *reason)
{
        (void)body;
        (void)size;
        if (downlink_answer_of(status) != DOWNLINK_TAKEN)
                reason_set(reason, "it answered %d", status);
        return downlink_answer_of(status);
}

static bool read_id(struct json_object *item, char own_id[CRYPTO_UUID_SIZE])
{
        const char *id = json_text_member(item, "id");

        snprintf(own_id, CRYPTO_UUID_SIZE, "%s", id ? id : "");
        return id != NULL;
}

static bool orbit_read_own_id(const char *body, size_t size, char own_id[CRYPTO_UUID_SIZE])
{
        CLEANUP(json_cleanup) struct json_object *answer = driver_answer(body, size, NULL);

        return read_id(answer, own_id);
}

static void orbit_list_request(const struct downlink *downlink, const struct network_access *access,
                               struct network_request *request)
{
        add_queue_url(downlink, access, request, "GET");
}

/* Its list has no reference of ours: a downlink is known by when it expires. */
static enum downlink_listed orbit_is_listed(const struct downlink *downlink, const char *body,
                                            size_t size, char own_id[CRYPTO_UUID_SIZE])
{
        CLEANUP(json_cleanup) struct json_object *answer = driver_answer(body, size, NULL);
        struct json_object *items = json_member(answer, "items");

        if (!answer)
                return DOWNLINK_NO_LIST;
        for (size_t i = 0; items && i < json_object_array_length(items); i++) {
                struct json_object *item = json_object_array_get_idx(items, i);
                int64_t expires_ms = 0;

                if (json_int_member(item, "expires", &expires_ms) &&
                    expires_ms == downlink->expires_ms)
                        return read_id(item, own_id) ? DOWNLINK_LISTED : DOWNLINK_NO_LIST;
        }
        return DOWNLINK_NOT_LISTED;
}

static void orbit_fate(const struct event *event, struct downlink_fate *fate)
{
        CLEANUP(json_cleanup)
        struct json_object *details = driver_answer(event->details, strlen(event->details), NULL);

        *fate = (struct downlink_fate){
                .news = event->kind == EVENT_DOWNLINK_SENT  ? DOWNLINK_NEWS_SENT
                        : event->kind == EVENT_DOWNLINK_ACK ? DOWNLINK_NEWS_ACKNOWLEDGED
                                                            : DOWNLINK_NEWS_REFUSED,
                .count = 1};
        read_id(details, fate->references[0]);
        if (json_member(details, "expired"))
                fate->news = DOWNLINK_NEWS_EXPIRED;
        if (fate->news == DOWNLINK_NEWS_REFUSED)
                reason_set(&fate->reason, "too long for the data rate");
}

static const struct downlink_driver orbit_downlink = {
        .has_ports = true,
        .has_expiry = true,
        .lists_are_complete = true,
        .encodes = true,
        .request = orbit_request,
        .answer = orbit_answer,
        .read_own_id = orbit_read_own_id,
        .list_request = orbit_list_request,
        .is_listed = orbit_is_listed,
        .fate = orbit_fate,
};

static const struct network_setting orbit_settings[] = {
        {"Orbit.Api", NETWORK_BASE_URL, NULL, "where its API is"},
        {"Orbit.Key", NETWORK_API_KEY, NULL, "the key for it"},
        {"Orbit.Applications.*.Encode", NETWORK_APPLICATION_ENCODES, NULL,
         "its devices have an encoder"},
        {.path = NULL},
};

static const struct network orbit = {
        .name = "orbit",
        .route = "/orbit",
        .settings = orbit_settings,
        .parse = orbit_parse,
        .telemetry = lorawan_telemetry,
        .payload = orbit_payload,
        .downlink = &orbit_downlink,
};

/* In place of src/networks/table/networks.c. */
const struct network *const networks[] = {&orbit, NULL};

#endif
