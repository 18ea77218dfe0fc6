// SPDX-License-Identifier: MIT
#include "store/store_spill.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "store/store_rows.h"
#include "store/store_task.h"

/* Events that are moved in one transaction. */
#define PAGE 512

/* After what can't be read. */
#define TRY_AGAIN_NS CLOCK_NS_PER_S

/* So long a moved event is known by its message id. */
#define MOVED_WINDOW_MS INT64_C(3600000)

/* What is being moved. */
struct page {
        struct store_put put; /* the first member */
        struct store_spill *spill;
        struct store_rows rows;
        struct store_ids ids; /* of the spill */
};

struct store_spill {
        struct store *owner;
        struct store *store;

        /* Guarded by the owner's mutex. */
        bool takes;
        int64_t held;    /* events in it, but for those of `page` */
        int64_t pending; /* puts on their way into it */

        /* The owner's thread `store` alone. */
        struct page *page; /* NULL = none */
        int64_t after_id;  /* of those that were moved */
        int64_t moved;     /* since it began */
        int64_t again_ns;
};

int store_spill_open(struct store *store, struct reason *reason)
{
        const struct store_options options = {
                .backend = "sqlite",
                .directory = store->options.spill_directory,
                .maximum_bytes = store->options.maximum_bytes,
                .network_file_system = store->options.network_file_system,
                .is_spill = true,
        };
        struct store_spill *spill = mem_new(1, sizeof(*spill));
        struct store_state state;
        int result = store_open(&options, &spill->store, reason);

        if (result != 0) {
                free(spill);
                return result;
        }
        store_get_state(spill->store, &state);
        spill->owner = store;
        spill->held = state.events;
        spill->takes = state.events > 0;
        metrics_set(METRIC_STORE_SPILLED, spill->held);
        store->spill = spill;
        return 0;
}

void store_spill_close(struct store_spill *spill)
{
        if (!spill)
                return;
        store_close(spill->store);
        free(spill);
}

bool store_spill_claim(struct store_spill *spill)
{
        if (!spill || !spill->takes)
                return false;
        spill->pending++;
        return true;
}

int64_t store_spill_held(struct store *store, bool *full)
{
        struct store_spill *spill = store->spill;
        struct store_state state;

        store_get_state(spill->store, &state);
        pthread_mutex_lock(&store->mutex);
        *full = spill->takes && state.full;
        pthread_mutex_unlock(&store->mutex);
        return state.events;
}

/* --- in ------------------------------------------------------------------------------------- */

/* A put on its way: the same events under another cover. */
struct spilled {
        struct store_put put; /* the first member */
        struct store_spill *spill;
        struct store_put *original;
};

/* On the spill's own thread `store`. */
static void spilled_done(struct store_put *put, int result)
{
        struct spilled *spilled = (struct spilled *)(void *)put;
        struct store_spill *spill = spilled->spill;
        struct store_put *original = spilled->original;
        int64_t stored = 0;

        for (size_t i = 0; i < put->count; i++) {
                stored += result == 0 && put->events[i].id != 0;
                put->events[i].id = 0;
        }
        pthread_mutex_lock(&spill->owner->mutex);
        spill->held += stored;
        spill->pending--;
        metrics_set(METRIC_STORE_SPILLED, spill->held);
        pthread_cond_signal(&spill->owner->writer_wakes);
        pthread_mutex_unlock(&spill->owner->mutex);
        free(spilled);
        original->done(original, result);
}

void store_spill_put(struct store_spill *spill, struct store_put *put)
{
        struct spilled *spilled = mem_new(1, sizeof(*spilled));

        *spilled = (struct spilled){
                .put = {.events = put->events, .count = put->count, .done = spilled_done},
                .spill = spill,
                .original = put,
        };
        store_put(spill->store, &spilled->put);
}

void store_spill_begin(struct store *store, struct list *puts)
{
        struct store_spill *spill = store->spill;
        struct list_node *node;

        if (list_is_empty(puts))
                return;
        if (!spill->takes) {
                spill->moved = 0;
                log_warn("SPILL_BEGUN",
                         "New events are kept on this machine until the store is back",
                         LOG_TEXT("place", store->place), LOG_END);
        }
        pthread_mutex_lock(&store->mutex);
        spill->takes = true;
        spill->pending += (int64_t)puts->count;
        pthread_mutex_unlock(&store->mutex);
        while ((node = list_pop_front(puts)))
                store_spill_put(spill, list_entry(node, struct store_put, node));
}

/* --- out ------------------------------------------------------------------------------------ */

static bool add_row(void *context, const struct store_event *event)
{
        struct page *page = context;

        store_ids_add(&page->ids, &event->id, 1);
        store_rows_add_event(&page->rows, event);
        return page->rows.count < PAGE;
}

static void page_free(struct page *page)
{
        store_rows_deinit(&page->rows);
        store_ids_deinit(&page->ids);
        free(page);
}

/* On the owner's thread `store`, after the commit; or when it closes, and they stay. */
static void page_done(struct store_put *put, int result)
{
        struct page *page = (struct page *)(void *)put;
        struct store_spill *spill = page->spill;

        for (size_t i = 0; i < put->count && result == 0; i++)
                store_done(spill->store, page->ids.ids[i]);
        if (result == 0) {
                spill->moved += (int64_t)put->count;
                metrics_add(METRIC_STORE_SPILL_MOVED, (int64_t)put->count);
        }
        spill->page = NULL;
        page_free(page);
}

/* The next ones, oldest first; NULL if none can be read now. */
static struct page *read_page(struct store_spill *spill)
{
        struct page *page = mem_new(1, sizeof(*page));
        int result;

        page->spill = spill;
        page->rows = STORE_ROWS_INIT;
        result = store_events_each(spill->store,
                                   &(struct store_selection){.after_id = spill->after_id}, add_row,
                                   page);
        if (result != 0 || page->rows.count == 0) {
                spill->again_ns = clock_steady_ns() + TRY_AGAIN_NS;
                page_free(page);
                return NULL;
        }
        for (size_t i = 0; i < page->rows.count; i++) {
                struct store_event *event = &page->rows.events[i];

                if (event->duplicate_window_ms < MOVED_WINDOW_MS)
                        event->duplicate_window_ms = MOVED_WINDOW_MS;
        }
        page->put = (struct store_put){
                .events = page->rows.events, .count = page->rows.count, .done = page_done};
        return page;
}

/* Before all that waits: it arrived first. */
static void move_page(struct store *store, struct page *page)
{
        struct store_spill *spill = store->spill;
        struct store_task *task = store_task_new(STORE_TASK_PUT, 0, 0);

        task->put = &page->put;
        spill->page = page;
        spill->after_id = page->ids.ids[page->ids.count - 1];
        pthread_mutex_lock(&store->mutex);
        spill->held -= (int64_t)page->rows.count;
        metrics_set(METRIC_STORE_SPILLED, spill->held);
        pthread_mutex_unlock(&store->mutex);
        list_push_front(&store->work.tasks, &task->node);
}

/*
 * If what is left fits into one page, puts wait for this thread again from here on, and it moves
 * that page before them. Returns how many events there are.
 */
static int64_t close_if_short(struct store *store)
{
        struct store_spill *spill = store->spill;
        bool is_short;
        int64_t held;

        pthread_mutex_lock(&store->mutex);
        is_short = spill->held + spill->pending < PAGE;
        if (is_short)
                spill->takes = false;
        while (is_short && spill->pending > 0)
                pthread_cond_wait(&store->writer_wakes, &store->mutex);
        /* Of puts with many events there may be more than it seemed. */
        if (spill->held > PAGE)
                spill->takes = true;
        held = spill->held;
        pthread_mutex_unlock(&store->mutex);
        return held;
}

static bool is_in_use(struct store *store)
{
        bool takes;

        pthread_mutex_lock(&store->mutex);
        takes = store->spill->takes;
        pthread_mutex_unlock(&store->mutex);
        return takes;
}

void store_spill_move(struct store *store)
{
        struct store_spill *spill = store->spill;
        struct page *page = NULL;
        int64_t held;

        if (spill->page || clock_steady_ns() < spill->again_ns || !is_in_use(store))
                return;
        held = close_if_short(store);
        if (held > 0)
                page = read_page(spill);
        if (page) {
                move_page(store, page);
        } else if (held > 0) {
                pthread_mutex_lock(&store->mutex);
                spill->takes = true;
                pthread_mutex_unlock(&store->mutex);
        }
        if (!spill->takes)
                log_info("SPILL_EMPTY", "What was kept on this machine is in the store",
                         LOG_INT("events", spill->moved + held), LOG_END);
}

int64_t store_spill_due_ns(const struct store *store)
{
        const struct store_spill *spill = store->spill;

        if (!spill || !spill->takes || spill->page || store->trouble != STORE_TROUBLE_NONE)
                return 0;
        return spill->again_ns > 0 ? spill->again_ns : 1;
}
