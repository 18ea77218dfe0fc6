// SPDX-License-Identifier: MIT
#include "networks/network.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* Properties for which room is made at a time. */
#define PROPERTY_STEP 8

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

void event_list_refuse(struct event_list *list, const char *device, const char *why)
{
        list->refusals =
                mem_resize(list->refusals, list->refusal_count + 1, sizeof(*list->refusals));
        list->refusals[list->refusal_count++] =
                (struct event_refusal){.device = mem_text(device), .why = mem_text(why)};
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
        for (size_t i = 0; i < telemetry->property_count; i++) {
                free(telemetry->properties[i].name);
                free(telemetry->properties[i].value);
        }
        free(telemetry->properties);
        *telemetry = TELEMETRY_INIT;
}

static struct telemetry_property *find_property(struct telemetry *telemetry, const char *name)
{
        for (size_t i = 0; i < telemetry->property_count; i++) {
                if (strcmp(telemetry->properties[i].name, name) == 0)
                        return &telemetry->properties[i];
        }
        return NULL;
}

void telemetry_set_property(struct telemetry *telemetry, const char *name, const char *value)
{
        struct telemetry_property *property = find_property(telemetry, name);

        if (!property) {
                telemetry_add_property(telemetry, name, value);
                return;
        }
        free(property->value);
        property->value = mem_text(value);
}

void telemetry_add_property(struct telemetry *telemetry, const char *name, const char *value)
{
        struct telemetry_property *property;

        if (telemetry->property_count % PROPERTY_STEP == 0)
                telemetry->properties =
                        mem_resize(telemetry->properties, telemetry->property_count + PROPERTY_STEP,
                                   sizeof(*telemetry->properties));
        property = &telemetry->properties[telemetry->property_count++];
        *property = (struct telemetry_property){.name = mem_text(name), .value = mem_text(value)};
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
