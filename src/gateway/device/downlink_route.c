// SPDX-License-Identifier: MIT
#include "gateway/device/downlink_route.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "gateway/device/device.h"

/* Records of this kind: key the device's; value a JSON object. */
#define WAY_KIND  "way"
#define WAY_DEPTH 4

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
                                        .kind = WAY_KIND,
                                        .key = device->key,
                                        .value = value.data,
                                        .value_size = value.size,
                                });
}

bool downlink_route_learn(struct store *store, struct device *device, struct downlink_heard *heard)
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
        if (downlink_way_equal(&heard->way, &device->way))
                return false;
        downlink_way_deinit(&device->way);
        device->way = heard->way;
        heard->way = DOWNLINK_WAY_INIT;
        log_info("DOWNLINK_WAY_LEARNED", "A webhook names the way back to its device",
                 LOG_TEXT("device", device->key), LOG_TEXT("base_url", device->way.base_url),
                 LOG_TEXT("webhook_id", device->way.webhook_id), LOG_END);
        record(store, device);
        return true;
}

struct loading {
        struct device *(*device_of)(void *context, const char *key);
        void *context;
};

static bool load_way(void *context, const struct store_record *stored)
{
        const struct loading *loading = context;
        struct device *device = loading->device_of(loading->context, stored->key);
        CLEANUP(json_cleanup)
        struct json_object *object =
                json_parse(stored->value, stored->value_size, WAY_DEPTH, JSON_STRICT, NULL);
        const char *base_url = json_text_member(object, "baseUrl");
        const char *api_key = json_text_member(object, "apiKey");

        if (!device || !base_url || !api_key)
                return true;
        device->way = (struct downlink_way){
                .base_url = mem_text(base_url),
                .webhook_id = mem_text(json_text_member(object, "webhookId")),
                .api_key = mem_text(api_key),
        };
        return true;
}

int downlink_route_load(struct store *store,
                        struct device *(*device_of)(void *context, const char *key), void *context,
                        struct reason *reason)
{
        struct loading loading = {.device_of = device_of, .context = context};
        int result = store_records_each(store, WAY_KIND, load_way, &loading);

        if (result != 0)
                reason_set(reason, "the store's records of ways to devices can't be read");
        return result;
}
