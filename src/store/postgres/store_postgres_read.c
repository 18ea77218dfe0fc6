// SPDX-License-Identifier: MIT
/* The reading half of the PostgreSQL store: each reader is a connection of its own. */
#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/postgres/store_postgres.h"

enum sql {
        SQL_COUNT,
        SQL_TAKE,
        SQL_TAKE_OF_ALL,
        SQL_TAKE_OF_SHARD,
        SQL_TAKE_NEWS,
        SQL_TAKE_NEWS_OF_ALL,
        SQL_DEVICES,
        SQL_DEVICES_OF_SHARDS,
        SQL_DEAD_LETTERS,
        SQL_RECORDS,
        SQL_RECORDS_OF_SHARD,
        SQL_KINDS,
        SQL_LOOK,
        SQL_NUMBER,
};

#define RECORDS                                                                                    \
        "SELECT greatest(expires_ms - now, 0), key, value, device FROM records,"                   \
        " (SELECT value AS now FROM counters WHERE name = 'time_ms') t"                            \
        " WHERE kind = $1::text AND key > $2::text AND (expires_ms = 0 OR expires_ms > now)"

static const char *const reader_sql[SQL_NUMBER] = {
        [SQL_COUNT] = "SELECT e.n, e.s, d.n, d.s FROM"
                      " (SELECT count(*) n, coalesce(sum(size), 0)::int8 s FROM events) e,"
                      " (SELECT count(*) n, coalesce(sum(size), 0)::int8 s FROM dead_letters) d",
        [SQL_TAKE] = "SELECT " POSTGRES_EVENT_COLUMNS " FROM events WHERE device = $3::text"
                     " AND id > $1::int8 ORDER BY id LIMIT $2::int8",
        [SQL_TAKE_OF_ALL] = "SELECT " POSTGRES_EVENT_COLUMNS
                            " FROM events WHERE id > $1::int8 ORDER BY id LIMIT $2::int8",
        [SQL_TAKE_OF_SHARD] = "SELECT " POSTGRES_EVENT_COLUMNS " FROM events WHERE shard = $3::int8"
                              " AND id > $1::int8 ORDER BY id LIMIT $2::int8",
        [SQL_TAKE_NEWS] = "SELECT " POSTGRES_EVENT_COLUMNS " FROM events WHERE shard = $3::int8"
                          " AND purpose <> 1 AND id > $1::int8 ORDER BY id LIMIT $2::int8",
        [SQL_TAKE_NEWS_OF_ALL] = "SELECT " POSTGRES_EVENT_COLUMNS " FROM events WHERE purpose <> 1"
                                 " AND id > $1::int8 ORDER BY id LIMIT $2::int8",
        [SQL_DEVICES] = "SELECT count(*), sum(size)::int8, device FROM events GROUP BY device"
                        " ORDER BY min(id)",
        [SQL_DEVICES_OF_SHARDS] = "SELECT count(*), sum(size)::int8, device FROM events"
                                  " WHERE shard = ANY($1::int8[]) GROUP BY device ORDER BY min(id)",
        [SQL_DEAD_LETTERS] = "SELECT " POSTGRES_EVENT_COLUMNS ", died_ms, reason FROM dead_letters"
                             " WHERE id > $1::int8 ORDER BY id LIMIT $2::int8",
        [SQL_KINDS] = "SELECT DISTINCT kind FROM records ORDER BY kind",
        /*
         * The limit within keeps the planner from making one scan of all, and reads each shard by
         * its index. There is a row without an event if nothing is new.
         */
        [SQL_LOOK] =
                "SELECT id, device, arrived_ns, message_id, record, purpose::int8, next, e.xid FROM"
                " (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS next) x LEFT JOIN LATERAL"
                " (SELECT e.* FROM unnest($1::int8[], $2::int8[]) u(shard, position)"
                "  CROSS JOIN LATERAL (SELECT * FROM events e WHERE e.shard = u.shard::int2"
                "   AND e.xid >= CASE WHEN position = 0 THEN next ELSE position::text::xid8 END"
                "   ORDER BY e.xid, e.id LIMIT $3::int8) e ORDER BY e.xid, e.id LIMIT $3::int8) e "
                "ON true"
                " ORDER BY e.xid, e.id",
        [SQL_RECORDS] = RECORDS " ORDER BY key LIMIT $3::int8",
        [SQL_RECORDS_OF_SHARD] = RECORDS " AND shard = $4::int8 ORDER BY key LIMIT $3::int8",
};

struct reader {
        struct postgres postgres;
        struct postgres_values values;
};

void store_postgres_close_reader(void *context)
{
        struct reader *reader = context;

        postgres_disconnect(&reader->postgres);
        postgres_values_deinit(&reader->values);
        free(reader);
}

int store_postgres_open_reader(const struct store_options *options, void **context,
                               struct reason *reason)
{
        struct reader *reader = mem_new(1, sizeof(*reader));
        int result;

        reader->postgres = (struct postgres){
                .options = options, .statements = reader_sql, .statement_count = SQL_NUMBER};
        result = postgres_connect(&reader->postgres, reason);
        if (result != 0) {
                store_postgres_close_reader(reader);
                return result;
        }
        *context = reader;
        return 0;
}

static int ask_anew(struct reader *reader, int number, PGresult **result)
{
        int failure = postgres_connect(&reader->postgres, NULL);

        return failure ? failure : postgres_ask(&reader->postgres, number, &reader->values, result);
}

/*
 * With the parameters that were set, which are forgotten then; the result is the caller's. That a
 * connection is lost shows when it is used next: then it is made anew.
 */
static int ask(struct reader *reader, int number, PGresult **result)
{
        int failure = STORE_E_AWAY;

        *result = NULL;
        if (reader->postgres.db)
                failure = postgres_ask(&reader->postgres, number, &reader->values, result);
        if (failure == STORE_E_AWAY)
                failure = ask_anew(reader, number, result);
        postgres_values_clear(&reader->values);
        return failure;
}

static int64_t limit_of(size_t maximum)
{
        return maximum > INT_MAX ? INT_MAX : (int64_t)maximum;
}

int store_postgres_count(void *context, struct store_counts *counts)
{
        struct reader *reader = context;
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure;

        failure = ask(reader, SQL_COUNT, &result);
        if (failure == 0)
                *counts = (struct store_counts){.events = postgres_int(result, 0, 0),
                                                .bytes = postgres_int(result, 0, 1),
                                                .dead_letters = postgres_int(result, 0, 2),
                                                .dead_bytes = postgres_int(result, 0, 3)};
        return failure;
}

/* And sets the parameter that the others have not. */
static int choose_take(struct reader *reader, const struct store_query *query)
{
        bool is_shard = query->shard != STORE_ANY_SHARD;

        if (query->device)
                postgres_set_text(&reader->values, 2, query->device);
        else if (is_shard)
                postgres_set_int(&reader->values, 2, query->shard);
        if (query->device)
                return SQL_TAKE;
        if (query->news)
                return is_shard ? SQL_TAKE_NEWS : SQL_TAKE_NEWS_OF_ALL;
        return is_shard ? SQL_TAKE_OF_SHARD : SQL_TAKE_OF_ALL;
}

int store_postgres_take(void *context, const struct store_query *query, store_event_row row,
                        void *row_context)
{
        struct reader *reader = context;
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure;

        postgres_set_int(&reader->values, 0, query->after_id);
        postgres_set_int(&reader->values, 1, limit_of(query->maximum));
        failure = ask(reader, choose_take(reader, query), &result);
        for (int i = 0; failure == 0 && i < PQntuples(result); i++) {
                struct store_event event = postgres_event(result, i);

                row(row_context, &event);
        }
        return failure;
}

static void send_cursors(struct reader *reader, const struct store_look *look)
{
        for (size_t i = 0; i < look->count; i++) {
                postgres_add_int(&reader->values, 0, look->cursors[i].shard);
                postgres_add_int(&reader->values, 1, look->cursors[i].position);
        }
        postgres_set_int(&reader->values, 2, limit_of(look->maximum));
}

int store_postgres_look(void *context, struct store_look *look, store_event_row row,
                        void *row_context)
{
        struct reader *reader = context;
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure;

        send_cursors(reader, look);
        failure = ask(reader, SQL_LOOK, &result);
        for (int i = 0; failure == 0 && i < PQntuples(result); i++) {
                struct store_event event = postgres_event(result, i);

                look->next = postgres_int(result, i, 6);
                look->more = (size_t)i + 1 == look->maximum;
                /* What is under way is below what comes next, wherever this look has ended. */
                if (look->more && postgres_int(result, i, 7) < look->next)
                        look->next = postgres_int(result, i, 7);
                if (event.id != 0)
                        row(row_context, &event);
        }
        return failure;
}

int store_postgres_devices(void *context, const struct store_shards *shards, store_device_row row,
                           void *row_context)
{
        struct reader *reader = context;
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure;

        if (shards)
                postgres_add_shards(&reader->values, 0, shards);
        failure = ask(reader, shards ? SQL_DEVICES_OF_SHARDS : SQL_DEVICES, &result);
        for (int i = 0; failure == 0 && i < PQntuples(result); i++)
                row(row_context, &(struct store_device){.waiting = postgres_int(result, i, 0),
                                                        .bytes = postgres_int(result, i, 1),
                                                        .name = postgres_text(result, i, 2)});
        return failure;
}

int store_postgres_dead_letters(void *context, int64_t after_id, size_t maximum,
                                store_letter_row row, void *row_context)
{
        struct reader *reader = context;
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure;

        postgres_set_int(&reader->values, 0, after_id);
        postgres_set_int(&reader->values, 1, limit_of(maximum));
        failure = ask(reader, SQL_DEAD_LETTERS, &result);
        for (int i = 0; failure == 0 && i < PQntuples(result); i++) {
                struct store_dead_letter letter = {.event = postgres_event(result, i),
                                                   .died_ms = postgres_int(result, i, 6),
                                                   .reason = postgres_text(result, i, 7)};

                row(row_context, &letter);
        }
        return failure;
}

int store_postgres_records(void *context, const struct store_record_query *query,
                           store_record_row row, void *row_context)
{
        struct reader *reader = context;
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure;

        postgres_set_text(&reader->values, 0, query->kind);
        postgres_set_text(&reader->values, 1, query->after_key ? query->after_key : "");
        postgres_set_int(&reader->values, 2, limit_of(query->maximum));
        if (query->shard != STORE_ANY_SHARD)
                postgres_set_int(&reader->values, 3, query->shard);
        failure = ask(reader, query->shard == STORE_ANY_SHARD ? SQL_RECORDS : SQL_RECORDS_OF_SHARD,
                      &result);
        for (int i = 0; failure == 0 && i < PQntuples(result); i++) {
                struct store_record record = {
                        .kind = query->kind,
                        .keep_ms = postgres_int(result, i, 0),
                        .key = postgres_text(result, i, 1),
                        .value = PQgetvalue(result, i, 2),
                        .value_size = (size_t)PQgetlength(result, i, 2),
                        .device = PQgetisnull(result, i, 3) ? NULL : postgres_text(result, i, 3),
                };

                row(row_context, &record);
        }
        return failure;
}

int store_postgres_kinds(void *context, store_record_row row, void *row_context)
{
        struct reader *reader = context;
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure;

        failure = ask(reader, SQL_KINDS, &result);
        for (int i = 0; failure == 0 && i < PQntuples(result); i++)
                row(row_context,
                    &(struct store_record){.kind = postgres_text(result, i, 0), .key = ""});
        return failure;
}
