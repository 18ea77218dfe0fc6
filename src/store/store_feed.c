// SPDX-License-Identifier: MIT
#include "store/store_feed.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/thread.h"
#include "store/store_rows.h"

/* How often it looks at all shards, hinted or not, and tries again what failed. */
#define LOOK_NS CLOCK_NS_PER_S

/* New events of one look, about. */
#define LOOK_MAX 4096

/* The others are told at once that something is new, but not more often than this. */
#define HINT_NS (20 * CLOCK_NS_PER_MS)

#define STORE_THREAD_HINT "store-hint"

struct feed_shard {
        int64_t position;
        struct store_ids known; /* sorted */
};

/* A call of store_feed_begin that waits. */
struct beginning {
        struct list_node node;
        struct store_shards shards;
        bool over;
};

struct store_feed {
        struct store *store;

        /* Guarded by the store's mutex. */
        struct store_shards begun;
        struct store_shards told;    /* store_feed_tell */
        struct store_shards hinted;  /* to be looked at now */
        struct store_shards to_hint; /* by the others */
        struct list beginnings;
        bool cancelled;         /* nothing begins any more */
        bool looks;             /* the thread `store-read` is at it */
        pthread_cond_t changes; /* of the two before */
        int64_t look_at_ns;     /* at all that are told */

        /* The thread `store-read` alone. */
        struct feed_shard shards[STORE_SHARDS];
        struct store_cursor cursors[STORE_SHARDS]; /* of a look */
        struct store_rows rows;

        pthread_t thread; /* `store-hint` */
        void *hints;      /* the backend's */
        int waker;        /* an eventfd: there is something to hint, or it is over */
};

struct store_feed *store_feed_new(struct store *store)
{
        struct store_feed *feed;

        if (!store->backend->share || !store->options.found)
                return NULL;
        feed = mem_new(1, sizeof(*feed));
        feed->store = store;
        feed->rows = STORE_ROWS_INIT;
        list_init(&feed->beginnings);
        pthread_cond_init(&feed->changes, NULL);
        feed->waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        feed->hints = store->backend->open_hints(&store->options);
        return feed;
}

void store_feed_free(struct store_feed *feed)
{
        if (!feed)
                return;
        for (int shard = 0; shard < STORE_SHARDS; shard++)
                store_ids_deinit(&feed->shards[shard].known);
        store_rows_deinit(&feed->rows);
        feed->store->backend->close_hints(feed->hints);
        close(feed->waker);
        pthread_cond_destroy(&feed->changes);
        free(feed);
}

/* --- whose events are told ------------------------------------------------------------------ */

int store_feed_begin(struct store *store, const struct store_shards *shards)
{
        struct store_feed *feed = store->feed;
        struct beginning beginning = {.shards = *shards};

        if (!feed)
                return 0;
        pthread_mutex_lock(&store->mutex);
        list_push_back(&feed->beginnings, &beginning.node);
        feed->look_at_ns = 0;
        pthread_cond_signal(&store->reader_wakes);
        while (!beginning.over && !store->closing && !feed->cancelled)
                pthread_cond_wait(&feed->changes, &store->mutex);
        if (!beginning.over)
                list_remove(&feed->beginnings, &beginning.node);
        pthread_mutex_unlock(&store->mutex);
        return beginning.over ? 0 : STORE_E_CLOSED;
}

void store_feed_cancel(struct store *store)
{
        struct store_feed *feed = store->feed;

        if (!feed)
                return;
        pthread_mutex_lock(&store->mutex);
        feed->cancelled = true;
        pthread_cond_broadcast(&feed->changes);
        pthread_mutex_unlock(&store->mutex);
}

void store_feed_tell(struct store *store, const struct store_shards *shards)
{
        struct store_feed *feed = store->feed;

        if (!feed)
                return;
        pthread_mutex_lock(&store->mutex);
        store_shards_add_all(&feed->told, shards);
        store_shards_add_all(&feed->hinted, shards);
        pthread_cond_signal(&store->reader_wakes);
        pthread_mutex_unlock(&store->mutex);
}

void store_feed_end(struct store *store, const struct store_shards *shards)
{
        struct store_feed *feed = store->feed;

        if (!feed)
                return;
        pthread_mutex_lock(&store->mutex);
        store_shards_remove_all(&feed->told, shards);
        store_shards_remove_all(&feed->begun, shards);
        store_shards_remove_all(&feed->hinted, shards);
        while (feed->looks)
                pthread_cond_wait(&feed->changes, &store->mutex);
        pthread_mutex_unlock(&store->mutex);
}

/* --- looks ---------------------------------------------------------------------------------- */

int64_t store_feed_due_ns(const struct store_feed *feed)
{
        if (!feed)
                return 0;
        if (store_shards_count(&feed->hinted) > 0)
                return 1;
        if (list_is_empty(&feed->beginnings) && store_shards_count(&feed->told) == 0)
                return 0;
        return feed->look_at_ns > 0 ? feed->look_at_ns : 1;
}

static int compare_ids(const void *left, const void *right)
{
        int64_t difference =
                ((const struct store_event *)left)->id - ((const struct store_event *)right)->id;

        return (difference > 0) - (difference < 0);
}

/*
 * What was seen becomes known, and what was known goes, if it was not seen again: it is gone.
 * `rows` keeps what is new, in the order of the ids.
 */
static void learn(struct store_feed *feed, const struct store_look *look)
{
        struct store_rows *rows = &feed->rows;
        struct store_ids seen[STORE_SHARDS] = {{.ids = NULL}};
        size_t fresh = 0;

        for (size_t i = 0; i < rows->count; i++) {
                const struct store_event *event = &rows->events[i];
                int shard = store_shard_of(event->device);

                store_ids_add(&seen[shard], &event->id, 1);
                if (!store_ids_has(&feed->shards[shard].known, event->id))
                        rows->events[fresh++] = *event;
        }
        metrics_add(METRIC_FEED_AGAIN, (int64_t)(rows->count - fresh));
        rows->count = fresh;
        for (size_t i = 0; i < look->count; i++) {
                struct feed_shard *shard = &feed->shards[look->cursors[i].shard];
                struct store_ids *ids = &seen[look->cursors[i].shard];

                if (look->more)
                        store_ids_add(ids, shard->known.ids, shard->known.count);
                store_ids_deinit(&shard->known);
                shard->known = *ids;
                store_ids_sort(&shard->known);
                shard->position = look->next;
        }
        if (fresh > 0)
                qsort(rows->events, fresh, sizeof(*rows->events), compare_ids);
}

/* `more` is set if the look did not reach its end. */
static int look_at(struct store_feed *feed, const struct store_shards *shards, bool *more)
{
        struct store *store = feed->store;
        struct store_look look = {.cursors = feed->cursors, .maximum = LOOK_MAX};
        int result;

        store_shards_for_each (shard, shards) {
                look.maximum += feed->shards[shard].known.count;
                feed->cursors[look.count++] = (struct store_cursor){
                        .shard = shard, .position = feed->shards[shard].position};
        }
        store_rows_clear(&feed->rows);
        result = store->backend->look(store->reader, &look, store_rows_add_event, &feed->rows);
        *more = look.more;
        if (result == 0)
                learn(feed, &look);
        return result;
}

/* What is there already is known, and nobody is told. */
static int begin(struct store_feed *feed, const struct store_shards *shards)
{
        bool more;

        store_shards_for_each (shard, shards) {
                feed->shards[shard].position = 0;
                feed->shards[shard].known.count = 0;
        }
        return look_at(feed, shards, &more);
}

static void tell(struct store_feed *feed)
{
        const struct store_options *options = &feed->store->options;

        metrics_add(METRIC_FEED_NEW, (int64_t)feed->rows.count);
        for (size_t i = 0; i < feed->rows.count; i++)
                options->found(options->context, &feed->rows.events[i]);
}

static int run_beginnings(struct store_feed *feed)
{
        struct store *store = feed->store;
        struct store_shards set = store_shards_none();
        int result;

        pthread_mutex_lock(&store->mutex);
        list_for_each (node, &feed->beginnings)
                store_shards_add_all(&set, &list_entry(node, struct beginning, node)->shards);
        store_shards_remove_all(&set, &feed->begun);
        pthread_mutex_unlock(&store->mutex);
        result = store_shards_count(&set) > 0 ? begin(feed, &set) : 0;
        if (result != 0)
                return result;
        pthread_mutex_lock(&store->mutex);
        store_shards_add_all(&feed->begun, &set);
        list_for_each_safe (node, &feed->beginnings) {
                struct beginning *beginning = list_entry(node, struct beginning, node);
                struct store_shards rest = beginning->shards;

                store_shards_remove_all(&rest, &feed->begun);
                if (store_shards_count(&rest) > 0)
                        continue;
                list_remove(&feed->beginnings, node);
                beginning->over = true;
        }
        pthread_cond_broadcast(&feed->changes);
        pthread_mutex_unlock(&store->mutex);
        return 0;
}

/* Which shards are to be looked at now; store_feed_end waits from here on. */
static struct store_shards choose(struct store_feed *feed)
{
        struct store *store = feed->store;
        int64_t now_ns = clock_steady_ns();
        struct store_shards set;

        pthread_mutex_lock(&store->mutex);
        set = feed->hinted;
        if (now_ns >= feed->look_at_ns) {
                set = feed->told;
                feed->look_at_ns = now_ns + LOOK_NS;
        }
        store_shards_remove_all(&feed->hinted, &set);
        feed->looks = true;
        pthread_mutex_unlock(&store->mutex);
        return set;
}

void store_feed_run(struct store_feed *feed)
{
        struct store *store = feed->store;
        struct store_shards set;
        bool more = false;
        int result;

        set = choose(feed);
        result = run_beginnings(feed);
        if (result == 0 && store_shards_count(&set) > 0)
                result = look_at(feed, &set, &more);
        if (result == 0 && store_shards_count(&set) > 0)
                tell(feed);
        if (result != 0)
                log_debug("STORE_FEED_AWAY", "What is new in the store can't be read yet",
                          LOG_INT("result", result), LOG_END);
        pthread_mutex_lock(&store->mutex);
        if (result == 0 && more)
                store_shards_add_all(&feed->hinted, &set);
        feed->looks = false;
        pthread_cond_broadcast(&feed->changes);
        pthread_mutex_unlock(&store->mutex);
}

void store_feed_know(struct store_feed *feed, const struct store_event *events, size_t count)
{
        struct store_ids *known;

        if (!feed || count == 0)
                return;
        known = &feed->shards[store_shard_of(events[0].device)].known;
        for (size_t i = 0; i < count; i++)
                store_ids_add(known, &events[i].id, 1);
        store_ids_sort(known);
}

/* --- hints ---------------------------------------------------------------------------------- */

static void note_put(struct store_shards *set, const struct store_put *put)
{
        for (size_t i = 0; i < put->count; i++) {
                if (put->events[i].id != 0)
                        store_shards_add(set, store_shard_of(put->events[i].device));
        }
}

static void note_task(struct store_shards *set, const struct store_task *task)
{
        if (task->put)
                note_put(set, task->put);
        for (size_t i = 0; i < task->rows.count; i++)
                store_shards_add(set, store_shard_of(task->rows.events[i].device));
}

static void wake_hints(struct store_feed *feed)
{
        (void)!eventfd_write(feed->waker, 1);
}

void store_feed_note(struct store_feed *feed, const struct store_part *part)
{
        struct store *store = feed->store;
        struct store_shards own = store_shards_none();
        struct store_shards others;

        list_for_each (node, &part->puts)
                note_put(&own, list_entry(node, struct store_put, node));
        list_for_each (node, &part->tasks)
                note_task(&own, list_entry(node, struct store_task, node));
        others = own;
        pthread_mutex_lock(&store->mutex);
        store_shards_remove_all(&others, &feed->told);
        store_shards_remove_all(&own, &others);
        store_shards_add_all(&feed->hinted, &own);
        store_shards_add_all(&feed->to_hint, &others);
        if (store_shards_count(&own) > 0)
                pthread_cond_signal(&store->reader_wakes);
        pthread_mutex_unlock(&store->mutex);
        if (store_shards_count(&others) > 0)
                wake_hints(feed);
}

/* With the mutex held: what the others have hinted. */
static void take_hints(struct store_feed *feed, const struct store_shards *heard)
{
        struct store_shards told = *heard;

        store_shards_keep_all(&told, &feed->told);
        store_shards_add_all(&feed->hinted, &told);
        if (store_shards_count(&feed->hinted) > 0)
                pthread_cond_signal(&feed->store->reader_wakes);
}

static void *run_hints(void *context)
{
        struct store_feed *feed = context;
        struct store *store = feed->store;
        const struct store_backend *backend = store->backend;
        struct store_shards heard = store_shards_none();
        int64_t next_ns = 0;

        thread_enter(STORE_THREAD_HINT);
        for (;;) {
                struct store_shards to_hint = store_shards_none();
                int64_t now_ns = clock_steady_ns();
                bool closing;
                bool waits;

                pthread_mutex_lock(&store->mutex);
                take_hints(feed, &heard);
                closing = store->closing;
                waits = now_ns < next_ns && store_shards_count(&feed->to_hint) > 0;
                if (!waits) {
                        to_hint = feed->to_hint;
                        feed->to_hint = store_shards_none();
                }
                pthread_mutex_unlock(&store->mutex);
                if (closing)
                        return NULL;
                if (store_shards_count(&to_hint) > 0) {
                        backend->hint(feed->hints, &to_hint);
                        next_ns = now_ns + HINT_NS;
                }
                heard = store_shards_none();
                backend->hear(feed->hints, feed->waker, waits ? next_ns - now_ns : LOOK_NS, &heard);
        }
}

void store_feed_start(struct store_feed *feed)
{
        if (feed)
                thread_start(&feed->thread, run_hints, feed);
}

void store_feed_stop(struct store_feed *feed)
{
        if (!feed)
                return;
        wake_hints(feed);
        pthread_cond_broadcast(&feed->changes);
        pthread_join(feed->thread, NULL);
}
