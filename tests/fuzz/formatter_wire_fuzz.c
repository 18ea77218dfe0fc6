// SPDX-License-Identifier: MIT
/* A stream between pool and worker, read as both sides read it; what was read is written again and
 * must be the same frame. */
#include <stdlib.h>
#include <string.h>

#include "formatter/formatter_check.h"
#include "formatter/formatter_wire.h"
#include "fuzz/fuzz.h"

static void check_load(const struct formatter_frame *frame, struct buf *out)
{
        struct formatter_load load;

        if (formatter_wire_read_load(frame, &load))
                formatter_wire_add_load(out, &load);
}

static void check_call(const struct formatter_frame *frame, struct buf *out)
{
        struct formatter_wire_call call;
        struct buf input = BUF_INIT;

        if (!formatter_wire_read_call(frame, &call))
                return;
        formatter_wire_add_input(&input, call.function, &call.input);
        formatter_wire_add_call(out, call.id, call.version, &input);
        buf_deinit(&input);
}

/* The reason may be cut short, so it is not compared. */
static void check_result(const struct formatter_frame *frame)
{
        struct formatter_wire_result wire;
        struct buf out = BUF_INIT;

        if (!formatter_wire_read_result(frame, &wire))
                return;
        formatter_wire_add_result(&out, &wire);
        require(wire.result.reason.text[0] != '\0' || out.size <= frame->size + 5);
        buf_deinit(&out);
        for (int function = 0; function < FORMATTER_FUNCTIONS; function++) {
                struct formatter_result result = wire.result;

                if (!formatter_check_result((enum formatter_function)function, &result))
                        continue;
                if (result.status == FORMATTER_GOOD && function != FORMATTER_ENCODE_DOWNLINK)
                        require(result.data[0] == '{' || result.data[0] == '[');
                else
                        require(!result.data);
        }
}

static void check_loaded(const struct formatter_frame *frame)
{
        struct formatter_loaded loaded;

        (void)!formatter_wire_read_loaded(frame, &loaded);
}

static void check_frame(const struct formatter_frame *frame)
{
        struct buf out = BUF_INIT;
        uint64_t version;

        if (frame->type == FORMATTER_FRAME_LOAD)
                check_load(frame, &out);
        else if (frame->type == FORMATTER_FRAME_CALL)
                check_call(frame, &out);
        else if (frame->type == FORMATTER_FRAME_UNLOAD &&
                 formatter_wire_read_unload(frame, &version))
                formatter_wire_add_unload(&out, version);
        else if (frame->type == FORMATTER_FRAME_LOADED)
                check_loaded(frame);
        else if (frame->type == FORMATTER_FRAME_RESULT)
                check_result(frame);
        if (out.size > 0) {
                require(out.size == frame->size + 5);
                require(memcmp(out.data + 5, frame->fields, frame->size) == 0);
        }
        buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        char *copy = malloc(size + 1);
        struct formatter_frame frame;
        size_t done = 0;
        size_t taken;

        memcpy(copy, bytes, size);
        while (formatter_frame_next(copy + done, size - done, &frame, &taken) == 0) {
                require(taken <= size - done);
                check_frame(&frame);
                done += taken;
        }
        free(copy);
        return 0;
}
