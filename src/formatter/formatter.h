// SPDX-License-Identifier: MIT
/*
 * Payload formatters: JavaScript in The Things Stack's convention (decodeUplink, encodeDownlink,
 * decodeDownlink, normalizeUplink), run in worker processes that can reach neither files nor
 * network nor this process.
 *
 * Laws:
 *   - whatever a formatter contains, each call ends within its deadline and with one result;
 *   - a worker that dies, hangs or grows too large is ended and replaced; the call that did it is
 *     tried once more, alone, then it fails; the calls that waited behind it are run elsewhere, as
 *     often as need be, and never fail for it;
 *   - what has ended or held up a worker runs alone from then on, until it has behaved well for a
 *     while (formatter_probation.h);
 *   - whatever keeps workers from running (no memory, a program that is just being replaced) is no
 *     formatter's fault: calls wait for it to pass;
 *   - a file that changes is taken up without a restart; one that does not compile leaves its last
 *     good version in force, and the log says so.
 *
 * Threads: one thread, "formatter", speaks to the workers, watches the folder and calls every
 * `done`. formatter_call never waits and may be called on every thread.
 */
#ifndef ISTHMUS_FORMATTER_FORMATTER_H
#define ISTHMUS_FORMATTER_FORMATTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/property.h"
#include "base/reason.h"

#define FORMATTER_THREAD "formatter"

/* Most that the JSON of one result may take; a larger one fails. */
#define FORMATTER_RESULT_LIMIT ((size_t)256 << 10)

struct formatter_pool;

struct formatter_options {
        const char *directory; /* NAME.js is the formatter NAME; may not exist (yet) */
        /*
         * Folder with FORMATTER_UPLINKS and FORMATTER_DOWNLINKS below it, where formatters are
         * looked for that `directory` does not have; NULL = none.
         */
        const char *mirror;
        const char *program; /* isthmus-formatter; NULL = beside this program, or installed */
        int workers;         /* processes; 0 = 2. They are started at the first call. One more
                                runs while something is on probation */
        int64_t timeout_ms;  /* of one call; 0 = 100 */
        int64_t maximum_memory_bytes; /* resident, of one worker; 0 = 256 MiB */
        /* Answer FORMATTER_UNAVAILABLE when workers can't be started, instead of waiting. */
        bool impatient;
};

/* What a formatter's file ends in, and its name may. */
#define FORMATTER_SUFFIX ".js"

/* What the name of one in C# ends in: its translation is the file with FORMATTER_SUFFIX instead. */
#define FORMATTER_CSHARP ".cs"

#define FORMATTER_UPLINKS   "uplink"
#define FORMATTER_DOWNLINKS "downlink"

/* Copies the options. A negative errno with the reason if there is no program to run. */
int formatter_pool_new(const struct formatter_options *options, struct formatter_pool **pool,
                       struct reason *reason) MUST_CHECK;

/* Answers what is under way with FORMATTER_STOPPED, ends the workers, joins the thread. */
void formatter_pool_free(struct formatter_pool *pool);

enum formatter_function {
        FORMATTER_DECODE_UPLINK,
        FORMATTER_NORMALIZE_UPLINK,
        FORMATTER_ENCODE_DOWNLINK,
        FORMATTER_DECODE_DOWNLINK,
};
#define FORMATTER_FUNCTIONS 4

#define FORMATTER_NO_PORT (-1)

/* The member `input` of a call: what is 0, NULL or FORMATTER_NO_PORT here is absent there. */
struct formatter_input {
        const uint8_t *bytes; /* `bytes`, a plain array; NULL = absent, with size 0 it is empty */
        size_t size;
        int port;                /* `fPort`; 0 is one */
        int64_t time_ns;         /* `recvTime`, a Date; wall clock */
        const char *data;        /* `data`: JSON text */
        const char *device;      /* `deviceId`, and `terminalId` for Myriota's sake */
        const char *application; /* `applicationId` */
        const char *method;      /* `method`: of the command or direct method */
};

enum formatter_status {
        FORMATTER_GOOD,
        /* The formatter's doing, or the input's: another attempt would end as this one. */
        FORMATTER_MISSING,      /* there is no such file */
        FORMATTER_NOT_COMPILED, /* it does not compile, and there is no earlier version */
        FORMATTER_FAILED,       /* it threw, reported errors, or returned what can't be used */
        FORMATTER_TIMEOUT,      /* deadline */
        FORMATTER_MEMORY,       /* grew beyond the limit */
        FORMATTER_CRASHED,      /* its worker died, when it was alone there */
        /* Ours: nothing was found out, and the call may be made again. */
        FORMATTER_UNAVAILABLE, /* workers can't be started just now */
        FORMATTER_STOPPED,     /* the pool is being freed */
};

/* Does the status say nothing of the call? */
static inline bool formatter_status_is_ours(enum formatter_status status)
{
        return status == FORMATTER_UNAVAILABLE || status == FORMATTER_STOPPED;
}

/* What a call gave; valid during `done`. */
struct formatter_result {
        enum formatter_status status;
        struct reason reason; /* unless FORMATTER_GOOD: what was wrong, with line and column */
        char *data;           /* JSON text of `data`: an object (normalizeUplink: or a list) */
        struct buf bytes;     /* encodeDownlink: `bytes` */
        int port;             /* encodeDownlink: `fPort`; 0 = not said */
        struct property *properties; /* `properties`: names and values, as texts */
        size_t property_count;
        char *warnings;       /* JSON list of texts; NULL = none */
        int64_t elapsed_ns;   /* in the formatter */
        int64_t memory_bytes; /* resident size of the worker afterwards */
};

/* On the thread "formatter", exactly once. */
typedef void formatter_done(void *context, const struct formatter_result *result);

/* Copies everything. `name` is the formatter's, with or without ".js"; never calls back before it
 * returns. */
void formatter_call(struct formatter_pool *pool, const char *name, enum formatter_function function,
                    const struct formatter_input *input, formatter_done *done, void *context);

#endif
