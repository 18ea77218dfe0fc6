// SPDX-License-Identifier: MIT
#include "store/store_part.h"

#include "base/clock.h"
#include "base/metrics.h"

/* One transaction is kept smaller than this, so that the log stays bounded. */
#define PART_IDS   4096
#define PART_TASKS 256

/* A transaction that fails because another one wrote the same rows is tried again, so often in all.
 */
#define TRIES 5

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
static void select_puts(struct list *from, struct list *to, size_t most_bytes)
{
        for (size_t bytes = 0; !list_is_empty(from) && bytes < most_bytes;) {
                struct list_node *node = list_pop_front(from);

                bytes += put_size(list_entry(node, struct store_put, node));
                list_push_back(to, node);
        }
}

static void select_writes(struct list *from, struct list *to, size_t most_bytes)
{
        for (size_t bytes = 0; !list_is_empty(from) && bytes < most_bytes;) {
                struct list_node *node = list_pop_front(from);

                bytes += list_entry(node, struct store_write, node)->record.value_size + 64;
                list_push_back(to, node);
        }
}

void store_part_select(struct store *store, struct store_part *part)
{
        struct store_work *work = &store->work;
        bool tight = store->trouble != STORE_TROUBLE_NONE;
        size_t most_ids = tight ? PART_IDS_TIGHT : PART_IDS;
        size_t most_tasks = tight ? PART_TASKS_TIGHT : PART_TASKS;

        *part = (struct store_part){.done_count = work->done.count};
        list_init(&part->puts);
        list_init(&part->refused);
        list_init(&part->greedy);
        list_init(&part->writes);
        list_init(&part->tasks);
        if (part->done_count > most_ids)
                part->done_count = most_ids;
        while (!list_is_empty(&work->tasks) && part->tasks.count < most_tasks)
                list_push_back(&part->tasks, list_pop_front(&work->tasks));
        select_puts(&work->puts, &part->puts, store->part_bytes);
        /* A record may tell of what a task does, and must not be on disk before it. */
        if (list_is_empty(&work->tasks))
                select_writes(&work->writes, &part->writes, store->part_bytes);
}

static int run_tasks(struct store *store, struct store_part *part)
{
        size_t limit = store->trouble == STORE_TROUBLE_NONE ? PART_TASKS : PART_TASKS_TIGHT;
        int result = 0;

        list_for_each (node, &part->tasks) {
                result = store_task_run(store, &part->change,
                                        list_entry(node, struct store_task, node), limit);
                if (result)
                        break;
        }
        return result;
}

/* What keeps a put from being stored: 0, or what it is answered. */
static int judge_put(const struct store *store, const struct store_part *part,
                     const struct store_put *put)
{
        int64_t used = store->state.bytes + part->change.counts.bytes;

        if (store->options.maximum_bytes == 0 || put->count == 0)
                return 0;
        if (used + (int64_t)put_size(put) > store->options.maximum_bytes)
                return STORE_E_FULL;
        for (size_t i = 0; i < put->count; i++) {
                const struct store_event *event = &put->events[i];

                if (store_quotas_allow(&store->quotas, event->device, store_event_size(event), used,
                                       store->options.maximum_bytes))
                        return 0;
        }
        return STORE_E_SHARE;
}

/* After the commit. */
static void count_put(struct store_part *part, const struct store_put *put)
{
        for (size_t i = 0; i < put->count; i++) {
                if (put->events[i].id == 0)
                        part->duplicates++;
                else
                        part->stored++;
        }
}

static void count_puts(struct store_part *part)
{
        list_for_each (node, &part->puts)
                count_put(part, list_entry(node, struct store_put, node));
        list_for_each (node, &part->tasks) {
                const struct store_task *task = list_entry(node, struct store_task, node);

                if (task->put)
                        count_put(part, task->put);
        }
}

/* As judge_put, but when there seems to be no room the backend says first what has made some. */
static int judge_put_late(struct store *store, struct store_part *part, const struct store_put *put,
                          int *verdict)
{
        const struct store_backend *backend = store->backend;
        int result = 0;

        *verdict = judge_put(store, part, put);
        if (*verdict == 0 || part->is_caught_up || !backend->catch_up)
                return 0;
        part->is_caught_up = true;
        result = backend->catch_up(store->writer, &part->change);
        if (result == 0)
                *verdict = judge_put(store, part, put);
        return result;
}

/* Those that may not be stored go to `refused` and `greedy`. */
static int run_puts(struct store *store, struct store_part *part)
{
        list_for_each_safe (node, &part->puts) {
                struct store_put *put = list_entry(node, struct store_put, node);
                int verdict;
                int result = judge_put_late(store, part, put, &verdict);

                if (result == 0 && verdict == 0)
                        result = store_task_put(store, &part->change, put);
                if (result)
                        return result;
                if (verdict == 0)
                        continue;
                list_remove(&part->puts, node);
                list_push_back(verdict == STORE_E_FULL ? &part->refused : &part->greedy, node);
        }
        return 0;
}

static int run_writes(struct store *store, struct store_part *part)
{
        int result = 0;

        list_for_each (node, &part->writes) {
                result = store->backend->write(store->writer,
                                               &list_entry(node, struct store_write, node)->record);
                if (result)
                        break;
        }
        return result;
}

static bool is_durable(const struct store_part *part)
{
        list_for_each (node, &part->tasks) {
                if (store_task_is_durable(list_entry(node, struct store_task, node)))
                        return true;
        }
        return !list_is_empty(&part->puts) || !list_is_empty(&part->writes);
}

static int try_part(struct store *store, struct store_part *part)
{
        const struct store_backend *backend = store->backend;
        int result = backend->begin(store->writer, is_durable(part));

        if (result)
                return result;
        part->change = (struct store_change){
                .quotas = store->options.maximum_bytes > 0 ? &store->quotas : NULL};
        part->stored = part->duplicates = 0;
        part->is_caught_up = false;
        result =
                backend->done(store->writer, store->work.done.ids, part->done_count, &part->change);
        if (result == 0)
                result = run_tasks(store, part);
        if (result == 0)
                result = run_writes(store, part);
        if (result == 0)
                result = run_puts(store, part);
        if (result == 0)
                result = backend->commit(store->writer, &part->change);
        if (result) {
                backend->rollback(store->writer);
                store_quotas_undo(&store->quotas);
        } else {
                store_quotas_keep(&store->quotas);
                count_puts(part);
        }
        return result;
}

int store_part_run(struct store *store, struct store_part *part)
{
        int tries = store->backend->share ? TRIES : 1;
        int64_t began_ns = clock_steady_ns();
        int result = try_part(store, part);

        while ((result == -EAGAIN || result == -EBUSY) && --tries > 0) {
                metrics_add(result == -EAGAIN ? METRIC_STORE_RETRIES_CONFLICT
                                              : METRIC_STORE_RETRIES_LOCK,
                            1);
                result = try_part(store, part);
        }
        if (result == 0 && !store->options.is_spill)
                metrics_observe(METRIC_STORE_COMMIT, clock_steady_ns() - began_ns);
        return result;
}
