// SPDX-License-Identifier: MIT
/* The reading half of the SQLite store: each reader is a connection of its own. */
#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/sqlite/store_sqlite.h"

enum sql {
        SQL_COUNT,
        SQL_TAKE,
        SQL_TAKE_OF_ALL,
        SQL_TAKE_NEWS,
        SQL_DEVICES,
        SQL_DEAD_LETTERS,
        SQL_RECORDS,
        SQL_KINDS,
        SQL_NUMBER,
};

static const char *const reader_sql[SQL_NUMBER] = {
        [SQL_COUNT] = "SELECT e.n, e.s, d.n, d.s FROM"
                      " (SELECT COUNT(*) n, IFNULL(SUM(size), 0) s FROM events) e,"
                      " (SELECT COUNT(*) n, IFNULL(SUM(size), 0) s FROM dead_letters) d",
        [SQL_TAKE] = "SELECT " SQLITE_EVENT_COLUMNS
                     " FROM events WHERE device = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        [SQL_TAKE_OF_ALL] =
                "SELECT " SQLITE_EVENT_COLUMNS " FROM events WHERE id > ?2 ORDER BY id LIMIT ?3",
        [SQL_TAKE_NEWS] = "SELECT " SQLITE_EVENT_COLUMNS " FROM events WHERE purpose <> 1"
                          " AND (?1 IS NULL OR device = ?1) AND id > ?2 ORDER BY id LIMIT ?3",
        [SQL_DEVICES] = "SELECT device, COUNT(*), SUM(size) FROM events GROUP BY device"
                        " ORDER BY MIN(id)",
        [SQL_DEAD_LETTERS] = "SELECT " SQLITE_EVENT_COLUMNS ", died_ms, reason"
                             " FROM dead_letters WHERE id > ?1"
                             " ORDER BY id LIMIT ?2",
        [SQL_KINDS] = "SELECT DISTINCT kind FROM records ORDER BY kind",
        /* Before there was a time of the store, nothing is over. */
        [SQL_RECORDS] = "SELECT key, value, MAX(expires_ms - now, 0), device FROM records,"
                        " (SELECT IFNULL(MAX(value), 0) now FROM counters WHERE name = 'time_ms')"
                        " WHERE kind = ?1 AND key > ?2 AND (expires_ms = 0 OR expires_ms > now)"
                        " ORDER BY key LIMIT ?3",
};

void store_sqlite_close_reader(void *reader)
{
        sqlite_disconnect(reader);
        free(reader);
}

int store_sqlite_open_reader(const struct store_options *options, void **reader,
                             struct reason *reason)
{
        CLEANUP(mem_cleanup) char *path = sqlite_path(options->directory);
        struct sqlite_connection *connection = mem_new(1, sizeof(*connection));
        int64_t version;
        int result = sqlite_connect(connection, path, SQLITE_OPEN_READONLY, reason);

        if (result == 0)
                result = sqlite_check_version(connection, &version, reason);
        if (result == 0)
                result = sqlite_prepare(connection, reader_sql, SQL_NUMBER, reason);
        if (result) {
                store_sqlite_close_reader(connection);
                return result;
        }
        *reader = connection;
        return 0;
}

int store_sqlite_count(void *reader, struct store_counts *counts)
{
        struct sqlite_connection *connection = reader;
        sqlite3_stmt *stmt = connection->statements[SQL_COUNT];
        int result;

        if (!sqlite_next_row(connection, SQL_COUNT, &result))
                return result;
        counts->events = sqlite3_column_int64(stmt, 0);
        counts->bytes = sqlite3_column_int64(stmt, 1);
        counts->dead_letters = sqlite3_column_int64(stmt, 2);
        counts->dead_bytes = sqlite3_column_int64(stmt, 3);
        sqlite3_reset(stmt);
        return 0;
}

int store_sqlite_take(void *reader, const struct store_query *query, store_event_row row,
                      void *context)
{
        struct sqlite_connection *connection = reader;
        int number = query->news ? SQL_TAKE_NEWS : query->device ? SQL_TAKE : SQL_TAKE_OF_ALL;
        sqlite3_stmt *stmt = connection->statements[number];
        int result = 0;

        if (query->device || query->news)
                sqlite3_bind_text(stmt, 1, query->device, -1, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 2, query->after_id);
        sqlite3_bind_int64(stmt, 3, query->maximum > INT_MAX ? INT_MAX : (int)query->maximum);
        while (sqlite_next_row(connection, number, &result)) {
                struct store_event event = sqlite_event(stmt);

                row(context, &event);
        }
        return result;
}

int store_sqlite_devices(void *reader, const struct store_shards *shards, store_device_row row,
                         void *context)
{
        struct sqlite_connection *connection = reader;
        sqlite3_stmt *stmt = connection->statements[SQL_DEVICES];
        int result = 0;

        (void)shards;
        while (sqlite_next_row(connection, SQL_DEVICES, &result))
                row(context, &(struct store_device){.name = sqlite_string(stmt, 0),
                                                    .waiting = sqlite3_column_int64(stmt, 1),
                                                    .bytes = sqlite3_column_int64(stmt, 2)});
        return result;
}

int store_sqlite_dead_letters(void *reader, int64_t after_id, size_t maximum, store_letter_row row,
                              void *context)
{
        struct sqlite_connection *connection = reader;
        sqlite3_stmt *stmt = connection->statements[SQL_DEAD_LETTERS];
        int result = 0;

        sqlite3_bind_int64(stmt, 1, after_id);
        sqlite3_bind_int64(stmt, 2, (int64_t)maximum);
        while (sqlite_next_row(connection, SQL_DEAD_LETTERS, &result)) {
                struct store_dead_letter letter = {
                        .event = sqlite_event(stmt),
                        .died_ms = sqlite3_column_int64(stmt, 6),
                        .reason = sqlite_string(stmt, 7),
                };

                row(context, &letter);
        }
        return result;
}

int store_sqlite_records(void *reader, const struct store_record_query *query, store_record_row row,
                         void *context)
{
        struct sqlite_connection *connection = reader;
        sqlite3_stmt *stmt = connection->statements[SQL_RECORDS];
        int result = 0;

        sqlite_bind_string(stmt, 1, query->kind);
        sqlite_bind_string(stmt, 2, query->after_key ? query->after_key : "");
        sqlite3_bind_int64(stmt, 3, (int64_t)query->maximum);
        while (sqlite_next_row(connection, SQL_RECORDS, &result)) {
                struct store_record record = {
                        .kind = query->kind,
                        .key = sqlite_string(stmt, 0),
                        .value = sqlite3_column_blob(stmt, 1),
                        .value_size = (size_t)sqlite3_column_bytes(stmt, 1),
                        .keep_ms = sqlite3_column_int64(stmt, 2),
                        .device = (const char *)sqlite3_column_text(stmt, 3),
                };

                row(context, &record);
        }
        return result;
}

int store_sqlite_kinds(void *reader, store_record_row row, void *context)
{
        struct sqlite_connection *connection = reader;
        sqlite3_stmt *stmt = connection->statements[SQL_KINDS];
        int result = 0;

        while (sqlite_next_row(connection, SQL_KINDS, &result))
                row(context, &(struct store_record){.kind = sqlite_string(stmt, 0), .key = ""});
        return result;
}

/* --- a copy ------------------------------------------------------------------------------ */

/* In one step: the reader sees one state of the store, and the writer does not wait for it. */
static int copy(struct sqlite_connection *from, struct sqlite_connection *to, struct reason *reason)
{
        sqlite3_backup *backup = sqlite3_backup_init(to->db, "main", from->db, "main");

        if (backup) {
                (void)sqlite3_backup_step(backup, -1);
                (void)sqlite3_backup_finish(backup);
        }
        /* What went wrong, on whichever side, is told by the copy's connection. */
        return sqlite3_errcode(to->db) == SQLITE_OK ? 0 : sqlite_explain(to, reason);
}

int store_sqlite_backup(void *reader, const char *path, struct store_counts *counts,
                        struct reason *reason)
{
        /* Nobody sees the copy before it is whole, and the caller syncs it. */
        static const char careless[] = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;";
        /* One file that needs no log beside it, until it becomes a store again. */
        static const char alone[] = "PRAGMA journal_mode = DELETE;";
        struct sqlite_connection to = {.path = NULL};
        int result = sqlite_connect(&to, path, SQLITE_OPEN_READWRITE, reason);

        if (result == 0)
                result = sqlite_execute(&to, careless, reason);
        if (result == 0)
                result = copy(reader, &to, reason);
        if (result == 0)
                result = sqlite_execute(&to, alone, reason);
        if (result == 0)
                result = sqlite_prepare(&to, reader_sql, SQL_NUMBER, reason);
        if (result == 0)
                result = store_sqlite_count(&to, counts);
        sqlite_disconnect(&to);
        return result;
}
