// SPDX-License-Identifier: MIT
#include "formatter/formatter_worker.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"

/* A start is slow on a busy machine. */
#define START_PATIENCE_MS 30000

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

void formatter_worker_drop_version(struct formatter_worker *worker, uint64_t id)
{
        int index = version_index(worker, id);

        if (index < 0)
                return;
        worker->version_count--;
        memmove(worker->versions + index, worker->versions + index + 1,
                (size_t)(worker->version_count - index) * sizeof(id));
        formatter_wire_add_unload(&worker->process.out, id);
}

void formatter_worker_add_request(struct formatter_worker *worker,
                                  struct formatter_request *request)
{
        const struct formatter_version *version = request->file->current;

        if (list_is_empty(&worker->requests))
                worker->progress_ms = worker->answer_ms = clock_steady_ms();
        formatter_worker_add_version(worker, request->file->name, version);
        formatter_wire_add_call(&worker->process.out, request->id, version->id, &request->input);
        list_push_back(&worker->requests, &request->node);
}

static bool has_work(const struct formatter_worker *worker)
{
        return worker->state == FORMATTER_WORKER_READY && !list_is_empty(&worker->requests);
}

int64_t formatter_worker_look_at_ms(const struct formatter_worker *worker, int64_t patience_ms)
{
        if (worker->state == FORMATTER_WORKER_STARTING)
                return worker->progress_ms + START_PATIENCE_MS;
        return has_work(worker) ? worker->progress_ms + patience_ms : INT64_MAX;
}

bool formatter_worker_hangs(struct formatter_worker *worker, int64_t patience_ms, int64_t now_ms)
{
        uint64_t calls;
        int64_t longest_ms;

        if (now_ms < formatter_worker_look_at_ms(worker, patience_ms))
                return false;
        if (worker->state == FORMATTER_WORKER_STARTING)
                return true;
        calls = atomic_load_explicit(&worker->process.beacon->calls, memory_order_relaxed);
        longest_ms = patience_ms * ((int64_t)worker->requests.count + 1);
        if (calls == worker->calls_seen || now_ms - worker->answer_ms > longest_ms)
                return true;
        /* It goes on with others; what it answers is on its way. */
        worker->calls_seen = calls;
        worker->progress_ms = now_ms;
        return false;
}

enum formatter_status formatter_worker_verdict(const struct formatter_worker *worker,
                                               int wait_status, struct reason *reason)
{
        if (worker->timed_out ||
            (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == FORMATTER_EXIT_TIMEOUT)) {
                reason_set(reason, "it did not end in time, and its worker had to be ended");
                return FORMATTER_TIMEOUT;
        }
        if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == FORMATTER_EXIT_MEMORY) {
                reason_set(reason, "it used more memory than a worker may have");
                return FORMATTER_MEMORY;
        }
        if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGSYS)
                reason_set(reason, "its worker was ended: it tried to leave the sandbox");
        else if (WIFSIGNALED(wait_status))
                reason_set(reason, "its worker was ended by signal %d (%s)", WTERMSIG(wait_status),
                           sigdescr_np(WTERMSIG(wait_status)));
        else
                reason_set(reason, "its worker ended with status %d",
                           WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : wait_status);
        return FORMATTER_CRASHED;
}
