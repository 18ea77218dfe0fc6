// SPDX-License-Identifier: MIT
/*
 * What the files of the SQLite store share: a connection, its statements, its errors. They alone
 * (store_sqlite*.c) include sqlite3.h.
 */
#ifndef ISTHMUS_STORE_SQLITE_STORE_SQLITE_H
#define ISTHMUS_STORE_SQLITE_STORE_SQLITE_H

#include <sqlite3.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "store/store_backend.h"

#define SQLITE_STATEMENTS_MAXIMUM 32
#define SQLITE_BUSY_TIMEOUT_MS    5000
#define SQLITE_PAGE_SIZE          4096

/* Used by one thread at a time. Statements are named by their number in the owner's table. */
struct sqlite_connection {
        char *path;
        sqlite3 *db;
        sqlite3_stmt *statements[SQLITE_STATEMENTS_MAXIMUM];
};

/* DIRECTORY/store.sqlite; free with free(). */
char *sqlite_path(const char *directory);

/* Opens the file; sqlite_disconnect also after a failure. */
int sqlite_connect(struct sqlite_connection *connection, const char *path, int flags,
                   struct reason *reason) MUST_CHECK;
void sqlite_disconnect(struct sqlite_connection *connection);

/* Prepares a table of statements. */
int sqlite_prepare(struct sqlite_connection *connection, const char *const *texts, int count,
                   struct reason *reason) MUST_CHECK;

/* Refuses what is no store of ours or is newer than this program. */
int sqlite_check_version(struct sqlite_connection *connection, int64_t *version,
                         struct reason *reason) MUST_CHECK;

/* Does the steps of the schema that the file has not seen yet. */
int sqlite_upgrade(struct sqlite_connection *connection, int64_t version,
                   struct reason *reason) MUST_CHECK;

/* Runs SQL text whose rows don't matter. */
int sqlite_execute(struct sqlite_connection *connection, const char *sql,
                   struct reason *reason) MUST_CHECK;

/* The last failure as a result by the rule of store_backend.h, and for people. */
int sqlite_failure(const struct sqlite_connection *connection);
int sqlite_explain(const struct sqlite_connection *connection, struct reason *reason);

/* Runs a statement that gives no row; its bindings stay. */
int sqlite_run(struct sqlite_connection *connection, int number) MUST_CHECK;

/* The same with its first parameter. */
int sqlite_run_with(struct sqlite_connection *connection, int number, int64_t first) MUST_CHECK;

/* Steps on: true with a row; otherwise resets the statement and sets the result. */
bool sqlite_next_row(struct sqlite_connection *connection, int number, int *result) MUST_CHECK;

/* The one number that a query gives; `otherwise` if it gives none. */
int64_t sqlite_ask(sqlite3 *db, const char *sql, int64_t otherwise);

/* The text stays the caller's until the statement has run. */
void sqlite_bind_string(sqlite3_stmt *stmt, int place, const char *text);

/* Never NULL. */
const char *sqlite_string(sqlite3_stmt *stmt, int column);

/* A value that is never NULL; it stays the caller's until the statement has run. */
void sqlite_bind_blob(sqlite3_stmt *stmt, int place, const void *bytes, size_t size);

/* An event of a statement whose columns begin with these; valid until its next step. */
#define SQLITE_EVENT_COLUMNS "id, device, arrived_ns, message_id, record, purpose"
struct store_event sqlite_event(sqlite3_stmt *stmt);

/* The reading half of the backend. */
int store_sqlite_open_reader(const struct store_options *options, void **reader,
                             struct reason *reason);
void store_sqlite_close_reader(void *reader);
int store_sqlite_count(void *reader, struct store_counts *counts);
int store_sqlite_take(void *reader, const struct store_query *query, store_event_row row,
                      void *context);
int store_sqlite_devices(void *reader, const struct store_shards *shards, store_device_row row,
                         void *context);
int store_sqlite_dead_letters(void *reader, int64_t after_id, size_t maximum, store_letter_row row,
                              void *context);
int store_sqlite_backup(void *reader, const char *path, struct store_counts *counts,
                        struct reason *reason);
int store_sqlite_kinds(void *reader, store_record_row row, void *context);
int store_sqlite_records(void *reader, const struct store_record_query *query, store_record_row row,
                         void *context);

#endif
