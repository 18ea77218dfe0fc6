// SPDX-License-Identifier: MIT
#include "gateway/device/device_limit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

/* So many of the oldest guests are looked at when a new one comes. */
#define LOOKED_AT 2

/*
 * A device that was admitted and has no entry of its own yet. It is freed by the thread that made
 * it, and soon: what stays of a device must not lie between the events that this thread receives,
 * since each of those that is freed would leave a hole.
 */
struct guest {
        struct table_entry entry;
        struct list_node node;
        char key[];
};

struct device_limit {
        pthread_mutex_t lock; /* for all that follows */
        struct table known;   /* the entries of devices */
        struct table guests;  /* struct guest; one may be known meanwhile */
        struct list in_order; /* the same, oldest first */
        int64_t count;        /* known or guests */
        int64_t maximum;
        struct log_pause refused;
};

struct device_limit *device_limit_new(int64_t maximum)
{
        struct device_limit *limit = mem_new(1, sizeof(*limit));

        pthread_mutex_init(&limit->lock, NULL);
        list_init(&limit->in_order);
        limit->maximum = maximum;
        return limit;
}

void device_limit_free(struct device_limit *limit)
{
        if (!limit)
                return;
        list_for_each_safe (node, &limit->in_order)
                free(list_entry(node, struct guest, node));
        table_deinit(&limit->guests);
        table_deinit(&limit->known);
        pthread_mutex_destroy(&limit->lock);
        free(limit);
}

/* --- with the lock held ---------------------------------------------------------------------- */

static bool is_known(const struct device_limit *limit, const char *device_key)
{
        return table_find(&limit->known, device_key) || table_find(&limit->guests, device_key);
}

static void drop_guest(struct device_limit *limit, struct guest *guest)
{
        table_remove(&limit->guests, &guest->entry);
        list_remove(&limit->in_order, &guest->node);
        free(guest);
}

/* Those that have an entry of their own are guests no more. */
static void look_at_guests(struct device_limit *limit)
{
        for (int i = 0; i < LOOKED_AT && !list_is_empty(&limit->in_order); i++) {
                struct list_node *oldest = limit->in_order.head.next;
                struct guest *guest = list_entry(oldest, struct guest, node);

                if (table_find(&limit->known, guest->key)) {
                        drop_guest(limit, guest);
                        continue;
                }
                list_remove(&limit->in_order, oldest);
                list_push_back(&limit->in_order, oldest);
        }
}

static void add_guest(struct device_limit *limit, const char *device_key)
{
        size_t size = strlen(device_key) + 1;
        struct guest *guest = mem_new(1, sizeof(*guest) + size);

        look_at_guests(limit);
        memcpy(guest->key, device_key, size);
        guest->entry.key = guest->key;
        table_add(&limit->guests, &guest->entry);
        list_push_back(&limit->in_order, &guest->node);
        limit->count++;
}

static void refuse(struct device_limit *limit, const char *device_key, struct reason *reason)
{
        int64_t unlogged;

        reason_set(reason, "this gateway knows %lld devices, as many as Limits.Devices allows",
                   (long long)limit->count);
        metrics_add(METRIC_DEVICE_NOT_ADMITTED, 1);
        if (!log_pause_take(&limit->refused, &unlogged))
                return;
        log_warn("DEVICE_LIMIT", "A new device is refused: there are as many as are allowed",
                 LOG_TEXT("device", device_key), LOG_INT("devices", limit->count),
                 LOG_INT("unlogged", unlogged), LOG_END);
}

/* --- what others call ------------------------------------------------------------------------ */

bool device_limit_admit(struct device_limit *limit, const char *device_key, struct reason *reason)
{
        bool known;
        bool admitted;

        pthread_mutex_lock(&limit->lock);
        known = is_known(limit, device_key);
        admitted = known || limit->maximum == 0 || limit->count < limit->maximum;
        if (!admitted)
                refuse(limit, device_key, reason);
        else if (!known)
                add_guest(limit, device_key);
        pthread_mutex_unlock(&limit->lock);
        return admitted;
}

void device_limit_add(struct device_limit *limit, struct table_entry *entry)
{
        pthread_mutex_lock(&limit->lock);
        if (!is_known(limit, entry->key))
                limit->count++;
        if (!table_find(&limit->known, entry->key))
                table_add(&limit->known, entry);
        pthread_mutex_unlock(&limit->lock);
}

void device_limit_remove(struct device_limit *limit, struct table_entry *entry)
{
        struct table_entry *guest;

        pthread_mutex_lock(&limit->lock);
        if (is_known(limit, entry->key))
                limit->count--;
        if (table_find(&limit->known, entry->key))
                table_remove(&limit->known, entry);
        guest = table_find(&limit->guests, entry->key);
        if (guest)
                drop_guest(limit, table_of(guest, struct guest, entry));
        pthread_mutex_unlock(&limit->lock);
}
