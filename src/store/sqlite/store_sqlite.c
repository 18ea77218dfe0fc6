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
#include <sys/vfs.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/sqlite/store_lock.h"
#include "store/sqlite/store_sqlite_writer.h"

/* Ids are leased from the file in blocks, so that none is ever given twice, even after a crash. */
#define ID_LEASE 65536

/* Message ids remembered at most; about 32 bytes of memory each. */
#define SEEN_MAXIMUM (1 << 20)

/* As many of them leave with one transaction at most. */
#define SEEN_FORGET_LIMIT 1024

/* Expired records leave so often, and the store's time is written down. */
#define PRUNE_EVERY_MS INT64_C(60000)

/* Of the reserve: when the log is checkpointed; store_sqlite_upkeep.c says why. */
#define LOG_SHARE 2

static const char *const writer_sql[SQL_NUMBER] = {
        [SQL_BEGIN] = "BEGIN IMMEDIATE",
        [SQL_COMMIT] = "COMMIT",
        [SQL_ROLLBACK] = "ROLLBACK",
        [SQL_PUT] = "INSERT INTO events (id, device, size, arrived_ns, not_before_ms, attempts,"
                    " message_id, record, purpose) VALUES (?1, ?2, ?3, ?4, 0, 0, ?5, ?6, ?7)",
        [SQL_OLDEST] = "SELECT arrived_ns FROM events ORDER BY id LIMIT 1",
        [SQL_EVENT] = "SELECT " SQLITE_EVENT_COLUMNS " FROM events WHERE id = ?1",
        [SQL_RANGE] = "SELECT device, size FROM events WHERE id BETWEEN ?1 AND ?2",
        [SQL_RANGE_DELETE] = "DELETE FROM events WHERE id BETWEEN ?1 AND ?2",
        [SQL_DEAD] = "INSERT INTO dead_letters SELECT id, device, size + ?4, arrived_ns,"
                     " not_before_ms, attempts, message_id, record, ?2, ?3, ?5, purpose"
                     " FROM events WHERE id = ?1",
        [SQL_SPAN_NEXT] = "SELECT id, size, length(CAST(reason AS BLOB)), 0"
                          " FROM dead_letters WHERE id >= ?1 ORDER BY id LIMIT 1",
        [SQL_TRIM_NEXT] = "SELECT id, size, 0, IFNULL(since_ms, died_ms) FROM dead_letters"
                          " ORDER BY IFNULL(since_ms, died_ms), id LIMIT 1",
        [SQL_REPLAY] = "INSERT INTO events SELECT ?2, device, size - ?3, arrived_ns, 0, 0,"
                       " message_id, record, purpose FROM dead_letters WHERE id = ?1",
        [SQL_DROP] = "DELETE FROM dead_letters WHERE id = ?1",
        [SQL_RECORD_SET] = "INSERT INTO records (kind, key, expires_ms, value, device)"
                           " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (kind, key)"
                           " DO UPDATE SET expires_ms = ?3, value = ?4, device = ?5",
        [SQL_RECORD_CLAIM] = "INSERT INTO records (kind, key, expires_ms, value, device)"
                             " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (kind, key) DO NOTHING",
        [SQL_RECORD_HOLDER] = "SELECT value FROM records WHERE kind = ?1 AND key = ?2",
        [SQL_RECORD_RELEASE] = "DELETE FROM records WHERE kind = ?1 AND key = ?2"
                               " AND (value = ?4 OR substr(value, 1, length(?4) + 1)"
                               " = CAST(CAST(?4 AS TEXT) || char(10) AS BLOB))",
        [SQL_RECORD_DELETE] = "DELETE FROM records WHERE kind = ?1 AND key = ?2",
        [SQL_RECORD_PRUNE] = "DELETE FROM records WHERE expires_ms > 0 AND expires_ms <= ?1",
        [SQL_SEEN_ADD] = "INSERT INTO seen (number, expires_ms, message_id) VALUES (?1, ?2, ?3)",
        [SQL_SEEN_CHECK] = "SELECT 1 FROM seen WHERE number = ?1 AND message_id = ?2",
        [SQL_SEEN_PRUNE] = "DELETE FROM seen WHERE number < ?1",
        [SQL_LEASE] = "UPDATE counters SET value = ?1 WHERE name = 'next_id'",
        [SQL_TIME] = "UPDATE counters SET value = ?1 WHERE name = 'time_ms'",
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
        writer->log_is_copied = false;
        writer->committed_ms = clock_steady_ms();
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
                                       "PRAGMA wal_autocheckpoint = 0;";
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
        if (result == 0 && sqlite_find_oldest(writer, &writer->oldest_ns) != 0)
                result = sqlite_explain(connection, reason);
        if (result)
                return result;
        load_next_id(writer);
        writer->time_offset_ms =
                sqlite_ask(connection->db, "SELECT value FROM counters WHERE name = 'time_ms'", 0) -
                clock_steady_ms();
        sqlite3_wal_hook(connection->db, note_log_pages, writer);
        return 0;
}

static int64_t time_ms(const struct writer *writer)
{
        return clock_steady_ms() + writer->time_offset_ms;
}

static void store_sqlite_close(void *context)
{
        struct writer *writer = context;

        if (writer->opened)
                (void)!sqlite_run_with(&writer->connection, SQL_TIME, time_ms(writer));
        /* What was leased and not used needs not be skipped at the next start. */
        if (writer->leased_id != writer->next_id)
                (void)!sqlite_run_with(&writer->connection, SQL_LEASE, writer->next_id);
        sqlite_disconnect(&writer->connection);
        /* The log is gone: its room is enough for a start on a disk that is full by then. */
        if (writer->opened)
                (void)!store_reserve_make(&writer->reserve, 0);
        store_seen_free(writer->seen);
        store_reserve_deinit(&writer->reserve);
        if (writer->lock >= 0)
                store_lock_release(writer->lock);
        free(writer);
}

/* An earlier program may have made them while others could enter the directory. */
static void tighten(const char *path)
{
        static const char *const suffixes[] = {"", "-wal", "-shm"};

        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                CLEANUP(mem_cleanup) char *file = mem_format("%s%s", path, suffixes[i]);

                file_tighten(file);
        }
}

/* The names of file systems that are on another machine, by the number that statfs tells. */
static const struct {
        unsigned long type;
        const char *name;
} network_file_systems[] = {
        {0x6969, "NFS"},
        {0xFF534D42, "CIFS"},
        {0xFE534D42, "SMB"},
        {0x517B, "SMB"},
};

static int check_file_system(const char *directory, struct reason *reason)
{
        struct statfs status;

        if (statfs(directory, &status) != 0)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(network_file_systems); i++) {
                if ((unsigned long)status.f_type != network_file_systems[i].type)
                        continue;
                reason_set(
                        reason,
                        "%s is on a network file system (%s), on which the store ends in "
                        "\"database is locked\" and can lose events; put DataDirectory on a disk, "
                        "or set Store.AllowNetworkFileSystem",
                        directory, network_file_systems[i].name);
                return -EINVAL;
        }
        return 0;
}

static char *store_sqlite_place(const struct store_options *options)
{
        return mem_text(options->directory);
}

static int open_file(struct writer *writer, const char *directory, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *path = sqlite_path(directory);
        int result;

        tighten(path);
        store_reserve_init(&writer->reserve, directory);
        writer->log_limit = (int)(writer->reserve.size / LOG_SHARE / SQLITE_PAGE_SIZE);
        writer->checkpoint_at = writer->log_limit;
        result = open_writer(writer, path, reason);
        if (result == STORE_E_FULL && writer->reserve.held) {
                /* Opening alone needs a little room. */
                store_reserve_release(&writer->reserve);
                sqlite_disconnect(&writer->connection);
                result = open_writer(writer, path, reason);
        }
        return result;
}

static int store_sqlite_open(const struct store_options *options, void **context,
                             struct reason *reason)
{
        struct writer *writer = mem_new(1, sizeof(*writer));
        int result;

        writer->seen = store_seen_new();
        writer->synced = true;
        writer->lock = -1;
        result = store_lock_take(options->directory, &writer->lock, reason);
        if (result == 0 && !options->network_file_system)
                result = check_file_system(options->directory, reason);
        if (result == 0)
                result = open_file(writer, options->directory, reason);
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
        writer->now_ms = time_ms(writer);
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
        int result;

        if (writer->now_ms < writer->prune_at_ms)
                return 0;
        writer->prune_at_ms = writer->now_ms + PRUNE_EVERY_MS;
        result = sqlite_run_with(&writer->connection, SQL_TIME, writer->now_ms);
        return result ? result
                      : sqlite_run_with(&writer->connection, SQL_RECORD_PRUNE, writer->now_ms);
}

static int store_sqlite_commit(void *context, struct store_change *change)
{
        struct writer *writer = context;
        int result = forget_seen(writer);
        int64_t oldest_ns = 0;

        (void)change;
        if (result == 0)
                result = prune_records(writer);
        if (result == 0 && writer->next_id > writer->leased_id) {
                writer->leased_id = writer->next_id + ID_LEASE;
                result = sqlite_run_with(&writer->connection, SQL_LEASE, writer->leased_id);
        }
        if (result == 0)
                result = sqlite_find_oldest(writer, &oldest_ns);
        if (result == 0)
                result = sqlite_run(&writer->connection, SQL_COMMIT);
        if (result)
                return result;
        writer->oldest_ns = oldest_ns;
        store_seen_forget(writer->seen, writer->seen_from);
        return 0;
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

/* --- records ---------------------------------------------------------------------------- */

static int run_with_record(struct writer *writer, enum sql number,
                           const struct store_record *record)
{
        sqlite3_stmt *stmt = writer->connection.statements[(int)number];

        sqlite_bind_string(stmt, 1, record->kind);
        sqlite_bind_string(stmt, 2, record->key);
        if (record->value) {
                sqlite3_bind_int64(stmt, 3,
                                   record->keep_ms > 0 ? writer->now_ms + record->keep_ms : 0);
                sqlite_bind_blob(stmt, 4, record->value, record->value_size);
                sqlite3_bind_text(stmt, 5, record->device, -1, SQLITE_STATIC);
        }
        return sqlite_run(&writer->connection, (int)number);
}

static int store_sqlite_write(void *context, struct store_record *record)
{
        return run_with_record(context, record->value ? SQL_RECORD_SET : SQL_RECORD_DELETE, record);
}

static int store_sqlite_claim(void *context, const struct store_record *record, struct buf *holder)
{
        struct writer *writer = context;
        sqlite3_stmt *stmt = writer->connection.statements[SQL_RECORD_HOLDER];
        int result = run_with_record(writer, SQL_RECORD_CLAIM, record);

        if (result)
                return result;
        sqlite_bind_string(stmt, 1, record->kind);
        sqlite_bind_string(stmt, 2, record->key);
        while (sqlite_next_row(&writer->connection, SQL_RECORD_HOLDER, &result))
                buf_add(holder, sqlite3_column_blob(stmt, 0),
                        (size_t)sqlite3_column_bytes(stmt, 0));
        return result;
}

static int store_sqlite_release(void *context, const struct store_record *record,
                                struct store_change *change)
{
        (void)change;
        return run_with_record(context, SQL_RECORD_RELEASE, record);
}

const struct store_backend store_backend_sqlite = {
        .name = "sqlite",
        .place = store_sqlite_place,
        .open = store_sqlite_open,
        .close = store_sqlite_close,
        .begin = store_sqlite_begin,
        .commit = store_sqlite_commit,
        .rollback = store_sqlite_rollback,
        .put = store_sqlite_put,
        .done = store_sqlite_done,
        .dead = store_sqlite_dead,
        .replay = store_sqlite_replay,
        .drop = store_sqlite_drop,
        .trim = store_sqlite_trim,
        .write = store_sqlite_write,
        .claim = store_sqlite_claim,
        .release = store_sqlite_release,
        .part_bytes = store_sqlite_part_bytes,
        .oldest_ns = store_sqlite_oldest_ns,
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
        .kinds = store_sqlite_kinds,
        .backup = store_sqlite_backup,
};
