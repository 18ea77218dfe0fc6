// SPDX-License-Identifier: MIT
/*
 * One place of the pool: a process, the calls that it has, in its order, and the versions that it
 * knows. When the process ends, the place gets another one. All on the thread "formatter".
 */
#ifndef ISTHMUS_FORMATTER_FORMATTER_WORKER_H
#define ISTHMUS_FORMATTER_FORMATTER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "formatter/formatter_files.h"
#include "formatter/formatter_process.h"
#include "formatter/formatter_request.h"

/* Versions that a worker keeps; the one not used for longest goes first. */
#define FORMATTER_WORKER_VERSIONS 64

enum formatter_worker_state {
        FORMATTER_WORKER_NONE, /* no process */
        FORMATTER_WORKER_STARTING,
        FORMATTER_WORKER_READY,
        FORMATTER_WORKER_ENDING, /* killed; its socket has not come to its end yet */
};

struct formatter_worker {
        enum formatter_worker_state state;
        struct formatter_process process;
        struct list requests; /* sent and not answered, in order */
        bool was_ready;       /* this process; one that never was has failed to start */
        bool timed_out;       /* killed by the pool because it did not answer */
        bool confused;        /* killed by the pool because of what it answered */
        bool sending;         /* the socket takes no more for now */

        uint64_t versions[FORMATTER_WORKER_VERSIONS]; /* last used first */
        int version_count;

        int64_t progress_ms; /* when it last began or answered something */
        int64_t answer_ms;   /* when it last answered */
        uint64_t calls_seen; /* formatter_progress.calls at the last look */
};

/* Puts a LOAD before whatever comes next, unless the worker knows the version. */
void formatter_worker_add_version(struct formatter_worker *worker, const char *name,
                                  const struct formatter_version *version);

/* Makes it forget a version, if it knows it. */
void formatter_worker_drop_version(struct formatter_worker *worker, uint64_t id);

/* It does not know the version any more, by its own word. */
void formatter_worker_lacks_version(struct formatter_worker *worker, uint64_t id);

/* Hands it a request whose file has a current version. */
void formatter_worker_add_request(struct formatter_worker *worker,
                                  struct formatter_request *request);

/* When the pool has to look at it, by the steady clock; INT64_MAX = never. */
int64_t formatter_worker_look_at_ms(const struct formatter_worker *worker, int64_t patience_ms);

/* Looks at it: true if it has answered nothing for too long, whatever it says. */
bool formatter_worker_watch(struct formatter_worker *worker, int64_t patience_ms, int64_t now_ms);

/* Id of the call or version that was under way, as far as can be known; 0 = none. While there is a
 * process. */
uint64_t formatter_worker_culprit(const struct formatter_worker *worker);

/* How a worker ended. */
struct formatter_death {
        enum formatter_status status;
        struct reason reason;
        bool from_outside; /* it was killed by neither itself nor the pool */
        uint64_t culprit;  /* formatter_worker_culprit */
};

/* What its wait status and what the pool did say of its end; all but the culprit. */
void formatter_worker_judge(const struct formatter_worker *worker, int wait_status,
                            struct formatter_death *death);

#endif
