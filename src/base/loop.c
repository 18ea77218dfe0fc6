// SPDX-License-Identifier: MIT
#include "base/loop.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"

struct post {
        void (*warm)(const void *context); /* or NULL */
        void (*run)(void *context);
        void *context;
};

struct posts {
        struct post *list;
        size_t count;
        size_t capacity;
};

struct loop {
        pthread_mutex_t lock; /* guards the next three */
        struct posts posted;
        void (*wake)(void *context);
        void *wake_context;
        struct posts running;
        struct timers timers;
        int64_t now_ms;
};

struct loop *loop_new(void)
{
        struct loop *loop = mem_new(1, sizeof(*loop));

        pthread_mutex_init(&loop->lock, NULL);
        return loop;
}

void loop_free(struct loop *loop)
{
        if (loop == NULL)
                return;
        timers_deinit(&loop->timers);
        pthread_mutex_destroy(&loop->lock);
        free(loop->posted.list);
        free(loop->running.list);
        free(loop);
}

void loop_post(struct loop *loop, void (*run)(void *context), void *context)
{
        loop_post_warm(loop, NULL, run, context);
}

void loop_post_warm(struct loop *loop, void (*warm)(const void *context),
                    void (*run)(void *context), void *context)
{
        struct posts *posted = &loop->posted;

        pthread_mutex_lock(&loop->lock);
        if (posted->count == posted->capacity) {
                posted->capacity = posted->capacity == 0 ? 64 : posted->capacity * 2;
                posted->list = mem_resize(posted->list, posted->capacity, sizeof(posted->list[0]));
        }
        posted->list[posted->count++] = (struct post){warm, run, context};
        if (posted->count == 1 && loop->wake != NULL)
                loop->wake(loop->wake_context);
        pthread_mutex_unlock(&loop->lock);
}

struct call {
        void (*run)(void *context);
        void *context;
        sem_t done;
};

static void run_call(void *context)
{
        struct call *call = context;

        call->run(call->context);
        sem_post(&call->done);
}

void loop_call(struct loop *loop, void (*run)(void *context), void *context)
{
        struct call call = {.run = run, .context = context};

        sem_init(&call.done, 0, 0);
        loop_post(loop, run_call, &call);
        while (sem_wait(&call.done) != 0)
                continue;
        sem_destroy(&call.done);
}

void loop_drive(struct loop *loop, void (*wake)(void *context), void *context)
{
        pthread_mutex_lock(&loop->lock);
        loop->wake = wake;
        loop->wake_context = context;
        if (wake != NULL && loop->posted.count > 0)
                wake(context);
        pthread_mutex_unlock(&loop->lock);
}

void loop_run_posts(struct loop *loop)
{
        struct posts swapped;

        THREAD_ASSERT(LOOP_THREAD);
        pthread_mutex_lock(&loop->lock);
        swapped = loop->posted;
        loop->posted = loop->running;
        loop->posted.count = 0;
        loop->running = swapped;
        pthread_mutex_unlock(&loop->lock);
        for (size_t i = 0; i < loop->running.count; i++) {
                if (loop->running.list[i].warm)
                        loop->running.list[i].warm(loop->running.list[i].context);
        }
        for (size_t i = 0; i < loop->running.count; i++)
                loop->running.list[i].run(loop->running.list[i].context);
}

/* --- timers --------------------------------------------------------------------------------- */

void loop_timer_start(struct loop *loop, struct timer *timer, int64_t delay_ms)
{
        THREAD_ASSERT(LOOP_THREAD);
        timers_start(&loop->timers, timer, loop->now_ms + (delay_ms > 0 ? delay_ms : 0));
}

void loop_timer_stop(struct loop *loop, struct timer *timer)
{
        THREAD_ASSERT(LOOP_THREAD);
        timers_stop(&loop->timers, timer);
}

void loop_set_time(struct loop *loop, int64_t now_ms)
{
        loop->now_ms = now_ms;
}

void loop_run_timers(struct loop *loop)
{
        THREAD_ASSERT(LOOP_THREAD);
        timers_run(&loop->timers, loop->now_ms);
}

int64_t loop_next_ms(const struct loop *loop)
{
        return timers_next(&loop->timers);
}
