// SPDX-License-Identifier: MIT
#include "networks/driver.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/* Bytes of an id that a reason shows. */
#define MOST_OF_A_NAME 64

static struct json_object *parse_object(const char *text, size_t size, const char *what,
                                        size_t values, struct reason *reason)
{
        struct json_object *object;

        if (size == 0) {
                reason_set(reason, "%s is empty", what);
                return NULL;
        }
        object = json_parse_foreign(text, size, NETWORK_JSON_DEPTH, values, reason);
        if (!object) {
                reason_prefix(reason, "%s", what);
                return NULL;
        }
        if (!json_object_is_type(object, json_type_object)) {
                reason_set(reason, "%s is JSON, but no object", what);
                json_object_put(object);
                return NULL;
        }
        return object;
}

struct json_object *driver_body(const struct webhook *webhook, struct reason *reason)
{
        return parse_object(webhook->body, webhook->body_size, "the body", webhook->maximum_values,
                            reason);
}

struct json_object *driver_answer(const char *body, size_t size, struct reason *reason)
{
        return parse_object(body, size, "the answer", NETWORK_PAGE_VALUES, reason);
}

char *driver_eui(const char *text)
{
        char *eui = mem_text(text);

        for (char *digit = eui; digit && *digit; digit++)
                *digit = (char)toupper((unsigned char)*digit);
        return eui;
}

void driver_name_device(struct reason *reason, const char *device, const char *application)
{
        if (reason->text[0] != '\0')
                reason_prefix(reason, "device '%.*s' of application '%.*s'",
                              text_cut(device, MOST_OF_A_NAME), device,
                              text_cut(application, MOST_OF_A_NAME), application);
}

void driver_add_base_url(struct buf *url, const char *base_url)
{
        size_t length = strlen(base_url);

        while (length > 0 && base_url[length - 1] == '/')
                length--;
        buf_add(url, base_url, length);
}

struct json_object *driver_decoded(const char *text, struct reason *reason)
{
        return parse_object(text, strlen(text), "the decoded payload", SIZE_MAX, reason);
}

struct json_object *driver_details(const struct event *event, struct reason *reason)
{
        if (!event->details)
                return json_object_new_object();
        return parse_object(event->details, strlen(event->details), "the event's details text",
                            SIZE_MAX, reason);
}

void driver_identify(struct buf *identity, const char *text)
{
        buf_add(identity, text ? text : "", text ? strlen(text) + 1 : 1);
}

void driver_set_formatted(struct telemetry *telemetry, const struct formatted *formatted)
{
        for (size_t i = 0; formatted && i < formatted->property_count; i++)
                telemetry_set_property(telemetry, formatted->properties[i].name,
                                       formatted->properties[i].value);
}
