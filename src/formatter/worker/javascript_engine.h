// SPDX-License-Identifier: MIT
/*
 * Runs formatters in JavaScriptCore; its files are the only ones that know that library.
 *
 * A call has its own time, `timeout_ms`. The engine compiles a function when it is first called, so
 * each version has some time for that besides (formatter_compile_ms), which its calls use up and
 * regain slowly.
 *
 * The engine interprets: its just-in-time compiler would save a quarter of a small call's time, and
 * would cost two more threads, 16 MB, and memory that can be written and executed.
 *
 * All functions on one thread.
 */
#ifndef ISTHMUS_FORMATTER_WORKER_JAVASCRIPT_ENGINE_H
#define ISTHMUS_FORMATTER_WORKER_JAVASCRIPT_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "formatter/formatter_wire.h"

struct javascript_engine;

struct javascript_limits {
        int64_t timeout_ms;   /* processor time of one call */
        int64_t memory_bytes; /* for the collector's pace; the watchdog sees to the limit */
};

/* One per process: it sets the library's options in the environment. */
struct javascript_engine *javascript_engine_new(const struct javascript_limits *limits);
void javascript_engine_free(struct javascript_engine *engine);

/* From the next call on. */
void javascript_engine_set_timeout(struct javascript_engine *engine, int64_t timeout_ms);

/* Compiles a version; runs nothing of it. What is wrong comes with line and column. */
void javascript_engine_load(struct javascript_engine *engine, const struct formatter_load *load,
                            struct formatter_loaded *loaded);

void javascript_engine_unload(struct javascript_engine *engine, uint64_t version);

/* Most processor time that the next call of a version may take. */
int64_t javascript_engine_limit_ms(struct javascript_engine *engine, uint64_t version);

/* Makes one call. The texts of what comes are the engine's, until its next call. */
void javascript_engine_call(struct javascript_engine *engine,
                            const struct formatter_wire_call *call,
                            struct formatter_wire_result *wire);

#endif
