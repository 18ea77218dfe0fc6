// SPDX-License-Identifier: MIT
/*
 * Reading: the thread `store-read` runs takes; the *_each functions run on their caller's thread
 * with a reader of their own. Nobody is called while the backend is reading.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/store_feed.h"
#include "store/store_rows.h"
#include "store/store_state.h"

/* Rows that the *_each functions read at a time. */
#define PAGE 256

/* --- takes ------------------------------------------------------------------------------- */

void store_takes_refuse(struct list *takes)
{
        struct list_node *node;

        while ((node = list_pop_front(takes))) {
                struct store_take *take = list_entry(node, struct store_take, node);

                take->done(take, STORE_E_CLOSED, NULL, 0);
        }
}

/* With the mutex held: nothing is to be done. */
static void wait_for_something(struct store *store)
{
        int64_t due_ns = store_feed_due_ns(store->feed);

        if (due_ns > 0)
                (void)condition_wait_until(&store->reader_wakes, &store->mutex, due_ns);
        else
                pthread_cond_wait(&store->reader_wakes, &store->mutex);
}

static bool feed_is_due(const struct store *store)
{
        int64_t due_ns = store_feed_due_ns(store->feed);

        return due_ns > 0 && clock_steady_ns() >= due_ns;
}

/*
 * Waits for takes, or until the feed is due; false when the store closes. `leaving` becomes the ids
 * that are done or dead but perhaps not yet gone from the disk: nobody wants to be given them
 * again.
 */
static bool wait_for_takes(struct store *store, struct list *takes, struct store_ids *leaving)
{
        bool closing;

        leaving->count = 0;
        pthread_mutex_lock(&store->mutex);
        while (list_is_empty(&store->takes) && !store->closing && !feed_is_due(store))
                wait_for_something(store);
        list_splice_back(takes, &store->takes);
        store_ids_add(leaving, store->committing.ids, store->committing.count);
        store_ids_add(leaving, store->leaving.ids, store->leaving.count);
        closing = store->closing;
        pthread_mutex_unlock(&store->mutex);
        store_ids_sort(leaving);
        return !closing;
}

/* Drops the rows from `start` on that are leaving. */
static void drop_leaving(struct store_rows *rows, size_t start, const struct store_ids *leaving)
{
        size_t kept = start;

        for (size_t i = start; i < rows->count; i++) {
                if (!store_ids_has(leaving, rows->events[i].id))
                        rows->events[kept++] = rows->events[i];
        }
        rows->count = kept;
}

/* Fewer than the maximum come only when there are no more. */
static int read_take(struct store *store, const struct store_take *take,
                     const struct store_ids *leaving, struct store_rows *rows)
{
        struct store_query part = {
                .device = take->device, .shard = STORE_ANY_SHARD, .after_id = take->after_id};
        size_t start = 0;
        size_t read;

        store_rows_clear(rows);
        do {
                int result;

                part.maximum = take->maximum - start;
                result = store->backend->take(store->reader, &part, store_rows_add_event, rows);
                if (result)
                        return result;
                read = rows->count - start;
                if (read > 0)
                        part.after_id = rows->events[rows->count - 1].id;
                drop_leaving(rows, start, leaving);
                start = rows->count;
        } while (read > 0 && read == part.maximum && start < take->maximum);
        return 0;
}

static void run_take(struct store *store, struct store_take *take, const struct store_ids *leaving,
                     struct store_rows *rows)
{
        int result = read_take(store, take, leaving, rows);

        if (result) {
                log_error("STORE_READ_FAILED", "Events can't be read from the store",
                          LOG_TEXT("device", take->device), LOG_INT("result", result), LOG_END);
                take->done(take, result > 0 ? -EIO : result, NULL, 0);
                return;
        }
        if (take->keeps)
                store_feed_know(store->feed, rows->events, rows->count);
        take->done(take, 0, rows->events, rows->count);
}

void *store_reader_run(void *context)
{
        struct store *store = context;
        struct store_rows rows = STORE_ROWS_INIT;
        struct store_ids leaving = {.ids = NULL};
        struct list_node *node;
        struct list takes;

        thread_enter(STORE_THREAD_READER);
        list_init(&takes);
        while (wait_for_takes(store, &takes, &leaving)) {
                while ((node = list_pop_front(&takes)))
                        run_take(store, list_entry(node, struct store_take, node), &leaving, &rows);
                if (store->feed)
                        store_feed_run(store->feed);
        }
        store_takes_refuse(&takes);
        store_rows_deinit(&rows);
        store_ids_deinit(&leaving);
        return NULL;
}

/* --- each -------------------------------------------------------------------------------- */

struct reading {
        const struct store_backend *backend;
        void *reader;
        const struct store_shards *shards; /* that are meant; NULL = all */
        int shard;                         /* the one that is read; or all at once */
        struct store_rows rows;
};

static int reading_init(struct reading *reading, struct store *store,
                        const struct store_shards *shards)
{
        struct reason reason = REASON_INIT;
        int result;

        if (shards && store_shards_count(shards) == STORE_SHARDS)
                shards = NULL;
        *reading = (struct reading){.backend = store->backend,
                                    .shards = shards,
                                    .shard = STORE_ANY_SHARD,
                                    .rows = STORE_ROWS_INIT};
        if (shards && store->backend->share)
                reading->shard = store_shards_next(shards, 0);
        result = store->backend->open_reader(&store->options, &reading->reader, &reason);
        if (result)
                log_error("STORE_READ_FAILED", "The store can't be read",
                          LOG_TEXT("reason", reason.text), LOG_INT("result", result), LOG_END);
        return result;
}

static void reading_deinit(struct reading *reading)
{
        if (reading->reader)
                reading->backend->close_reader(reading->reader);
        store_rows_deinit(&reading->rows);
}

/* A shared store is read shard by shard: true if there is one more. */
static bool next_shard(struct reading *reading)
{
        if (reading->shard == STORE_ANY_SHARD)
                return false;
        reading->shard = store_shards_next(reading->shards, reading->shard + 1);
        return reading->shard < STORE_SHARDS;
}

/* A store that is not shared gives everything. */
static bool is_meant(const struct reading *reading, const char *device)
{
        return !reading->shards ||
               (device && store_shards_has(reading->shards, store_shard_of(device)));
}

int store_devices_each(struct store *store, const struct store_shards *shards,
                       bool (*visit)(void *context, const char *device, int64_t waiting),
                       void *context)
{
        CLEANUP(reading_deinit) struct reading reading;
        struct store_rows *rows = &reading.rows;
        int result = reading_init(&reading, store, shards);

        if (result == 0)
                result = store->backend->devices(reading.reader, reading.shards,
                                                 store_rows_add_device, rows);
        for (size_t i = 0; result == 0 && i < rows->count; i++) {
                if (is_meant(&reading, rows->devices[i].name) &&
                    !visit(context, rows->devices[i].name, rows->devices[i].waiting))
                        break;
        }
        return result;
}

struct event_visit {
        bool (*visit)(void *context, const struct store_event *event);
        void *context;
        bool ended;
};

/* Of all events at once, or of one shard. */
static int read_events(struct reading *reading, struct store_query query, struct event_visit *visit)
{
        struct store_rows *rows = &reading->rows;
        int result;

        query.shard = reading->shard;
        query.maximum = PAGE;
        do {
                store_rows_clear(rows);
                result =
                        reading->backend->take(reading->reader, &query, store_rows_add_event, rows);
                for (size_t i = 0; result == 0 && i < rows->count && !visit->ended; i++) {
                        query.after_id = rows->events[i].id;
                        visit->ended = is_meant(reading, rows->events[i].device) &&
                                       !visit->visit(visit->context, &rows->events[i]);
                }
        } while (result == 0 && rows->count == PAGE && !visit->ended);
        return result;
}

int store_events_each(struct store *store, const struct store_selection *selection,
                      bool (*visit)(void *context, const struct store_event *event), void *context)
{
        CLEANUP(reading_deinit) struct reading reading;
        struct store_query query = {.device = selection->device,
                                    .news = selection->news,
                                    .after_id = selection->after_id};
        struct event_visit visiting = {.visit = visit, .context = context};
        int result = reading_init(&reading, store, selection->device ? NULL : selection->shards);

        if (result != 0)
                return result;
        do {
                result = read_events(&reading, query, &visiting);
        } while (result == 0 && !visiting.ended && next_shard(&reading));
        return result;
}

int store_dead_each(struct store *store, int64_t after_id,
                    bool (*visit)(void *context, const struct store_dead_letter *letter),
                    void *context)
{
        CLEANUP(reading_deinit) struct reading reading;
        struct store_rows *rows = &reading.rows;
        int result = reading_init(&reading, store, NULL);

        while (result == 0) {
                store_rows_clear(rows);
                result = store->backend->dead_letters(reading.reader, after_id, PAGE,
                                                      store_rows_add_letter, rows);
                for (size_t i = 0; result == 0 && i < rows->count; i++) {
                        if (!visit(context, &rows->letters[i]))
                                return 0;
                }
                if (result || rows->count < PAGE)
                        break;
                after_id = rows->letters[PAGE - 1].event.id;
        }
        return result;
}

struct record_visit {
        bool (*visit)(void *context, const struct store_record *record);
        void *context;
        bool ended;
};

/* Of all records at once, or of one shard. */
static int read_records(struct reading *reading, const char *kind, struct record_visit *visit)
{
        struct store_rows *rows = &reading->rows;
        struct store_record_query query = {.kind = kind, .shard = reading->shard, .maximum = PAGE};
        CLEANUP(mem_cleanup) char *last_key = NULL;
        int result;

        do {
                store_rows_clear(rows);
                result = reading->backend->records(reading->reader, &query, store_rows_add_record,
                                                   rows);
                for (size_t i = 0; result == 0 && i < rows->count && !visit->ended; i++)
                        visit->ended = is_meant(reading, rows->records[i].device) &&
                                       !visit->visit(visit->context, &rows->records[i]);
                if (result != 0 || rows->count < PAGE || visit->ended)
                        break;
                free(last_key);
                query.after_key = last_key = mem_text(rows->records[PAGE - 1].key);
        } while (true);
        return result;
}

int store_records_each(struct store *store, const char *kind, const struct store_shards *shards,
                       bool (*visit)(void *context, const struct store_record *record),
                       void *context)
{
        CLEANUP(reading_deinit) struct reading reading;
        struct record_visit visiting = {.visit = visit, .context = context};
        int result = reading_init(&reading, store, shards);

        if (result != 0)
                return result;
        do {
                result = read_records(&reading, kind, &visiting);
        } while (result == 0 && !visiting.ended && next_shard(&reading));
        return result;
}

int store_kinds_each(struct store *store, bool (*visit)(void *context, const char *kind),
                     void *context)
{
        CLEANUP(reading_deinit) struct reading reading;
        struct store_rows *rows = &reading.rows;
        int result = reading_init(&reading, store, NULL);

        if (result == 0)
                result = store->backend->kinds(reading.reader, store_rows_add_record, rows);
        for (size_t i = 0; result == 0 && i < rows->count; i++) {
                if (!visit(context, rows->records[i].kind))
                        break;
        }
        return result;
}
