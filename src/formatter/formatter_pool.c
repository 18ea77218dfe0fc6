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
#include "base/metrics.h"
#include "base/text.h"
#include "base/thread.h"
#include "formatter/formatter_wire.h"

#define DEFAULT_WORKERS    2
#define MOST_WORKERS       64
#define DEFAULT_TIMEOUT_MS 100
#define DEFAULT_MEMORY     (INT64_C(256) << 20)

/* A worker ends itself after ten times a call's limit, or two seconds; the pool after that. */
#define PATIENCE_FACTOR   12
#define PATIENCE_LEAST_MS 4000

/* --- answers ------------------------------------------------------------------------------- */

void formatter_pool_answer(struct formatter_request *request, const struct formatter_result *result)
{
        metrics_add(METRIC_FORMATTER_CALLS, 1);
        if (result->status != FORMATTER_GOOD)
                metrics_add(METRIC_FORMATTER_FAILURES, 1);
        if (result->elapsed_ns > 0)
                metrics_observe(METRIC_FORMATTER_CALL, result->elapsed_ns);
        request->done(request->context, result);
        buf_deinit(&request->input);
        free(request->name);
        free(request);
}

void formatter_pool_answer_failure(struct formatter_request *request, enum formatter_status status,
                                   const struct reason *reason)
{
        struct formatter_result result = {.status = status, .reason = *reason};

        formatter_pool_answer(request, &result);
}

void formatter_pool_answer_all(struct list *requests, enum formatter_status status,
                               const struct reason *reason)
{
        struct list_node *node;

        while ((node = list_pop_front(requests)))
                formatter_pool_answer_failure(formatter_request_of(node), status, reason);
}

void formatter_pool_release_waiting(struct formatter_pool *pool, struct formatter_file *file)
{
        struct reason reason = file->broken;

        if (file->current) {
                list_splice_back(&pool->ready, &file->waiting);
        } else if (!file->candidate) {
                reason_prefix(&reason, "payload formatter '%s'", file->name);
                formatter_pool_answer_all(&file->waiting, FORMATTER_NOT_COMPILED, &reason);
        }
}

/* --- into the thread ----------------------------------------------------------------------- */

static void wake(struct formatter_pool *pool)
{
        const uint64_t one = 1;

        while (write(pool->wake, &one, sizeof(one)) < 0 && errno == EINTR)
                ;
}

static bool is_text(const char *text)
{
        return !text || text_is_utf8(text, strlen(text));
}

void formatter_call(struct formatter_pool *pool, const char *name, enum formatter_function function,
                    const struct formatter_input *input, formatter_done *done, void *context)
{
        struct formatter_request *request = mem_new(1, sizeof(*request));
        bool first;

        request->name = mem_text(name);
        request->function = function;
        request->done = done;
        request->context = context;
        request->refused = !is_text(input->data) || !is_text(input->device) ||
                           !is_text(input->application) || !is_text(input->method);
        formatter_wire_add_input(&request->input, function, input);
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
                formatter_pool_answer_failure(request, FORMATTER_FAILED, &reason);
                return;
        }
        if (request->refused) {
                reason_set(&reason, "the input has a text that is not UTF-8");
                formatter_pool_answer_failure(request, FORMATTER_FAILED, &reason);
                return;
        }
        request->file = formatter_files_get(pool->files, request->name, &reason);
        if (!request->file) {
                formatter_pool_answer_failure(request, FORMATTER_MISSING, &reason);
                return;
        }
        list_push_back(&request->file->waiting, &request->node);
        formatter_pool_release_waiting(pool, request->file);
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

static void retired(void *context, struct formatter_file *file,
                    const struct formatter_version *version)
{
        struct formatter_pool *pool = context;

        (void)file;
        for (int i = 0; i < pool->worker_count; i++) {
                if (pool->workers[i].state == FORMATTER_WORKER_READY)
                        formatter_worker_drop_version(&pool->workers[i], version->id);
        }
}

/* --- the thread ---------------------------------------------------------------------------- */

static void fail_waiting(void *context, struct formatter_file *file)
{
        struct formatter_pool *pool = context;

        formatter_pool_answer_all(&file->waiting, FORMATTER_CRASHED, &pool->start_reason);
}

/* Nothing waits for ever for workers that can't be started. */
static void give_up_waiting(struct formatter_pool *pool)
{
        if (!formatter_crew_is_lost(pool))
                return;
        formatter_pool_answer_all(&pool->ready, FORMATTER_CRASHED, &pool->start_reason);
        formatter_pool_answer_all(&pool->suspects, FORMATTER_CRASHED, &pool->start_reason);
        formatter_files_each(pool->files, fail_waiting, pool);
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
        int64_t until_ms = pool->used ? pool->look_ms : INT64_MAX;
        int64_t now_ms = clock_steady_ms();

        for (int i = 0; i < pool->worker_count; i++) {
                const struct formatter_worker *worker = &pool->workers[i];
                int64_t look_ms = formatter_worker_look_at_ms(worker, pool->patience_ms);

                if (worker->state == FORMATTER_WORKER_NONE && pool->used)
                        look_ms = pool->start_ms;
                until_ms = look_ms < until_ms ? look_ms : until_ms;
        }
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
                formatter_crew_listen(pool, &pool->workers[event->data.u64 - SOURCE_WORKER]);
        }
}

static void stop(struct formatter_pool *pool)
{
        struct reason reason = REASON_INIT;

        reason_set(&reason, "the program is ending");
        for (int i = 0; i < pool->worker_count; i++) {
                (void)formatter_process_end(&pool->workers[i].process);
                formatter_pool_answer_all(&pool->workers[i].requests, FORMATTER_STOPPED, &reason);
        }
        formatter_pool_answer_all(&pool->ready, FORMATTER_STOPPED, &reason);
        formatter_pool_answer_all(&pool->suspects, FORMATTER_STOPPED, &reason);
        pool->start_reason = reason;
}

static void stop_waiting(void *context, struct formatter_file *file)
{
        struct formatter_pool *pool = context;

        formatter_pool_answer_all(&file->waiting, FORMATTER_STOPPED, &pool->start_reason);
}

static void *run(void *context)
{
        struct formatter_pool *pool = context;
        struct epoll_event events[16];

        thread_enter(FORMATTER_THREAD);
        while (take_over(pool)) {
                int count;

                formatter_crew_start(pool);
                formatter_deal(pool);
                give_up_waiting(pool);
                count = epoll_wait(pool->epoll, events, (int)ARRAY_SIZE(events), sleep_ms(pool));
                for (int i = 0; i < count; i++)
                        take_event(pool, &events[i]);
                formatter_crew_look(pool);
                look_at_files(pool);
        }
        stop(pool);
        formatter_files_each(pool->files, stop_waiting, pool);
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
        formatter_files_free(pool->files);
        pthread_mutex_destroy(&pool->lock);
        free(pool->workers);
        free(pool->program);
        free(pool);
}

static void take_options(struct formatter_pool *pool, const struct formatter_options *options)
{
        struct formatter_files_hooks hooks = {.candidate = formatter_deal_candidate,
                                              .retired = retired,
                                              .context = pool,
                                              .last_id = &pool->last_id};
        int count = options->workers > 0 ? options->workers : DEFAULT_WORKERS;

        pool->worker_count = count < MOST_WORKERS ? count : MOST_WORKERS;
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
        pool->files = formatter_files_new(options->directory ? options->directory : ".", &hooks);
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
        list_init(&pool->suspects);
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
