// SPDX-License-Identifier: MIT
/* AMQP connections over streams: proton's connection driver between the two. */
#ifndef ISTHMUS_LOCALHUB_AMQP_AMQP_STREAM_H
#define ISTHMUS_LOCALHUB_AMQP_AMQP_STREAM_H

#include "localhub/amqp/amqp_core.h"
#include "localhub/streams/stream.h"

/* The protocol for streams of AMQP; `core` must stay as long as they. */
struct stream_protocol amqp_stream_protocol(struct amqp_core *core);

#endif
