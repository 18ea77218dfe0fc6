// SPDX-License-Identifier: MIT
/* The writing half of the SQLite store: the dead letters. */
#include <string.h>

#include "base/clock.h"
#include "store/sqlite/store_sqlite_writer.h"

struct letter {
        int64_t id;
        int64_t size;
        int64_t reason_size;
        int64_t since_ms; /* store's time */
};

/* The bytes stay, and those of the reason are added. */
int store_sqlite_dead(void *context, int64_t id, const char *reason, struct store_change *change)
{
        struct writer *writer = context;
        sqlite3_stmt *stmt = writer->connection.statements[SQL_DEAD];
        int64_t before = change->counts.bytes;
        int64_t reason_size = (int64_t)strlen(reason);
        int result;

        sqlite3_bind_int64(stmt, 2, clock_wall_ms());
        sqlite_bind_string(stmt, 3, reason);
        sqlite3_bind_int64(stmt, 4, reason_size);
        sqlite3_bind_int64(stmt, 5, writer->now_ms);
        result = sqlite_run_with(&writer->connection, SQL_DEAD, id);
        if (result || sqlite3_changes(writer->connection.db) == 0)
                return result;
        result = sqlite_delete_events(writer, id, id, change);
        change->counts.dead_letters++;
        change->counts.dead_bytes += before - change->counts.bytes + reason_size;
        return result;
}

/* The letter that a statement finds, whose parameters are bound; its id is 0 if there is none. */
static int find_letter(struct writer *writer, int number, struct letter *letter)
{
        struct sqlite_connection *connection = &writer->connection;
        sqlite3_stmt *stmt = connection->statements[number];
        int result;

        *letter = (struct letter){0};
        if (!sqlite_next_row(connection, number, &result))
                return result;
        letter->id = sqlite3_column_int64(stmt, 0);
        letter->size = sqlite3_column_int64(stmt, 1);
        letter->reason_size = sqlite3_column_int64(stmt, 2);
        letter->since_ms = sqlite3_column_int64(stmt, 3);
        sqlite3_reset(stmt);
        return 0;
}

static int drop_letter(struct writer *writer, const struct letter *letter,
                       struct store_change *change)
{
        change->counts.dead_letters--;
        change->counts.dead_bytes -= letter->size;
        return sqlite_run_with(&writer->connection, SQL_DROP, letter->id);
}

/* The letter becomes the newest event, and is shown as such. */
static int replay_letter(struct writer *writer, const struct letter *letter,
                         struct store_change *change, store_event_row row, void *context)
{
        struct sqlite_connection *connection = &writer->connection;
        sqlite3_stmt *replay = connection->statements[SQL_REPLAY];
        sqlite3_stmt *replayed = connection->statements[SQL_EVENT];
        struct store_event event;
        int result;

        sqlite3_bind_int64(replay, 2, writer->next_id);
        sqlite3_bind_int64(replay, 3, letter->reason_size);
        result = sqlite_run_with(connection, SQL_REPLAY, letter->id);
        if (result)
                return result;
        sqlite3_bind_int64(replayed, 1, writer->next_id++);
        while (sqlite_next_row(connection, SQL_EVENT, &result)) {
                event = sqlite_event(replayed);
                store_change_add_event(change, event.device, letter->size - letter->reason_size);
                row(context, &event);
        }
        return result ? result : drop_letter(writer, letter, change);
}

/* The first letter of the span; its id is 0 when the span ends here. */
static int first_of_span(struct writer *writer, struct store_span *span, struct letter *letter)
{
        int result;

        if (span->end == 0)
                span->end = writer->next_id;
        sqlite3_bind_int64(writer->connection.statements[SQL_SPAN_NEXT], 1, span->id);
        result = find_letter(writer, SQL_SPAN_NEXT, letter);
        if (letter->id >= span->end)
                letter->id = 0;
        span->more = letter->id != 0;
        return result;
}

int store_sqlite_replay(void *context, struct store_span *span, struct store_change *change,
                        store_event_row row, void *row_context)
{
        struct letter letter;
        int result;

        span->changed = 0;
        span->no_room = false;
        while ((result = first_of_span(context, span, &letter)) == 0 && letter.id != 0) {
                int64_t size = letter.size - letter.reason_size;

                span->no_room = size > span->room;
                if (span->changed == span->limit || span->no_room)
                        return 0;
                result = replay_letter(context, &letter, change, row, row_context);
                if (result)
                        return result;
                span->id = letter.id + 1;
                span->room -= size;
                span->changed++;
        }
        return result;
}

int store_sqlite_drop(void *context, struct store_span *span, struct store_change *change)
{
        struct letter letter;
        int result;

        span->changed = 0;
        while ((result = first_of_span(context, span, &letter)) == 0 && letter.id != 0) {
                if (span->changed == span->limit)
                        return 0;
                result = drop_letter(context, &letter, change);
                if (result)
                        return result;
                span->id = letter.id + 1;
                span->changed++;
        }
        return result;
}

int store_sqlite_trim(void *context, struct store_trim *trim, struct store_change *change)
{
        const struct writer *writer = context;
        struct letter letter;
        int result;

        trim->dropped = 0;
        trim->more = false;
        while ((result = find_letter(context, SQL_TRIM_NEXT, &letter)) == 0 && letter.id != 0) {
                if (writer->now_ms - letter.since_ms < trim->age_ms && trim->bytes <= 0)
                        return 0;
                trim->more = trim->dropped == trim->limit;
                if (trim->more)
                        return 0;
                result = drop_letter(context, &letter, change);
                if (result)
                        return result;
                trim->bytes -= letter.size;
                trim->dropped++;
        }
        return result;
}
