// SPDX-License-Identifier: MIT
/*
 * Ends the process when a call takes too long where the engine does not look (a regular
 * expression, a sort, a wait), or when the process has grown too large. Its thread, "watchdog",
 * looks every few milliseconds while there is work, and sleeps otherwise.
 *
 * The engine's own limit comes first, so that an endless loop costs an exception and no process.
 */
#ifndef ISTHMUS_FORMATTER_WORKER_WATCHDOG_H
#define ISTHMUS_FORMATTER_WORKER_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "formatter/formatter_progress.h"

/* Starts the thread and watches the calling one. Before the sandbox: it opens a file. */
void watchdog_start(int64_t memory_bytes, struct formatter_progress *progress);

/* There is work, or no more of it for now. */
void watchdog_set_busy(bool busy);

/* Around each call; `id` is not 0. The limit is of processor time. */
void watchdog_call_begins(uint64_t id, int64_t limit_ms);
void watchdog_call_ends(void);

/* Resident size in bytes; ends the process if that is too much. On every thread. */
int64_t watchdog_look_at_memory(void);

#endif
