// SPDX-License-Identifier: MIT
/* How workers start, what they say, and what becomes of their requests when they end. */
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "formatter/formatter_check.h"
#include "formatter/formatter_pool.h"

/* A request fails that kills so many workers, or is near the death of so many. */
#define MOST_DEATHS 2
#define MOST_RERUNS 10

/* After so many processes that did not become ready, calls fail until one does. */
#define MOST_FAILED_STARTS 3
#define START_PAUSE_MS     500

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
        pool->failed_starts++;
        pool->start_ms = clock_steady_ms() + START_PAUSE_MS * pool->failed_starts;
        pool->start_reason = *reason;
        log_error("FORMATTER_NOT_STARTED", "A worker for payload formatters can't be started",
                  LOG_TEXT("reason", reason->text), LOG_END);
}

static void start_worker(struct formatter_pool *pool, struct formatter_worker *worker)
{
        struct reason reason = REASON_INIT;

        worker->was_ready = worker->alone = worker->timed_out = worker->sending = false;
        worker->version_count = 0;
        worker->calls_seen = 0;
        worker->progress_ms = worker->answer_ms = clock_steady_ms();
        if (formatter_process_start(&worker->process, &pool->options, &reason) != 0) {
                start_failed(pool, &reason);
                return;
        }
        worker->state = FORMATTER_WORKER_STARTING;
        watch_socket(pool, worker, EPOLL_CTL_ADD);
}

void formatter_crew_start(struct formatter_pool *pool)
{
        if (!pool->used)
                return;
        for (int i = 0; i < pool->worker_count; i++) {
                if (clock_steady_ms() < pool->start_ms)
                        return;
                if (pool->workers[i].state == FORMATTER_WORKER_NONE)
                        start_worker(pool, &pool->workers[i]);
        }
}

static void kill_worker(struct formatter_worker *worker)
{
        formatter_process_kill(&worker->process);
        worker->state = FORMATTER_WORKER_ENDING;
}

/* The request that a worker died of: alone once more, or it fails. */
static void suspect(struct formatter_pool *pool, struct formatter_request *request,
                    enum formatter_status status, const struct reason *reason)
{
        struct reason named = *reason;

        reason_prefix(&named, "payload formatter '%s'", request->name);
        if (++request->deaths >= MOST_DEATHS)
                formatter_pool_answer_failure(request, status, &named);
        else
                list_push_back(&pool->suspects, &request->node);
}

/* A request that a dead worker had, but not of which it died. */
static void rerun(struct formatter_pool *pool, struct formatter_request *request,
                  const struct reason *reason)
{
        if (++request->reruns >= MOST_RERUNS)
                formatter_pool_answer_failure(request, FORMATTER_CRASHED, reason);
        else if (request->deaths > 0)
                list_push_back(&pool->suspects, &request->node);
        else
                list_push_front(&pool->ready, &request->node);
}

static void share_out(struct formatter_pool *pool, struct formatter_worker *worker,
                      uint64_t culprit, enum formatter_status status, const struct reason *reason)
{
        struct list requests;
        struct list_node *node;

        list_init(&requests);
        list_splice_back(&requests, &worker->requests);
        /* From behind, so that the first one is first again. */
        while (!list_is_empty(&requests)) {
                node = requests.head.previous;
                list_remove(&requests, node);
                if (formatter_request_of(node)->id == culprit)
                        suspect(pool, formatter_request_of(node), status, reason);
                else
                        rerun(pool, formatter_request_of(node), reason);
        }
}

static void judge(struct formatter_pool *pool, uint64_t version, bool good,
                  const struct reason *reason)
{
        struct formatter_file *file = formatter_files_judge(pool->files, version, good, reason);

        if (file)
                formatter_pool_release_waiting(pool, file);
}

/* A version of which a worker died while it was compiled. */
static void blame_version(struct formatter_pool *pool, uint64_t id, const struct reason *reason)
{
        struct formatter_file *file = formatter_files_of_version(pool->files, id);

        if (file && file->candidate && file->candidate->id == id &&
            ++file->candidate->deaths >= MOST_DEATHS)
                judge(pool, id, false, reason);
}

/* The worker's socket has come to its end. */
static void bury_worker(struct formatter_pool *pool, struct formatter_worker *worker)
{
        uint64_t culprit =
                atomic_load_explicit(&worker->process.beacon->call, memory_order_relaxed);
        struct reason reason = REASON_INIT;
        enum formatter_status status;
        int wait_status;

        epoll_ctl(pool->epoll, EPOLL_CTL_DEL, worker->process.socket, NULL);
        wait_status = formatter_process_end(&worker->process);
        status = formatter_worker_verdict(worker, wait_status, &reason);
        worker->state = FORMATTER_WORKER_NONE;
        if (!worker->was_ready) {
                start_failed(pool, &reason);
                return;
        }
        metrics_add(METRIC_FORMATTER_RESTARTS, 1);
        log_warn("FORMATTER_WORKER_ENDED", "A worker for payload formatters ended; another starts",
                 LOG_TEXT("reason", reason.text), LOG_END);
        share_out(pool, worker, culprit, status, &reason);
        blame_version(pool, culprit, &reason);
}

/* --- what they say ------------------------------------------------------------------------- */
static bool take_loaded(struct formatter_pool *pool, struct formatter_worker *worker,
                        const struct formatter_frame *frame)
{
        struct formatter_loaded loaded;

        if (!formatter_wire_read_loaded(frame, &loaded))
                return false;
        judge(pool, loaded.version, loaded.good, &loaded.reason);
        if (!formatter_files_of_version(pool->files, loaded.version))
                formatter_worker_drop_version(worker, loaded.version);
        return true;
}

/* What a formatter did wrong, with its name before it. */
static void name_formatter(const struct formatter_request *request, struct formatter_result *result)
{
        if (result->status != FORMATTER_GOOD)
                reason_prefix(&result->reason, "payload formatter '%s'", request->name);
}

static bool take_result(struct formatter_worker *worker, const struct formatter_frame *frame)
{
        struct formatter_wire_result wire;
        struct formatter_request *request;

        if (list_is_empty(&worker->requests) || !formatter_wire_read_result(frame, &wire))
                return false;
        request = formatter_request_of(worker->requests.head.next);
        if (wire.id != request->id || !formatter_check_result(request->function, &wire.result))
                return false;
        list_remove(&worker->requests, &request->node);
        worker->alone = false;
        worker->progress_ms = worker->answer_ms = clock_steady_ms();
        name_formatter(request, &wire.result);
        formatter_pool_answer(request, &wire.result);
        return true;
}

static bool take_ready(struct formatter_pool *pool, struct formatter_worker *worker,
                       const struct formatter_frame *frame)
{
        if (frame->size != 0 || worker->state != FORMATTER_WORKER_STARTING)
                return false;
        worker->state = FORMATTER_WORKER_READY;
        worker->was_ready = true;
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
                return take_result(worker, frame);
        case FORMATTER_FRAME_LOAD:
        case FORMATTER_FRAME_UNLOAD:
        case FORMATTER_FRAME_CALL:
        default:
                return false;
        }
}

void formatter_crew_listen(struct formatter_pool *pool, struct formatter_worker *worker)
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
                kill_worker(worker);
        }
        if (end != 0)
                bury_worker(pool, worker);
}

void formatter_crew_send(struct formatter_pool *pool)
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
void formatter_crew_look(struct formatter_pool *pool)
{
        int64_t now_ms = clock_steady_ms();

        for (int i = 0; i < pool->worker_count; i++) {
                struct formatter_worker *worker = &pool->workers[i];

                if (!formatter_worker_hangs(worker, pool->patience_ms, now_ms))
                        continue;
                worker->timed_out = true;
                formatter_process_kill(&worker->process);
                if (worker->state == FORMATTER_WORKER_READY)
                        worker->state = FORMATTER_WORKER_ENDING;
        }
}

static bool no_process(const struct formatter_pool *pool)
{
        for (int i = 0; i < pool->worker_count; i++) {
                if (pool->workers[i].state != FORMATTER_WORKER_NONE)
                        return false;
        }
        return true;
}

bool formatter_crew_is_lost(const struct formatter_pool *pool)
{
        return pool->failed_starts >= MOST_FAILED_STARTS && no_process(pool);
}
