// SPDX-License-Identifier: MIT
/* Which worker gets which request. */
#include "formatter/formatter_pool.h"

/* What one worker has at a time: enough for one wake-up to be shared by many. */
#define WINDOW_CALLS 64
#define WINDOW_BYTES ((size_t)4 << 20)

static bool takes_more(const struct formatter_worker *worker)
{
        return worker->state == FORMATTER_WORKER_READY && !worker->alone &&
               worker->requests.count < WINDOW_CALLS && worker->process.out.size < WINDOW_BYTES;
}

/* The one with the least to do that takes more; not `kept`. */
static struct formatter_worker *least_busy(struct formatter_pool *pool,
                                           const struct formatter_worker *kept)
{
        struct formatter_worker *best = NULL;

        for (int i = 0; i < pool->worker_count; i++) {
                struct formatter_worker *worker = &pool->workers[i];

                if (worker != kept && takes_more(worker) &&
                    (!best || worker->requests.count < best->requests.count))
                        best = worker;
        }
        return best;
}

/* A version that was replaced by none while the request waited. */
static void answer_gone(struct formatter_request *request)
{
        struct reason reason = REASON_INIT;

        reason_set(&reason, "the file of payload formatter '%s' is gone", request->name);
        formatter_pool_answer_failure(request, FORMATTER_MISSING, &reason);
}

static bool hand_to(struct formatter_worker *worker, struct formatter_request *request)
{
        if (!request->file->current) {
                answer_gone(request);
                return false;
        }
        formatter_worker_add_request(worker, request);
        return true;
}

/* The first worker that runs gets no more until it is idle, then a suspect that is alone with it;
 * the rest is for the others. Returns it; NULL if there are no suspects left. */
static struct formatter_worker *hand_out_suspects(struct formatter_pool *pool)
{
        struct formatter_worker *worker = NULL;
        struct list_node *node;

        for (int i = 0; i < pool->worker_count && !worker; i++) {
                if (pool->workers[i].state == FORMATTER_WORKER_READY)
                        worker = &pool->workers[i];
        }
        while (worker && takes_more(worker) && list_is_empty(&worker->requests) &&
               (node = list_pop_front(&pool->suspects)))
                worker->alone = hand_to(worker, formatter_request_of(node));
        return list_is_empty(&pool->suspects) ? NULL : worker;
}

static void hand_out(struct formatter_pool *pool)
{
        const struct formatter_worker *kept = hand_out_suspects(pool);
        struct formatter_worker *worker;

        while (!list_is_empty(&pool->ready) && (worker = least_busy(pool, kept)))
                (void)hand_to(worker, formatter_request_of(list_pop_front(&pool->ready)));
}

static struct formatter_worker *any_ready(struct formatter_pool *pool)
{
        struct formatter_worker *best = NULL;

        for (int i = 0; i < pool->worker_count; i++) {
                struct formatter_worker *worker = &pool->workers[i];

                if (worker->state == FORMATTER_WORKER_READY &&
                    (!best || worker->requests.count < best->requests.count))
                        best = worker;
        }
        return best;
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
void formatter_deal_candidate(void *context, struct formatter_file *file)
{
        struct formatter_pool *pool = context;
        struct formatter_worker *worker = any_ready(pool);

        if (file->candidate && worker && !some_worker_knows(pool, file->candidate->id))
                formatter_worker_add_version(worker, file->name, file->candidate);
}

void formatter_deal(struct formatter_pool *pool)
{
        formatter_files_each(pool->files, formatter_deal_candidate, pool);
        hand_out(pool);
        formatter_crew_send(pool);
}
