// SPDX-License-Identifier: MIT
#include "localhub/https/https_event.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/json/json.h"
#include "base/mem.h"

#define APP_PREFIX "iothub-app-"
#define LIST_DEPTH 8

void https_event_init(struct https_event *event)
{
        event->size = 0;
        event->body = BUF_INIT;
        event->record = (struct telemetry_record){
                .message_id = "",
                .correlation_id = "",
                .content_type = "",
                .content_encoding = "",
                .component = "",
                .properties = event->properties,
        };
}

void https_event_take(void *context, const char *name, const char *value)
{
        struct https_event *event = context;
        struct telemetry_record *record = &event->record;
        struct {
                const char *name;
                const char **to;
        } const known[] = {
                {"iothub-messageid", &record->message_id},
                {"iothub-correlationid", &record->correlation_id},
                {"iothub-contenttype", &record->content_type},
                {"iothub-contentencoding", &record->content_encoding},
                {"dt-subject", &record->component},
                {"iothub-userid", &record->user_id},
        };

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                if (strcasecmp(name, known[i].name) == 0)
                        *known[i].to = value;
        }
        if (strncasecmp(name, APP_PREFIX, strlen(APP_PREFIX)) != 0 ||
            record->property_count == HTTPS_EVENT_PROPERTIES_MAX)
                return;
        name += strlen(APP_PREFIX);
        event->properties[record->property_count++] =
                (struct property){.name = name, .value = value};
        event->size += strlen(name) + strlen(value);
}

static bool take_body(struct json_object *entry, struct https_event *event)
{
        const char *text = json_text_member(entry, "body");

        if (!text)
                return false;
        if (!json_bool_member(entry, "base64Encoded", true))
                buf_add_text(&event->body, text);
        else if (!crypto_base64_decode(&event->body, text, strlen(text)))
                return false;
        event->record.body = buf_text(&event->body);
        event->record.body_size = event->body.size;
        return true;
}

static bool take_entry(struct json_object *entry, struct https_event *event)
{
        struct json_object *properties;

        if (!json_object_is_type(entry, json_type_object) || !take_body(entry, event))
                return false;
        properties = json_object_member(entry, "properties");
        if (properties) {
                json_object_object_foreach (properties, name, value) {
                        https_event_take(event, name, value ? json_object_get_string(value) : "");
                }
        }
        return true;
}

void https_events_deinit(struct https_events *events)
{
        for (size_t i = 0; i < events->count; i++)
                buf_deinit(&events->list[i].body);
        free(events->list);
        json_object_put(events->json);
        *events = (struct https_events){.json = NULL};
}

bool https_events_read(const struct buf *text, struct https_events *events, struct reason *reason)
{
        size_t count;

        *events = (struct https_events){.json = NULL};
        events->json =
                json_parse_foreign(text->data, text->size, LIST_DEPTH, JSON_VALUES_USUAL, reason);
        if (!json_object_is_type(events->json, json_type_array) ||
            json_object_array_length(events->json) > HTTPS_EVENTS_MAX) {
                reason_set(reason, "the body must be a list of at most %d messages",
                           HTTPS_EVENTS_MAX);
                return false;
        }
        count = json_object_array_length(events->json);
        events->list = mem_new(count + 1, sizeof(*events->list));
        while (events->count < count) {
                struct https_event *event = &events->list[events->count];

                https_event_init(event);
                if (!take_entry(json_object_array_get_idx(events->json, events->count++), event)) {
                        reason_set(reason, "message %zu of the list has no body in base64",
                                   events->count);
                        return false;
                }
                events->size += event->body.size + event->size;
        }
        return true;
}
