// SPDX-License-Identifier: MIT
#include "monitor/gzip.h"

#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

/* Beyond it, each step costs more time than it saves bytes in JSON lines. */
#define LEVEL 4

/* The largest window, and the form of gzip instead of zlib's own. */
#define WINDOW_BITS (15 + 16)

void gzip_add(struct buf *out, const char *bytes, size_t size)
{
        CLEANUP(buf_deinit) struct buf input = BUF_INIT;
        z_stream stream = {.avail_in = (uInt)size};

        /* zlib's input is not const. */
        buf_add(&input, bytes, size);
        stream.next_in = (Bytef *)input.data;
        if (size > UINT32_MAX ||
            deflateInit2(&stream, LEVEL, Z_DEFLATED, WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
                abort();
        buf_reserve(out, deflateBound(&stream, size));
        stream.next_out = (Bytef *)(out->data + out->size);
        stream.avail_out = (uInt)(out->capacity - out->size - 1);
        if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
                abort();
        out->size += stream.total_out;
        out->data[out->size] = '\0';
        deflateEnd(&stream);
}
