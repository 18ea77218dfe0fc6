// SPDX-License-Identifier: MIT
#include "store/store_part.h"

#include "base/thread.h"

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
        select_writes(&work->writes, &part->writes, store->part_bytes);
}

static int run_span(struct store *store, struct store_task *task, struct store_counts *change)
{
        task->span.limit = store->trouble == STORE_TROUBLE_NONE ? PART_TASKS : PART_TASKS_TIGHT;
        if (task->kind == STORE_TASK_REPLAY)
                return store->backend->replay(store->writer, &task->span, change);
        return store->backend->drop(store->writer, &task->span, change);
}

static int run_task(struct store *store, struct store_part *part, struct store_task *task)
{
        const struct store_backend *backend = store->backend;
        int64_t dead_before = part->change.dead_letters;
        int result;

        switch (task->kind) {
        case STORE_TASK_RETRY:
                return backend->retry_at(store->writer, task->id, task->when_ms);
        case STORE_TASK_WRITE:
                return backend->write(store->writer, &task->record);
        case STORE_TASK_DEAD:
                result = backend->dead(store->writer, task->id, task->texts, &part->change);
                part->dead += part->change.dead_letters - dead_before;
                return result;
        case STORE_TASK_REPLAY:
        case STORE_TASK_DROP:
                return run_span(store, task, &part->change);
        }
        return -EINVAL;
}

/* A span that has more stops here: it and what is behind it come in the next transaction. */
static int run_tasks(struct store *store, struct store_part *part)
{
        int result = 0;

        for (struct store_task *task = part->tasks.first; task && result == 0; task = task->next) {
                result = run_task(store, part, task);
                if (result == 0 && task->span.more)
                        break;
        }
        return result;
}

static bool has_room_for(const struct store *store, const struct store_part *part,
                         const struct store_put *put)
{
        int64_t bytes = store->state.bytes + part->change.bytes + (int64_t)put_size(put);

        return store->maximum_bytes == 0 || bytes <= store->maximum_bytes;
}

static int run_put(struct store *store, struct store_part *part, struct store_put *put)
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

/* Puts beyond the bound go to `refused`. */
static int run_puts(struct store *store, struct store_part *part)
{
        struct store_puts all = part->puts;
        int result = 0;

        part->puts.first = NULL;
        while (all.first) {
                struct store_put *put = all.first;

                all.first = put->next;
                if (result == 0 && !has_room_for(store, part, put)) {
                        STORE_LIST_APPEND(&part->refused, put);
                        continue;
                }
                STORE_LIST_APPEND(&part->puts, put);
                if (result == 0)
                        result = run_put(store, part, put);
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

int store_part_run(struct store *store, struct store_part *part)
{
        const struct store_backend *backend = store->backend;
        bool durable = part->puts.first || part->writes.first;
        int result = backend->begin(store->writer, durable);

        if (result)
                return result;
        part->change = (struct store_counts){.events = 0};
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
        if (result)
                backend->rollback(store->writer);
        return result;
}
