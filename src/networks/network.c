// SPDX-License-Identifier: MIT
#include "networks/network.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* Properties for which room is made at a time. */
#define PROPERTY_STEP 8

/* Bytes of their texts for which room is made at a time. */
#define TEXTS_STEP 256

const char *webhook_header(const struct webhook *webhook, const char *name)
{
        return webhook->header ? webhook->header(webhook, name) : NULL;
}

const char *webhook_query(const struct webhook *webhook, const char *name)
{
        return webhook->query ? webhook->query(webhook, name) : NULL;
}

void event_list_deinit(struct event_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                event_deinit(&list->events[i]);
        for (size_t i = 0; i < list->refusal_count; i++) {
                free(list->refusals[i].device);
                free(list->refusals[i].why);
        }
        free(list->events);
        free(list->refusals);
        *list = EVENT_LIST_INIT;
}

struct event *event_list_add(struct event_list *list)
{
        struct event *event;

        list->events = mem_resize(list->events, list->count + 1, sizeof(*list->events));
        event = &list->events[list->count++];
        *event = EVENT_INIT;
        return event;
}

void event_list_refuse(struct event_list *list, const struct event_refusal *refusal)
{
        list->refusals =
                mem_resize(list->refusals, list->refusal_count + 1, sizeof(*list->refusals));
        list->refusals[list->refusal_count++] =
                (struct event_refusal){.part = refusal->part,
                                       .device = mem_text(refusal->device),
                                       .why = mem_text(refusal->why)};
}

void network_restored_deinit(struct network_restored *restored)
{
        buf_deinit(&restored->body);
        free(restored->path);
        *restored = NETWORK_RESTORED_INIT;
}

void telemetry_deinit(struct telemetry *telemetry)
{
        buf_deinit(&telemetry->body);
        buf_deinit(&telemetry->texts);
        free(telemetry->properties);
        *telemetry = TELEMETRY_INIT;
}

void telemetry_clear(struct telemetry *telemetry)
{
        buf_clear(&telemetry->body);
        buf_clear(&telemetry->texts);
        telemetry->property_count = 0;
}

/* What is kept moves with the properties that point to it. */
static void make_room(struct telemetry *telemetry, size_t size)
{
        struct buf *texts = &telemetry->texts;
        struct buf more = BUF_INIT;

        if (texts->size + size < texts->capacity)
                return;
        buf_reserve(&more, 2 * texts->size + size + TEXTS_STEP);
        for (size_t i = 0; i < telemetry->property_count; i++) {
                struct property *property = &telemetry->properties[i];

                property->name = more.data + (property->name - texts->data);
                property->value = more.data + (property->value - texts->data);
        }
        buf_add(&more, buf_text(texts), texts->size);
        buf_deinit(texts);
        *texts = more;
}

static char *keep(struct telemetry *telemetry, const char *text)
{
        size_t size = strlen(text) + 1;
        size_t at;

        make_room(telemetry, size);
        at = telemetry->texts.size;
        buf_add(&telemetry->texts, text, size);
        return telemetry->texts.data + at;
}

void telemetry_set_property(struct telemetry *telemetry, const char *name, const char *value)
{
        char *kept = NULL;

        for (size_t i = 0; i < telemetry->property_count && !kept; i++) {
                if (strcmp(telemetry->properties[i].name, name) == 0)
                        telemetry->properties[i].value = kept = keep(telemetry, value);
        }
        if (!kept)
                telemetry_add_property(telemetry, name, value);
}

void telemetry_add_property(struct telemetry *telemetry, const char *name, const char *value)
{
        size_t name_size = strlen(name) + 1;
        char *kept;

        if (telemetry->property_count == telemetry->property_capacity) {
                telemetry->property_capacity += PROPERTY_STEP;
                telemetry->properties =
                        mem_resize(telemetry->properties, telemetry->property_capacity,
                                   sizeof(*telemetry->properties));
        }
        /* Both at once, so that nothing moves between them. */
        make_room(telemetry, name_size + strlen(value) + 1);
        kept = keep(telemetry, name);
        telemetry->properties[telemetry->property_count++] =
                (struct property){.name = kept, .value = keep(telemetry, value)};
}

/* --- the table ------------------------------------------------------------------------------- */

const struct network *network_by_name(const char *name)
{
        for (size_t i = 0; networks[i]; i++) {
                if (strcmp(networks[i]->name, name) == 0)
                        return networks[i];
        }
        return NULL;
}

size_t network_index(const struct network *network)
{
        size_t i = 0;

        while (networks[i] && networks[i] != network)
                i++;
        return i;
}

void event_device_key(const struct event *event, struct buf *out)
{
        const struct network *network = network_by_name(event->network);

        text_url_escape(out, event->network);
        buf_add_char(out, '/');
        if (!network || !network->ids_are_unique)
                text_url_escape(out, event->application);
        buf_add_char(out, '/');
        text_url_escape(out, event->device);
}

void event_lane_key(const char *device_key, struct buf *out)
{
        size_t size = strcspn(device_key, "/");
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;
        const struct network *network;
        const char *device;

        buf_add(&name, device_key, size);
        network = network_by_name(buf_text(&name));
        device = device_key[size] ? strchr(device_key + size + 1, '/') : NULL;
        if (network && network->ids_are_unique && device) {
                buf_add(out, device_key, size + 1);
                buf_add_text(out, device);
        } else {
                buf_add_text(out, device_key);
        }
}

const char *network_setting_path(const struct network *network, enum network_field field)
{
        for (const struct network_setting *setting = network->settings; setting->path; setting++) {
                if (setting->field == field)
                        return setting->path;
        }
        return NULL;
}

const struct network *network_by_path(const char *path, const char **rest)
{
        for (size_t i = 0; networks[i]; i++) {
                size_t length = strlen(networks[i]->route);

                if (strncmp(path, networks[i]->route, length) != 0)
                        continue;
                if (path[length] != '\0' && path[length] != '/')
                        continue;
                *rest = path + length + strspn(path + length, "/");
                return networks[i];
        }
        return NULL;
}
