// SPDX-License-Identifier: MIT
/*
 * One worker process as the pool sees it: a socket, its progress, a process id. Nothing here waits,
 * but formatter_process_end, for a process that is already ending. All on the thread "formatter".
 */
#ifndef ISTHMUS_FORMATTER_FORMATTER_PROCESS_H
#define ISTHMUS_FORMATTER_FORMATTER_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "formatter/formatter_progress.h"
#include "formatter/formatter_wire.h"

struct formatter_process {
        pid_t pid;
        int socket; /* non-blocking; -1 = there is no process */
        struct formatter_progress *progress;
        struct buf in;   /* received, from the start of a frame */
        struct buf out;  /* to be sent */
        size_t out_done; /* sent of it */
};

struct formatter_process_options {
        const char *program;
        int64_t timeout_ms;
        int64_t memory_bytes;
};

/*
 * Where the program is: beside this program, or in ../libexec/isthmus, or as `given`. A copy, or
 * NULL with the reason.
 */
char *formatter_process_find(const char *given, struct reason *reason) MUST_CHECK;

void formatter_process_init(struct formatter_process *process);

/*
 * Starts it; it inherits two descriptors and nothing else: no other descriptor, no environment, no
 * blocked signal. A negative errno with the reason.
 */
int formatter_process_start(struct formatter_process *process,
                            const struct formatter_process_options *options,
                            struct reason *reason) MUST_CHECK;

/* Sends what it takes now. True if something is left. A broken socket shows when it is read. */
bool formatter_process_send(struct formatter_process *process);

/* Receives what is there: 0, or -EPIPE at the end. */
int formatter_process_receive(struct formatter_process *process) MUST_CHECK;

/* The bytes of `in` up to here have been dealt with. */
void formatter_process_received(struct formatter_process *process, size_t size);

/* Ends it at once; its socket then comes to its end. */
void formatter_process_kill(struct formatter_process *process);

/* Ends it, forgets what was under way, and returns its wait status; -1 if that is not known. */
int formatter_process_end(struct formatter_process *process);

#endif
