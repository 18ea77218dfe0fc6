// SPDX-License-Identifier: MIT
/* Payload formatters called one after another by a test. Static functions, so that only tests of
 * what knows formatter.h need its library. */
#ifndef ISTHMUS_TESTS_SUPPORT_FORMATTER_CALLS_H
#define ISTHMUS_TESTS_SUPPORT_FORMATTER_CALLS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/thread.h"
#include "formatter/formatter.h"

/* A test fails when nothing comes for so long. */
#define TEST_FORMATTER_PATIENCE_S 60

/* A result as a test keeps it; free what is in it with test_formatter_answer_deinit. */
struct test_formatter_answer {
        pthread_mutex_t lock;
        pthread_cond_t filled;
        bool done;
        bool on_thread; /* `done` was called on the thread "formatter" */
        enum formatter_status status;
        struct reason reason;
        char *data;
        char *warnings;
        struct buf bytes;
        int port;
        struct buf properties; /* name=value; for each */
        int64_t elapsed_ns;
        int64_t memory_bytes;
};

static inline void test_formatter_answer_init(struct test_formatter_answer *answer)
{
        *answer = (struct test_formatter_answer){.done = false};
        pthread_mutex_init(&answer->lock, NULL);
        pthread_cond_init(&answer->filled, NULL);
}

static inline void test_formatter_answer_deinit(struct test_formatter_answer *answer)
{
        free(answer->data);
        free(answer->warnings);
        buf_deinit(&answer->bytes);
        buf_deinit(&answer->properties);
        pthread_cond_destroy(&answer->filled);
        pthread_mutex_destroy(&answer->lock);
}

/* A formatter_done; `context` is the answer. */
static inline void test_formatter_done(void *context, const struct formatter_result *result)
{
        struct test_formatter_answer *answer = context;

        pthread_mutex_lock(&answer->lock);
        answer->status = result->status;
        answer->reason = result->reason;
        answer->data = mem_text(result->data);
        answer->warnings = mem_text(result->warnings);
        buf_add(&answer->bytes, result->bytes.data, result->bytes.size);
        answer->port = result->port;
        for (size_t i = 0; i < result->property_count; i++)
                buf_add_format(&answer->properties, "%s=%s;", result->properties[i].name,
                               result->properties[i].value);
        answer->elapsed_ns = result->elapsed_ns;
        answer->memory_bytes = result->memory_bytes;
        answer->on_thread = thread_is(FORMATTER_THREAD);
        answer->done = true;
        pthread_cond_signal(&answer->filled);
        pthread_mutex_unlock(&answer->lock);
}

static inline bool test_formatter_is_done(struct test_formatter_answer *answer)
{
        bool done;

        pthread_mutex_lock(&answer->lock);
        done = answer->done;
        pthread_mutex_unlock(&answer->lock);
        return done;
}

/* Waits for an answer; ends the test program if none comes. */
static inline void test_formatter_wait(struct test_formatter_answer *answer)
{
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += TEST_FORMATTER_PATIENCE_S;
        pthread_mutex_lock(&answer->lock);
        while (!answer->done) {
                if (pthread_cond_timedwait(&answer->filled, &answer->lock, &until) != 0) {
                        fputs("a formatter was called and nothing came\n", stderr);
                        abort();
                }
        }
        pthread_mutex_unlock(&answer->lock);
}

#endif
