// SPDX-License-Identifier: MIT
/*
 * What the files of the PostgreSQL store share: a connection, its statements, their parameters.
 * They alone (store/postgres) include libpq-fe.h, where Debian keeps it.
 *
 * All statements go through libpq's pipeline mode: several are sent together and answered together
 * (https://www.postgresql.org/docs/15/libpq-pipeline-mode.html). Values travel in the binary
 * format.
 */
#ifndef ISTHMUS_STORE_POSTGRES_STORE_POSTGRES_H
#define ISTHMUS_STORE_POSTGRES_STORE_POSTGRES_H

#include <postgresql/libpq-fe.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "store/store_backend.h"

#define POSTGRES_PARAMETERS 10

/* Of a record that is of no device. */
#define POSTGRES_NO_SHARD (-100)

/* What a server must be, at least: it has pg_snapshot and friends, and so has the plan. */
#define POSTGRES_VERSION_LEAST 130000

/* The first number of isthmus' advisory locks: "isth". */
#define POSTGRES_LOCKS "1769174120"

/* How long a session waits for a lock. */
#define POSTGRES_LOCK_TIMEOUT_MS 2000

/* Types by the numbers of PostgreSQL's catalog pg_type. */
enum postgres_type {
        POSTGRES_BYTES = 17,
        POSTGRES_INT = 20,
        POSTGRES_TEXT = 25,
};

/* The parameters of one statement, by their place from 0. Reusable after postgres_values_clear. */
struct postgres_values {
        struct buf values[POSTGRES_PARAMETERS];
        int32_t counts[POSTGRES_PARAMETERS]; /* of elements, of an array */
        int count;                           /* of parameters */
};

void postgres_values_deinit(struct postgres_values *values);
void postgres_values_clear(struct postgres_values *values);

void postgres_set_int(struct postgres_values *values, int place, int64_t number);
/* Bytes that are no UTF-8 become '?': the server would refuse all that came with them. */
void postgres_set_text(struct postgres_values *values, int place, const char *text);

/* Adds an element to an array. NULL bytes make it NULL, and so does a NULL text. */
void postgres_add_int(struct postgres_values *values, int place, int64_t number);
void postgres_add_text(struct postgres_values *values, int place, const char *text);
void postgres_add_bytes(struct postgres_values *values, int place, const void *bytes, size_t size);

/* Each of them as an element. */
void postgres_add_shards(struct postgres_values *values, int place,
                         const struct store_shards *shards);

/* Used by one thread at a time. Statements are named by their number in the owner's table. */
struct postgres {
        const struct store_options *options;
        const char *const *statements;
        int statement_count;
        bool writes;
        PGconn *db;       /* NULL while it is lost */
        char program[64]; /* how the session is called in the server's own lists */
        /* Of what was sent since the last postgres_collect. */
        int sent;
        int64_t timeout_ms; /* of an answer; that of the options, unless it is changed */
        int64_t left_ns;    /* for which the answer of what is under way is still awaited */
};

/* DATABASE on HOSTS, for people; free with free(). */
char *store_postgres_place(const struct store_options *options);

/*
 * Connects, checks that the server and the schema are fit, prepares the statements. Returns 0,
 * STORE_E_AWAY, STORE_E_VERSION or a negative error number with the reason; NULL `reason` is
 * allowed. Waits for the network.
 */
int postgres_connect(struct postgres *postgres, struct reason *reason) MUST_CHECK;
void postgres_disconnect(struct postgres *postgres);

/* As postgres_connect, without a look at the schema, for making it. */
int postgres_connect_bare(struct postgres *postgres, struct reason *reason) MUST_CHECK;

/* --- statements ---------------------------------------------------------------------------- */

/* Sends a prepared statement, or SQL text without parameters; answered by postgres_collect. */
int postgres_send(struct postgres *postgres, int number,
                  const struct postgres_values *values) MUST_CHECK;
int postgres_send_text(struct postgres *postgres, const char *sql) MUST_CHECK;

/*
 * Waits for the answers of all that was sent, in order: `results[i]` is that of the i-th, and the
 * caller's to PQclear. After a failure all are NULL, what was sent has failed together, and a
 * transaction that is open has to be rolled back. Returns 0, STORE_E_AWAY (the connection is
 * closed; whether a commit was done is not known), STORE_E_FULL or a negative error number;
 * explains it if `reason` is given.
 */
int postgres_collect(struct postgres *postgres, PGresult **results, int count,
                     struct reason *reason) MUST_CHECK;

/* One statement alone; its result is the caller's to PQclear. */
int postgres_ask(struct postgres *postgres, int number, const struct postgres_values *values,
                 PGresult **result) MUST_CHECK;

/* SQL text whose rows don't matter. */
int postgres_execute(struct postgres *postgres, const char *sql, struct reason *reason) MUST_CHECK;

/* SQL text that gives one text, at most `size` bytes with the zero byte; "" if there is no row. */
int postgres_ask_text(struct postgres *postgres, const char *sql, char *text, size_t size,
                      struct reason *reason) MUST_CHECK;

/* For `CLEANUP(postgres_result_cleanup) PGresult *result = NULL`. */
void postgres_result_cleanup(PGresult **result);

/* Values of a result; NULL is 0 or "". */
int64_t postgres_int(const PGresult *result, int row, int column);
const char *postgres_text(const PGresult *result, int row, int column);

/* An event of a row whose columns begin with these; valid as long as the result. */
#define POSTGRES_EVENT_COLUMNS "id, device, arrived_ns, message_id, record, purpose::int8"
struct store_event postgres_event(const PGresult *result, int row);

/* --- schema -------------------------------------------------------------------------------- */

/* Refuses a schema that is missing, older or newer than this program. */
int postgres_check_schema(struct postgres *postgres, struct reason *reason) MUST_CHECK;

/* store_migrate for this kind of store. */
int store_postgres_migrate(const struct store_options *options, const struct store_owner *owner,
                           struct reason *reason) MUST_CHECK;

/* --- members and shards --------------------------------------------------------------------- */

extern const struct store_share_backend store_postgres_share;

/* --- the reading half of the backend -------------------------------------------------------- */

int store_postgres_open_reader(const struct store_options *options, void **context,
                               struct reason *reason);
void store_postgres_close_reader(void *context);
int store_postgres_count(void *context, struct store_counts *counts);
int store_postgres_take(void *context, const struct store_query *query, store_event_row row,
                        void *row_context);
int store_postgres_devices(void *context, const struct store_shards *shards, store_device_row row,
                           void *row_context);
int store_postgres_dead_letters(void *context, int64_t after_id, size_t maximum,
                                store_letter_row row, void *row_context);
int store_postgres_look(void *context, struct store_look *look, store_event_row row,
                        void *row_context);
int store_postgres_kinds(void *context, store_record_row row, void *row_context);
int store_postgres_records(void *context, const struct store_record_query *query,
                           store_record_row row, void *row_context);

/* --- hints ---------------------------------------------------------------------------------- */

void *store_postgres_open_hints(const struct store_options *options);
void store_postgres_close_hints(void *context);
void store_postgres_hint(void *context, const struct store_shards *shards);
void store_postgres_hear(void *context, int waker, int64_t timeout_ns, struct store_shards *shards);

#endif
