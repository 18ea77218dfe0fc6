// SPDX-License-Identifier: MIT
/*
 * The store in one SQLite file, DIRECTORY/store.sqlite, in WAL mode.
 *
 * Laws of this file:
 *   - the writer's connection alone writes; readers have connections of their own and never wait;
 *   - a durable commit is synced (synchronous=FULL); one that is not goes into the log behind
 *     those before it, so that losing it loses nothing but itself;
 *   - what memory mirrors (next id, ids seen) follows the transaction: a rollback resets it;
 *   - the log is copied into the database (checkpoint) by the writer between transactions only.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/store_reserve.h"
#include "store/store_seen.h"
#include "store/store_sqlite.h"

/* Ids are leased from the file in blocks, so that none is ever given twice, even after a crash. */
#define ID_LEASE 65536

/* Message ids remembered at most; about 32 bytes of memory each. */
#define SEEN_MAXIMUM (1 << 20)

/* As many of them leave with one transaction at most. */
#define SEEN_FORGET_LIMIT 1024

/*
 * The reserve must hold what a checkpoint may add to the database, that is a log of half its size,
 * and what settling writes into the log before that.
 */
#define PAGE_SIZE      4096
#define LOG_SHARE      2 /* of the reserve: when the log is checkpointed */
#define PART_SHARE     8 /* of the reserve: what one transaction may put */
#define LOG_LONG       4 /* so many times longer, and readers are waited for */
#define READER_WAIT_MS 50
/* After a failure, as many pages later. */
#define CHECKPOINT_AGAIN_PAGES 64
#define PRUNE_EVERY_MS         INT64_C(60000)

/* Free pages are given back to the system when they are many, some at a time. */
#define VACUUM_EVERY_MS   INT64_C(100)
#define VACUUM_PAGES      256
#define VACUUM_SLICES     16 /* in one try to make room */
#define VACUUM_FROM_PAGES 4096

enum sql {
        SQL_BEGIN,
        SQL_COMMIT,
        SQL_ROLLBACK,
        SQL_PUT,
        SQL_RANGE_SIZE,
        SQL_RANGE_DELETE,
        SQL_RETRY,
        SQL_DEAD,
        SQL_SPAN_NEXT,
        SQL_REPLAY,
        SQL_DROP,
        SQL_RECORD_SET,
        SQL_RECORD_DELETE,
        SQL_RECORD_PRUNE,
        SQL_SEEN_ADD,
        SQL_SEEN_CHECK,
        SQL_SEEN_PRUNE,
        SQL_LEASE,
        SQL_NUMBER,
};

static const char *const writer_sql[SQL_NUMBER] = {
        [SQL_BEGIN] = "BEGIN IMMEDIATE",
        [SQL_COMMIT] = "COMMIT",
        [SQL_ROLLBACK] = "ROLLBACK",
        [SQL_PUT] = "INSERT INTO events (id, device, size, arrived_ns, not_before_ms, attempts,"
                    " message_id, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        [SQL_RANGE_SIZE] = "SELECT COUNT(*), SUM(size) FROM events WHERE id BETWEEN ?1 AND ?2",
        [SQL_RANGE_DELETE] = "DELETE FROM events WHERE id BETWEEN ?1 AND ?2",
        [SQL_RETRY] = "UPDATE events SET not_before_ms = ?2, attempts = attempts + 1 WHERE id = ?1",
        [SQL_DEAD] = "INSERT INTO dead_letters SELECT id, device, size + ?4, arrived_ns,"
                     " not_before_ms, attempts, message_id, record, ?2, ?3"
                     " FROM events WHERE id = ?1",
        [SQL_SPAN_NEXT] = "SELECT id, size, length(CAST(reason AS BLOB)) FROM dead_letters"
                          " WHERE id >= ?1 ORDER BY id LIMIT 1",
        [SQL_REPLAY] = "INSERT INTO events SELECT ?2, device, size - ?3, arrived_ns, 0, 0,"
                       " message_id, record FROM dead_letters WHERE id = ?1",
        [SQL_DROP] = "DELETE FROM dead_letters WHERE id = ?1",
        [SQL_RECORD_SET] = "INSERT INTO records (kind, key, expires_ms, value)"
                           " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (kind, key)"
                           " DO UPDATE SET expires_ms = ?3, value = ?4",
        [SQL_RECORD_DELETE] = "DELETE FROM records WHERE kind = ?1 AND key = ?2",
        [SQL_RECORD_PRUNE] = "DELETE FROM records WHERE expires_ms > 0 AND expires_ms <= ?1",
        [SQL_SEEN_ADD] = "INSERT INTO seen (number, expires_ms, message_id) VALUES (?1, ?2, ?3)",
        [SQL_SEEN_CHECK] = "SELECT 1 FROM seen WHERE number = ?1 AND message_id = ?2",
        [SQL_SEEN_PRUNE] = "DELETE FROM seen WHERE number < ?1",
        [SQL_LEASE] = "UPDATE counters SET value = ?1 WHERE name = 'next_id'",
};

struct writer {
        struct sqlite_connection connection;
        struct store_seen *seen;
        struct store_reserve reserve;
        int64_t next_id;
        int64_t leased_id;   /* the file says so: ids below may have been given */
        int64_t now_ms;      /* of the transaction */
        int64_t prune_at_ms; /* when expired records go next */
        int64_t seen_from;   /* earlier rows of `seen` go with this transaction */
        /* What a rollback goes back to. */
        int64_t undo_next_id;
        int64_t undo_leased_id;
        int64_t undo_seen;
        bool opened;
        bool synced;       /* PRAGMA synchronous is FULL */
        int log_pages;     /* in the log since it was last begun anew */
        int log_limit;     /* of log_pages: a checkpoint is due */
        int checkpoint_at; /* of log_pages: the next one; later when a reader held it back */
        int64_t vacuum_at_ms;
};

/* --- opening ----------------------------------------------------------------------------- */

static int note_log_pages(void *context, sqlite3 *db, const char *name, int pages)
{
        struct writer *writer = context;

        (void)db;
        (void)name;
        if (pages < writer->log_pages)
                writer->checkpoint_at = writer->log_limit;
        writer->log_pages = pages;
        return SQLITE_OK;
}

/* The ids seen, from the file into memory. */
static int load_seen(struct writer *writer, struct reason *reason)
{
        sqlite3 *db = writer->connection.db;
        sqlite3_stmt *stmt = NULL;
        int code = sqlite3_prepare_v2(
                db, "SELECT number, expires_ms, message_id FROM seen ORDER BY number", -1, &stmt,
                NULL);

        while (code == SQLITE_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
                int64_t row = sqlite3_column_int64(stmt, 0);

                /* Memory numbers them without a gap; what is before one goes unused. */
                if (store_seen_next_row(writer->seen) != row)
                        store_seen_cut(writer->seen, 0);
                store_seen_push(writer->seen, row, sqlite_string(stmt, 2),
                                sqlite3_column_int64(stmt, 1));
                code = SQLITE_OK;
        }
        sqlite3_finalize(stmt);
        return code == SQLITE_DONE ? 0 : sqlite_explain(&writer->connection, reason);
}

static void load_next_id(struct writer *writer)
{
        writer->next_id = sqlite_ask(writer->connection.db,
                                     "SELECT MAX((SELECT value FROM counters"
                                     "             WHERE name = 'next_id'),"
                                     " (SELECT IFNULL(MAX(id), 0) + 1 FROM events),"
                                     " (SELECT IFNULL(MAX(id), 0) + 1 FROM dead_letters))",
                                     1);
        writer->leased_id = writer->next_id;
}

static int open_writer(struct writer *writer, const char *path, struct reason *reason)
{
        /*
         * auto_vacuum must be set before the first table. Deleted events are not overwritten with
         * zeros (secure_delete, which Debian switches on): each freed page would be written again.
         */
        static const char settings[] = "PRAGMA auto_vacuum = INCREMENTAL;"
                                       "PRAGMA journal_mode = WAL;"
                                       "PRAGMA synchronous = FULL;"
                                       "PRAGMA secure_delete = OFF;"
                                       "PRAGMA temp_store = MEMORY;"
                                       "PRAGMA wal_autocheckpoint = 0;"
                                       "PRAGMA cache_size = -16000;";
        struct sqlite_connection *connection = &writer->connection;
        int64_t version = 0;
        int result = sqlite_connect(connection, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                    reason);

        if (result == 0)
                result = sqlite_check_version(connection, &version, reason);
        if (result == 0)
                result = sqlite_execute(connection, settings, reason);
        if (result == 0)
                result = sqlite_upgrade(connection, version, reason);
        if (result == 0)
                result = sqlite_prepare(connection, writer_sql, SQL_NUMBER, reason);
        if (result == 0)
                result = load_seen(writer, reason);
        if (result)
                return result;
        load_next_id(writer);
        sqlite3_wal_hook(connection->db, note_log_pages, writer);
        return 0;
}

static void store_sqlite_close(void *context)
{
        struct writer *writer = context;

        /* What was leased and not used needs not be skipped at the next start. */
        if (writer->leased_id != writer->next_id)
                (void)!sqlite_run_with(&writer->connection, SQL_LEASE, writer->next_id);
        sqlite_disconnect(&writer->connection);
        /* The log is gone: its room is enough for a start on a disk that is full by then. */
        if (writer->opened)
                (void)!store_reserve_make(&writer->reserve, 0);
        store_seen_free(writer->seen);
        store_reserve_deinit(&writer->reserve);
        free(writer);
}

static int store_sqlite_open(const char *directory, void **context, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *path = sqlite_path(directory);
        struct writer *writer = mem_new(1, sizeof(*writer));
        int result;

        writer->seen = store_seen_new();
        writer->synced = true;
        store_reserve_init(&writer->reserve, directory);
        writer->log_limit = (int)(writer->reserve.size / LOG_SHARE / PAGE_SIZE);
        writer->checkpoint_at = writer->log_limit;
        result = open_writer(writer, path, reason);
        if (result == STORE_E_FULL && writer->reserve.held) {
                /* Opening alone needs a little room. */
                store_reserve_release(&writer->reserve);
                sqlite_disconnect(&writer->connection);
                result = open_writer(writer, path, reason);
        }
        if (result) {
                store_sqlite_close(writer);
                return result;
        }
        writer->opened = true;
        *context = writer;
        return 0;
}

/* --- transactions ------------------------------------------------------------------------ */

static int store_sqlite_begin(void *context, bool durable)
{
        struct writer *writer = context;

        if (durable != writer->synced) {
                const char *sql =
                        durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL";
                int result = sqlite_execute(&writer->connection, sql, NULL);

                if (result)
                        return result;
                writer->synced = durable;
        }
        writer->now_ms = clock_wall_ms();
        writer->undo_next_id = writer->next_id;
        writer->undo_leased_id = writer->leased_id;
        writer->undo_seen = store_seen_next_row(writer->seen);
        return sqlite_run(&writer->connection, SQL_BEGIN);
}

/* Message ids whose time is over, or that are too many, leave with this transaction. */
static int forget_seen(struct writer *writer)
{
        writer->seen_from =
                store_seen_keep_from(writer->seen, writer->now_ms, SEEN_MAXIMUM, SEEN_FORGET_LIMIT);
        if (writer->seen_from == store_seen_first_row(writer->seen))
                return 0;
        return sqlite_run_with(&writer->connection, SQL_SEEN_PRUNE, writer->seen_from);
}

static int prune_records(struct writer *writer)
{
        if (writer->now_ms < writer->prune_at_ms)
                return 0;
        writer->prune_at_ms = writer->now_ms + PRUNE_EVERY_MS;
        return sqlite_run_with(&writer->connection, SQL_RECORD_PRUNE, writer->now_ms);
}

static int store_sqlite_commit(void *context)
{
        struct writer *writer = context;
        int result = forget_seen(writer);

        if (result == 0)
                result = prune_records(writer);
        if (result == 0 && writer->next_id > writer->leased_id) {
                writer->leased_id = writer->next_id + ID_LEASE;
                result = sqlite_run_with(&writer->connection, SQL_LEASE, writer->leased_id);
        }
        if (result == 0)
                result = sqlite_run(&writer->connection, SQL_COMMIT);
        if (result == 0)
                store_seen_forget(writer->seen, writer->seen_from);
        return result;
}

static void store_sqlite_rollback(void *context)
{
        struct writer *writer = context;

        /* After some failures the library has rolled back by itself. */
        if (!sqlite3_get_autocommit(writer->connection.db))
                (void)!sqlite_run(&writer->connection, SQL_ROLLBACK);
        writer->next_id = writer->undo_next_id;
        writer->leased_id = writer->undo_leased_id;
        store_seen_cut(writer->seen, writer->undo_seen);
}

/* --- writing ----------------------------------------------------------------------------- */

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
                *found = sqlite_has_row(connection, SQL_SEEN_CHECK, &result);
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

/* A value that is never NULL. */
static void bind_blob(sqlite3_stmt *stmt, int place, const void *bytes, size_t size)
{
        sqlite3_bind_blob64(stmt, place, size ? bytes : "", size, SQLITE_STATIC);
}

static int insert_event(struct writer *writer, const struct store_event *event)
{
        sqlite3_stmt *stmt = writer->connection.statements[SQL_PUT];

        sqlite3_bind_int64(stmt, 1, writer->next_id);
        sqlite_bind_string(stmt, 2, event->device);
        sqlite3_bind_int64(stmt, 3, store_event_size(event));
        sqlite3_bind_int64(stmt, 4, event->arrived_ns);
        sqlite3_bind_int64(stmt, 5, event->not_before_ms);
        sqlite3_bind_int(stmt, 6, event->attempts);
        sqlite_bind_string(stmt, 7, event->message_id);
        bind_blob(stmt, 8, event->record, event->record_size);
        return sqlite_run(&writer->connection, SQL_PUT);
}

static int store_sqlite_put(void *context, struct store_event *event, struct store_counts *change)
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
        change->events++;
        change->bytes += store_event_size(event);
        return 0;
}

/* Deletes first .. last, which the caller wants gone altogether. */
static int delete_range(struct writer *writer, int64_t first, int64_t last,
                        struct store_counts *change)
{
        struct sqlite_connection *connection = &writer->connection;
        sqlite3_stmt *sizes = connection->statements[SQL_RANGE_SIZE];
        sqlite3_stmt *deletion = connection->statements[SQL_RANGE_DELETE];
        int result;

        sqlite3_bind_int64(sizes, 1, first);
        sqlite3_bind_int64(sizes, 2, last);
        if (!sqlite_has_row(connection, SQL_RANGE_SIZE, &result))
                return result;
        change->events -= sqlite3_column_int64(sizes, 0);
        change->bytes -= sqlite3_column_int64(sizes, 1);
        sqlite3_reset(sizes);
        sqlite3_bind_int64(deletion, 2, last);
        return sqlite_run_with(connection, SQL_RANGE_DELETE, first);
}

static int store_sqlite_done(void *context, const int64_t *ids, size_t count,
                             struct store_counts *change)
{
        size_t start = 0;
        int result = 0;

        while (result == 0 && start < count) {
                size_t end = start + 1;

                while (end < count && ids[end] == ids[end - 1] + 1)
                        end++;
                result = delete_range(context, ids[start], ids[end - 1], change);
                start = end;
        }
        return result;
}

static int store_sqlite_retry_at(void *context, int64_t id, int64_t when_ms)
{
        struct writer *writer = context;

        sqlite3_bind_int64(writer->connection.statements[SQL_RETRY], 2, when_ms);
        return sqlite_run_with(&writer->connection, SQL_RETRY, id);
}

/* The bytes stay, and those of the reason are added. */
static int store_sqlite_dead(void *context, int64_t id, const char *reason,
                             struct store_counts *change)
{
        struct writer *writer = context;
        sqlite3_stmt *stmt = writer->connection.statements[SQL_DEAD];
        struct store_counts left = {.events = 0};
        int64_t reason_size = (int64_t)strlen(reason);
        int result;

        sqlite3_bind_int64(stmt, 2, writer->now_ms);
        sqlite_bind_string(stmt, 3, reason);
        sqlite3_bind_int64(stmt, 4, reason_size);
        result = sqlite_run_with(&writer->connection, SQL_DEAD, id);
        if (result || sqlite3_changes(writer->connection.db) == 0)
                return result;
        result = delete_range(writer, id, id, &left);
        change->events += left.events;
        change->dead_letters++;
        change->bytes += reason_size;
        return result;
}

struct letter {
        int64_t id;
        int64_t size;
        int64_t reason_size;
};

/* The first dead letter from `id` on; `letter->id` is 0 if there is none. */
static int next_letter(struct writer *writer, int64_t id, struct letter *letter)
{
        struct sqlite_connection *connection = &writer->connection;
        sqlite3_stmt *stmt = connection->statements[SQL_SPAN_NEXT];
        int result;

        *letter = (struct letter){0};
        sqlite3_bind_int64(stmt, 1, id);
        if (!sqlite_has_row(connection, SQL_SPAN_NEXT, &result))
                return result;
        letter->id = sqlite3_column_int64(stmt, 0);
        letter->size = sqlite3_column_int64(stmt, 1);
        letter->reason_size = sqlite3_column_int64(stmt, 2);
        sqlite3_reset(stmt);
        return 0;
}

static int replay_letter(struct writer *writer, const struct letter *letter,
                         struct store_counts *change)
{
        struct sqlite_connection *connection = &writer->connection;
        sqlite3_stmt *stmt = connection->statements[SQL_REPLAY];
        int result;

        sqlite3_bind_int64(stmt, 2, writer->next_id);
        sqlite3_bind_int64(stmt, 3, letter->reason_size);
        result = sqlite_run_with(connection, SQL_REPLAY, letter->id);
        if (result)
                return result;
        writer->next_id++;
        change->events++;
        change->bytes += letter->size - letter->reason_size;
        return 0;
}

/* Takes the letters of a span away, the first ones only if there are many. */
static int take_letters(struct writer *writer, struct store_span *span, bool replay,
                        struct store_counts *change)
{
        struct letter letter;
        int result = 0;

        if (span->end == 0)
                span->end = span->id ? span->id + 1 : writer->next_id;
        span->more = false;
        for (size_t i = 0; result == 0; i++) {
                result = next_letter(writer, span->id, &letter);
                if (result || letter.id == 0 || letter.id >= span->end)
                        return result;
                span->more = i == span->limit;
                if (span->more)
                        return 0;
                if (replay)
                        result = replay_letter(writer, &letter, change);
                if (result == 0)
                        result = sqlite_run_with(&writer->connection, SQL_DROP, letter.id);
                change->dead_letters--;
                change->bytes -= letter.size;
        }
        return result;
}

static int store_sqlite_replay(void *context, struct store_span *span, struct store_counts *change)
{
        return take_letters(context, span, true, change);
}

static int store_sqlite_drop(void *context, struct store_span *span, struct store_counts *change)
{
        return take_letters(context, span, false, change);
}

static int store_sqlite_write(void *context, const struct store_record *record)
{
        struct writer *writer = context;
        enum sql number = record->value ? SQL_RECORD_SET : SQL_RECORD_DELETE;
        sqlite3_stmt *stmt = writer->connection.statements[(int)number];

        sqlite_bind_string(stmt, 1, record->kind);
        sqlite_bind_string(stmt, 2, record->key);
        if (record->value) {
                sqlite3_bind_int64(stmt, 3, record->expires_ms);
                bind_blob(stmt, 4, record->value, record->value_size);
        }
        return sqlite_run(&writer->connection, (int)number);
}

/* --- room and upkeep --------------------------------------------------------------------- */

static size_t store_sqlite_part_bytes(void *context)
{
        const struct writer *writer = context;

        return (size_t)(writer->reserve.size / PART_SHARE);
}

/* Copies the log into the database, as far as readers let it. */
static int checkpoint(struct writer *writer, int mode)
{
        sqlite3 *db = writer->connection.db;
        int in_log = 0;
        int copied = 0;
        int code;

        sqlite3_busy_timeout(db, READER_WAIT_MS);
        code = sqlite3_wal_checkpoint_v2(db, NULL, mode, &in_log, &copied);
        sqlite3_busy_timeout(db, SQLITE_BUSY_TIMEOUT_MS);
        if (code != SQLITE_OK && code != SQLITE_BUSY) {
                writer->checkpoint_at = writer->log_pages + CHECKPOINT_AGAIN_PAGES;
                return sqlite_failure(&writer->connection);
        }
        writer->checkpoint_at = writer->log_limit + (copied < in_log ? in_log : 0);
        return 0;
}

/*
 * Usually nobody reads, and the next transaction begins the log anew. If readers overlap without
 * a gap it would grow for ever: then a gap is waited for.
 */
static int checkpoint_if_due(struct writer *writer)
{
        bool is_long = writer->log_pages >= LOG_LONG * writer->log_limit;

        if (writer->log_pages < writer->checkpoint_at)
                return 0;
        return checkpoint(writer, is_long ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE);
}

/* Gives up to VACUUM_PAGES free pages at the end of the file back to the system. */
static int vacuum(struct writer *writer)
{
        CLEANUP(mem_cleanup) char *sql = mem_format("PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);

        return sqlite_execute(&writer->connection, sql, NULL);
}

static int64_t free_pages(struct writer *writer)
{
        return sqlite_ask(writer->connection.db, "PRAGMA freelist_count", 0);
}

/* After a backlog most of the file is free. */
static int vacuum_if_due(struct writer *writer, bool *more)
{
        int64_t now_ms = clock_steady_ms();
        int64_t pages;

        if (now_ms < writer->vacuum_at_ms)
                return 0;
        writer->vacuum_at_ms = now_ms + VACUUM_EVERY_MS;
        pages = free_pages(writer);
        *more = pages > VACUUM_FROM_PAGES &&
                pages > sqlite_ask(writer->connection.db, "PRAGMA page_count", 0) / 2;
        return *more ? vacuum(writer) : 0;
}

static int store_sqlite_care(void *context, bool *more)
{
        struct writer *writer = context;
        int result = checkpoint_if_due(writer);

        *more = false;
        return result ? result : vacuum_if_due(writer, more);
}

static void store_sqlite_use_reserve(void *context)
{
        struct writer *writer = context;

        store_reserve_release(&writer->reserve);
        /* With the room just given up the log can be copied, and its own room be used again. */
        (void)!checkpoint(writer, SQLITE_CHECKPOINT_PASSIVE);
}

/* What was drained is room inside the file: it must become room on the disk. */
static int store_sqlite_make_room(void *context)
{
        struct writer *writer = context;
        int64_t log_bytes = (int64_t)writer->log_limit * PAGE_SIZE;
        int slices = 0;

        while (store_reserve_make(&writer->reserve, log_bytes) != 0) {
                if (checkpoint(writer, SQLITE_CHECKPOINT_TRUNCATE) != 0)
                        return STORE_E_FULL;
                if (slices > 0 && (free_pages(writer) == 0 || slices > VACUUM_SLICES))
                        return STORE_E_FULL;
                if (vacuum(writer) != 0)
                        return STORE_E_FULL;
                slices++;
        }
        return 0;
}

const struct store_backend store_backend_sqlite = {
        .name = "sqlite",
        .open = store_sqlite_open,
        .close = store_sqlite_close,
        .begin = store_sqlite_begin,
        .commit = store_sqlite_commit,
        .rollback = store_sqlite_rollback,
        .put = store_sqlite_put,
        .done = store_sqlite_done,
        .retry_at = store_sqlite_retry_at,
        .dead = store_sqlite_dead,
        .replay = store_sqlite_replay,
        .drop = store_sqlite_drop,
        .write = store_sqlite_write,
        .part_bytes = store_sqlite_part_bytes,
        .use_reserve = store_sqlite_use_reserve,
        .make_room = store_sqlite_make_room,
        .care = store_sqlite_care,
        .open_reader = store_sqlite_open_reader,
        .close_reader = store_sqlite_close_reader,
        .count = store_sqlite_count,
        .take = store_sqlite_take,
        .devices = store_sqlite_devices,
        .dead_letters = store_sqlite_dead_letters,
        .records = store_sqlite_records,
};
