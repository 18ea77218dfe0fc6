// SPDX-License-Identifier: MIT
/* The SQLite store's room on the disk: its log, the free pages of its file, and the reserve. */
#include "base/clock.h"
#include "base/mem.h"
#include "store/sqlite/store_sqlite_writer.h"

/*
 * The reserve must hold what a checkpoint may add to the database, that is a log of half its size,
 * and what settling writes into the log before that.
 */
#define PART_SHARE     8 /* of the reserve: what one transaction may put */
#define LOG_LONG       4 /* so many times longer, and readers are waited for */
#define READER_WAIT_MS 50
/* After a failure, as many pages later. */
#define CHECKPOINT_AGAIN_PAGES 64
/* So long after the last commit the log is copied, however short it is. */
#define IDLE_MS INT64_C(10000)

/* Free pages are given back to the system when they are many, some at a time. */
#define VACUUM_EVERY_MS   INT64_C(100)
#define VACUUM_PAGES      256
#define VACUUM_SLICES     16 /* in one try to make room */
#define VACUUM_FROM_PAGES 4096

size_t store_sqlite_part_bytes(void *context)
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
        writer->log_is_copied = copied == in_log;
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

/*
 * So that the database alone is complete where nothing happens: for whoever copies it against
 * advice, and for a start that has no log to read. Sets when to look again.
 */
static int checkpoint_if_idle(struct writer *writer, int64_t *again_ms)
{
        int64_t idle_ms = clock_steady_ms() - writer->committed_ms;
        int result = 0;

        if (writer->log_is_copied)
                return 0;
        *again_ms = IDLE_MS - idle_ms;
        if (idle_ms < IDLE_MS)
                return 0;
        result = checkpoint(writer, SQLITE_CHECKPOINT_PASSIVE);
        *again_ms = writer->log_is_copied ? 0 : IDLE_MS;
        return result;
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
static int vacuum_if_due(struct writer *writer, int64_t *again_ms)
{
        int64_t now_ms = clock_steady_ms();
        int64_t pages;

        if (now_ms < writer->vacuum_at_ms)
                return 0;
        writer->vacuum_at_ms = now_ms + VACUUM_EVERY_MS;
        pages = free_pages(writer);
        if (pages <= VACUUM_FROM_PAGES ||
            pages <= sqlite_ask(writer->connection.db, "PRAGMA page_count", 0) / 2)
                return 0;
        *again_ms = VACUUM_EVERY_MS;
        return vacuum(writer);
}

int store_sqlite_care(void *context, bool tidies, int64_t *again_ms)
{
        struct writer *writer = context;
        int result = checkpoint_if_due(writer);

        (void)tidies;
        *again_ms = 0;
        if (result == 0)
                result = checkpoint_if_idle(writer, again_ms);
        return result ? result : vacuum_if_due(writer, again_ms);
}

void store_sqlite_use_reserve(void *context)
{
        struct writer *writer = context;

        store_reserve_release(&writer->reserve);
        /* With the room just given up the log can be copied, and its own room be used again. */
        (void)!checkpoint(writer, SQLITE_CHECKPOINT_PASSIVE);
}

/* What was drained is room inside the file: it must become room on the disk. */
int store_sqlite_make_room(void *context)
{
        struct writer *writer = context;
        int64_t log_bytes = (int64_t)writer->log_limit * SQLITE_PAGE_SIZE;
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
