// SPDX-License-Identifier: MIT
/*
 * One place of the pool: a process, the calls that it has, in its order, and the versions that it
 * knows. When the process ends, the place gets another one. All on the thread "formatter".
 */
#ifndef ISTHMUS_FORMATTER_FORMATTER_WORKER_H
#define ISTHMUS_FORMATTER_FORMATTER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "formatter/formatter_files.h"
#include "formatter/formatter_process.h"

/* Versions that a worker keeps; the one not used for longest goes first. */
#define FORMATTER_WORKER_VERSIONS 64

/* A call, from formatter_call to its `done`. */
struct formatter_request {
        struct list_node node;
        uint64_t id;
        char *name;
        enum formatter_function function;
        struct buf input; /* formatter_wire_add_input */
        bool refused;     /* a text of it is none */
        formatter_done *done;
        void *context;
        struct formatter_file *file; /* NULL until the pool's thread has it */
        int deaths;                  /* workers that died of it */
        int reruns;                  /* workers that died around it */
};

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
        bool alone;           /* has one that killed a worker: it gets no other */
        bool timed_out;       /* killed by the pool because it did not answer */
        bool sending;         /* the socket takes no more for now */

        uint64_t versions[FORMATTER_WORKER_VERSIONS]; /* last used first */
        int version_count;

        int64_t progress_ms; /* when it last began or answered something */
        int64_t answer_ms;   /* when it last answered */
        uint64_t calls_seen; /* of the beacon */
};

/* Puts a LOAD before whatever comes next, unless the worker knows the version. */
void formatter_worker_add_version(struct formatter_worker *worker, const char *name,
                                  const struct formatter_version *version);

/* Makes it forget a version, if it knows it. */
void formatter_worker_drop_version(struct formatter_worker *worker, uint64_t id);

/* Hands it a request whose file has a current version. */
void formatter_worker_add_request(struct formatter_worker *worker,
                                  struct formatter_request *request);

/* When the pool has to look at it, by the steady clock; INT64_MAX = never. */
int64_t formatter_worker_look_at_ms(const struct formatter_worker *worker, int64_t patience_ms);

/* True if it has answered nothing for too long, whatever it says. */
bool formatter_worker_hangs(struct formatter_worker *worker, int64_t patience_ms, int64_t now_ms);

/* What a wait status, and what the pool did, say about its end. */
enum formatter_status formatter_worker_verdict(const struct formatter_worker *worker,
                                               int wait_status, struct reason *reason);

#endif
