// SPDX-License-Identifier: MIT
/*
 * The thread `store`: all writing, in transactions that many share (group commit).
 *
 * Laws:
 *   - what came while a transaction was being written goes into the next one, together;
 *   - a put is answered after the commit that holds it, and only this thread answers;
 *   - done, dead and the like wait up to 100 ms for company, then go without a sync of
 *     their own; they are never lost while the process lives: what fails is tried again;
 *   - puts are refused when there is no room, settling is not;
 *   - dead letters give way when they are too old or too many, whoever else needs room.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/thread.h"
#include "store/store_feed.h"
#include "store/store_part.h"
#include "store/store_spill.h"
#include "store/store_wait.h"

#define TRY_AGAIN_NS CLOCK_NS_PER_S
#define TRIM_NS      (60 * CLOCK_NS_PER_S)

/* When closing, what can't be written is given up after so many tries. */
#define CLOSING_TRIES 3

/* --- answering --------------------------------------------------------------------------- */

static void count_refused(int result)
{
        if (result == STORE_E_SHARE)
                metrics_add(METRIC_STORE_REFUSED_SHARE, 1);
        else if (result == STORE_E_FULL)
                metrics_add(METRIC_STORE_REFUSED_FULL, 1);
        else if (result < 0 || result == STORE_E_AWAY)
                metrics_add(METRIC_STORE_REFUSED_FAILED, 1);
}

static void answer_puts(struct list *puts, int result)
{
        struct list_node *node;

        while ((node = list_pop_front(puts))) {
                struct store_put *put = list_entry(node, struct store_put, node);

                count_refused(result);
                put->done(put, result);
        }
}

static void answer_writes(struct list *writes, int result)
{
        struct list_node *node;

        while ((node = list_pop_front(writes))) {
                struct store_write *write = list_entry(node, struct store_write, node);

                if (write->done)
                        write->done(write,
                                    result == 0 && write->record.fenced ? STORE_E_FENCED : result);
        }
}

void store_writer_refuse_late(struct store_work *work)
{
        answer_puts(&work->late, STORE_E_CLOSED);
        answer_writes(&work->late_writes, STORE_E_CLOSED);
}

/* --- what comes of it -------------------------------------------------------------------- */

/* Puts them back where they came from, to the front. */
static void put_back(struct list *list, struct list *first)
{
        list_splice_back(first, list);
        list_splice_back(list, first);
}

/* After a commit: ends the tasks that are done. One that has more lets the others go first. */
static void finish_tasks(struct store *store, struct store_part *part)
{
        struct list_node *node;

        while ((node = list_pop_front(&part->tasks))) {
                if (store_task_committed(store, list_entry(node, struct store_task, node)))
                        list_push_back(&store->work.tasks, node);
        }
        pthread_mutex_lock(&store->mutex);
        if (!store_work_has_settling(&store->work))
                store->committing.count = 0;
        pthread_mutex_unlock(&store->mutex);
}

void store_show_totals(const struct store *store)
{
        if (store->options.is_spill)
                return;
        metrics_set(METRIC_STORE_EVENTS, store->state.events);
        metrics_set(METRIC_STORE_DEAD, store->state.dead_letters);
        metrics_set(METRIC_STORE_BYTES, store->state.bytes);
        metrics_set(METRIC_STORE_DEAD_BYTES, store->state.dead_bytes);
}

static void count_totals(struct store *store, const struct store_counts *counts)
{
        struct store_state *state = &store->state;

        pthread_mutex_lock(&store->mutex);
        state->events += counts->events;
        state->bytes += counts->bytes;
        state->dead_letters += counts->dead_letters;
        state->dead_bytes += counts->dead_bytes;
        pthread_mutex_unlock(&store->mutex);
}

static void count_part(struct store *store, const struct store_part *part)
{
        struct store_state *state = &store->state;
        int64_t oldest_ns = store->backend->oldest_ns(store->writer);

        pthread_mutex_lock(&store->mutex);
        state->oldest_ns = oldest_ns;
        pthread_mutex_unlock(&store->mutex);
        if (store->options.is_spill)
                return;
        store_show_totals(store);
        metrics_add(METRIC_STORE_COMMITS, 1);
        metrics_add(METRIC_EVENT_STORED, part->stored);
        metrics_add(METRIC_EVENT_DUPLICATE, part->duplicates);
}

static void set_full(struct store *store, bool full)
{
        pthread_mutex_lock(&store->mutex);
        store->state.full = full;
        pthread_mutex_unlock(&store->mutex);
}

/* Says once that the bound is reached, and once that there is room again. */
static void set_bounded(struct store *store, bool bounded)
{
        set_full(store, bounded);
        if (bounded == store->bounded)
                return;
        store->bounded = bounded;
        if (bounded)
                log_warn("STORE_FULL", "The store is full; new events are refused",
                         LOG_INT("bytes", store->state.bytes),
                         LOG_INT("maximum_bytes", store->options.maximum_bytes), LOG_END);
        else
                log_info("STORE_HAS_ROOM", "The store takes new events again",
                         LOG_INT("bytes", store->state.bytes), LOG_END);
}

/* Whoever waits for room doesn't send, so the room must be seen without a put: a sixteenth. */
static bool has_room(const struct store *store)
{
        return store->state.bytes <=
               store->options.maximum_bytes - store->options.maximum_bytes / 16;
}

/* What the trouble was before. */
static void log_trouble(const struct store *store, enum store_trouble before, int result)
{
        if (store->trouble == STORE_TROUBLE_AWAY)
                log_error("STORE_AWAY", "The connection to the store is lost",
                          LOG_TEXT("place", store->place), LOG_END);
        else if (store->trouble == STORE_TROUBLE_NONE && before == STORE_TROUBLE_AWAY)
                log_info("STORE_BACK", "The store is there again", LOG_TEXT("place", store->place),
                         LOG_END);
        else if (store->trouble == STORE_TROUBLE_FULL)
                log_error("STORE_DISK_FULL",
                          "The disk is full; new events are refused, stored ones go on being sent",
                          LOG_TEXT("place", store->place), LOG_END);
        else if (store->trouble == STORE_TROUBLE_BROKEN)
                log_error("STORE_DISK_FAILED", "The store can't be written; new events are refused",
                          LOG_TEXT("place", store->place),
                          LOG_TEXT("reason", result < 0 ? strerror(-result) : "damaged"), LOG_END);
        else
                log_info("STORE_DISK_WORKS", "The store can be written again",
                         LOG_TEXT("place", store->place), LOG_END);
}

static void set_trouble(struct store *store, enum store_trouble trouble, int result)
{
        enum store_trouble before = store->trouble;

        if (trouble == before)
                return;
        store->trouble = trouble;
        pthread_mutex_lock(&store->mutex);
        store->state.away = trouble == STORE_TROUBLE_AWAY;
        pthread_mutex_unlock(&store->mutex);
        log_trouble(store, before, result);
}

static enum store_trouble trouble_of(int result)
{
        if (result == STORE_E_FULL)
                return STORE_TROUBLE_FULL;
        return result == STORE_E_AWAY ? STORE_TROUBLE_AWAY : STORE_TROUBLE_BROKEN;
}

/* Puts are refused from now on; says why when that is new. */
static void note_failure(struct store *store, int result)
{
        set_trouble(store, trouble_of(result), result);
        set_full(store, result != STORE_E_AWAY || !store->spill);
        store->room_again_ns = clock_steady_ns() + TRY_AGAIN_NS;
        if (result == STORE_E_FULL && store->backend->use_reserve)
                store->backend->use_reserve(store->writer);
}

/* What callers may be answered. */
static int public_result(int result)
{
        return result == STORE_E_FULL || result == STORE_E_AWAY || result < 0 ? result : -EIO;
}

/* The transaction of these puts failed, or none is tried. */
static void turn_away(struct store *store, struct list *puts, int result)
{
        if (result == STORE_E_AWAY && store->spill)
                store_spill_begin(store, puts);
        else
                answer_puts(puts, result);
}

/* Names the devices that hold more than their share, each of them now and then. */
static void tell_greedy(struct store *store, const struct list *greedy)
{
        int64_t now_ns = list_is_empty(greedy) ? 0 : clock_steady_ns();

        list_for_each (node, greedy) {
                const char *device = list_entry(node, struct store_put, node)->events[0].device;

                if (!store_quotas_tell(&store->quotas, device, now_ns))
                        continue;
                log_warn("STORE_SHARE_USED",
                         "A device holds its share of the store; its new events are refused",
                         LOG_TEXT("device", device),
                         LOG_INT("device_bytes", store_quotas_held(&store->quotas, device)),
                         LOG_INT("bytes", store->state.bytes),
                         LOG_INT("maximum_bytes", store->options.maximum_bytes), LOG_END);
        }
}

static void forget_ids(struct store_put *put)
{
        for (size_t i = 0; i < put->count; i++)
                put->events[i].id = 0;
}

/* With a feed, all events come by it. */
static void note_new(struct store *store, struct store_part *part)
{
        if (!store->feed)
                return;
        store_feed_note(store->feed, part);
        list_for_each (node, &part->puts)
                forget_ids(list_entry(node, struct store_put, node));
        list_for_each (node, &part->tasks) {
                struct store_task *task = list_entry(node, struct store_task, node);

                if (task->put)
                        forget_ids(task->put);
                task->rows.count = 0;
        }
}

static bool others_may_have_changed(const struct store *store)
{
        return store->options.shared && clock_steady_ns() >= store->count_at_ns;
}

/* Replayed events are told of before new ones, as their ids are. */
static void finish_part(struct store *store, struct store_part *part)
{
        store_ids_remove_first(&store->work.done, part->done_count);
        if (part->change.recount || store->uncounted || others_may_have_changed(store))
                store_count_anew(store);
        else
                count_totals(store, &part->change.counts);
        count_part(store, part);
        note_new(store, part);
        finish_tasks(store, part);
        if (!list_is_empty(&part->puts) || !list_is_empty(&part->refused))
                set_bounded(store, !list_is_empty(&part->refused));
        else if (store->bounded && has_room(store))
                set_bounded(store, false);
        tell_greedy(store, &part->greedy);
        answer_puts(&part->puts, 0);
        answer_puts(&part->refused, STORE_E_FULL);
        answer_puts(&part->greedy, STORE_E_SHARE);
        answer_writes(&part->writes, 0);
}

/*
 * The transaction failed: its puts are refused; the rest goes back, to be tried at once in smaller
 * transactions without puts. False if that is what has failed now: it has to wait.
 */
static bool take_back(struct store *store, struct store_part *part, int result)
{
        bool has_to_wait = store->trouble != STORE_TROUBLE_NONE && list_is_empty(&part->puts);

        note_failure(store, result);
        list_splice_back(&part->puts, &part->refused);
        list_splice_back(&part->puts, &part->greedy);
        turn_away(store, &part->puts, public_result(result));
        if (has_to_wait) {
                store_tasks_refuse_letters(&part->tasks, public_result(result));
                answer_writes(&part->writes, public_result(result));
                store->settle_again_ns = clock_steady_ns() + TRY_AGAIN_NS;
        } else {
                put_back(&store->work.writes, &part->writes);
        }
        put_back(&store->work.tasks, &part->tasks);
        return !has_to_wait;
}

/* --- the thread -------------------------------------------------------------------------- */

/* Can something be written and synced? */
static int probe(struct store *store)
{
        const struct store_backend *backend = store->backend;
        int64_t now_ms = clock_wall_ms();
        struct store_record record = {
                .kind = "store", .key = "probe", .value = &now_ms, .value_size = sizeof(now_ms)};
        struct store_change change = {.quotas = NULL};
        int result = backend->begin(store->writer, true);

        if (result == 0)
                result = backend->write(store->writer, &record);
        if (result == 0)
                result = backend->commit(store->writer, &change);
        if (result)
                backend->rollback(store->writer);
        else if (change.recount)
                store_count_anew(store);
        return result;
}

static int make_room(struct store *store)
{
        return store->backend->make_room ? store->backend->make_room(store->writer) : 0;
}

/* In trouble the way back is looked for once a second; puts are taken again when it is found. */
static void seek_way_back(struct store *store)
{
        if (store->trouble == STORE_TROUBLE_NONE || clock_steady_ns() < store->room_again_ns)
                return;
        store->room_again_ns = clock_steady_ns() + TRY_AGAIN_NS;
        if (make_room(store) != 0 || probe(store) != 0)
                return;
        set_trouble(store, STORE_TROUBLE_NONE, 0);
        set_full(store, store->bounded);
}

/* --- dead letters that give way ----------------------------------------------------------- */

static void tell_dropped(struct store *store)
{
        if (store->dropped == 0)
                return;
        log_warn("DEAD_LETTERS_DROPPED", "Dead letters gave way: too old, or too many",
                 LOG_INT("count", store->dropped), LOG_INT("bytes", store->state.dead_bytes),
                 LOG_INT("maximum_bytes", store->options.dead_letter_bytes), LOG_END);
        store->dropped = 0;
}

/* Of several processes that share a store one removes what has expired. */
static bool tidies(const struct store *store)
{
        return store_may_act(store, STORE_SHARE_UPKEEP);
}

/* Adds the task that drops them if that is due; once a minute their age is looked at. */
static void plan_trim(struct store *store)
{
        bool too_many = store->options.dead_letter_bytes > 0 &&
                        store->state.dead_bytes > store->options.dead_letter_bytes;
        int64_t now_ns = clock_steady_ns();
        bool due = now_ns >= store->trim_at_ns;

        if (due) {
                tell_dropped(store);
                store->trim_at_ns = store->state.dead_letters > 0 ? now_ns + TRIM_NS : 0;
                due = store->options.dead_letter_ms > 0;
        }
        if (store->state.dead_letters > 0 && (too_many || due) &&
            list_is_empty(&store->work.tasks) && tidies(store))
                list_push_back(&store->work.tasks, &store_task_new(STORE_TASK_TRIM, 0, 0)->node);
}

static bool work_is_done(const struct store_work *work)
{
        return list_is_empty(&work->puts) && list_is_empty(&work->writes) &&
               !store_work_has_settling(work);
}

static void take_care(struct store *store)
{
        int64_t again_ms = 0;
        int result = store->backend->care(store->writer, tidies(store), &again_ms);

        store->care_at_ns = again_ms > 0 ? clock_steady_ns() + again_ms * CLOCK_NS_PER_MS : 0;
        if (result)
                note_failure(store, result);
}

/* Nothing is to be written. */
static void rest(struct store *store)
{
        take_care(store);
        if (store->trouble == STORE_TROUBLE_NONE && others_may_have_changed(store)) {
                store_count_anew(store);
                store_show_totals(store);
        }
}

/* Nobody waits for what is left, and it failed a moment ago. */
static bool is_for_later(const struct store *store)
{
        return list_is_empty(&store->work.puts) && list_is_empty(&store->work.writes) &&
               !store->work_is_last && clock_steady_ns() < store->settle_again_ns;
}

/* What a put is answered meanwhile. */
static const int trouble_results[] = {
        [STORE_TROUBLE_FULL] = STORE_E_FULL,
        [STORE_TROUBLE_BROKEN] = -EIO,
        [STORE_TROUBLE_AWAY] = STORE_E_AWAY,
};

/* Writes all there is; false if something is left for later because the disk refuses. */
static bool write_work(struct store *store)
{
        store_ids_sort(&store->work.done);
        while (!work_is_done(&store->work)) {
                struct store_part part;
                int result;

                if (store->trouble != STORE_TROUBLE_NONE)
                        turn_away(store, &store->work.puts, trouble_results[store->trouble]);
                if (is_for_later(store))
                        return false;
                store_part_select(store, &part);
                result = store_part_run(store, &part);
                if (result == 0)
                        finish_part(store, &part);
                else if (!take_back(store, &part, result))
                        return false;
                plan_trim(store);
                take_care(store);
        }
        return true;
}

static void give_up(struct store *store)
{
        if (store_work_has_settling(&store->work))
                log_error("STORE_UNSETTLED",
                          "The disk refused the last changes; some events will be sent again",
                          LOG_TEXT("place", store->place),
                          LOG_INT("events", store->work.done.count), LOG_END);
        store_tasks_refuse(&store->work.tasks, -EIO);
        store->work.done.count = 0;
}

void *store_writer_run(void *context)
{
        struct store *store = context;
        int failures = 0;

        thread_enter(STORE_THREAD_WRITER);
        if (make_room(store) != 0)
                note_failure(store, STORE_E_FULL);
        store->trim_at_ns = clock_steady_ns();
        while (store_wait_for_work(store)) {
                store_writer_refuse_late(&store->work);
                seek_way_back(store);
                if (store->spill && store->trouble == STORE_TROUBLE_NONE)
                        store_spill_move(store);
                plan_trim(store);
                if (work_is_done(&store->work))
                        rest(store);
                else if (!write_work(store) && store->work_is_last && ++failures == CLOSING_TRIES)
                        give_up(store);
        }
        tell_dropped(store);
        return NULL;
}
