// SPDX-License-Identifier: MIT
/* Which worker gets which request. */
#include "base/clock.h"
#include "formatter/formatter_pool.h"

/* What one worker has at a time: enough for one wake-up to be shared by many. */
#define WINDOW_CALLS 64
#define WINDOW_BYTES ((size_t)4 << 20)

/* A worker with less than that to do gets more before another one gets anything ... */
#define SOON_NS (2 * CLOCK_NS_PER_MS)
/* ... unless it has not answered for so long. */
#define SILENT_MS 2

static bool takes_more(const struct formatter_worker *worker)
{
        return worker->state == FORMATTER_WORKER_READY && worker->requests.count < WINDOW_CALLS &&
               worker->process.out.size < WINDOW_BYTES;
}

/* By what calls took lately, if it answers them. */
static bool is_soon_free(const struct formatter_pool *pool, const struct formatter_worker *worker,
                         int64_t now_ms)
{
        return list_is_empty(&worker->requests) ||
               ((int64_t)worker->requests.count * pool->call_ns < SOON_NS &&
                now_ms - worker->answer_ms <= SILENT_MS);
}

/*
 * Short calls have one worker after another: it is woken once for many of them, and their
 * formatters, and what collecting their garbage touches, stay in its processor's cache.
 */
struct formatter_worker *formatter_dispatch_choose(const struct formatter_pool *pool,
                                                   int64_t now_ms)
{
        struct formatter_worker *best = NULL;

        for (int i = 0; i < pool->worker_count - 1; i++) {
                struct formatter_worker *worker = &pool->workers[i];

                if (!takes_more(worker))
                        continue;
                if (is_soon_free(pool, worker, now_ms))
                        return worker;
                if (!best || worker->requests.count < best->requests.count)
                        best = worker;
        }
        return best;
}

/* A version that was replaced by none while the request waited. */
static void answer_gone(struct formatter_request *request)
{
        struct reason reason = REASON_INIT;

        reason_set(&reason, "the file of payload formatter '%s' is gone", request->name);
        formatter_request_fail(request, FORMATTER_MISSING, &reason);
}

static void hand_out(struct formatter_pool *pool)
{
        int64_t now_ms = clock_steady_ms();
        struct formatter_worker *worker;

        while (!list_is_empty(&pool->ready) && (worker = formatter_dispatch_choose(pool, now_ms))) {
                struct formatter_request *request =
                        formatter_request_of(list_pop_front(&pool->ready));

                if (!request->file->current)
                        answer_gone(request);
                else if (!formatter_probation_take(pool->probation, request))
                        formatter_worker_add_request(worker, request);
        }
}

/* One at a time. */
static void hand_out_solitary(struct formatter_pool *pool)
{
        struct formatter_worker *worker = formatter_pool_solitary(pool);
        struct formatter_request *request;

        while (worker->state == FORMATTER_WORKER_READY && list_is_empty(&worker->requests) &&
               (request = formatter_probation_next(pool->probation, clock_steady_ms()))) {
                if (request->file->current)
                        formatter_worker_add_request(worker, request);
                else
                        answer_gone(request);
        }
}

static bool some_worker_knows(const struct formatter_pool *pool, uint64_t id)
{
        for (int i = 0; i < pool->worker_count; i++) {
                const struct formatter_worker *worker = &pool->workers[i];

                for (int j = 0;
                     worker->state == FORMATTER_WORKER_READY && j < worker->version_count; j++) {
                        if (worker->versions[j] == id)
                                return true;
                }
        }
        return false;
}

/* A candidate that nobody compiles is given to somebody. */
void formatter_dispatch_candidate(void *context, struct formatter_file *file)
{
        struct formatter_pool *pool = context;
        struct formatter_worker *worker = formatter_dispatch_choose(pool, clock_steady_ms());

        if (file->candidate && worker && !some_worker_knows(pool, file->candidate->id))
                formatter_worker_add_version(worker, file->name, file->candidate);
}

void formatter_dispatch_waiting(struct formatter_pool *pool, struct formatter_file *file)
{
        struct reason reason = file->broken;

        if (file->current) {
                list_splice_back(&pool->ready, &file->waiting);
        } else if (!file->candidate) {
                reason_prefix(&reason, "payload formatter '%s'", file->name);
                formatter_request_fail_all(&file->waiting, FORMATTER_NOT_COMPILED, &reason);
        }
}

void formatter_dispatch(struct formatter_pool *pool)
{
        formatter_files_each(pool->files, formatter_dispatch_candidate, pool);
        hand_out(pool);
        hand_out_solitary(pool);
}
