// SPDX-License-Identifier: MIT
#include "gateway/device_follow.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define LOOK_MS (5 * 1000)

/* Of the time that a reading took. */
#define REST_FACTOR 9

struct device_follow {
        struct loop *loop;
        struct device_directory *directory;
        struct device_table *devices;
        struct list *items; /* on their way to the thread "loop" */
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t wakes;
        bool stopped; /* under the lock */
};

/* On the thread "loop". */
static void take_items(void *context)
{
        struct device_follow *follow = context;
        struct list_node *node;

        while ((node = list_pop_front(follow->items))) {
                struct directory_item *item = list_entry(node, struct directory_item, node);

                if (device_directory_take(follow->directory, item))
                        device_table_follow(follow->devices, item->device_key);
                directory_item_free(item);
        }
}

/* One batch after the other, so that others get their turn on the thread "loop". */
static void hand_over(void *context, struct list *items)
{
        struct device_follow *follow = context;

        follow->items = items;
        loop_call(follow->loop, take_items, follow);
}

/* False if it ends. */
static bool rest(struct device_follow *follow, int64_t ms)
{
        int64_t until_ns = clock_steady_ns() + ms * CLOCK_NS_PER_MS;
        bool goes_on;

        pthread_mutex_lock(&follow->lock);
        while (!follow->stopped && condition_wait_until(&follow->wakes, &follow->lock, until_ns))
                continue;
        goes_on = !follow->stopped;
        pthread_mutex_unlock(&follow->lock);
        return goes_on;
}

static void *run(void *context)
{
        struct device_follow *follow = context;
        int64_t rest_ms = LOOK_MS;

        thread_enter("directory");
        while (rest(follow, rest_ms)) {
                int64_t start_ms = clock_steady_ms();
                int result = device_directory_read(follow->directory, hand_over, follow);

                if (result != 0)
                        log_warn("DIRECTORY_NOT_READ",
                                 "What other gateways have written of devices can't be read",
                                 LOG_INT("result", result), LOG_END);
                rest_ms = (clock_steady_ms() - start_ms) * REST_FACTOR;
                if (rest_ms < LOOK_MS)
                        rest_ms = LOOK_MS;
        }
        return NULL;
}

struct device_follow *device_follow_start(struct loop *loop, struct device_directory *directory,
                                          struct device_table *devices)
{
        struct device_follow *follow = mem_new(1, sizeof(*follow));

        follow->loop = loop;
        follow->directory = directory;
        follow->devices = devices;
        pthread_mutex_init(&follow->lock, NULL);
        condition_init(&follow->wakes);
        thread_start(&follow->thread, run, follow);
        return follow;
}

void device_follow_stop(struct device_follow *follow)
{
        if (!follow)
                return;
        pthread_mutex_lock(&follow->lock);
        follow->stopped = true;
        pthread_cond_signal(&follow->wakes);
        pthread_mutex_unlock(&follow->lock);
        pthread_join(follow->thread, NULL);
        pthread_cond_destroy(&follow->wakes);
        pthread_mutex_destroy(&follow->lock);
        free(follow);
}
