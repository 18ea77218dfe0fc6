// SPDX-License-Identifier: MIT
/*
 * What the pool and a worker say to each other over one stream: frames of a size (4 bytes), a type
 * (1 byte) and fields; numbers are little-endian, texts have their size before them and a zero byte
 * behind them, so that a decoded text is a C string in the frame itself. Pure: bytes in, bytes out.
 * Neither side trusts the other: whatever does not fit exactly is refused.
 *
 *   pool to worker    LOAD     a version of a formatter; answered with LOADED
 *                     UNLOAD   forget it; not answered
 *                     CALL     answered with RESULT; calls are run and answered in order
 *   worker to pool    READY    once, when it is locked in and waits
 *                     LOADED, RESULT
 */
#ifndef ISTHMUS_FORMATTER_FORMATTER_WIRE_H
#define ISTHMUS_FORMATTER_FORMATTER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "formatter/formatter.h"

/* Longest text of a formatter; the largest of the device repository has 230 KB. */
#define FORMATTER_SOURCE_LIMIT ((size_t)1 << 20)
/* Largest input: 242 bytes of LoRaWAN, or JSON of a command (IoT Hub: 64 KiB, methods 128 KiB). */
#define FORMATTER_INPUT_LIMIT ((size_t)512 << 10)
/* Nested lists and objects in a result. */
#define FORMATTER_DEPTH_LIMIT 32
/* Message properties of one result. */
#define FORMATTER_PROPERTY_LIMIT 64

/*
 * Processor time that compiling a text may take, in all of its functions, beside the time of calls:
 * ten times what a quiet machine of 2026 needs.
 */
static inline int64_t formatter_compile_ms(size_t source_size)
{
        return 100 + (int64_t)(source_size / 500);
}

#define FORMATTER_FRAME_LIMIT (FORMATTER_SOURCE_LIMIT + 4096)

enum formatter_frame_type {
        FORMATTER_FRAME_LOAD = 1,
        FORMATTER_FRAME_UNLOAD,
        FORMATTER_FRAME_CALL,
        FORMATTER_FRAME_READY,
        FORMATTER_FRAME_LOADED,
        FORMATTER_FRAME_RESULT,
};

/* A frame within somebody's bytes. */
struct formatter_frame {
        enum formatter_frame_type type;
        char *fields;
        size_t size;
};

struct formatter_load {
        uint64_t version;
        const char *name;   /* for messages */
        const char *source; /* UTF-8; it may hold zero bytes, and one more follows */
        size_t source_size;
};

struct formatter_loaded {
        uint64_t version;
        bool good;
        struct reason reason;
};

struct formatter_wire_call {
        uint64_t id;
        uint64_t version;
        enum formatter_function function;
        struct formatter_input input;
};

struct formatter_wire_result {
        uint64_t id;
        struct formatter_result result;
        struct property properties[FORMATTER_PROPERTY_LIMIT];
};

/*
 * The frame at the start of `size` bytes. 0, and `taken` says how long it is; -EAGAIN if there are
 * too few bytes yet; -EPROTO if it is none.
 */
int formatter_frame_next(char *bytes, size_t size, struct formatter_frame *frame,
                         size_t *taken) MUST_CHECK;

/* Each adds a whole frame. What is too long for its limit is the caller's mistake. */
void formatter_wire_add_load(struct buf *out, const struct formatter_load *load);
void formatter_wire_add_unload(struct buf *out, uint64_t version);
void formatter_wire_add_ready(struct buf *out);
void formatter_wire_add_loaded(struct buf *out, const struct formatter_loaded *loaded);
void formatter_wire_add_result(struct buf *out, const struct formatter_wire_result *wire);

/* A call is made in two steps: what its caller knows, and later what the pool's thread knows. */
void formatter_wire_add_input(struct buf *out, enum formatter_function function,
                              const struct formatter_input *input);
void formatter_wire_add_call(struct buf *out, uint64_t id, uint64_t version,
                             const struct buf *input);

/* "APPLICATION/DEVICE" of what formatter_wire_add_input made, to be freed; NULL without a device.
 */
char *formatter_wire_device(const struct buf *text);

/*
 * Each takes a frame of its type apart; texts and bytes stay in the frame. False if it is not
 * exactly such a frame.
 */
bool formatter_wire_read_load(const struct formatter_frame *frame,
                              struct formatter_load *load) MUST_CHECK;
bool formatter_wire_read_unload(const struct formatter_frame *frame, uint64_t *version) MUST_CHECK;
bool formatter_wire_read_call(const struct formatter_frame *frame,
                              struct formatter_wire_call *call) MUST_CHECK;
bool formatter_wire_read_loaded(const struct formatter_frame *frame,
                                struct formatter_loaded *loaded) MUST_CHECK;
/* Checks the shape only; formatter_check.h checks what the texts say. */
bool formatter_wire_read_result(const struct formatter_frame *frame,
                                struct formatter_wire_result *wire) MUST_CHECK;

#endif
