// SPDX-License-Identifier: MIT
#include "networks/driver.h"

#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/utf8.h"

/* Bytes of an id that a reason shows. */
#define MOST_OF_A_NAME 64

bool driver_read(const struct driver_text *text, const struct json_want *want,
                 struct json_slice *slices, struct reason *reason)
{
        struct json_scan scan = {
                .text = text->text,
                .size = text->size,
                .style = JSON_STRICT,
                .depth = NETWORK_JSON_DEPTH,
                .values = text->values,
                .zero_names = true,
                .want = want,
                .slices = slices,
        };
        bool good;

        if (text->size == 0) {
                reason_set(reason, "%s is empty", text->what);
                return false;
        }
        good = json_scan(&scan);
        buf_deinit(&scan.long_integers);
        if (!good) {
                json_scan_explain(&scan, text->values, reason);
                reason_prefix(reason, "%s", text->what);
        } else if (slices[want->slot].kind != JSON_OBJECT) {
                reason_set(reason, "%s is JSON, but no object", text->what);
                good = false;
        }
        return good;
}

bool driver_read_formatted(const char *data, struct buf *compact, struct json_slice *object,
                           struct reason *reason)
{
        const struct json_want want = {.slot = 0, .whole = true};

        *object = (struct json_slice){.kind = JSON_ABSENT};
        if (!driver_read(&(struct driver_text){.what = "the decoded payload",
                                               .text = data,
                                               .size = strlen(data),
                                               .values = SIZE_MAX},
                         &want, object, reason))
                return false;
        if (!object->escaped && !object->spaced && !object->repeated)
                return true;
        json_slice_write(object, compact);
        object->at = compact->data;
        object->size = compact->size;
        return true;
}

bool driver_read_body(const struct webhook *webhook, const struct json_want *want,
                      struct json_slice *slices, struct reason *reason)
{
        return driver_read(&(struct driver_text){.what = "the body",
                                                 .text = webhook->body,
                                                 .size = webhook->body_size,
                                                 .values = webhook->maximum_values},
                           want, slices, reason);
}

struct json_object *driver_answer(const char *body, size_t size, struct reason *reason)
{
        struct json_object *object;

        if (size == 0) {
                reason_set(reason, "the answer is empty");
                return NULL;
        }
        object = json_parse_foreign(body, size, NETWORK_JSON_DEPTH, NETWORK_PAGE_VALUES, reason);
        if (!object) {
                reason_prefix(reason, "the answer");
        } else if (!json_object_is_type(object, json_type_object)) {
                reason_set(reason, "the answer is JSON, but no object");
                json_object_put(object);
                object = NULL;
        }
        return object;
}

void driver_name_device(struct reason *reason, const char *device, const char *application)
{
        if (reason->text[0] != '\0')
                reason_prefix(reason, "device '%.*s' of application '%.*s'",
                              utf8_cut(device, MOST_OF_A_NAME), device,
                              utf8_cut(application, MOST_OF_A_NAME), application);
}

void driver_add_base_url(struct buf *url, const char *base_url)
{
        size_t length = strlen(base_url);

        while (length > 0 && base_url[length - 1] == '/')
                length--;
        buf_add(url, base_url, length);
}

void driver_identify(struct buf *identity, const char *text)
{
        buf_add(identity, text ? text : "", text ? strlen(text) + 1 : 1);
}

void driver_identify_slice(struct buf *identity, const struct json_slice *slice)
{
        CLEANUP(mem_cleanup) char *text = slice->escaped ? json_slice_text(slice) : NULL;

        if (slice->kind == JSON_TEXT && !slice->escaped)
                buf_add(identity, slice->at + 1, slice->size - 2);
        else if (text)
                buf_add_text(identity, text);
        buf_add_char(identity, '\0');
}

void driver_set_formatted(struct telemetry *telemetry, const struct formatted *formatted)
{
        for (size_t i = 0; formatted && i < formatted->property_count; i++)
                telemetry_set_property(telemetry, formatted->properties[i].name,
                                       formatted->properties[i].value);
}
