// SPDX-License-Identifier: MIT
/*
 * The writer of the SQLite store, shared by store_sqlite.c (opening and transactions),
 * store_sqlite_events.c, store_sqlite_letters.c and store_sqlite_upkeep.c.
 */
#ifndef ISTHMUS_STORE_SQLITE_STORE_SQLITE_WRITER_H
#define ISTHMUS_STORE_SQLITE_STORE_SQLITE_WRITER_H

#include "store/sqlite/store_reserve.h"
#include "store/sqlite/store_seen.h"
#include "store/sqlite/store_sqlite.h"

/* The writer's statements. */
enum sql {
        SQL_BEGIN,
        SQL_COMMIT,
        SQL_ROLLBACK,
        SQL_PUT,
        SQL_EVENT,
        SQL_OLDEST,
        SQL_RANGE,
        SQL_RANGE_DELETE,
        SQL_DEAD,
        SQL_SPAN_NEXT,
        SQL_TRIM_NEXT,
        SQL_REPLAY,
        SQL_DROP,
        SQL_RECORD_SET,
        SQL_RECORD_CLAIM,
        SQL_RECORD_HOLDER,
        SQL_RECORD_RELEASE,
        SQL_RECORD_DELETE,
        SQL_RECORD_PRUNE,
        SQL_SEEN_ADD,
        SQL_SEEN_CHECK,
        SQL_SEEN_PRUNE,
        SQL_LEASE,
        SQL_TIME,
        SQL_NUMBER,
};

struct writer {
        int lock; /* that this process is the one which writes here */
        struct sqlite_connection connection;
        struct store_seen *seen;
        struct store_reserve reserve;
        int64_t next_id;
        int64_t leased_id;      /* the file says so: ids below may have been given */
        int64_t time_offset_ms; /* the store's time less the steady clock */
        int64_t now_ms;         /* the store's time, of the transaction */
        int64_t prune_at_ms;    /* when expired records go next */
        int64_t seen_from;      /* earlier rows of `seen` go with this transaction */
        /* What a rollback goes back to. */
        int64_t undo_next_id;
        int64_t undo_leased_id;
        int64_t undo_seen;
        bool opened;
        bool synced;          /* PRAGMA synchronous is FULL */
        int log_pages;        /* in the log since it was last begun anew */
        int log_limit;        /* of log_pages: a checkpoint is due */
        int checkpoint_at;    /* of log_pages: the next one; later when a reader held it back */
        bool log_is_copied;   /* all of it, into the database */
        int64_t committed_ms; /* steady; the last time */
        int64_t vacuum_at_ms;
        int64_t oldest_ns; /* as of the last commit; see store_sqlite_oldest_ns */
};

/* The operations of store_backend.h, by the file they are in. */

/* store_sqlite_events.c */
int store_sqlite_put(void *context, struct store_event *event, struct store_change *change);
int store_sqlite_done(void *context, const int64_t *ids, size_t count, struct store_change *change);
int64_t store_sqlite_oldest_ns(void *context);

/*
 * When the event arrived that waits longest; 0 if none waits. Within a transaction: with one of its
 * own it would cost four locks of the file.
 */
int sqlite_find_oldest(struct writer *writer, int64_t *oldest_ns) MUST_CHECK;

/* The event is given to nobody any more; what its row takes is counted. */
int sqlite_delete_events(struct writer *writer, int64_t first, int64_t last,
                         struct store_change *change) MUST_CHECK;

/* store_sqlite_letters.c */
int store_sqlite_dead(void *context, int64_t id, const char *reason, struct store_change *change);
int store_sqlite_replay(void *context, struct store_span *span, struct store_change *change,
                        store_event_row row, void *row_context);
int store_sqlite_drop(void *context, struct store_span *span, struct store_change *change);
int store_sqlite_trim(void *context, struct store_trim *trim, struct store_change *change);

/* store_sqlite_upkeep.c */
size_t store_sqlite_part_bytes(void *context);
int store_sqlite_care(void *context, bool tidies, int64_t *again_ms);
void store_sqlite_use_reserve(void *context);
int store_sqlite_make_room(void *context);

#endif
