// SPDX-License-Identifier: MIT
#include "store/store_part.h"

/* One transaction is kept smaller than this, so that the log stays bounded. */
#define PART_IDS   4096
#define PART_TASKS 256

/* With little room they are smaller still: each must fit into the reserve. */
#define PART_IDS_TIGHT   16
#define PART_TASKS_TIGHT 16

static size_t put_size(const struct store_put *put)
{
        size_t size = 0;

        for (size_t i = 0; i < put->count; i++)
                size += (size_t)store_event_size(&put->events[i]);
        return size;
}

/* Moves the first ones of `from` to `to` until they have that many bytes. */
static void select_puts(struct store_puts *from, struct store_puts *to, size_t most_bytes)
{
        for (size_t bytes = 0; from->first && bytes < most_bytes;) {
                struct store_put *put = from->first;

                bytes += put_size(put);
                from->first = put->next;
                STORE_LIST_APPEND(to, put);
        }
}

static void select_writes(struct store_writes *from, struct store_writes *to, size_t most_bytes)
{
        for (size_t bytes = 0; from->first && bytes < most_bytes;) {
                struct store_write *write = from->first;

                bytes += write->record.value_size + 64;
                from->first = write->next;
                STORE_LIST_APPEND(to, write);
        }
}

void store_part_select(struct store *store, struct store_part *part)
{
        struct store_work *work = &store->work;
        bool tight = store->trouble != STORE_TROUBLE_NONE;
        size_t most_ids = tight ? PART_IDS_TIGHT : PART_IDS;
        size_t most_tasks = tight ? PART_TASKS_TIGHT : PART_TASKS;

        *part = (struct store_part){.done_count = work->done.count};
        if (part->done_count > most_ids)
                part->done_count = most_ids;
        while (work->tasks.first && part->task_count < most_tasks) {
                struct store_task *task = work->tasks.first;

                work->tasks.first = task->next;
                STORE_LIST_APPEND(&part->tasks, task);
                part->task_count++;
        }
        select_puts(&work->puts, &part->puts, store->part_bytes);
        /* A record may tell of what a task does, and must not be on disk before it. */
        if (!work->tasks.first)
                select_writes(&work->writes, &part->writes, store->part_bytes);
}

int store_part_set_aside(struct store *store, struct store_part *part, int64_t id,
                         const char *reason)
{
        int64_t before = part->change.counts.dead_letters;
        int result = store->backend->dead(store->writer, id, reason, &part->change);

        part->dead += part->change.counts.dead_letters - before;
        return result;
}

static int run_tasks(struct store *store, struct store_part *part)
{
        size_t limit = store->trouble == STORE_TROUBLE_NONE ? PART_TASKS : PART_TASKS_TIGHT;
        int result = 0;

        for (struct store_task *task = part->tasks.first; task && result == 0; task = task->next)
                result = store_task_run(store, part, task, limit);
        return result;
}

/* What keeps a put from being stored: 0, or what it is answered. */
static int judge_put(const struct store *store, const struct store_part *part,
                     const struct store_put *put)
{
        int64_t used = store->state.bytes + part->change.counts.bytes;

        if (store->maximum_bytes == 0 || put->count == 0)
                return 0;
        if (used + (int64_t)put_size(put) > store->maximum_bytes)
                return STORE_E_FULL;
        for (size_t i = 0; i < put->count; i++) {
                const struct store_event *event = &put->events[i];

                if (store_shares_allow(&store->shares, event->device, store_event_size(event), used,
                                       store->maximum_bytes))
                        return 0;
        }
        return STORE_E_SHARE;
}

int store_part_put(struct store *store, struct store_part *part, struct store_put *put)
{
        int result = 0;

        for (size_t i = 0; i < put->count && result == 0; i++) {
                struct store_event *event = &put->events[i];

                result = store->backend->put(store->writer, event, &part->change);
                if (result == 0 && event->id == 0)
                        part->duplicates++;
                else if (result == 0)
                        part->stored++;
        }
        return result;
}

/* Those that may not be stored go to `refused` and `greedy`. */
static int run_puts(struct store *store, struct store_part *part)
{
        struct store_puts all = part->puts;
        int result = 0;

        part->puts.first = NULL;
        while (all.first) {
                struct store_put *put = all.first;
                int verdict = result == 0 ? judge_put(store, part, put) : 0;

                all.first = put->next;
                if (verdict == STORE_E_FULL) {
                        STORE_LIST_APPEND(&part->refused, put);
                } else if (verdict == STORE_E_SHARE) {
                        STORE_LIST_APPEND(&part->greedy, put);
                } else {
                        STORE_LIST_APPEND(&part->puts, put);
                        if (result == 0)
                                result = store_part_put(store, part, put);
                }
        }
        return result;
}

static int run_writes(struct store *store, struct store_part *part)
{
        int result = 0;

        for (struct store_write *write = part->writes.first; write && result == 0;
             write = write->next)
                result = store->backend->write(store->writer, &write->record);
        return result;
}

static bool is_durable(const struct store_part *part)
{
        for (const struct store_task *task = part->tasks.first; task; task = task->next) {
                if (store_task_is_durable(task))
                        return true;
        }
        return part->puts.first || part->writes.first;
}

int store_part_run(struct store *store, struct store_part *part)
{
        const struct store_backend *backend = store->backend;
        int result = backend->begin(store->writer, is_durable(part));

        if (result)
                return result;
        part->change =
                (struct store_change){.shares = store->maximum_bytes > 0 ? &store->shares : NULL};
        part->stored = part->duplicates = part->dead = 0;
        result =
                backend->done(store->writer, store->work.done.ids, part->done_count, &part->change);
        if (result == 0)
                result = run_tasks(store, part);
        if (result == 0)
                result = run_writes(store, part);
        if (result == 0)
                result = run_puts(store, part);
        if (result == 0)
                result = backend->commit(store->writer);
        if (result) {
                backend->rollback(store->writer);
                store_shares_undo(&store->shares);
        } else {
                store_shares_keep(&store->shares);
        }
        return result;
}
