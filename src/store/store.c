// SPDX-License-Identifier: MIT
/* What callers call: opening, closing, and handing things to the two threads. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "store/store_feed.h"
#include "store/store_spill.h"
#include "store/store_task.h"

/* What others change of a shared store is counted so often, and for no more than such a part of the
 * time. */
#define COUNT_NS    (30 * CLOCK_NS_PER_S)
#define COUNT_SHARE 50

/* One line per backend. */
const struct store_backend *const store_backends[] = {
        &store_backend_sqlite,
#ifdef ISTHMUS_POSTGRESQL
        &store_backend_postgresql,
#endif
        NULL,
};

/* --- opening and closing ----------------------------------------------------------------- */

const struct store_backend *store_backend_find(const char *name, struct reason *reason)
{
        for (size_t i = 0; store_backends[i]; i++) {
                if (text_equal(store_backends[i]->name, name))
                        return store_backends[i];
        }
        reason_set(reason, "there is no store of the kind '%s' in this program; use 'sqlite'",
                   name ? name : "");
        return NULL;
}

static void init_conditions(struct store *store)
{
        condition_init(&store->writer_wakes);
        condition_init(&store->reader_wakes);
        pthread_mutex_init(&store->mutex, NULL);
}

static void work_init(struct store_work *work)
{
        list_init(&work->puts);
        list_init(&work->writes);
        list_init(&work->tasks);
        list_init(&work->late);
        list_init(&work->late_writes);
}

static struct store *store_new(const struct store_options *options,
                               const struct store_backend *backend)
{
        struct store *store = mem_new(1, sizeof(*store));

        store->backend = backend;
        store->options = *options;
        store->options.backend = backend->name;
        store->options.directory = mem_text(options->directory);
        store->options.spill_directory = mem_text(options->spill_directory);
        store->place = backend->place(&store->options);
        store_quotas_init(&store->quotas);
        work_init(&store->inbox);
        work_init(&store->work);
        list_init(&store->takes);
        store->gather = 1;
        init_conditions(store);
        return store;
}

static void store_free(struct store *store)
{
        store_share_close(store);
        store_spill_close(store->spill);
        store_feed_free(store->feed);
        if (store->reader)
                store->backend->close_reader(store->reader);
        if (store->writer)
                store->backend->close(store->writer);
        pthread_cond_destroy(&store->writer_wakes);
        pthread_cond_destroy(&store->reader_wakes);
        pthread_mutex_destroy(&store->mutex);
        store_quotas_deinit(&store->quotas);
        store_ids_deinit(&store->inbox.done);
        store_ids_deinit(&store->work.done);
        store_ids_deinit(&store->leaving);
        store_ids_deinit(&store->committing);
        free(store->place);
        free((char *)(uintptr_t)store->options.directory);
        free((char *)(uintptr_t)store->options.spill_directory);
        free(store);
}

static int read_counts(struct store *store, void *reader, struct reason *reason)
{
        struct store_counts counts = {.events = 0};
        int result = store->backend->count(reader, &counts);

        if (result) {
                reason_set(reason, "%s: the events in the store can't be counted", store->place);
                return result;
        }
        pthread_mutex_lock(&store->mutex);
        store->state.events = counts.events;
        store->state.bytes = counts.bytes;
        store->state.dead_letters = counts.dead_letters;
        store->state.dead_bytes = counts.dead_bytes;
        pthread_mutex_unlock(&store->mutex);
        return 0;
}

static void note_share(void *context, const struct store_device *device)
{
        struct store *store = context;

        store_quotas_add(&store->quotas, device->name, device->bytes);
}

static int read_quotas(struct store *store, void *reader)
{
        int result = 0;

        if (store->options.maximum_bytes > 0)
                result = store->backend->devices(reader, NULL, note_share, store);
        store_quotas_keep(&store->quotas);
        return result;
}

void store_count_anew(struct store *store)
{
        int64_t began_ns = clock_steady_ns();
        void *reader = NULL;
        int result = store->backend->open_reader(&store->options, &reader, NULL);

        if (result == 0)
                result = read_counts(store, reader, NULL);
        if (result == 0) {
                store_quotas_deinit(&store->quotas);
                store_quotas_init(&store->quotas);
                result = read_quotas(store, reader);
        }
        if (reader)
                store->backend->close_reader(reader);
        store->uncounted = result != 0;
        store->count_at_ns =
                clock_steady_ns() + COUNT_NS + COUNT_SHARE * (clock_steady_ns() - began_ns);
}

static int open_parts(struct store *store, struct reason *reason)
{
        int result = store->backend->open(&store->options, &store->writer, reason);

        if (result == 0)
                result = store->backend->open_reader(&store->options, &store->reader, reason);
        if (result == 0)
                result = read_counts(store, store->reader, reason);
        if (result == 0)
                result = read_quotas(store, store->reader);
        if (result == 0 && store->options.spill_directory)
                result = store_spill_open(store, reason);
        if (result == 0) {
                store->feed = store_feed_new(store);
                store->part_bytes = store->backend->part_bytes(store->writer);
                store->state.oldest_ns = store->backend->oldest_ns(store->writer);
        }
        return result;
}

int store_open(const struct store_options *options, struct store **store, struct reason *reason)
{
        const struct store_backend *backend = store_backend_find(options->backend, reason);
        struct store *made;
        int result;

        if (!backend)
                return -EINVAL;
        made = store_new(options, backend);
        result = open_parts(made, reason);
        if (result) {
                store_free(made);
                return result;
        }
        store_share_open(made);
        store_show_totals(made);
        log_info("STORE_OPENED", "The store is open", LOG_TEXT("place", made->place),
                 LOG_INT("events", made->state.events),
                 LOG_INT("dead_letters", made->state.dead_letters),
                 LOG_INT("bytes", made->state.bytes), LOG_END);
        thread_start(&made->writer_thread, store_writer_run, made);
        thread_start(&made->reader_thread, store_reader_run, made);
        store_feed_start(made->feed);
        *store = made;
        return 0;
}

int store_open_to_read(const struct store_options *options, struct store **store,
                       struct reason *reason)
{
        const struct store_backend *backend = store_backend_find(options->backend, reason);
        struct store *made;
        void *reader = NULL;
        int result;

        if (!backend)
                return -EINVAL;
        made = store_new(options, backend);
        made->read_only = true;
        result = backend->open_reader(&made->options, &reader, reason);
        if (result == 0)
                result = read_counts(made, reader, reason);
        if (reader)
                backend->close_reader(reader);
        if (result) {
                store_free(made);
                return result;
        }
        *store = made;
        return 0;
}

bool store_is_shared(const struct store *store)
{
        return store->options.shared && store->backend->share;
}

int store_migrate(const struct store_options *options, const struct store_owner *owner,
                  struct reason *reason)
{
        const struct store_backend *backend = store_backend_find(options->backend, reason);

        if (!backend)
                return -EINVAL;
        if (!backend->migrate) {
                reason_set(reason,
                           "a store of the kind '%s' needs no migration: it is made, and "
                           "brought to this program's version, at the gateway's start",
                           backend->name);
                return -EINVAL;
        }
        return backend->migrate(options, owner, reason);
}

void store_close(struct store *store)
{
        if (!store)
                return;
        if (!store->read_only) {
                pthread_mutex_lock(&store->mutex);
                store->closing = true;
                pthread_cond_signal(&store->writer_wakes);
                pthread_cond_signal(&store->reader_wakes);
                pthread_mutex_unlock(&store->mutex);
                pthread_join(store->writer_thread, NULL);
                pthread_join(store->reader_thread, NULL);
                store_feed_stop(store->feed);
                /* What came while the threads were ending. */
                store_writer_refuse_late(&store->inbox);
                store_tasks_refuse(&store->inbox.tasks, STORE_E_CLOSED);
                store_takes_refuse(&store->takes);
                store_share_close(store);
                log_info("STORE_CLOSED", "The store is closed", LOG_TEXT("place", store->place),
                         LOG_INT("events", store->state.events), LOG_END);
        }
        store_free(store);
}

/* --- handing over ------------------------------------------------------------------------ */

int64_t store_event_size(const struct store_event *event)
{
        /* The device stands in the row and in the index; 64 is about what both cost besides. */
        return (int64_t)(event->record_size + 2 * strlen(event->device) +
                         strlen(event->message_id) + 64);
}

void store_change_add_event(struct store_change *change, const char *device, int64_t size)
{
        change->counts.events++;
        change->counts.bytes += size;
        if (change->quotas)
                store_quotas_add(change->quotas, device, size);
}

void store_change_take_event(struct store_change *change, const char *device, int64_t size)
{
        change->counts.events--;
        change->counts.bytes -= size;
        if (change->quotas)
                store_quotas_add(change->quotas, device, -size);
}

/* Called with the mutex held: somebody waits for what was handed over. */
static void wake_now(struct store *store)
{
        store->awaited++;
        if (store->writer_waits &&
            (store->pause_ns ? store->awaited == 1 : store->awaited >= store->gather))
                pthread_cond_signal(&store->writer_wakes);
}

void store_hold_back(struct store *store, int64_t pause_ms)
{
        pthread_mutex_lock(&store->mutex);
        store->pause_ns = pause_ms * CLOCK_NS_PER_MS;
        if (store->writer_waits && store->awaited > 0)
                pthread_cond_signal(&store->writer_wakes);
        pthread_mutex_unlock(&store->mutex);
}

/* Called with the mutex held: it may wait a little for company. */
static void wake_later(struct store *store)
{
        if (store->lazy_since_ns)
                return;
        store->lazy_since_ns = clock_steady_ns();
        if (store->writer_waits)
                pthread_cond_signal(&store->writer_wakes);
}

static void hand_over_task(struct store *store, struct store_task *task)
{
        pthread_mutex_lock(&store->mutex);
        list_push_back(&store->inbox.tasks, &task->node);
        if (task->kind == STORE_TASK_DEAD)
                store_ids_add(&store->leaving, &task->id, 1);
        if (store_task_is_durable(task))
                wake_now(store);
        else
                wake_later(store);
        pthread_mutex_unlock(&store->mutex);
}

void store_put(struct store *store, struct store_put *put)
{
        if (put->owed) {
                struct store_task *task = store_task_new(STORE_TASK_PUT, 0, 0);

                task->put = put;
                hand_over_task(store, task);
                return;
        }
        pthread_mutex_lock(&store->mutex);
        if (!store->closing && store_spill_claim(store->spill)) {
                pthread_mutex_unlock(&store->mutex);
                store_spill_put(store->spill, put);
                return;
        }
        if (store->closing)
                list_push_back(&store->inbox.late, &put->node);
        else
                list_push_back(&store->inbox.puts, &put->node);
        wake_now(store);
        pthread_mutex_unlock(&store->mutex);
}

/* Under which the caller has the device: what comes of it later is not its. */
static void note_epoch(struct store *store, struct store_record *record)
{
        record->epoch = STORE_NO_EPOCH;
        if (store_is_shared(store) && record->device)
                record->epoch = store_share_epoch(store, store_shard_of(record->device));
}

void store_write(struct store *store, struct store_write *write)
{
        note_epoch(store, &write->record);
        pthread_mutex_lock(&store->mutex);
        if (store->closing)
                list_push_back(&store->inbox.late_writes, &write->node);
        else
                list_push_back(&store->inbox.writes, &write->node);
        wake_now(store);
        pthread_mutex_unlock(&store->mutex);
}

void store_take(struct store *store, struct store_take *take)
{
        pthread_mutex_lock(&store->mutex);
        list_push_back(&store->takes, &take->node);
        pthread_cond_signal(&store->reader_wakes);
        pthread_mutex_unlock(&store->mutex);
}

void store_done(struct store *store, int64_t id)
{
        pthread_mutex_lock(&store->mutex);
        store_ids_add(&store->inbox.done, &id, 1);
        store_ids_add(&store->leaving, &id, 1);
        wake_later(store);
        pthread_mutex_unlock(&store->mutex);
}

void store_dead(struct store *store, int64_t id, const char *reason)
{
        size_t size = strlen(reason) + 1;
        struct store_task *task = store_task_new(STORE_TASK_DEAD, id, size);

        memcpy(task->texts, reason, size);
        hand_over_task(store, task);
}

static void change_letters(struct store *store, enum store_task_kind kind,
                           struct store_letters *letters)
{
        struct store_task *task = store_task_new(kind, 0, 0);

        task->letters = letters;
        hand_over_task(store, task);
}

void store_dead_replay(struct store *store, struct store_letters *letters)
{
        change_letters(store, STORE_TASK_REPLAY, letters);
}

void store_dead_drop(struct store *store, struct store_letters *letters)
{
        change_letters(store, STORE_TASK_DROP, letters);
}

static size_t text_size(const char *text)
{
        return text ? strlen(text) + 1 : 0;
}

/* The text behind the others, which end at `*used`. */
static const char *keep_text(struct store_task *task, size_t *used, const char *text)
{
        size_t size = text_size(text);
        char *kept = task->texts + *used;

        if (!text)
                return NULL;
        memcpy(kept, text, size);
        *used += size;
        return kept;
}

static struct store_task *record_task(struct store *store, enum store_task_kind kind,
                                      const struct store_record *record)
{
        struct store_task *task =
                store_task_new(kind, 0,
                               text_size(record->kind) + text_size(record->key) +
                                       text_size(record->device) + record->value_size);
        size_t used = 0;

        task->record = *record;
        task->record.kind = keep_text(task, &used, record->kind);
        task->record.key = keep_text(task, &used, record->key);
        task->record.device = keep_text(task, &used, record->device);
        if (record->value)
                task->record.value = memcpy(task->texts + used, record->value, record->value_size);
        note_epoch(store, &task->record);
        return task;
}

void store_write_copy(struct store *store, const struct store_record *record)
{
        hand_over_task(store, record_task(store, STORE_TASK_WRITE, record));
}

/* --- claims ------------------------------------------------------------------------------ */

void store_claim(struct store *store, struct store_claim *claim)
{
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;
        struct store_task *task;

        buf_add_text(&value, claim->device);
        if (claim->template)
                buf_add_format(&value, "\n%s", claim->template);
        task = record_task(
                store, STORE_TASK_CLAIM,
                &(struct store_record){.kind = claim->kind,
                                       .key = claim->identity,
                                       .device = claim->lane ? claim->lane : claim->device,
                                       .value = value.data,
                                       .value_size = value.size});
        task->claim = claim;
        hand_over_task(store, task);
}

void store_claim_release(struct store *store, const char *kind, const char *identity,
                         const char *device)
{
        hand_over_task(store, record_task(store, STORE_TASK_RELEASE,
                                          &(struct store_record){.kind = kind,
                                                                 .key = identity,
                                                                 .device = device,
                                                                 .value = device,
                                                                 .value_size = strlen(device)}));
}

/* --- state ------------------------------------------------------------------------------- */

void store_get_state(struct store *store, struct store_state *state)
{
        pthread_mutex_lock(&store->mutex);
        *state = store->state;
        pthread_mutex_unlock(&store->mutex);
        if (store->spill) {
                bool full;

                state->spilled = store_spill_held(store, &full);
                state->full = state->full || full;
        }
}

int64_t store_state_age_s(const struct store_state *state)
{
        int64_t age_ns = state->oldest_ns > 0 ? clock_wall_ns() - state->oldest_ns : 0;

        return age_ns > 0 ? age_ns / CLOCK_NS_PER_S : 0;
}
