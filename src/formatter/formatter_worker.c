// SPDX-License-Identifier: MIT
#include "formatter/formatter_worker.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"

/* A start is slow on a busy machine. */
#define START_PATIENCE_MS 30000
/* What compiling takes of the processor, a busy machine gives it in so many times that. */
#define COMPILE_FACTOR 24

static int version_index(const struct formatter_worker *worker, uint64_t id)
{
        for (int i = 0; i < worker->version_count; i++) {
                if (worker->versions[i] == id)
                        return i;
        }
        return -1;
}

/* Moves what is at `index` to the front. */
static void use_version(struct formatter_worker *worker, int index)
{
        uint64_t id = worker->versions[index];

        memmove(worker->versions + 1, worker->versions, (size_t)index * sizeof(id));
        worker->versions[0] = id;
}

void formatter_worker_add_version(struct formatter_worker *worker, const char *name,
                                  const struct formatter_version *version)
{
        int index = version_index(worker, version->id);
        struct formatter_load load = {.version = version->id,
                                      .name = name,
                                      .source = buf_text(&version->source),
                                      .source_size = version->source.size};

        if (index >= 0) {
                use_version(worker, index);
                return;
        }
        if (worker->version_count == FORMATTER_WORKER_VERSIONS)
                formatter_worker_drop_version(worker, worker->versions[worker->version_count - 1]);
        worker->versions[worker->version_count++] = version->id;
        use_version(worker, worker->version_count - 1);
        formatter_wire_add_load(&worker->process.out, &load);
}

void formatter_worker_lacks_version(struct formatter_worker *worker, uint64_t id)
{
        int index = version_index(worker, id);

        if (index < 0)
                return;
        worker->version_count--;
        memmove(worker->versions + index, worker->versions + index + 1,
                (size_t)(worker->version_count - index) * sizeof(id));
}

void formatter_worker_drop_version(struct formatter_worker *worker, uint64_t id)
{
        if (version_index(worker, id) < 0)
                return;
        formatter_worker_lacks_version(worker, id);
        formatter_wire_add_unload(&worker->process.out, id);
}

static uint64_t calls_begun(const struct formatter_worker *worker)
{
        return atomic_load_explicit(&worker->process.progress->calls, memory_order_relaxed);
}

void formatter_worker_add_request(struct formatter_worker *worker,
                                  struct formatter_request *request)
{
        const struct formatter_version *version = request->file->current;

        if (list_is_empty(&worker->requests)) {
                worker->progress_ms = worker->answer_ms = clock_steady_ms();
                worker->calls_seen = calls_begun(worker);
        }
        formatter_worker_add_version(worker, request->file->name, version);
        formatter_wire_add_call(&worker->process.out, request->id, version->id, &request->input);
        list_push_back(&worker->requests, &request->node);
}

/* How long its first request may take, with all that it may have to compile. */
static int64_t patience_of(const struct formatter_worker *worker, int64_t patience_ms)
{
        const struct formatter_request *first = formatter_request_of(worker->requests.head.next);
        const struct formatter_version *version = first->file->current;

        return patience_ms +
               (version ? formatter_compile_ms(version->source.size) * COMPILE_FACTOR : 0);
}

int64_t formatter_worker_look_at_ms(const struct formatter_worker *worker, int64_t patience_ms)
{
        if (worker->state == FORMATTER_WORKER_STARTING)
                return worker->progress_ms + START_PATIENCE_MS;
        if (worker->state != FORMATTER_WORKER_READY || list_is_empty(&worker->requests))
                return INT64_MAX;
        return worker->progress_ms + patience_of(worker, patience_ms);
}

bool formatter_worker_watch(struct formatter_worker *worker, int64_t patience_ms, int64_t now_ms)
{
        uint64_t calls;
        int64_t longest_ms;

        if (now_ms < formatter_worker_look_at_ms(worker, patience_ms))
                return false;
        if (worker->state == FORMATTER_WORKER_STARTING)
                return true;
        calls = calls_begun(worker);
        longest_ms = patience_of(worker, patience_ms) * ((int64_t)worker->requests.count + 1);
        if (calls == worker->calls_seen || now_ms - worker->answer_ms > longest_ms)
                return true;
        /* It goes on with others; what it answers is on its way. */
        worker->calls_seen = calls;
        worker->progress_ms = now_ms;
        return false;
}

uint64_t formatter_worker_culprit(const struct formatter_worker *worker)
{
        if (worker->confused && !list_is_empty(&worker->requests))
                return formatter_request_of(worker->requests.head.next)->id;
        return atomic_load_explicit(&worker->process.progress->call, memory_order_relaxed);
}

static enum formatter_status say_signal(int signal, struct reason *reason)
{
        if (signal == SIGSYS)
                reason_set(reason, "its worker was ended: it tried to leave the sandbox");
        else
                reason_set(reason, "its worker was ended by signal %d (%s)", signal,
                           sigdescr_np(signal));
        return FORMATTER_CRASHED;
}

static enum formatter_status say_exit(int status, struct reason *reason)
{
        if (status == FORMATTER_EXIT_TIMEOUT) {
                reason_set(reason, "it did not end in time, and its worker had to be ended");
                return FORMATTER_TIMEOUT;
        }
        if (status == FORMATTER_EXIT_MEMORY) {
                reason_set(reason, "it used more memory than a worker may have");
                return FORMATTER_MEMORY;
        }
        reason_set(reason, "its worker ended with status %d", status);
        return FORMATTER_CRASHED;
}

void formatter_worker_judge(const struct formatter_worker *worker, int wait_status,
                            struct formatter_death *death)
{
        *death = (struct formatter_death){.reason = REASON_INIT};
        if (worker->confused) {
                reason_set(&death->reason, "its worker answered nonsense and had to be ended");
                death->status = FORMATTER_CRASHED;
        } else if (worker->timed_out) {
                death->status = say_exit(FORMATTER_EXIT_TIMEOUT, &death->reason);
        } else if (WIFSIGNALED(wait_status)) {
                death->status = say_signal(WTERMSIG(wait_status), &death->reason);
                death->from_outside = WTERMSIG(wait_status) == SIGKILL;
        } else {
                death->status =
                        say_exit(WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : wait_status,
                                 &death->reason);
        }
}
