// SPDX-License-Identifier: MIT
/*
 * The writer of the PostgreSQL store, shared by store_postgres.c (opening, the one writer, upkeep),
 * store_postgres_commit.c (transactions) and store_postgres_letters.c.
 */
#ifndef ISTHMUS_STORE_POSTGRES_STORE_POSTGRES_WRITER_H
#define ISTHMUS_STORE_POSTGRES_STORE_POSTGRES_WRITER_H

#include "store/postgres/store_postgres.h"

/* The writer's statements. */
enum sql {
        SQL_DONE,
        SQL_WRITE,
        SQL_CLAIM,
        SQL_HOLDER,
        SQL_RELEASE,
        SQL_PUT,
        SQL_PUT_ONCE,
        SQL_DEAD,
        SQL_SPAN,
        SQL_SPAN_END,
        SQL_OLD_LETTERS,
        SQL_REPLAY,
        SQL_DROP,
        SQL_OLDEST,
        SQL_PRUNE_RECORDS,
        SQL_PRUNE_SEEN,
        SQL_TIME,
        SQL_NUMBER,
};

/* The columns of SQL_PUT and SQL_PUT_ONCE, by their place among the parameters. */
enum put_column {
        PUT_DEVICE,
        PUT_MESSAGE_ID,
        PUT_ARRIVED,
        PUT_SIZE,
        PUT_RECORD,
        PUT_SHARD,
        PUT_PURPOSE,
        PUT_HASH,    /* SQL_PUT_ONCE alone, from here on */
        PUT_EXPIRES, /* of the hash */
        PUT_NOW,
};

struct writer {
        struct postgres postgres;
        struct postgres_values values; /* of the statement that is made */
        int64_t time_offset_ms;        /* the store's time less the steady clock */
        int64_t now_ms;                /* the store's time, of the transaction */
        int session;                   /* the server's number of the last one's process */
        bool recount;                  /* a commit was sent and not answered */
        bool is_taken;                 /* another process is the one writer now */

        /* The transaction: what was told since `begin`. */
        bool durable;
        bool begun; /* the server knows of it */
        const int64_t *done;
        size_t done_count;
        struct store_event **puts;
        size_t put_count;
        size_t put_capacity;
        bool puts_have_window;
        struct store_record **writes;
        size_t write_count;
        size_t write_capacity;
        struct postgres_values claim_values; /* of SQL_CLAIM */
        struct buf **holders;
        size_t claim_count;
        size_t claim_capacity;

        int64_t oldest_ns;
        int64_t oldest_at_ms; /* steady, here and below: when it is asked again */
        int64_t time_at_ms;
        int64_t prune_at_ms;
        bool oldest_is_stale;
};

/* store_postgres.c */

/* The connection, made anew if it was lost; only with the lock of the one writer. */
int postgres_writer_connect(struct writer *writer) MUST_CHECK;

/* store_postgres_commit.c */
int store_postgres_begin(void *context, bool durable);
int store_postgres_commit(void *context, struct store_change *change);
void store_postgres_rollback(void *context);
int store_postgres_put(void *context, struct store_event *event, struct store_change *change);
int store_postgres_done(void *context, const int64_t *ids, size_t count,
                        struct store_change *change);
int store_postgres_write(void *context, struct store_record *record);
int store_postgres_claim(void *context, const struct store_record *record, struct buf *holder);
int store_postgres_release(void *context, const struct store_record *record,
                           struct store_change *change);

int store_postgres_catch_up(void *context, struct store_change *change);

/* store_postgres_letters.c */
int store_postgres_dead(void *context, int64_t id, const char *reason, struct store_change *change);
int store_postgres_replay(void *context, struct store_span *span, struct store_change *change,
                          store_event_row row, void *row_context);
int store_postgres_drop(void *context, struct store_span *span, struct store_change *change);
int store_postgres_trim(void *context, struct store_trim *trim, struct store_change *change);

#endif
