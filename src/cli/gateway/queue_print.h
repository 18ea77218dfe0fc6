// SPDX-License-Identifier: MIT
/* How `isthmus queue` writes what is in a store: for people, and as JSON lines for programs. */
#ifndef ISTHMUS_CLI_GATEWAY_QUEUE_PRINT_H
#define ISTHMUS_CLI_GATEWAY_QUEUE_PRINT_H

#include "base/buf.h"
#include "store/store.h"

/* What is printed: an event that waits (`reason` NULL) or a dead letter. */

/* One line: id, time, size, device, and why it is dead. */
void queue_print_line(struct buf *out, const struct store_dead_letter *letter);

/* Everything, a member on each line, then the record. */
void queue_print_whole(struct buf *out, const struct store_dead_letter *letter);

/*
 * One JSON object and a line's end. The record is the member `record` if it is JSON, else
 * `recordBase64`.
 */
void queue_print_json(struct buf *out, const struct store_dead_letter *letter);

#endif
