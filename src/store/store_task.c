// SPDX-License-Identifier: MIT
#include "store/store_task.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/metrics.h"

struct store_task *store_task_new(enum store_task_kind kind, int64_t id, size_t texts_size)
{
        struct store_task *task = mem_new(1, sizeof(*task) + texts_size);

        task->kind = kind;
        task->id = id;
        task->rows = STORE_ROWS_INIT;
        return task;
}

static void task_free(struct store_task *task)
{
        store_rows_deinit(&task->rows);
        buf_deinit(&task->holder);
        free(task);
}

bool store_task_is_durable(const struct store_task *task)
{
        return task->put || task->letters || task->claim;
}

/* --- dead letters ------------------------------------------------------------------------ */

static int64_t room_for_events(const struct store *store, const struct store_change *change)
{
        if (store->options.maximum_bytes == 0)
                return INT64_MAX;
        return store->options.maximum_bytes - store->state.bytes - change->counts.bytes;
}

/* The letters that come next, at most `limit` of them. */
static struct store_span next_span(const struct store_task *task, size_t limit)
{
        const struct store_letters *letters = task->letters;
        const struct store_progress *progress = &task->making;
        struct store_span span = {.id = progress->id, .end = progress->end, .limit = limit};

        if (letters->ids) {
                span.id = letters->ids[progress->index];
                span.end = span.id + 1;
        }
        if (letters->maximum > 0 && letters->maximum - progress->changed < limit)
                span.limit = letters->maximum - progress->changed;
        return span;
}

static int run_span(struct store *store, struct store_change *change, struct store_task *task,
                    struct store_span *span)
{
        if (task->kind == STORE_TASK_DROP)
                return store->backend->drop(store->writer, span, change);
        span->room = room_for_events(store, change);
        return store->backend->replay(store->writer, span, change, store_rows_add_event,
                                      &task->rows);
}

/* One span; afterwards `remains` says whether there are more, `more` whether they are wanted. */
static int make_progress(struct store *store, struct store_change *change, struct store_task *task,
                         size_t limit)
{
        const struct store_letters *letters = task->letters;
        struct store_progress *progress = &task->making;
        struct store_span span = next_span(task, limit);
        int result = run_span(store, change, task, &span);

        progress->changed += span.changed;
        progress->remains = span.more;
        if (letters->ids && !span.more) {
                progress->index++;
                progress->remains = progress->index < letters->count;
        } else {
                progress->id = span.id;
                progress->end = span.end;
        }
        progress->more = progress->remains && !span.no_room &&
                         (letters->maximum == 0 || progress->changed < letters->maximum);
        return result;
}

static int run_letters(struct store *store, struct store_change *change, struct store_task *task,
                       size_t limit)
{
        struct store_progress *progress = &task->making;
        int result = 0;

        store_rows_clear(&task->rows);
        *progress = task->made;
        if (progress->end == 0)
                progress->end = task->letters->end;
        progress->more = !task->letters->ids || task->letters->count > 0;
        for (size_t i = 0; i < limit && progress->more && result == 0; i++) {
                size_t before = progress->changed;

                result = make_progress(store, change, task, limit - i);
                i += progress->changed - before;
        }
        return result;
}

/* Those whose time is over, and the oldest if they are too large. */
static int run_trim(struct store *store, struct store_change *change, struct store_task *task,
                    size_t limit)
{
        struct store_trim trim = {.age_ms = INT64_MAX, .limit = limit};
        int result;

        if (store->options.dead_letter_ms > 0)
                trim.age_ms = store->options.dead_letter_ms;
        if (store->options.dead_letter_bytes > 0)
                trim.bytes = store->state.dead_bytes + change->counts.dead_bytes -
                             store->options.dead_letter_bytes;
        result = store->backend->trim(store->writer, &trim, change);
        task->making = (struct store_progress){.changed = trim.dropped, .more = trim.more};
        return result;
}

static int run_dead(struct store *store, struct store_change *change, struct store_task *task)
{
        int64_t before = change->counts.dead_letters;
        int result = store->backend->dead(store->writer, task->id, task->texts, change);

        task->making.changed = (size_t)(change->counts.dead_letters - before);
        return result;
}

/* --- one task ---------------------------------------------------------------------------- */

int store_task_put(struct store *store, struct store_change *change, struct store_put *put)
{
        int result = 0;

        for (size_t i = 0; i < put->count && result == 0; i++) {
                struct store_event *event = &put->events[i];

                if (event->purpose == 0)
                        event->purpose = STORE_UPLINK;
                result = store->backend->put(store->writer, event, change);
        }
        return result;
}

int store_task_run(struct store *store, struct store_change *change, struct store_task *task,
                   size_t limit)
{
        const struct store_backend *backend = store->backend;

        switch (task->kind) {
        case STORE_TASK_WRITE:
                return backend->write(store->writer, &task->record);
        case STORE_TASK_CLAIM:
                buf_clear(&task->holder);
                return backend->claim(store->writer, &task->record, &task->holder);
        case STORE_TASK_RELEASE:
                return backend->release(store->writer, &task->record, change);
        case STORE_TASK_DEAD:
                return run_dead(store, change, task);
        case STORE_TASK_PUT:
                return store_task_put(store, change, task->put);
        case STORE_TASK_REPLAY:
        case STORE_TASK_DROP:
                return run_letters(store, change, task, limit);
        case STORE_TASK_TRIM:
                return run_trim(store, change, task, limit);
        }
        return -EINVAL;
}

static void answer_letters(struct store *store, struct store_task *task)
{
        struct store_letters *letters = task->letters;

        letters->changed = task->made.changed;
        letters->end = task->made.end;
        letters->more = task->made.remains;
        letters->left = store->state.dead_letters;
        letters->done(letters, 0);
}

/* The holder's device, and behind a line feed the template. */
static void answer_claim(struct store_task *task)
{
        const char *device = buf_text(&task->holder);
        size_t length = strcspn(device, "\n");
        bool has_template = device[length] != '\0';

        if (has_template)
                task->holder.data[length] = '\0';
        task->claim->done(task->claim, 0, device, has_template ? device + length + 1 : NULL);
}

bool store_task_committed(struct store *store, struct store_task *task)
{
        task->made = task->making;
        for (size_t i = 0; i < task->rows.count && task->letters->replayed; i++)
                task->letters->replayed(task->letters, &task->rows.events[i]);
        if (task->kind == STORE_TASK_DEAD)
                metrics_add(METRIC_EVENT_DEAD, (int64_t)task->made.changed);
        if (task->kind == STORE_TASK_TRIM) {
                store->dropped += (int64_t)task->made.changed;
                metrics_add(METRIC_DEAD_DROPPED, (int64_t)task->made.changed);
        }
        if (task->made.more)
                return true;
        if (task->put)
                task->put->done(task->put, 0);
        if (task->letters)
                answer_letters(store, task);
        if (task->claim)
                answer_claim(task);
        task_free(task);
        return false;
}

static void refuse(struct store_task *task, int result)
{
        if (task->put)
                task->put->done(task->put, result);
        if (task->letters) {
                task->letters->changed = task->made.changed;
                task->letters->done(task->letters, result);
        }
        if (task->claim)
                task->claim->done(task->claim, result, NULL, NULL);
        task_free(task);
}

void store_tasks_refuse(struct list *tasks, int result)
{
        struct list_node *node;

        while ((node = list_pop_front(tasks)))
                refuse(list_entry(node, struct store_task, node), result);
}

void store_tasks_refuse_letters(struct list *tasks, int result)
{
        list_for_each_safe (node, tasks) {
                struct store_task *task = list_entry(node, struct store_task, node);

                if (!task->letters)
                        continue;
                list_remove(tasks, node);
                refuse(task, result);
        }
}
