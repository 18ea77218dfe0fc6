// SPDX-License-Identifier: MIT
#include "gateway/uplink/uplink_hold.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "gateway/device/uplink_event.h"

/* Events that one look into the store brings. */
#define LOOK_MAX 256

/* An event of a hold. */
struct item {
        struct uplink_hold *hold;
        struct item *next; /* with the same message id, of another hold */
        char *message_id;
        char *device_key;
        bool left;
        bool is_sought; /* by the look that is under way */
        bool found;     /* in the store, by the look that is under way */
        int64_t id;     /* where it was found; 0 = not yet */
        struct store_take take;
};

/* All of it is guarded by the holds' lock. */
struct uplink_hold {
        struct uplink_holds *holds;
        struct list_node node;    /* of holds->all */
        struct uplink_hold *next; /* that is to be looked up, too */
        bool is_stored;
        void (*done)(void *context);
        void *context;
        size_t waiting; /* items that have not left, and one until it is stored */
        size_t looks;   /* under way */
        struct item *items;
        size_t count;
};

struct uplink_holds {
        struct store *store;
        bool is_shared;
        pthread_mutex_t lock;
        struct list all;
        struct map *items; /* message id to its first item */
};

struct uplink_holds *uplink_holds_new(struct store *store, bool is_shared)
{
        struct uplink_holds *holds = mem_new(1, sizeof(*holds));

        holds->store = store;
        holds->is_shared = is_shared;
        pthread_mutex_init(&holds->lock, NULL);
        list_init(&holds->all);
        holds->items = map_new();
        return holds;
}

static void free_hold(struct uplink_hold *hold)
{
        for (size_t i = 0; i < hold->count; i++) {
                free(hold->items[i].message_id);
                free(hold->items[i].device_key);
        }
        free(hold->items);
        free(hold);
}

void uplink_holds_free(struct uplink_holds *holds)
{
        struct list_node *node;

        if (!holds)
                return;
        while ((node = list_pop_front(&holds->all)))
                free_hold(list_entry(node, struct uplink_hold, node));
        map_free(holds->items);
        pthread_mutex_destroy(&holds->lock);
        free(holds);
}

/* --- with the lock -------------------------------------------------------------------------- */

static void note_item(struct uplink_holds *holds, struct item *item)
{
        item->next = map_get(holds->items, item->message_id);
        map_set(holds->items, item->message_id, item);
}

static void forget_item(struct uplink_holds *holds, struct item *item)
{
        struct item *first = map_get(holds->items, item->message_id);
        struct item **at = &first;

        while (*at && *at != item)
                at = &(*at)->next;
        if (*at)
                *at = item->next;
        if (first)
                map_set(holds->items, item->message_id, first);
        else
                map_remove(holds->items, item->message_id);
}

static void leave(struct item *item)
{
        if (item->left)
                return;
        item->left = true;
        item->hold->waiting--;
        forget_item(item->hold->holds, item);
}

/* True if the hold is over: the caller ends it without the lock. */
static bool end_if_over(struct uplink_hold *hold)
{
        if (hold->waiting > 0 || hold->looks > 0 || !hold->node.next)
                return false;
        list_remove(&hold->holds->all, &hold->node);
        hold->node.next = NULL;
        return true;
}

/* --- without it ----------------------------------------------------------------------------- */

static void end(struct uplink_hold *hold)
{
        hold->done(hold->context);
        free_hold(hold);
}

struct uplink_hold *uplink_hold_begin(struct uplink_holds *holds, const struct list *events,
                                      void (*done)(void *context), void *context)
{
        struct uplink_hold *hold = mem_new(1, sizeof(*hold));

        hold->holds = holds;
        hold->done = done;
        hold->context = context;
        hold->items = mem_new(events->count, sizeof(*hold->items));
        hold->waiting = events->count + 1;
        pthread_mutex_lock(&holds->lock);
        list_push_back(&holds->all, &hold->node);
        list_for_each (node, events) {
                const struct uplink_event *event = list_entry(node, struct uplink_event, node);
                struct item *item = &hold->items[hold->count++];

                item->hold = hold;
                item->message_id = mem_text(event->event.message_id);
                item->device_key = mem_text(event->device_key);
                note_item(holds, item);
        }
        pthread_mutex_unlock(&holds->lock);
        return hold;
}

/* One look of the hold; `gone`: its event waits nowhere, or NULL. */
static void end_look(struct uplink_hold *hold, struct item *gone)
{
        struct uplink_holds *holds = hold->holds;
        bool over;

        pthread_mutex_lock(&holds->lock);
        hold->looks--;
        if (gone)
                leave(gone);
        over = end_if_over(hold);
        pthread_mutex_unlock(&holds->lock);
        if (over)
                end(hold);
}

/* On the thread "store-read": goes on until the event was found or the device has no more. */
static void on_looked(struct store_take *take, int result, const struct store_event *events,
                      size_t count)
{
        struct item *item = list_entry(take, struct item, take);
        struct uplink_hold *hold = item->hold;
        struct uplink_holds *holds = hold->holds;
        bool is_known = item->id != 0;

        for (size_t i = 0; i < count && !item->found; i++) {
                item->found = text_equal(events[i].message_id, item->message_id);
                item->id = item->found ? events[i].id : item->id;
        }
        if (result == 0 && !item->found && !is_known && count == take->maximum) {
                take->after_id = events[count - 1].id;
                store_take(holds->store, take);
                return;
        }
        /* What can't be read may wait; the message comes again some day. */
        end_look(hold, item->found || result != 0 ? NULL : item);
}

/* With the lock: which are to be looked up; the hold stays until each look has ended. */
static void plan_looks(struct uplink_hold *hold)
{
        hold->looks = 1;
        for (size_t i = 0; i < hold->count; i++) {
                hold->items[i].is_sought = !hold->items[i].left;
                hold->looks += hold->items[i].is_sought;
        }
}

static void look_up(struct uplink_hold *hold)
{
        for (size_t i = 0; i < hold->count; i++) {
                struct item *item = &hold->items[i];

                if (!item->is_sought)
                        continue;
                item->found = false;
                item->take = (struct store_take){
                        .device = item->device_key,
                        .after_id = item->id > 0 ? item->id - 1 : 0,
                        .maximum = item->id > 0 ? 1 : LOOK_MAX,
                        .done = on_looked,
                };
                store_take(hold->holds->store, &item->take);
        }
        end_look(hold, NULL);
}

void uplink_hold_stored(struct uplink_hold *hold, bool any_known)
{
        struct uplink_holds *holds = hold->holds;
        /* Who shares the store looks from time to time anyway. */
        bool looks = any_known && !holds->is_shared;
        bool over;

        pthread_mutex_lock(&holds->lock);
        hold->is_stored = true;
        hold->waiting--;
        if (looks)
                plan_looks(hold);
        over = end_if_over(hold);
        pthread_mutex_unlock(&holds->lock);
        if (looks)
                look_up(hold);
        else if (over)
                end(hold);
}

void uplink_holds_look(struct uplink_holds *holds)
{
        struct uplink_hold *first = NULL;
        struct uplink_hold *hold;

        if (!holds->is_shared)
                return;
        pthread_mutex_lock(&holds->lock);
        list_for_each (node, &holds->all) {
                hold = list_entry(node, struct uplink_hold, node);
                if (!hold->is_stored || hold->looks > 0)
                        continue;
                plan_looks(hold);
                hold->next = first;
                first = hold;
        }
        pthread_mutex_unlock(&holds->lock);
        while ((hold = first)) {
                first = hold->next;
                look_up(hold);
        }
}

void uplink_hold_drop(struct uplink_hold *hold)
{
        struct uplink_holds *holds = hold->holds;

        pthread_mutex_lock(&holds->lock);
        for (size_t i = 0; i < hold->count; i++)
                leave(&hold->items[i]);
        list_remove(&holds->all, &hold->node);
        pthread_mutex_unlock(&holds->lock);
        free_hold(hold);
}

void uplink_holds_left(struct uplink_holds *holds, const char *message_id)
{
        struct list over;
        struct list_node *node;
        struct item *next;

        if (!holds || !message_id)
                return;
        list_init(&over);
        pthread_mutex_lock(&holds->lock);
        for (struct item *item = map_get(holds->items, message_id); item; item = next) {
                struct uplink_hold *hold = item->hold;

                next = item->next;
                leave(item);
                if (end_if_over(hold))
                        list_push_back(&over, &hold->node);
        }
        pthread_mutex_unlock(&holds->lock);
        while ((node = list_pop_front(&over)))
                end(list_entry(node, struct uplink_hold, node));
}
