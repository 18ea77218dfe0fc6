// SPDX-License-Identifier: MIT
/* How workers start, what they say, and what becomes of their requests when they end. */
#include <assert.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "formatter/formatter_check.h"
#include "formatter/formatter_pool.h"

/* A candidate is given up that ends so many workers while they compile it. */
#define MOST_DEATHS 2
/* A request for which nothing speaks but its place in line is suspected when so many are lost. */
#define MOST_LOSSES 2

/* After so many processes that did not become ready, none can be had for now. */
#define MOST_FAILED_STARTS  3
#define START_PAUSE_MS      500
#define START_PAUSE_MOST_MS 10000
/* So much of the pool's idea of a call's time is the last one's. */
#define TIME_PART 16
#define LEAST_NS  INT64_C(10000)
/* How long the worker for probation stays without work. */
#define SOLITARY_IDLE_MS 30000

/* --- start and end ------------------------------------------------------------------------- */

static void watch_socket(struct formatter_pool *pool, struct formatter_worker *worker,
                         int operation)
{
        struct epoll_event event = {.events = worker->sending ? EPOLLIN | EPOLLOUT : EPOLLIN};

        event.data.u64 = SOURCE_WORKER + (uint64_t)(worker - pool->workers);
        if (epoll_ctl(pool->epoll, operation, worker->process.socket, &event) != 0)
                abort();
}

static void start_failed(struct formatter_pool *pool, const struct reason *reason)
{
        int64_t pause_ms = START_PAUSE_MS * (int64_t)++pool->failed_starts;

        pool->start_ms = clock_steady_ms() +
                         (pause_ms < START_PAUSE_MOST_MS ? pause_ms : START_PAUSE_MOST_MS);
        pool->start_reason = *reason;
        log_error("FORMATTER_NOT_STARTED", "A worker for payload formatters can't be started",
                  LOG_TEXT("reason", reason->text), LOG_END);
}

/* The one mover. */
static void move(struct formatter_worker *worker, enum formatter_worker_state state)
{
        assert(state > worker->state || state == FORMATTER_WORKER_NONE);
        worker->state = state;
}

static void start_worker(struct formatter_pool *pool, struct formatter_worker *worker)
{
        struct reason reason = REASON_INIT;

        worker->was_ready = worker->timed_out = worker->confused = worker->sending = false;
        worker->version_count = 0;
        worker->calls_seen = 0;
        worker->progress_ms = worker->answer_ms = clock_steady_ms();
        if (formatter_process_start(&worker->process, &pool->options, &reason) != 0) {
                start_failed(pool, &reason);
                return;
        }
        move(worker, FORMATTER_WORKER_STARTING);
        watch_socket(pool, worker, EPOLL_CTL_ADD);
}

/* The one for probation only when something is to run there. */
static bool is_needed(const struct formatter_pool *pool, const struct formatter_worker *worker)
{
        return pool->used && worker->state == FORMATTER_WORKER_NONE &&
               (worker != formatter_pool_solitary(pool) ||
                formatter_probation_due_ms(pool->probation) <= clock_steady_ms());
}

void formatter_workers_start(struct formatter_pool *pool)
{
        for (int i = 0; i < pool->worker_count; i++) {
                if (is_needed(pool, &pool->workers[i]) && clock_steady_ms() >= pool->start_ms)
                        start_worker(pool, &pool->workers[i]);
        }
}

static void kill_worker(struct formatter_worker *worker)
{
        formatter_process_kill(&worker->process);
        move(worker, FORMATTER_WORKER_ENDING);
}

static int end_process(struct formatter_pool *pool, struct formatter_worker *worker)
{
        epoll_ctl(pool->epoll, EPOLL_CTL_DEL, worker->process.socket, NULL);
        move(worker, FORMATTER_WORKER_NONE);
        return formatter_process_end(&worker->process);
}

/* --- who gets the blame -------------------------------------------------------------------- */

static void judge_version(struct formatter_pool *pool, uint64_t version, bool good,
                          const struct reason *reason)
{
        struct formatter_file *file = formatter_files_judge(pool->files, version, good, reason);

        if (file)
                formatter_dispatch_waiting(pool, file);
}

static void run_again(struct formatter_pool *pool, struct formatter_request *request)
{
        list_push_front(&pool->ready, &request->node);
}

/*
 * A request that seems to have ended its worker. If it was alone there, it did, and fails. Else it
 * runs once more, alone: the worker may have been ended from outside, or by what an earlier request
 * had left.
 */
static void blame(struct formatter_pool *pool, struct formatter_worker *worker,
                  struct formatter_request *request, const struct formatter_death *death)
{
        bool alone = worker == formatter_pool_solitary(pool);
        bool known = request->id == death->culprit && !death->from_outside;

        if (known || alone || ++request->losses >= MOST_LOSSES)
                formatter_probation_offended(pool->probation, request, clock_steady_ms());
        if (alone && !death->from_outside) {
                struct reason reason = death->reason;

                reason_prefix(&reason, "payload formatter '%s'", request->name);
                formatter_request_fail(request, death->status, &reason);
                return;
        }
        run_again(pool, request);
}

/* The request under way; of a version that was being compiled, the first; NULL = nobody's. */
static struct formatter_request *find_blamed(const struct formatter_worker *worker,
                                             const struct formatter_death *death)
{
        list_for_each (node, &worker->requests) {
                struct formatter_request *request = formatter_request_of(node);
                const struct formatter_version *version = request->file->current;

                if (death->culprit == 0 || request->id == death->culprit ||
                    (version && version->id == death->culprit))
                        return request;
        }
        return NULL;
}

/* One of the requests is blamed; the others were merely near, and run again, in their order. */
static void share_out(struct formatter_pool *pool, struct formatter_worker *worker,
                      const struct formatter_death *death)
{
        struct formatter_request *blamed = find_blamed(worker, death);

        if (blamed)
                list_remove(&worker->requests, &blamed->node);
        while (!list_is_empty(&worker->requests)) {
                struct list_node *last = worker->requests.head.previous;

                list_remove(&worker->requests, last);
                run_again(pool, formatter_request_of(last));
        }
        if (blamed)
                blame(pool, worker, blamed, death);
}

/* A worker ended while it compiled this. */
static void blame_version(struct formatter_pool *pool, const struct formatter_death *death)
{
        struct formatter_file *file = formatter_files_of_version(pool->files, death->culprit);

        if (file && file->candidate && file->candidate->id == death->culprit &&
            !death->from_outside && ++file->candidate->deaths >= MOST_DEATHS)
                judge_version(pool, death->culprit, false, &death->reason);
}

/* The worker's socket has come to its end. */
static void bury_worker(struct formatter_pool *pool, struct formatter_worker *worker)
{
        uint64_t culprit = formatter_worker_culprit(worker);
        struct formatter_death death;

        formatter_worker_judge(worker, end_process(pool, worker), &death);
        death.culprit = culprit;
        if (!worker->was_ready) {
                start_failed(pool, &death.reason);
                return;
        }
        metrics_add(METRIC_FORMATTER_RESTARTS, 1);
        log_warn("FORMATTER_WORKER_ENDED", "A worker for payload formatters ended; another starts",
                 LOG_TEXT("reason", death.reason.text), LOG_END);
        share_out(pool, worker, &death);
        blame_version(pool, &death);
}

/* --- what they say ------------------------------------------------------------------------- */

static bool take_loaded(struct formatter_pool *pool, struct formatter_worker *worker,
                        const struct formatter_frame *frame)
{
        struct formatter_loaded loaded;

        if (!formatter_wire_read_loaded(frame, &loaded))
                return false;
        if (!loaded.good)
                formatter_worker_lacks_version(worker, loaded.version);
        judge_version(pool, loaded.version, loaded.good, &loaded.reason);
        if (!formatter_files_of_version(pool->files, loaded.version))
                formatter_worker_drop_version(worker, loaded.version);
        return true;
}

/* A call that took all the time that it may have holds up others as one does that never ends. */
static void note_conduct(struct formatter_pool *pool, const struct formatter_request *request,
                         const struct formatter_result *result)
{
        struct list released;

        if (result->status == FORMATTER_TIMEOUT) {
                formatter_probation_offended(pool->probation, request, clock_steady_ms());
                return;
        }
        list_init(&released);
        formatter_probation_behaved(pool->probation, request, &released);
        list_splice_back(&pool->ready, &released);
}

static void answer(struct formatter_pool *pool, struct formatter_worker *worker,
                   struct formatter_request *request, struct formatter_result *result)
{
        /* Another worker has compiled it, or there was no request: this one is short of something.
         */
        if (result->status == FORMATTER_NOT_COMPILED && request->losses++ < MOST_LOSSES) {
                formatter_worker_lacks_version(
                        worker, request->file->current ? request->file->current->id : 0);
                run_again(pool, request);
                return;
        }
        note_conduct(pool, request, result);
        if (result->status != FORMATTER_GOOD)
                reason_prefix(&result->reason, "payload formatter '%s'", request->name);
        formatter_request_answer(request, result);
}

/* A call that was interrupted says little of the next one. */
static void note_time(struct formatter_pool *pool, int64_t elapsed_ns)
{
        int64_t most_ns = 2 * pool->call_ns + LEAST_NS;

        pool->call_ns +=
                ((elapsed_ns < most_ns ? elapsed_ns : most_ns) - pool->call_ns) / TIME_PART;
}

static bool take_result(struct formatter_pool *pool, struct formatter_worker *worker,
                        const struct formatter_frame *frame)
{
        struct formatter_wire_result wire;
        struct formatter_request *request;

        if (list_is_empty(&worker->requests) || !formatter_wire_read_result(frame, &wire))
                return false;
        request = formatter_request_of(worker->requests.head.next);
        if (wire.id != request->id || !formatter_check_result(request->function, &wire.result))
                return false;
        list_remove(&worker->requests, &request->node);
        worker->progress_ms = worker->answer_ms = clock_steady_ms();
        note_time(pool, wire.result.elapsed_ns);
        answer(pool, worker, request, &wire.result);
        return true;
}

static bool take_ready(struct formatter_pool *pool, struct formatter_worker *worker,
                       const struct formatter_frame *frame)
{
        if (frame->size != 0 || worker->state != FORMATTER_WORKER_STARTING)
                return false;
        move(worker, FORMATTER_WORKER_READY);
        worker->was_ready = true;
        worker->answer_ms = clock_steady_ms();
        pool->failed_starts = 0;
        pool->start_ms = 0;
        return true;
}

static bool take_frame(struct formatter_pool *pool, struct formatter_worker *worker,
                       const struct formatter_frame *frame)
{
        switch (frame->type) {
        case FORMATTER_FRAME_READY:
                return take_ready(pool, worker, frame);
        case FORMATTER_FRAME_LOADED:
                return take_loaded(pool, worker, frame);
        case FORMATTER_FRAME_RESULT:
                return take_result(pool, worker, frame);
        case FORMATTER_FRAME_LOAD:
        case FORMATTER_FRAME_UNLOAD:
        case FORMATTER_FRAME_CALL:
        default:
                return false;
        }
}

void formatter_workers_listen(struct formatter_pool *pool, struct formatter_worker *worker)
{
        struct formatter_process *process = &worker->process;
        int end = formatter_process_receive(process);
        struct formatter_frame frame;
        size_t done = 0;
        size_t taken;
        int result = 0;

        while (worker->state != FORMATTER_WORKER_ENDING &&
               (result = formatter_frame_next(process->in.data + done, process->in.size - done,
                                              &frame, &taken)) == 0) {
                if (!take_frame(pool, worker, &frame))
                        break;
                done += taken;
        }
        formatter_process_received(process, done);
        if (worker->state != FORMATTER_WORKER_ENDING && result != -EAGAIN) {
                log_error("FORMATTER_WORKER_CONFUSED",
                          "A worker for payload formatters answered nonsense and is ended",
                          LOG_END);
                worker->confused = true;
                kill_worker(worker);
        }
        if (end != 0)
                bury_worker(pool, worker);
}

void formatter_workers_send(struct formatter_pool *pool)
{
        for (int i = 0; i < pool->worker_count; i++) {
                struct formatter_worker *worker = &pool->workers[i];
                bool sending;

                if (worker->state != FORMATTER_WORKER_READY)
                        continue;
                sending = formatter_process_send(&worker->process);
                if (sending == worker->sending)
                        continue;
                worker->sending = sending;
                watch_socket(pool, worker, EPOLL_CTL_MOD);
        }
}

/* --- looking after them -------------------------------------------------------------------- */

/* When the worker for probation is not needed any more; INT64_MAX if it is, or is not there. */
static int64_t idle_until_ms(const struct formatter_pool *pool,
                             const struct formatter_worker *worker)
{
        if (worker != formatter_pool_solitary(pool) || worker->state != FORMATTER_WORKER_READY ||
            !list_is_empty(&worker->requests))
                return INT64_MAX;
        return worker->answer_ms + SOLITARY_IDLE_MS;
}

static void look_at_worker(struct formatter_pool *pool, struct formatter_worker *worker,
                           int64_t now_ms)
{
        if (now_ms >= idle_until_ms(pool, worker)) {
                (void)end_process(pool, worker);
                return;
        }
        if (!formatter_worker_watch(worker, pool->patience_ms, now_ms))
                return;
        worker->timed_out = true;
        formatter_process_kill(&worker->process);
        if (worker->state == FORMATTER_WORKER_READY)
                move(worker, FORMATTER_WORKER_ENDING);
}

void formatter_workers_look(struct formatter_pool *pool)
{
        int64_t now_ms = clock_steady_ms();

        for (int i = 0; i < pool->worker_count; i++)
                look_at_worker(pool, &pool->workers[i], now_ms);
}

static int64_t earlier(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

int64_t formatter_workers_look_at_ms(const struct formatter_pool *pool)
{
        int64_t due_ms = formatter_probation_due_ms(pool->probation);
        int64_t until_ms = INT64_MAX;

        for (int i = 0; i < pool->worker_count && pool->used; i++) {
                const struct formatter_worker *worker = &pool->workers[i];
                bool solitary = worker == formatter_pool_solitary(pool);

                until_ms = earlier(until_ms, idle_until_ms(pool, worker));
                until_ms =
                        earlier(until_ms, formatter_worker_look_at_ms(worker, pool->patience_ms));
                if (worker->state == FORMATTER_WORKER_NONE && !solitary)
                        until_ms = earlier(until_ms, pool->start_ms);
                if (worker->state == FORMATTER_WORKER_NONE && solitary && due_ms < INT64_MAX)
                        until_ms = earlier(until_ms,
                                           due_ms > pool->start_ms ? due_ms : pool->start_ms);
                if (worker->state == FORMATTER_WORKER_READY && solitary &&
                    list_is_empty(&worker->requests))
                        until_ms = earlier(until_ms, due_ms);
        }
        return until_ms;
}

static bool no_process(const struct formatter_pool *pool)
{
        for (int i = 0; i < pool->worker_count; i++) {
                if (pool->workers[i].state != FORMATTER_WORKER_NONE)
                        return false;
        }
        return true;
}

bool formatter_workers_are_lost(const struct formatter_pool *pool)
{
        return pool->failed_starts >= MOST_FAILED_STARTS && no_process(pool);
}
