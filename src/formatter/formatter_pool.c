// SPDX-License-Identifier: MIT
/*
 * The thread "formatter" owns the files, the workers and every request that it has taken over;
 * other threads only put new requests on a list behind a lock and wake it.
 */
#include "formatter/formatter_pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "formatter/formatter_wire.h"

#define DEFAULT_WORKERS    2
#define MOST_WORKERS       64
#define DEFAULT_TIMEOUT_MS 100
#define DEFAULT_MEMORY     (INT64_C(256) << 20)

/* A worker ends itself after twenty times a call's limit, or four seconds; the pool after that. */
#define PATIENCE_FACTOR   24
#define PATIENCE_LEAST_MS 6000

/* --- into the thread ----------------------------------------------------------------------- */

static void wake(struct formatter_pool *pool)
{
        const uint64_t one = 1;

        while (write(pool->wake, &one, sizeof(one)) < 0 && errno == EINTR)
                ;
}

void formatter_call(struct formatter_pool *pool, const char *name, enum formatter_function function,
                    const struct formatter_input *input, formatter_done *done, void *context)
{
        struct formatter_request *request =
                formatter_request_new(name, function, input, done, context);
        bool first;

        pthread_mutex_lock(&pool->lock);
        first = list_is_empty(&pool->incoming);
        list_push_back(&pool->incoming, &request->node);
        pthread_mutex_unlock(&pool->lock);
        if (first)
                wake(pool);
}

/* --- what comes in ------------------------------------------------------------------------- */

static void take_request(struct formatter_pool *pool, struct formatter_request *request)
{
        struct reason reason = REASON_INIT;

        request->id = ++pool->last_id;
        if (request->input.size > FORMATTER_INPUT_LIMIT) {
                reason_set(&reason, "an input of %zu bytes is too large, at most %zu are taken",
                           request->input.size, FORMATTER_INPUT_LIMIT);
                formatter_request_fail(request, FORMATTER_FAILED, &reason);
                return;
        }
        if (request->refused) {
                reason_set(&reason, "the input has a text that is not UTF-8");
                formatter_request_fail(request, FORMATTER_FAILED, &reason);
                return;
        }
        request->file =
                formatter_files_get(pool->files, request->name,
                                    request->function == FORMATTER_DECODE_UPLINK ||
                                                    request->function == FORMATTER_NORMALIZE_UPLINK
                                            ? FORMATTER_UPLINKS
                                            : FORMATTER_DOWNLINKS,
                                    &reason);
        if (!request->file) {
                formatter_request_fail(request, FORMATTER_MISSING, &reason);
                return;
        }
        list_push_back(&request->file->waiting, &request->node);
        formatter_dispatch_waiting(pool, request->file);
}

/* False when the pool is to stop. */
static bool take_over(struct formatter_pool *pool)
{
        struct list requests;
        struct list_node *node;
        bool stopping;

        list_init(&requests);
        pthread_mutex_lock(&pool->lock);
        list_splice_back(&requests, &pool->incoming);
        stopping = pool->stopping;
        pthread_mutex_unlock(&pool->lock);
        while ((node = list_pop_front(&requests))) {
                pool->used = true;
                take_request(pool, formatter_request_of(node));
        }
        return !stopping;
}

static void retired(void *context, struct formatter_version *version)
{
        struct formatter_pool *pool = context;

        formatter_probation_forget(pool->probation, version, &pool->ready);
        for (int i = 0; i < pool->worker_count; i++) {
                if (pool->workers[i].state == FORMATTER_WORKER_READY)
                        formatter_worker_drop_version(&pool->workers[i], version->id);
        }
}

/* --- the thread ---------------------------------------------------------------------------- */

/* What all that is not with a worker is told. */
struct dismissal {
        enum formatter_status status;
        const struct reason *reason;
};

static void dismiss_waiting(void *context, struct formatter_file *file)
{
        const struct dismissal *dismissal = context;

        formatter_request_fail_all(&file->waiting, dismissal->status, dismissal->reason);
}

static void dismiss(struct formatter_pool *pool, enum formatter_status status,
                    const struct reason *reason)
{
        struct dismissal dismissal = {.status = status, .reason = reason};

        formatter_probation_empty(pool->probation, &pool->ready);
        formatter_request_fail_all(&pool->ready, status, reason);
        formatter_files_each(pool->files, dismiss_waiting, &dismissal);
}

static void look_at_files(struct formatter_pool *pool)
{
        int64_t now_ms = clock_steady_ms();

        if (now_ms < pool->look_ms)
                return;
        formatter_files_look(pool->files, false);
        pool->look_ms = now_ms + FORMATTER_FILES_LOOK_MS;
}

static int sleep_ms(const struct formatter_pool *pool)
{
        int64_t until_ms = formatter_workers_look_at_ms(pool);
        int64_t now_ms = clock_steady_ms();

        if (pool->used && pool->look_ms < until_ms)
                until_ms = pool->look_ms;
        if (until_ms == INT64_MAX)
                return -1;
        return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

static void take_event(struct formatter_pool *pool, const struct epoll_event *event)
{
        uint64_t count;

        if (event->data.u64 == SOURCE_WAKE) {
                while (read(pool->wake, &count, sizeof(count)) < 0 && errno == EINTR)
                        ;
        } else if (event->data.u64 == SOURCE_FILES) {
                formatter_files_look(pool->files, true);
        } else {
                formatter_workers_listen(pool, &pool->workers[event->data.u64 - SOURCE_WORKER]);
        }
}

static void stop(struct formatter_pool *pool)
{
        struct reason reason = REASON_INIT;

        reason_set(&reason, "the program is ending");
        for (int i = 0; i < pool->worker_count; i++) {
                (void)formatter_process_end(&pool->workers[i].process);
                formatter_request_fail_all(&pool->workers[i].requests, FORMATTER_STOPPED, &reason);
        }
        dismiss(pool, FORMATTER_STOPPED, &reason);
}

static void *run(void *context)
{
        struct formatter_pool *pool = context;
        struct epoll_event events[16];

        thread_enter(FORMATTER_THREAD);
        while (take_over(pool)) {
                int count;

                formatter_workers_start(pool);
                formatter_dispatch(pool);
                formatter_workers_send(pool);
                if (pool->impatient && formatter_workers_are_lost(pool))
                        dismiss(pool, FORMATTER_UNAVAILABLE, &pool->start_reason);
                count = epoll_wait(pool->epoll, events, (int)ARRAY_SIZE(events), sleep_ms(pool));
                for (int i = 0; i < count; i++)
                        take_event(pool, &events[i]);
                formatter_workers_look(pool);
                look_at_files(pool);
        }
        stop(pool);
        return NULL;
}

/* --- pool ---------------------------------------------------------------------------------- */

static int watch(struct formatter_pool *pool, int fd, enum formatter_source source)
{
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = source};

        if (fd < 0)
                return 0;
        return epoll_ctl(pool->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static int open_descriptors(struct formatter_pool *pool, struct reason *reason)
{
        int result;

        pool->epoll = epoll_create1(EPOLL_CLOEXEC);
        pool->wake = pool->epoll < 0 ? -1 : eventfd(0, EFD_CLOEXEC);
        result = pool->wake < 0 ? -errno : watch(pool, pool->wake, SOURCE_WAKE);
        if (result == 0)
                result = watch(pool, formatter_files_descriptor(pool->files), SOURCE_FILES);
        if (result != 0)
                reason_set(reason, "payload formatters: %s", strerror(-result));
        return result;
}

static void release(struct formatter_pool *pool)
{
        if (pool->wake >= 0)
                close(pool->wake);
        if (pool->epoll >= 0)
                close(pool->epoll);
        formatter_probation_free(pool->probation);
        formatter_files_free(pool->files);
        pthread_mutex_destroy(&pool->lock);
        free(pool->workers);
        free(pool->program);
        free(pool);
}

static void take_options(struct formatter_pool *pool, const struct formatter_options *options)
{
        struct formatter_files_hooks hooks = {.candidate = formatter_dispatch_candidate,
                                              .retired = retired,
                                              .context = pool,
                                              .last_id = &pool->last_id};
        int count = options->workers > 0 ? options->workers : DEFAULT_WORKERS;

        pool->worker_count = (count < MOST_WORKERS ? count : MOST_WORKERS) + 1;
        pool->impatient = options->impatient;
        pool->workers = mem_new((size_t)pool->worker_count, sizeof(*pool->workers));
        for (int i = 0; i < pool->worker_count; i++) {
                formatter_process_init(&pool->workers[i].process);
                list_init(&pool->workers[i].requests);
        }
        pool->options = (struct formatter_process_options){
                .program = pool->program,
                .timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS,
                .memory_bytes = options->maximum_memory_bytes > 0 ? options->maximum_memory_bytes
                                                                  : DEFAULT_MEMORY,
        };
        pool->patience_ms = pool->options.timeout_ms * PATIENCE_FACTOR;
        if (pool->patience_ms < PATIENCE_LEAST_MS)
                pool->patience_ms = PATIENCE_LEAST_MS;
        pool->files = formatter_files_new(options->directory ? options->directory : ".",
                                          options->mirror, &hooks);
}

int formatter_pool_new(const struct formatter_options *options, struct formatter_pool **pool_out,
                       struct reason *reason)
{
        struct formatter_pool *pool;
        char *program = formatter_process_find(options->program, reason);
        int result;

        if (!program)
                return -ENOENT;
        pool = mem_new(1, sizeof(*pool));
        pool->program = program;
        pthread_mutex_init(&pool->lock, NULL);
        list_init(&pool->incoming);
        list_init(&pool->ready);
        pool->probation = formatter_probation_new();
        take_options(pool, options);
        result = open_descriptors(pool, reason);
        if (result != 0) {
                release(pool);
                return result;
        }
        thread_start(&pool->thread, run, pool);
        *pool_out = pool;
        return 0;
}

void formatter_pool_free(struct formatter_pool *pool)
{
        if (!pool)
                return;
        pthread_mutex_lock(&pool->lock);
        pool->stopping = true;
        pthread_mutex_unlock(&pool->lock);
        wake(pool);
        pthread_join(pool->thread, NULL);
        release(pool);
}
