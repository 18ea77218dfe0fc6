// SPDX-License-Identifier: MIT
/*
 * Fills up the frames that proton writes. The body of a frame of AMQP (`open`, `attach`, `transfer`
 * and so on) is a list of fields, and those at its end may be left out when they are null. Proton
 * leaves them out, Azure writes them, and Microsoft's Event Hubs client for Python reads no frame
 * without them (azure-eventhub 5.11: session.py, receiver.py). So they are added to the bytes on
 * their way to the client.
 *
 * Source: AMQP 1.0, part 2 (transport), sections 2.3 and 2.7.
 */
#ifndef ISTHMUS_BASE_AMQP_AMQP_PAD_H
#define ISTHMUS_BASE_AMQP_AMQP_PAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* A frame's header, a descriptor, and the constructor of a list. */
#define AMQP_PAD_HEAD_MAX 20

/* Where a stream of frames is; all zero at its beginning. */
struct amqp_pad {
        uint8_t head[AMQP_PAD_HEAD_MAX]; /* of a frame, as far as it has come */
        uint8_t head_size;
        uint8_t nulls;   /* to be added after `before` */
        bool handle_max; /* before them */
        uint32_t before; /* bytes of the frame until there */
        uint32_t after;  /* bytes of the frame behind them */
};

/*
 * Adds the bytes, which may begin and end within a frame, to `out`, with the fields that are
 * missing. Frames that would become larger than `maximum` (0 = no limit) stay as they are, and so
 * does what is no frame of AMQP.
 */
void amqp_pad_add(struct amqp_pad *pad, uint32_t maximum, const void *bytes, size_t size,
                  struct buf *out);

#endif
