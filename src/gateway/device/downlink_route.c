// SPDX-License-Identifier: MIT
#include "gateway/device/downlink_route.h"

#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "gateway/device/device.h"

#define WAY_DEPTH 4

struct downlink_routes {
        struct store *store;
        struct device_table *devices;
        struct map *bases; /* "network/application" to struct base */
};

/* Where the commands of an application go. */
struct base {
        char *url;     /* downlink_way's base_url */
        char *refused; /* the last other one that was logged; or NULL */
};

struct downlink_routes *downlink_routes_new(struct store *store, struct device_table *devices)
{
        struct downlink_routes *routes = mem_new(1, sizeof(*routes));

        routes->store = store;
        routes->devices = devices;
        routes->bases = map_new();
        return routes;
}

static void free_base(void *value)
{
        struct base *base = value;

        free(base->url);
        free(base->refused);
        free(base);
}

void downlink_routes_free(struct downlink_routes *routes)
{
        if (!routes)
                return;
        map_free_values(routes->bases, free_base);
        free(routes);
}

/* --- the way to a device ------------------------------------------------------------------- */

static const struct network *network_with_downlinks(const char *name)
{
        const struct network *network = network_by_name(name);

        return network && network->downlink ? network : NULL;
}

enum downlink_access downlink_route(const struct settings *settings, const struct device *device,
                                    struct network_access *access, struct reason *reason)
{
        const struct network *network = network_with_downlinks(device->network);
        enum downlink_access way;

        *access = (struct network_access){.base_url = NULL};
        if (!network) {
                reason_set(reason, "the network takes no downlinks");
                return DOWNLINK_ACCESS_NONE;
        }
        way = network_settings_access(settings, network, device->application, access, reason);
        if (way != DOWNLINK_ACCESS_NONE || !device->way.base_url)
                return way;
        *access = (struct network_access){
                .base_url = device->way.base_url,
                .webhook_id = device->way.webhook_id,
                .api_key = device->way.api_key,
        };
        return DOWNLINK_ACCESS_OPEN;
}

/* --- what a webhook tells -------------------------------------------------------------------- */

/* 0, or enum downlink_way_condition; the way that is heard is the caller's to deinit. */
static int hear(const struct settings *settings, const struct webhook *webhook,
                const struct event *event, struct downlink_heard *heard)
{
        const struct network *network = network_with_downlinks(event->network);
        struct network_access access;
        const struct conf_texts *named;
        struct downlink_hosts allowed;
        CLEANUP(buf_deinit) struct buf own = BUF_INIT;
        const char *own_host;
        const char *host;

        if (!network || !network->downlink->way ||
            network_settings_access(settings, network, event->application, &access, NULL) ==
                    DOWNLINK_ACCESS_OPEN)
                return DOWNLINK_E_NO_WAY;
        named = &settings_network(settings, network)->downlink_hosts;
        host = access.base_url ? strstr(access.base_url, "://") : NULL;
        heard->is_named = named->count > 0 || host;
        allowed = network->downlink->public_hosts;
        if (named->count > 0) {
                allowed = (struct downlink_hosts){(const char *const *)named->texts, named->count};
        } else if (host) {
                buf_add(&own, host + 3, strcspn(host + 3, "/"));
                own_host = buf_text(&own);
                allowed = (struct downlink_hosts){&own_host, 1};
        }
        return network->downlink->way(webhook, event, &allowed, &heard->way, &heard->reason);
}

struct downlink_heard *downlink_hear(const struct settings *settings, const struct webhook *webhook,
                                     const struct event *event)
{
        struct downlink_heard *heard = mem_new(1, sizeof(*heard));
        int result = hear(settings, webhook, event, heard);

        if (result == 0)
                return heard;
        downlink_way_deinit(&heard->way);
        if (result == DOWNLINK_E_BAD_WAY)
                return heard;
        downlink_heard_free(heard);
        return NULL;
}

/* --- the host of an application ------------------------------------------------------------- */

/* That of the device's application; made with this URL if it has none yet. */
static struct base *base_of(struct downlink_routes *routes, const struct device *device,
                            const char *url)
{
        CLEANUP(mem_cleanup) char *key = mem_format("%s/%s", device->network, device->application);
        struct base *base = map_get(routes->bases, key);

        if (base)
                return base;
        base = mem_new(1, sizeof(*base));
        base->url = mem_text(url);
        map_set(routes->bases, key, base);
        return base;
}

static void set_text(char **text, const char *value)
{
        free(*text);
        *text = mem_text(value);
}

/*
 * True if the application's commands go to the URL that was heard, from now on if it is named
 * there. A change is told, once for each other URL.
 */
static bool follow_base(struct downlink_routes *routes, const struct device *device,
                        const struct downlink_heard *heard)
{
        const char *url = heard->way.base_url;
        struct base *base = base_of(routes, device, url);

        if (text_equal_nocase(base->url, url))
                return true;
        if (heard->is_named || !text_equal_nocase(base->refused, url))
                log_warn("DOWNLINK_HOST_CHANGED",
                         "A webhook names another host as the way back to an application's devices",
                         LOG_TEXT("application", device->application),
                         LOG_TEXT("device", device->key), LOG_TEXT("before", base->url),
                         LOG_TEXT("named", url),
                         LOG_TEXT("followed", heard->is_named ? "true" : "false"), LOG_END);
        set_text(heard->is_named ? &base->url : &base->refused, url);
        return heard->is_named;
}

/* --- a device's way ------------------------------------------------------------------------- */

static void record(struct store *store, const struct device *device)
{
        CLEANUP(json_cleanup) struct json_object *object = json_object_new_object();
        CLEANUP(buf_wipe) struct buf value = BUF_INIT;
        const struct downlink_way *way = &device->way;

        json_object_object_add(object, "baseUrl", json_object_new_string(way->base_url));
        json_object_object_add(object, "webhookId", json_object_new_string(way->webhook_id));
        json_object_object_add(object, "apiKey", json_object_new_string(way->api_key));
        json_write(&value, object);
        store_write_copy(store, &(struct store_record){
                                        .kind = DOWNLINK_WAY_KIND,
                                        .key = device->key,
                                        .device = device->lane_key,
                                        .value = value.data,
                                        .value_size = value.size,
                                });
}

bool downlink_routes_learn(struct downlink_routes *routes, struct device *device,
                           struct downlink_heard *heard)
{
        if (!heard->way.base_url) {
                if (!device->way_refused)
                        log_warn("DOWNLINK_WAY_REFUSED",
                                 "The way back that a webhook names is not followed",
                                 LOG_TEXT("device", device->key),
                                 LOG_TEXT("reason", heard->reason.text), LOG_END);
                device->way_refused = true;
                return false;
        }
        device->way_refused = false;
        if (downlink_way_equal(&heard->way, &device->way) || !follow_base(routes, device, heard))
                return false;
        downlink_way_deinit(&device->way);
        device->way = heard->way;
        heard->way = DOWNLINK_WAY_INIT;
        log_info("DOWNLINK_WAY_LEARNED", "A webhook names the way back to its device",
                 LOG_TEXT("device", device->key), LOG_TEXT("base_url", device->way.base_url),
                 LOG_TEXT("webhook_id", device->way.webhook_id), LOG_END);
        record(routes->store, device);
        return true;
}

void downlink_routes_take(void *context, const struct store_record *record)
{
        struct downlink_routes *routes = context;
        struct device *device = device_table_find(routes->devices, record->key);
        CLEANUP(json_cleanup)
        struct json_object *object =
                json_parse(record->value, record->value_size, WAY_DEPTH, JSON_STRICT, NULL);
        const char *base_url = json_text_member(object, "baseUrl");
        const char *api_key = json_text_member(object, "apiKey");

        if (!device || !base_url || !api_key)
                return;
        downlink_way_deinit(&device->way);
        device->way = (struct downlink_way){
                .base_url = mem_text(base_url),
                .webhook_id = mem_text(json_text_member(object, "webhookId")),
                .api_key = mem_text(api_key),
        };
        base_of(routes, device, base_url);
}

static bool forget_way(void *context, struct device *device)
{
        const struct store_shards *shards = context;

        if (!store_shards_has(shards, device->shard))
                return true;
        downlink_way_deinit(&device->way);
        device->way_refused = false;
        return true;
}

void downlink_routes_forget(void *context, const struct store_shards *shards)
{
        const struct downlink_routes *routes = context;
        struct store_shards left = *shards;

        device_table_each(routes->devices, forget_way, &left);
}
