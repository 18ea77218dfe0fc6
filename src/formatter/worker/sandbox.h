// SPDX-License-Identifier: MIT
/*
 * Takes from this process, for good, what a formatter has no use for: files, sockets, other
 * processes, privileges, executable memory. What tries it nevertheless is ended by the kernel.
 */
#ifndef ISTHMUS_FORMATTER_WORKER_SANDBOX_H
#define ISTHMUS_FORMATTER_WORKER_SANDBOX_H

#include "base/error.h"

/* Before anything else: limits, no core, no new privileges, the end when the pool's thread ends. */
int sandbox_prepare(void) MUST_CHECK;

/* After the engine is warm: the filter of system calls, for all threads. */
int sandbox_enter(void) MUST_CHECK;

#endif
