// SPDX-License-Identifier: MIT
/*
 * Writes protocol buffers: fields with a number and a value, and messages in messages.
 *
 * Source: https://protobuf.dev/programming-guides/encoding/
 */
#ifndef ISTHMUS_MONITOR_OTLP_WIRE_H
#define ISTHMUS_MONITOR_OTLP_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

void otlp_varint(struct buf *out, int field, uint64_t value);
void otlp_fixed64(struct buf *out, int field, uint64_t value);
void otlp_double(struct buf *out, int field, double value);
void otlp_bytes(struct buf *out, int field, const void *bytes, size_t size);

/* NULL and "" are left out, as all defaults are. */
void otlp_text(struct buf *out, int field, const char *text);

/*
 * A message in a field: what is added between the two is its content. otlp_open gives what
 * otlp_close needs.
 */
size_t otlp_open(struct buf *out, int field);
void otlp_close(struct buf *out, size_t opened);

/* The same with a content of 64-bit values that follow each other (packed). */
void otlp_packed64(struct buf *out, uint64_t value);

/* The bits of a double, as they are sent. */
uint64_t otlp_double_bits(double value);

/*
 * What an answer says of items that were not taken (partial_success): their number, 0 = none, and
 * what the service says of it, as text for a person (at most `message_size` bytes with the zero).
 */
uint64_t otlp_read_rejected(const char *bytes, size_t size, char *message, size_t message_size);

#endif
