// SPDX-License-Identifier: MIT
#include "store/sqlite/store_sqlite.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/sqlite/store_sqlite_schema.h"

char *sqlite_path(const char *directory)
{
        return mem_format("%s/store.sqlite", directory);
}

/* --- failures ---------------------------------------------------------------------------- */

static bool is_no_room(int error)
{
        return error == ENOSPC || error == EDQUOT;
}

int sqlite_failure(const struct sqlite_connection *connection)
{
        int code = sqlite3_extended_errcode(connection->db);
        int error = sqlite3_system_errno(connection->db);

        switch (code & 0xff) {
        case SQLITE_FULL:
                return STORE_E_FULL;
        case SQLITE_IOERR:
                /* The library keeps no errno when it can't enlarge the shared index of the log. */
                return is_no_room(error) || code == SQLITE_IOERR_SHMSIZE ? STORE_E_FULL : -EIO;
        case SQLITE_CANTOPEN:
                if (is_no_room(error))
                        return STORE_E_FULL;
                return error ? -error : -EIO;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return STORE_E_DAMAGED;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_READONLY:
                return -EROFS;
        default:
                return -EIO;
        }
}

int sqlite_explain(const struct sqlite_connection *connection, struct reason *reason)
{
        const char *path = connection->path;
        const char *message = sqlite3_errmsg(connection->db);
        int error = sqlite3_system_errno(connection->db);
        int result = sqlite_failure(connection);

        if (result == STORE_E_DAMAGED)
                reason_set(
                        reason,
                        "%s is no isthmus store or is damaged (%s); nothing was changed. Move it "
                        "away to begin with an empty store, or try to save what is in it with: "
                        "sqlite3 %s .recover",
                        path, message, path);
        else if (result == STORE_E_FULL)
                reason_set(reason, "%s: the disk is full; make some room there", path);
        else
                reason_set(reason, "%s: %s%s%s", path, message, error ? ": " : "",
                           error ? strerror(error) : "");
        return result;
}

/* --- statements -------------------------------------------------------------------------- */

int sqlite_run(struct sqlite_connection *connection, int number)
{
        sqlite3_stmt *stmt = connection->statements[number];
        int code = sqlite3_step(stmt);
        int result = code == SQLITE_DONE ? 0 : sqlite_failure(connection);

        sqlite3_reset(stmt);
        return result;
}

int sqlite_run_with(struct sqlite_connection *connection, int number, int64_t first)
{
        sqlite3_bind_int64(connection->statements[number], 1, first);
        return sqlite_run(connection, number);
}

bool sqlite_next_row(struct sqlite_connection *connection, int number, int *result)
{
        sqlite3_stmt *stmt = connection->statements[number];
        int code = sqlite3_step(stmt);

        *result = 0;
        if (code == SQLITE_ROW)
                return true;
        if (code != SQLITE_DONE)
                *result = sqlite_failure(connection);
        sqlite3_reset(stmt);
        return false;
}

int64_t sqlite_ask(sqlite3 *db, const char *sql, int64_t otherwise)
{
        sqlite3_stmt *stmt = NULL;
        int64_t number = otherwise;

        if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
            sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL)
                number = sqlite3_column_int64(stmt, 0);
        sqlite3_finalize(stmt);
        return number;
}

void sqlite_bind_string(sqlite3_stmt *stmt, int place, const char *text)
{
        sqlite3_bind_text(stmt, place, text, -1, SQLITE_STATIC);
}

void sqlite_bind_blob(sqlite3_stmt *stmt, int place, const void *bytes, size_t size)
{
        sqlite3_bind_blob64(stmt, place, size ? bytes : "", size, SQLITE_STATIC);
}

const char *sqlite_string(sqlite3_stmt *stmt, int column)
{
        const void *text = sqlite3_column_text(stmt, column);

        return text ? text : "";
}

struct store_event sqlite_event(sqlite3_stmt *stmt)
{
        return (struct store_event){
                .id = sqlite3_column_int64(stmt, 0),
                .device = sqlite_string(stmt, 1),
                .arrived_ns = sqlite3_column_int64(stmt, 2),
                .message_id = sqlite_string(stmt, 3),
                .record = sqlite3_column_blob(stmt, 4),
                .record_size = (size_t)sqlite3_column_bytes(stmt, 4),
                .purpose = (enum store_purpose)sqlite3_column_int(stmt, 5),
        };
}

int sqlite_execute(struct sqlite_connection *connection, const char *sql, struct reason *reason)
{
        if (sqlite3_exec(connection->db, sql, NULL, NULL, NULL) != SQLITE_OK)
                return sqlite_explain(connection, reason);
        return 0;
}

/* --- connections ------------------------------------------------------------------------- */

/* How much memory it has is asked by nobody, and would cost a lock for each piece of it. */
static void configure(void)
{
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int sqlite_connect(struct sqlite_connection *connection, const char *path, int flags,
                   struct reason *reason)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        int code;

        pthread_once(&once, configure);
        connection->path = mem_text(path);
        code = sqlite3_open_v2(path, &connection->db, flags | SQLITE_OPEN_NOMUTEX, NULL);

        if (code != SQLITE_OK)
                return sqlite_explain(connection, reason);
        sqlite3_extended_result_codes(connection->db, 1);
        sqlite3_busy_timeout(connection->db, SQLITE_BUSY_TIMEOUT_MS);
        return 0;
}

void sqlite_disconnect(struct sqlite_connection *connection)
{
        for (int i = 0; i < SQLITE_STATEMENTS_MAXIMUM; i++) {
                sqlite3_finalize(connection->statements[i]);
                connection->statements[i] = NULL;
        }
        sqlite3_close(connection->db);
        connection->db = NULL;
        free(connection->path);
        connection->path = NULL;
}

int sqlite_prepare(struct sqlite_connection *connection, const char *const *texts, int count,
                   struct reason *reason)
{
        for (int i = 0; i < count; i++) {
                if (sqlite3_prepare_v3(connection->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                       &connection->statements[i], NULL) != SQLITE_OK)
                        return sqlite_explain(connection, reason);
        }
        return 0;
}

/* --- versions ---------------------------------------------------------------------------- */

int sqlite_check_version(struct sqlite_connection *connection, int64_t *version,
                         struct reason *reason)
{
        sqlite3 *db = connection->db;
        const char *path = connection->path;
        int result = sqlite_execute(connection, "SELECT COUNT(*) FROM sqlite_schema", reason);
        int64_t tables;

        if (result)
                return result;
        tables = sqlite_ask(db, "SELECT COUNT(*) FROM sqlite_schema", 0);
        *version = sqlite_ask(db, "PRAGMA user_version", 0);
        if (tables == 0 && *version == 0)
                return 0;
        if (sqlite_ask(db, "PRAGMA application_id", 0) != STORE_SQLITE_APPLICATION) {
                reason_set(reason,
                           "%s is a SQLite database, but no isthmus store; nothing was changed. "
                           "Move it away, or use another data directory",
                           path);
                return STORE_E_DAMAGED;
        }
        if (*version > store_sqlite_version) {
                reason_set(reason,
                           "%s was written by a newer isthmus (its version is %lld, this program "
                           "knows up to %d); use that one, or another data directory",
                           path, (long long)*version, store_sqlite_version);
                return STORE_E_VERSION;
        }
        return 0;
}

static int apply_step(struct sqlite_connection *connection, int64_t version, struct reason *reason)
{
        const struct store_sqlite_step *step = &store_sqlite_steps[version];
        CLEANUP(mem_cleanup)
        char *sql = mem_format(
                "BEGIN IMMEDIATE; %s PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT;",
                step->sql, (int)version + 1, STORE_SQLITE_APPLICATION);
        int result = sqlite_execute(connection, sql, reason);

        if (result) {
                sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
                reason_prefix(reason, "making version %d of the store (%s)", (int)version + 1,
                              step->what);
        }
        return result;
}

int sqlite_upgrade(struct sqlite_connection *connection, int64_t version, struct reason *reason)
{
        int result = 0;

        if (version > 0 && version < store_sqlite_version)
                log_info("STORE_UPGRADED", "The store is brought to this program's version",
                         LOG_TEXT("file", connection->path), LOG_INT("from", version),
                         LOG_INT("to", store_sqlite_version), LOG_END);
        for (; result == 0 && version < store_sqlite_version; version++)
                result = apply_step(connection, version, reason);
        return result;
}
