// SPDX-License-Identifier: MIT
/*
 * A few bytes of memory that the pool and one worker share: whatever ends the worker, and however
 * suddenly, the pool can still read which call was under way. The pool takes it for a hint: an id
 * that it did not give out is no id.
 */
#ifndef ISTHMUS_FORMATTER_FORMATTER_PROGRESS_H
#define ISTHMUS_FORMATTER_FORMATTER_PROGRESS_H

#include <stdatomic.h>
#include <stdint.h>

/* What a worker finds open. */
#define FORMATTER_SOCKET_FD   3
#define FORMATTER_PROGRESS_FD 4

/* How a worker ends itself, as exit status. */
enum formatter_exit {
        FORMATTER_EXIT_USAGE = 2,
        FORMATTER_EXIT_SANDBOX = 70, /* the system refused to lock it in */
        FORMATTER_EXIT_PROTOCOL = 71,
        FORMATTER_EXIT_TIMEOUT = 72,
        FORMATTER_EXIT_MEMORY = 73,
};

struct formatter_progress {
        _Atomic uint64_t call;  /* id of the call under way, or of the version being compiled */
        _Atomic uint64_t calls; /* begun so far */
};

#endif
