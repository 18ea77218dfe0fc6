// SPDX-License-Identifier: MIT
/*
 * What the tests of the store share: a directory of their own, and the functions of store.h that
 * answer later, made to wait for their answer.
 */
#ifndef ISTHMUS_TESTS_STORE_SUPPORT_H
#define ISTHMUS_TESTS_STORE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/store_rows.h"
#include "store/store_state.h"

/* Only a test that hangs reaches it. */
#define SUPPORT_DEADLINE_MS 300000

/* --- directories --------------------------------------------------------------------------- */

static inline char *support_directory(void)
{
        const char *base = getenv("TMPDIR");
        char *path = mem_format("%s/isthmus-store-XXXXXX", base ? base : "/tmp");

        assert_non_null(mkdtemp(path));
        return path;
}

/* Removes the files in it, then itself; a store makes no folders. */
static inline void support_remove_directory(char *path)
{
        DIR *directory = opendir(path);
        struct dirent *entry;

        assert_non_null(directory);
        while ((entry = readdir(directory))) {
                if (entry->d_name[0] != '.')
                        (void)!unlinkat(dirfd(directory), entry->d_name, 0);
        }
        closedir(directory);
        assert_int_equal(rmdir(path), 0);
        free(path);
}

/* --- waiting ------------------------------------------------------------------------------- */

/* Set by a callback, waited for by the test. */
struct latch {
        pthread_mutex_t mutex;
        pthread_cond_t changes;
        int count;
};

#define LATCH_INIT                                                                                 \
        {                                                                                          \
                .mutex = PTHREAD_MUTEX_INITIALIZER, .changes = PTHREAD_COND_INITIALIZER            \
        }

static inline void latch_add(struct latch *latch)
{
        pthread_mutex_lock(&latch->mutex);
        latch->count++;
        pthread_cond_broadcast(&latch->changes);
        pthread_mutex_unlock(&latch->mutex);
}

static inline void latch_wait(struct latch *latch, int count)
{
        struct timespec deadline;

        clock_gettime(CLOCK_REALTIME, &deadline);
        deadline.tv_sec += SUPPORT_DEADLINE_MS / 1000;
        pthread_mutex_lock(&latch->mutex);
        while (latch->count < count) {
                if (pthread_cond_timedwait(&latch->changes, &latch->mutex, &deadline) != 0)
                        fail_msg("%d of %d answers came in time", latch->count, count);
        }
        pthread_mutex_unlock(&latch->mutex);
}

/* --- the store, waited for ----------------------------------------------------------------- */

struct put_call {
        struct store_put put; /* the first member */
        struct latch latch;
        int result;
};

static inline void put_call_done(struct store_put *put, int result)
{
        struct put_call *call = (struct put_call *)(void *)put;

        assert_true(thread_is(STORE_THREAD_WRITER));
        call->result = result;
        latch_add(&call->latch);
}

static inline int support_put(struct store *store, struct store_event *events, size_t count)
{
        struct put_call call = {
                .put = {.events = events, .count = count, .done = put_call_done},
                .latch = LATCH_INIT,
        };

        store_put(store, &call.put);
        latch_wait(&call.latch, 1);
        return call.result;
}

static inline struct store_event support_event(const char *device, const char *message_id,
                                               const char *record)
{
        return (struct store_event){.device = device,
                                    .message_id = message_id,
                                    .record = record,
                                    .record_size = strlen(record),
                                    .arrived_ns = INT64_C(1714979340250000000)};
}

/* One event; returns its id. */
static inline int64_t support_put_one(struct store *store, const char *device,
                                      const char *message_id, const char *record)
{
        struct store_event event = support_event(device, message_id, record);

        assert_int_equal(support_put(store, &event, 1), 0);
        return event.id;
}

struct write_call {
        struct store_write write; /* the first member */
        struct latch latch;
        int result;
};

static inline void write_call_done(struct store_write *write, int result)
{
        struct write_call *call = (struct write_call *)(void *)write;

        assert_true(thread_is(STORE_THREAD_WRITER));
        call->result = result;
        latch_add(&call->latch);
}

static inline int support_write(struct store *store, const char *kind, const char *key,
                                const char *value, int64_t keep_ms)
{
        struct write_call call = {
                .write = {.record = {.kind = kind,
                                     .key = key,
                                     .value = value,
                                     .value_size = value ? strlen(value) : 0,
                                     .keep_ms = keep_ms},
                          .done = write_call_done},
                .latch = LATCH_INIT,
        };

        store_write(store, &call.write);
        latch_wait(&call.latch, 1);
        return call.result;
}

/* What was handed over before is committed afterwards. */
static inline void support_flush(struct store *store)
{
        assert_int_equal(support_write(store, "test", "flush", "", 0), 0);
}

struct letters_call {
        struct store_letters letters; /* the first member */
        struct latch latch;
        int result;
        struct buf replayed; /* "id:record " of each */
};

static inline void letters_call_replayed(struct store_letters *letters,
                                         const struct store_event *event)
{
        struct letters_call *call = (struct letters_call *)(void *)letters;

        assert_true(thread_is(STORE_THREAD_WRITER));
        buf_add_format(&call->replayed, "%ld:%.*s ", (long)event->id, (int)event->record_size,
                       (const char *)event->record);
}

static inline void letters_call_done(struct store_letters *letters, int result)
{
        struct letters_call *call = (struct letters_call *)(void *)letters;

        assert_true(thread_is(STORE_THREAD_WRITER));
        call->result = result;
        latch_add(&call->latch);
}

#define LETTERS_CALL_INIT                                                                          \
        {                                                                                          \
                .letters = {.replayed = letters_call_replayed, .done = letters_call_done},         \
                .latch = LATCH_INIT, .replayed = BUF_INIT                                          \
        }

/* Calls store_dead_replay or store_dead_drop for one dead letter, or for all with `id` 0. */
static inline void support_letters(struct store *store,
                                   void (*act)(struct store *, struct store_letters *), int64_t id)
{
        struct letters_call call = LETTERS_CALL_INIT;

        call.letters.ids = id ? &id : NULL;
        call.letters.count = id ? 1 : 0;
        act(store, &call.letters);
        latch_wait(&call.latch, 1);
        assert_int_equal(call.result, 0);
        assert_false(call.letters.more);
        buf_deinit(&call.replayed);
}

struct take_call {
        struct store_take take; /* the first member */
        struct latch latch;
        int result;
        struct store_rows rows;
};

static inline void take_call_done(struct store_take *take, int result,
                                  const struct store_event *events, size_t count)
{
        struct take_call *call = (struct take_call *)(void *)take;

        assert_true(thread_is(STORE_THREAD_READER));
        call->result = result;
        for (size_t i = 0; i < count; i++)
                store_rows_add_event(&call->rows, &events[i]);
        latch_add(&call->latch);
}

/* Returns the result; `rows` is the caller's to deinit. */
static inline int support_take(struct store *store, const char *device, int64_t after_id,
                               size_t maximum, struct store_rows *rows)
{
        struct take_call call = {
                .take = {.device = device,
                         .after_id = after_id,
                         .maximum = maximum,
                         .done = take_call_done},
                .latch = LATCH_INIT,
                .rows = STORE_ROWS_INIT,
        };

        store_take(store, &call.take);
        latch_wait(&call.latch, 1);
        *rows = call.rows;
        return call.result;
}

/* All events of a device as "id:record ..." texts joined; free with free(). */
static inline char *support_waiting(struct store *store, const char *device)
{
        struct store_rows rows;
        struct buf text = BUF_INIT;

        assert_int_equal(support_take(store, device, 0, 100000, &rows), 0);
        for (size_t i = 0; i < rows.count; i++) {
                if (i > 0)
                        buf_add_char(&text, ' ');
                buf_add(&text, rows.events[i].record, rows.events[i].record_size);
        }
        store_rows_deinit(&rows);
        return buf_take(&text);
}

#define assert_waiting(store, device, expected)                                                    \
        do {                                                                                       \
                char *found_ = support_waiting((store), (device));                                 \
                assert_string_equal(found_, (expected));                                           \
                free(found_);                                                                      \
        } while (0)

#endif
