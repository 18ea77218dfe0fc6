// SPDX-License-Identifier: MIT
/*
 * Requests at the control socket that look into the store: what waits, and the dead letters. They
 * read the disk, a page at a time, on the thread "control", where nothing waits but other such
 * requests.
 */
#ifndef ISTHMUS_GATEWAY_CONTROL_CONTROL_QUEUE_H
#define ISTHMUS_GATEWAY_CONTROL_CONTROL_QUEUE_H

#include "base/buf.h"
#include "gateway/control/control_options.h"
#include "gateway/control/control_request.h"

/*
 * Writes the answer of CONTROL_QUEUE, CONTROL_EVENTS, CONTROL_LETTERS or CONTROL_STORED. 0; or an
 * HTTP status (404, 503) with the reason. Not on the threads of the store or "loop".
 */
int control_queue_answer(const struct control_options *options,
                         const struct control_request *request, struct buf *out,
                         struct reason *reason) MUST_CHECK;

/*
 * Writes an event that waits (`reason` NULL) or a dead letter as a JSON object: with its record
 * (`record` if that is JSON, else `recordBase64`), or with the record's `size`.
 */
void control_queue_write(struct buf *out, const struct store_dead_letter *letter, bool with_record);

#endif
