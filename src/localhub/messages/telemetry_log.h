// SPDX-License-Identifier: MIT
/*
 * The device-to-cloud messages that the local hub accepted: a bounded ring in memory, numbered
 * without gaps from 1, readable by many threads while the AMQP thread appends. With a file, every
 * message is also appended to it as a JSON line by a thread of its own ("hub-record"); then
 * appending waits rather than let a message be overwritten before it is in the file.
 */
#ifndef ISTHMUS_LOCALHUB_MESSAGES_TELEMETRY_LOG_H
#define ISTHMUS_LOCALHUB_MESSAGES_TELEMETRY_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

struct telemetry_log;

struct telemetry_property {
        const char *name;
        const char *value;
};

/* One message. Texts are "" when absent; a record that was read does not change. */
struct telemetry_record {
        uint64_t sequence; /* the log's */
        int64_t enqueued_ms;
        const char *hub; /* the hub's id */
        const char *device_id;
        const char *connection; /* the connection's id, as in the list of connections */
        const char *model_id;
        const char *message_id;
        const char *correlation_id;
        const char *content_type;
        const char *content_encoding;
        const char *component; /* annotation dt-subject */
        const struct telemetry_property *properties;
        size_t property_count;
        const void *body;
        size_t body_size;
};

struct telemetry_log_options {
        size_t max_messages;     /* kept in memory; 0 = 100,000 */
        size_t max_bytes;        /* of them; 0 = 256 MiB */
        const char *record_file; /* JSON lines, appended to; NULL = none */
};

int telemetry_log_new(const struct telemetry_log_options *options, struct telemetry_log **log,
                      struct reason *reason) MUST_CHECK;

/* Ends waiting readers, writes the file to its end. No reader may be inside. NULL is allowed. */
void telemetry_log_free(struct telemetry_log *log);

/* Copies `record` and numbers it; returns the number. */
uint64_t telemetry_log_append(struct telemetry_log *log, const struct telemetry_record *record);

/*
 * The first record with a number above `after`; waits up to `wait_ms` for it, 0 = not at all.
 * NULL = none came, or the log is closing. Release it with telemetry_record_release. If records
 * after `after` are gone from the ring already, the oldest that is left is given.
 */
const struct telemetry_record *telemetry_log_next(struct telemetry_log *log, uint64_t after,
                                                  int64_t wait_ms);

void telemetry_record_release(const struct telemetry_record *record);

/* The newest number given, 0 = none; and the oldest that can still be read. */
uint64_t telemetry_log_newest(struct telemetry_log *log);
uint64_t telemetry_log_oldest(struct telemetry_log *log);

/*
 * Lets waiting readers go at once; later waits return at once too. What is appended afterwards is
 * still written to the file.
 */
void telemetry_log_close(struct telemetry_log *log);

/*
 * Adds the record as one line of JSON without the newline: a JSON body as `body`, other UTF-8 as
 * `bodyText`, other bytes as `bodyBase64`.
 */
void telemetry_record_write(struct buf *out, const struct telemetry_record *record);

#endif
