// SPDX-License-Identifier: MIT
/*
 * The device-to-cloud messages that the local hub accepted: a bounded ring in memory, numbered
 * without gaps from 1, readable by many threads while the AMQP thread appends. With a file, every
 * message is also appended to it as a JSON line by a thread of its own ("hub-record"); then
 * appending waits rather than let a message be overwritten before it is in the file.
 *
 * Each hub's messages are also numbered within partitions, as readers of its built-in Event Hubs
 * endpoint see them (rule W23): those of a device are all in one.
 */
#ifndef ISTHMUS_LOCALHUB_MESSAGES_TELEMETRY_LOG_H
#define ISTHMUS_LOCALHUB_MESSAGES_TELEMETRY_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/property.h"
#include "base/reason.h"

struct telemetry_log;

/* How the device has proved who it is. */
enum telemetry_auth {
        TELEMETRY_AUTH_KEY,         /* a token of its own key */
        TELEMETRY_AUTH_POLICY,      /* a token of a policy of the hub */
        TELEMETRY_AUTH_CERTIFICATE, /* shown in TLS */
};

/* One message. Texts are "" when absent; a record that was read does not change. */
struct telemetry_record {
        uint64_t sequence;         /* the log's */
        int partition;             /* the log's: of the device */
        int64_t number;            /* the log's: of this hub and partition, without gaps */
        int64_t offset;            /* the log's: rises with every message */
        const char *user_id;       /* property user-id */
        const char *generation_id; /* of the device */
        enum telemetry_auth auth;
        int64_t enqueued_ms;
        const char *hub;        /* the hub's id */
        const char *device_id;  /* given to the log, a module's is `DEVICE/MODULE` */
        const char *module_id;  /* the log's: "" = the device itself has sent it */
        const char *connection; /* the connection's id, as in the list of connections */
        const char *model_id;
        const char *message_id;
        const char *correlation_id;
        const char *content_type;
        const char *content_encoding;
        const char *component; /* annotation dt-subject */
        const struct property *properties;
        size_t property_count;
        const void *body;
        size_t body_size;
};

struct telemetry_log_options {
        size_t max_messages;     /* kept in memory; 0 = 100,000 */
        size_t max_bytes;        /* of them; 0 = 256 MiB */
        const char *record_file; /* JSON lines, appended to; NULL = none */
        int partitions;          /* of each hub, 1 to TELEMETRY_PARTITIONS_MAX; 0 = 4 */
        int64_t first_number;    /* of a partition; offsets begin behind it */
};

#define TELEMETRY_PARTITIONS_MAX 32

/* How far a partition of a hub has come. */
struct telemetry_partition {
        int64_t first;  /* number of its oldest message that is kept; above `last`: there is none */
        int64_t last;   /* number of its newest; below the log's first number: never any */
        int64_t offset; /* of its newest; -1 = never any */
        int64_t last_ms; /* when it came, wall clock; 0 = never */
};

int telemetry_log_new(const struct telemetry_log_options *options, struct telemetry_log **log,
                      struct reason *reason) MUST_CHECK;

/* Ends waiting readers, writes the file to its end. No reader may be inside. NULL is allowed. */
void telemetry_log_free(struct telemetry_log *log);

/* Calls this after every message, on the thread that appended it; before other threads start. */
void telemetry_log_watch(struct telemetry_log *log, void (*arrived)(void *context), void *context);

/* Copies `record` and numbers it; returns the number. */
uint64_t telemetry_log_append(struct telemetry_log *log, const struct telemetry_record *record);

/*
 * The first record with a number above `after`; waits up to `wait_ms` for it, 0 = not at all.
 * NULL = none came, or the log is closing. Release it with telemetry_record_release. If records
 * after `after` are gone from the ring already, the oldest that is left is given.
 */
const struct telemetry_record *telemetry_log_next(struct telemetry_log *log, uint64_t after,
                                                  int64_t wait_ms);

/*
 * The first record of a partition of a hub with a number of the log above `*after`, which becomes
 * the number up to which the log has been searched. NULL = there is none yet.
 */
const struct telemetry_record *telemetry_log_next_of(struct telemetry_log *log, const char *hub,
                                                     int partition, uint64_t *after);

void telemetry_record_release(const struct telemetry_record *record);

int telemetry_log_partitions(const struct telemetry_log *log);
void telemetry_log_partition(struct telemetry_log *log, const char *hub, int partition,
                             struct telemetry_partition *found);

/* The first number that a partition gives, and the offset before the first message. */
int64_t telemetry_log_first_number(const struct telemetry_log *log);

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
