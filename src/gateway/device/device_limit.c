// SPDX-License-Identifier: MIT
#include "gateway/device/device_limit.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/table.h"

/* Between two log lines. */
#define SILENT_MS 10000

struct device_limit {
        pthread_mutex_t lock; /* for all that follows */
        struct map *known;    /* device keys */
        int64_t count;
        int64_t maximum;
        int64_t silent_until_ms;
        int64_t unlogged;
};

struct device_limit *device_limit_new(int64_t maximum)
{
        struct device_limit *limit = mem_new(1, sizeof(*limit));

        pthread_mutex_init(&limit->lock, NULL);
        limit->known = map_new();
        limit->maximum = maximum;
        return limit;
}

void device_limit_free(struct device_limit *limit)
{
        if (!limit)
                return;
        map_free(limit->known);
        pthread_mutex_destroy(&limit->lock);
        free(limit);
}

/* The lock is held. */
static void add(struct device_limit *limit, const char *device_key)
{
        if (map_get(limit->known, device_key))
                return;
        map_set(limit->known, device_key, limit);
        limit->count++;
}

/* The lock is held. */
static void refuse(struct device_limit *limit, const char *device_key, struct reason *reason)
{
        int64_t now_ms = clock_steady_ms();

        reason_set(reason, "this gateway knows %lld devices, as many as Limits.Devices allows",
                   (long long)limit->count);
        metrics_add(METRIC_DEVICE_NOT_ADMITTED, 1);
        if (now_ms < limit->silent_until_ms) {
                limit->unlogged++;
                return;
        }
        log_warn("DEVICE_LIMIT", "A new device is refused: there are as many as are allowed",
                 LOG_TEXT("device", device_key), LOG_INT("devices", limit->count),
                 LOG_INT("unlogged", limit->unlogged), LOG_END);
        limit->silent_until_ms = now_ms + SILENT_MS;
        limit->unlogged = 0;
}

bool device_limit_admit(struct device_limit *limit, const char *device_key, struct reason *reason)
{
        bool admitted;

        pthread_mutex_lock(&limit->lock);
        admitted = map_get(limit->known, device_key) || limit->maximum == 0 ||
                   limit->count < limit->maximum;
        if (admitted)
                add(limit, device_key);
        else
                refuse(limit, device_key, reason);
        pthread_mutex_unlock(&limit->lock);
        return admitted;
}

void device_limit_add(struct device_limit *limit, const char *device_key)
{
        pthread_mutex_lock(&limit->lock);
        add(limit, device_key);
        pthread_mutex_unlock(&limit->lock);
}

void device_limit_remove(struct device_limit *limit, const char *device_key)
{
        pthread_mutex_lock(&limit->lock);
        if (map_get(limit->known, device_key)) {
                map_remove(limit->known, device_key);
                limit->count--;
        }
        pthread_mutex_unlock(&limit->lock);
}
