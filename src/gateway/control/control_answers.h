// SPDX-License-Identifier: MIT
/*
 * What the control socket answers, of each subject in a file of its own: control_status.c,
 * control_devices.c and so on. What looks into the store reads the disk, a page at a time, on the
 * thread "control", where nothing waits but other such requests.
 */
#ifndef ISTHMUS_GATEWAY_CONTROL_CONTROL_ANSWERS_H
#define ISTHMUS_GATEWAY_CONTROL_CONTROL_ANSWERS_H

#include <json-c/json.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "gateway/control/control.h"
#include "gateway/control/control_request.h"
#include "http/http_server.h"

/* --- the gateway as a whole; on the thread "loop" -------------------------------------------- */

/* Adds the state of the whole: devices, hubs, store, commands. `started_ms` is wall clock. */
void control_status_write(const struct control_options *options, int64_t started_ms,
                          struct buf *out);

/* --- devices; on the thread "loop" ----------------------------------------------------------- */

/* Adds the devices that fit, and how many fit in all. */
void control_devices_list(const struct control_options *options,
                          const struct control_request *request, struct buf *out);

/*
 * The device that the request is about, by its key or by an id that only one has. 0, or an HTTP
 * status with the reason.
 */
int control_devices_find(const struct control_options *options,
                         const struct control_request *request, struct device **device,
                         struct reason *reason) MUST_CHECK;

/* Adds everything that is known of it. */
void control_devices_view(const struct control_options *options, const struct device *device,
                          struct buf *out);

/* --- commands; on the thread "loop", but control_commands_elsewhere -------------------------- */

/* Adds the newest commands that fit, and how many fit in all. */
void control_commands_list(const struct control_options *options,
                           const struct control_request *request, struct buf *out);

/* The one command of the reference. 0; or an HTTP status (404, 409) with the reason. */
int control_commands_find(const struct control_options *options, const char *reference,
                          struct command **command, struct reason *reason) MUST_CHECK;

/*
 * Ends it with the outcome COMMAND_CANCELLED. 0; or 409 with the reason why that is refused: it
 * is finished, or the network has it, or may have it, and `force` is not set.
 */
int control_commands_cancel(const struct control_options *options, struct command *command,
                            bool force, struct reason *reason) MUST_CHECK;

#define CONTROL_OURS (-1)

/*
 * Answers what is asked about one command if its device is another gateway's, in a store that
 * several share: 0, with the command as it is on disk; or 409, since only the gateway that the
 * reason names can cancel it. CONTROL_OURS if this gateway is the one to ask. Reads the store: on
 * the thread "control".
 */
int control_commands_elsewhere(const struct control_options *options,
                               const struct control_request *request, struct buf *out,
                               struct reason *reason) MUST_CHECK;

/* --- what is in the store: on the thread "control" ------------------------------------------- */

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

/* --- dead letters that are replayed or dropped ----------------------------------------------- */

/*
 * Does what the request asks for and answers the exchange, which must be held (http_exchange_hold),
 * on the store's thread: {"changed":N,"left":N,"more":BOOL,"before":ID}. `more` says that letters
 * are left that were asked for; `before` belongs into the request that goes on. Any thread.
 */
void control_letters_change(const struct control_options *options,
                            const struct control_request *request, struct http_exchange *exchange);

/* --- many devices that are registered (device_bulk.h) ---------------------------------------- */

/*
 * The body of CONTROL_NAME: a JSON array of objects with `device`, `network` and, if known,
 * `application`, `devEui` and `modelId`. The caller's; NULL with the reason. Any thread.
 */
struct json_object *control_provision_read(const struct buf *body, struct reason *reason);

/*
 * Does what is asked and adds how the bulk stands then: 0, or an HTTP status with the reason.
 * `body` is that of CONTROL_NAME, else NULL. On the thread "loop".
 */
int control_provision_answer(const struct control_options *options,
                             const struct control_request *request, struct json_object *body,
                             struct buf *out, struct reason *reason) MUST_CHECK;

#endif
