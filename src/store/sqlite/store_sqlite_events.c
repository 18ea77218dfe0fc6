// SPDX-License-Identifier: MIT
/* The writing half of the SQLite store: the events that wait, and the message ids seen. */
#include "store/sqlite/store_sqlite_writer.h"

static int find_seen(struct writer *writer, const struct store_event *event, bool *found)
{
        struct sqlite_connection *connection = &writer->connection;
        sqlite3_stmt *stmt = connection->statements[SQL_SEEN_CHECK];
        struct store_seen_search search;
        int result = 0;
        int64_t row;

        *found = false;
        store_seen_search(writer->seen, event->message_id, &search);
        while (store_seen_next(writer->seen, &search, writer->now_ms, &row)) {
                sqlite3_bind_int64(stmt, 1, row);
                sqlite_bind_string(stmt, 2, event->message_id);
                *found = sqlite_next_row(connection, SQL_SEEN_CHECK, &result);
                sqlite3_reset(stmt);
                if (*found || result)
                        break;
        }
        return result;
}

static int add_seen(struct writer *writer, const struct store_event *event)
{
        sqlite3_stmt *stmt = writer->connection.statements[SQL_SEEN_ADD];
        int64_t row = store_seen_next_row(writer->seen);
        int64_t expires_ms = writer->now_ms + event->duplicate_window_ms;
        int result;

        sqlite3_bind_int64(stmt, 2, expires_ms);
        sqlite_bind_string(stmt, 3, event->message_id);
        result = sqlite_run_with(&writer->connection, SQL_SEEN_ADD, row);
        if (result == 0)
                store_seen_push(writer->seen, row, event->message_id, expires_ms);
        return result;
}

static int insert_event(struct writer *writer, const struct store_event *event)
{
        sqlite3_stmt *stmt = writer->connection.statements[SQL_PUT];

        sqlite3_bind_int64(stmt, 1, writer->next_id);
        sqlite_bind_string(stmt, 2, event->device);
        sqlite3_bind_int64(stmt, 3, store_event_size(event));
        sqlite3_bind_int64(stmt, 4, event->arrived_ns);
        sqlite_bind_string(stmt, 5, event->message_id);
        sqlite_bind_blob(stmt, 6, event->record, event->record_size);
        sqlite3_bind_int(stmt, 7, (int)event->purpose);
        return sqlite_run(&writer->connection, SQL_PUT);
}

int store_sqlite_put(void *context, struct store_event *event, struct store_change *change)
{
        struct writer *writer = context;
        bool found = false;
        int result = 0;

        event->id = 0;
        if (event->duplicate_window_ms > 0)
                result = find_seen(writer, event, &found);
        if (result || found)
                return result;
        result = insert_event(writer, event);
        if (result == 0 && event->duplicate_window_ms > 0)
                result = add_seen(writer, event);
        if (result)
                return result;
        event->id = writer->next_id++;
        store_change_add_event(change, event->device, store_event_size(event));
        return 0;
}

int sqlite_delete_events(struct writer *writer, int64_t first, int64_t last,
                         struct store_change *change)
{
        struct sqlite_connection *connection = &writer->connection;
        sqlite3_stmt *rows = connection->statements[SQL_RANGE];
        int result;

        sqlite3_bind_int64(rows, 1, first);
        sqlite3_bind_int64(rows, 2, last);
        while (sqlite_next_row(connection, SQL_RANGE, &result))
                store_change_take_event(change, sqlite_string(rows, 0),
                                        sqlite3_column_int64(rows, 1));
        if (result)
                return result;
        sqlite3_bind_int64(connection->statements[SQL_RANGE_DELETE], 2, last);
        return sqlite_run_with(connection, SQL_RANGE_DELETE, first);
}

int store_sqlite_done(void *context, const int64_t *ids, size_t count, struct store_change *change)
{
        size_t start = 0;
        int result = 0;

        while (result == 0 && start < count) {
                size_t end = start + 1;

                while (end < count && ids[end] == ids[end - 1] + 1)
                        end++;
                result = sqlite_delete_events(context, ids[start], ids[end - 1], change);
                start = end;
        }
        return result;
}

int sqlite_find_oldest(struct writer *writer, int64_t *oldest_ns)
{
        sqlite3_stmt *stmt = writer->connection.statements[SQL_OLDEST];
        int result = 0;

        *oldest_ns = 0;
        if (sqlite_next_row(&writer->connection, SQL_OLDEST, &result))
                *oldest_ns = sqlite3_column_int64(stmt, 0);
        sqlite3_reset(stmt);
        return result;
}

int64_t store_sqlite_oldest_ns(void *context)
{
        const struct writer *writer = context;

        return writer->oldest_ns;
}
