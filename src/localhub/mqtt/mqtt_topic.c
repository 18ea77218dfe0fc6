// SPDX-License-Identifier: MIT
#include "localhub/mqtt/mqtt_topic.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define REQUEST_ID_MAX 200

static bool starts(const struct mqtt_bytes *text, const char *prefix)
{
        size_t size = strlen(prefix);

        return text->size >= size && memcmp(text->data, prefix, size) == 0;
}

static bool is(const struct mqtt_bytes *text, const char *other)
{
        return text->size == strlen(other) && starts(text, other);
}

static struct mqtt_bytes skip(struct mqtt_bytes text, size_t size)
{
        return (struct mqtt_bytes){.data = text.data + size, .size = text.size - size};
}

/* Takes what stands before the next `separator` off, and it; all if there is none. */
static struct mqtt_bytes take_until(struct mqtt_bytes *text, char separator)
{
        const char *found = text->size ? memchr(text->data, separator, text->size) : NULL;
        struct mqtt_bytes part = {.data = text->data,
                                  .size = found ? (size_t)(found - text->data) : text->size};

        *text = skip(*text, part.size + (found ? 1 : 0));
        return part;
}

static bool copy(const struct mqtt_bytes *from, char *to, size_t size)
{
        if (from->size >= size)
                return false;
        memcpy(to, from->data, from->size);
        to[from->size] = '\0';
        return true;
}

/* --- bags ------------------------------------------------------------------------------------ */

bool mqtt_bag_next(struct mqtt_bytes *bag, struct buf *name, struct buf *value)
{
        struct mqtt_bytes pair;
        struct mqtt_bytes part;

        while (bag->size > 0) {
                pair = take_until(bag, '&');
                if (pair.size == 0)
                        continue;
                part = take_until(&pair, '=');
                buf_clear(name);
                buf_clear(value);
                text_url_unescape(name, part.data, part.size);
                text_url_unescape(value, pair.data, pair.size);
                return true;
        }
        return false;
}

void mqtt_bag_add(struct buf *bag, bool *is_first, const char *name, const char *value)
{
        if (!*is_first)
                buf_add_char(bag, '&');
        *is_first = false;
        text_url_escape(bag, name);
        if (!value)
                return;
        buf_add_char(bag, '=');
        text_url_escape(bag, value);
}

bool mqtt_bag_request_id(struct mqtt_bytes bag, struct buf *id)
{
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;

        while (mqtt_bag_next(&bag, &name, id)) {
                if (strcmp(buf_text(&name), "$rid") == 0)
                        return id->size > 0 && id->size <= REQUEST_ID_MAX;
        }
        return false;
}

/* --- user names ------------------------------------------------------------------------------ */

/* A model id may hold what else parts a query, and Node sends it as it is. */
static bool read_query(struct mqtt_bytes query, struct mqtt_user *user)
{
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;

        while (mqtt_bag_next(&query, &name, &value)) {
                const struct mqtt_bytes found = {.data = buf_text(&value), .size = value.size};

                if (memchr(buf_text(&value), '\0', value.size))
                        return false;
                if (strcmp(buf_text(&name), "model-id") == 0 &&
                    !copy(&found, user->model_id, sizeof(user->model_id)))
                        return false;
                if (strcmp(buf_text(&name), "api-version") == 0 &&
                    !copy(&found, user->api_version, sizeof(user->api_version)))
                        return false;
        }
        return true;
}

static bool take_module(struct mqtt_bytes *rest, struct mqtt_user *user)
{
        struct mqtt_bytes module = take_until(rest, '/');
        size_t size = strlen(user->device_id);

        user->device_id[size++] = '/';
        return copy(&module, user->device_id + size, REGISTRY_ID_SIZE) &&
               registry_is_identity(user->device_id);
}

bool mqtt_user_read(const struct mqtt_bytes *user_name, struct mqtt_user *user)
{
        struct mqtt_bytes rest = *user_name;
        struct mqtt_bytes host;
        struct mqtt_bytes device;

        memset(user, 0, sizeof(*user));
        if (!rest.data)
                return false;
        host = take_until(&rest, '/');
        device = take_until(&rest, '/');
        if (!copy(&host, user->host, sizeof(user->host)) || host.size == 0 ||
            !copy(&device, user->device_id, REGISTRY_ID_SIZE) ||
            !registry_is_device_id(user->device_id))
                return false;
        if (memchr(rest.data, '/', rest.size) && !starts(&rest, "?") && !take_module(&rest, user))
                return false;
        if (starts(&rest, "?"))
                return read_query(skip(rest, 1), user);
        /* Old clients write `HOST/DEVICE/api-version=...`. */
        return !memchr(rest.data, '/', rest.size) && read_query(rest, user);
}

static bool read_version(struct mqtt_bytes query, struct mqtt_registrant *registrant)
{
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;

        while (mqtt_bag_next(&query, &name, &value)) {
                const struct mqtt_bytes found = {.data = buf_text(&value), .size = value.size};

                if (strcmp(buf_text(&name), "api-version") == 0)
                        return copy(&found, registrant->api_version,
                                    sizeof(registrant->api_version)) &&
                               !memchr(found.data, '\0', found.size);
        }
        return false;
}

bool mqtt_registrant_read(const struct mqtt_bytes *user_name, struct mqtt_registrant *registrant)
{
        struct mqtt_bytes rest = *user_name;
        struct mqtt_bytes scope;
        struct mqtt_bytes word;
        struct mqtt_bytes id;

        memset(registrant, 0, sizeof(*registrant));
        if (!rest.data)
                return false;
        scope = take_until(&rest, '/');
        word = take_until(&rest, '/');
        id = take_until(&rest, '/');
        return is(&word, "registrations") && scope.size > 0 &&
               copy(&scope, registrant->id_scope, sizeof(registrant->id_scope)) &&
               copy(&id, registrant->registration_id, sizeof(registrant->registration_id)) &&
               registry_is_registration_id(registrant->registration_id) &&
               read_version(rest, registrant);
}

/* --- topics ---------------------------------------------------------------------------------- */

static bool read_status(const struct mqtt_bytes *text, int *status)
{
        char digits[12];
        int64_t number;

        if (!copy(text, digits, sizeof(digits)) ||
            !text_to_int64(digits, INT32_MIN, INT32_MAX, &number))
                return false;
        *status = (int)number;
        return true;
}

/* `devices/ID/messages/events` and perhaps a bag. */
static enum mqtt_place read_events(struct mqtt_bytes topic, struct mqtt_target *target)
{
        struct mqtt_bytes rest = skip(topic, strlen("devices/"));

        target->device_id = take_until(&rest, '/');
        if (starts(&rest, "modules/")) {
                rest = skip(rest, strlen("modules/"));
                target->module_id = take_until(&rest, '/');
        }
        if (!starts(&rest, "messages/events"))
                return MQTT_PLACE_UNKNOWN;
        rest = skip(rest, strlen("messages/events"));
        if (rest.size > 0 && rest.data[0] != '/')
                return MQTT_PLACE_UNKNOWN;
        target->bag = rest.size > 0 ? skip(rest, 1) : rest;
        if (starts(&target->bag, "?"))
                target->bag = skip(target->bag, 1);
        return MQTT_PLACE_EVENTS;
}

static enum mqtt_place read_answer(struct mqtt_bytes topic, struct mqtt_target *target)
{
        struct mqtt_bytes rest = skip(topic, strlen("$iothub/methods/res/"));
        struct mqtt_bytes status = take_until(&rest, '/');

        if (!read_status(&status, &target->status) || !starts(&rest, "?"))
                return MQTT_PLACE_UNKNOWN;
        target->bag = skip(rest, 1);
        return MQTT_PLACE_METHODS;
}

void mqtt_target_read(const struct mqtt_bytes *topic, struct mqtt_target *target)
{
        static const char get[] = "$iothub/twin/GET/?";
        static const char report[] = "$iothub/twin/PATCH/properties/reported/?";

        *target = (struct mqtt_target){.place = MQTT_PLACE_UNKNOWN};
        if (starts(topic, "devices/")) {
                target->place = read_events(*topic, target);
        } else if (starts(topic, "$iothub/methods/res/")) {
                target->place = read_answer(*topic, target);
        } else if (starts(topic, get)) {
                target->place = MQTT_PLACE_GET;
                target->bag = skip(*topic, strlen(get));
        } else if (starts(topic, report)) {
                target->place = MQTT_PLACE_REPORT;
                target->bag = skip(*topic, strlen(report));
        }
}

static const char commands_tail[] = "/messages/devicebound/#";

/*
 * `DEVICE/modules/MODULE/messages/devicebound/#`; all of a module's, or its inputs, into which only
 * an edge hub puts anything.
 */
static unsigned read_module_filter(struct mqtt_bytes rest, const char *identity)
{
        const char *slash = strchr(identity, '/');
        CLEANUP(mem_cleanup)
        char *prefix = mem_format("%.*s/modules%s", (int)(slash - identity), identity, slash);

        if (!starts(&rest, prefix))
                return 0;
        rest = skip(rest, strlen(prefix));
        if (is(&rest, commands_tail))
                return MQTT_SUBSCRIBED_COMMANDS;
        return starts(&rest, "/") ? MQTT_SUBSCRIBED_INPUTS : 0;
}

unsigned mqtt_filter_read(const struct mqtt_bytes *filter, const char *device_id)
{
        struct mqtt_bytes rest = *filter;

        if (is(filter, "$iothub/methods/POST/#"))
                return MQTT_SUBSCRIBED_METHODS;
        if (is(filter, "$iothub/twin/res/#"))
                return MQTT_SUBSCRIBED_TWIN;
        if (is(filter, "$iothub/twin/PATCH/properties/desired/#"))
                return MQTT_SUBSCRIBED_DESIRED;
        if (!starts(&rest, "devices/"))
                return 0;
        rest = skip(rest, strlen("devices/"));
        if (strchr(device_id, '/'))
                return read_module_filter(rest, device_id);
        if (!starts(&rest, device_id))
                return 0;
        rest = skip(rest, strlen(device_id));
        return is(&rest, commands_tail) ? MQTT_SUBSCRIBED_COMMANDS : 0;
}

void mqtt_order_deinit(struct mqtt_order *order)
{
        buf_deinit(&order->request_id);
        buf_deinit(&order->operation_id);
}

bool mqtt_order_read(const struct mqtt_bytes *topic, struct mqtt_order *order)
{
        static const char put[] = "$dps/registrations/PUT/iotdps-register/?";
        static const char poll[] = "$dps/registrations/GET/iotdps-get-operationstatus/?";
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;
        struct mqtt_bytes bag;

        *order = (struct mqtt_order){.is_poll = starts(topic, poll)};
        if (!order->is_poll && !starts(topic, put))
                return false;
        bag = skip(*topic, order->is_poll ? strlen(poll) : strlen(put));
        if (!mqtt_bag_request_id(bag, &order->request_id))
                return false;
        while (order->is_poll && order->operation_id.size == 0 &&
               mqtt_bag_next(&bag, &name, &value)) {
                if (strcmp(buf_text(&name), "operationId") == 0)
                        buf_add(&order->operation_id, value.data, value.size);
        }
        return order->is_poll == (order->operation_id.size > 0);
}
