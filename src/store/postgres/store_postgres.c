// SPDX-License-Identifier: MIT
/*
 * The store in a PostgreSQL database: opening, the one writer, upkeep.
 *
 * Law of this file:
 *   - one writer, or several that share: the session of each holds an advisory lock, alone or
 *     together, and every transaction is on that session. The server lets go of the lock when the
 *     session ends, however it ends.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/postgres/store_postgres_writer.h"

/* Of events in one transaction: bigger ones only make others wait longer. */
#define PART_BYTES ((size_t)1 << 20)

#define CARE_EVERY_MS   INT64_C(60000)
#define MORE_AGAIN_MS   INT64_C(1000)
#define PRUNE_LIMIT     1000
#define OLDEST_EVERY_MS INT64_C(5000)

#define LOCK_WRITER  "SELECT pg_advisory_lock(" POSTGRES_LOCKS ", 2)"
#define LOCK_WRITERS "SELECT pg_advisory_lock_shared(" POSTGRES_LOCKS ", 2)"
#define LOCK_HOLDER                                                                                \
        "SELECT a.pid || ' ' || a.application_name || coalesce(' at ' || host(a.client_addr), '')" \
        " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"                                     \
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objid = 2"                             \
        " AND l.classid = " POSTGRES_LOCKS                                                         \
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
#define ONE_COPY                                                                                   \
        "SELECT CASE WHEN current_setting('synchronous_standby_names') = '' THEN 'yes' ELSE '' "   \
        "END"

/* POSTGRES_NO_SHARD. */
#define NOBODY "-100"

static const char *const writer_sql[SQL_NUMBER] = {
        [SQL_DONE] = "DELETE FROM events WHERE id = ANY($1::int8[]) RETURNING size, device",
        /*
         * Of several writes of a key the last one counts. Those of a device whose shard has another
         * epoch by now are fenced, and are told. The lock keeps the shard from changing hands
         * before the end of the transaction, and waits for a change that is under way.
         */
        [SQL_WRITE] =
                "WITH u AS (SELECT * FROM unnest($1::text[], $2::text[], $3::int8[],"
                "  $4::bytea[], $5::int8[], $6::int8[], $7::text[]) WITH ORDINALITY"
                "  u(kind, key, expires_ms, value, shard, epoch, device, place)),"
                " w AS (SELECT DISTINCT ON (kind, key) * FROM u"
                "  ORDER BY kind, key, place DESC),"
                " held AS (SELECT s.shard, s.epoch FROM shards s WHERE (s.shard, s.epoch) IN"
                "  (SELECT shard, epoch FROM w) FOR SHARE OF s),"
                " free AS (SELECT w.*, w.shard <> " NOBODY " AND w.epoch >= 0"
                "  AND held.shard IS NULL AS fenced"
                "  FROM w LEFT JOIN held USING (shard, epoch)),"
                " gone AS (DELETE FROM records r USING free w WHERE r.kind = w.kind"
                "  AND r.key = w.key AND w.value IS NULL AND NOT fenced),"
                " kept AS (INSERT INTO records (kind, key, expires_ms, value, shard, epoch,"
                "  device) SELECT kind, key, expires_ms, value, shard, epoch, device FROM free"
                "  WHERE value IS NOT NULL AND NOT fenced ORDER BY kind, key"
                "  ON CONFLICT (kind, key) DO UPDATE SET expires_ms = excluded.expires_ms,"
                "  value = excluded.value, shard = excluded.shard, epoch = excluded.epoch,"
                "  device = excluded.device)"
                "SELECT u.place FROM u JOIN free USING (kind, key) WHERE fenced",
        [SQL_CLAIM] = "INSERT INTO records (kind, key, expires_ms, value, shard, device)"
                      " SELECT DISTINCT ON (kind, key) kind, key, 0, value, shard, device FROM"
                      " unnest($1::text[], $2::text[], $3::bytea[], $4::int8[], $5::text[])"
                      " WITH ORDINALITY u(kind, key, value, shard, device, place)"
                      " ORDER BY kind, key, place ON CONFLICT (kind, key) DO NOTHING",
        [SQL_HOLDER] = "SELECT value FROM unnest($1::text[], $2::text[]) WITH ORDINALITY"
                       " u(kind, key, place) LEFT JOIN records USING (kind, key) ORDER BY place",
        [SQL_RELEASE] = "DELETE FROM records USING convert_to($3::text || chr(10), 'UTF8') holder"
                        " WHERE kind = $1::text AND key = $2::text"
                        " AND substring(value || '\\x0a' FOR octet_length(holder)) = holder",
        [SQL_PUT] = "INSERT INTO events (device, message_id, arrived_ns, size, record, shard,"
                    " purpose) SELECT device, message_id, arrived_ns, size, record, shard, purpose"
                    " FROM unnest($1::text[], $2::text[], $3::int8[], $4::int8[], $5::bytea[],"
                    " $6::int8[], $7::int8[]) WITH ORDINALITY"
                    " u(device, message_id, arrived_ns, size, record, shard, purpose, place)"
                    " ORDER BY place RETURNING id",
        /*
         * Some have a window of duplicates, the others' hash is NULL. A message that was seen and
         * whose time is over counts as unseen; of equal ones among these the first one stays. By
         * their hashes, so that two writers never wait for each other.
         */
        [SQL_PUT_ONCE] =
                "WITH u AS (SELECT * FROM unnest($1::text[], $2::text[], $3::int8[], $4::int8[],"
                "  $5::bytea[], $6::int8[], $7::int8[], $8::bytea[], $9::int8[]) WITH ORDINALITY"
                "  u(device, message_id, arrived_ns, size, record, shard, purpose, hash,"
                "  expires_ms, place)),"
                " first AS (SELECT DISTINCT ON (hash) hash, expires_ms, place FROM u"
                "  WHERE hash IS NOT NULL ORDER BY hash, place),"
                " fresh AS (INSERT INTO seen AS s SELECT hash, expires_ms FROM first ORDER BY hash"
                "  ON CONFLICT (message) DO UPDATE SET expires_ms = excluded.expires_ms"
                "  WHERE s.expires_ms <= $10::int8 RETURNING message),"
                " numbered AS MATERIALIZED (SELECT nextval('event_id') AS id, n.* FROM"
                "  (SELECT u.* FROM u WHERE hash IS NULL OR place IN (SELECT first.place FROM first"
                "   JOIN fresh ON message = hash) ORDER BY place) n),"
                " put AS (INSERT INTO events (id, device, message_id, arrived_ns, size, record,"
                "  shard, purpose) SELECT id, device, message_id, arrived_ns, size, record, shard,"
                "  purpose FROM numbered)"
                "SELECT id, place FROM numbered ORDER BY place",
        [SQL_DEAD] = "WITH gone AS (DELETE FROM events WHERE id = $1::int8 RETURNING *),"
                     " kept AS (INSERT INTO dead_letters (id, device, size, arrived_ns, message_id,"
                     "  record, shard, purpose, died_ms, since_ms, reason)"
                     "  SELECT id, device, size + $2::int8, arrived_ns, message_id, record, shard,"
                     "  purpose, $3::int8, $4::int8, $5::text FROM gone)"
                     "SELECT size, device FROM gone",
        [SQL_SPAN] = "SELECT id, size, octet_length(reason)::int8 FROM dead_letters"
                     " WHERE id >= $1::int8 AND id < $2::int8 ORDER BY id LIMIT $3::int8",
        [SQL_SPAN_END] = "SELECT coalesce(max(id), 0) + 1 FROM dead_letters",
        [SQL_OLD_LETTERS] = "SELECT id, size, since_ms FROM dead_letters ORDER BY since_ms, id"
                            " LIMIT $1::int8",
        [SQL_REPLAY] =
                "WITH gone AS (DELETE FROM dead_letters WHERE id = ANY($1::int8[]) RETURNING *),"
                " numbered AS MATERIALIZED (SELECT nextval('event_id') AS new, n.* FROM"
                "  (SELECT * FROM gone ORDER BY id) n),"
                " put AS (INSERT INTO events (id, device, message_id, arrived_ns, size, record,"
                "  shard, purpose) SELECT new, device, message_id, arrived_ns,"
                "  size - octet_length(reason), record, shard, purpose FROM numbered)"
                "SELECT new, device, arrived_ns, message_id, record, purpose::int8,"
                " size - octet_length(reason)::int8 FROM numbered ORDER BY new",
        [SQL_DROP] = "DELETE FROM dead_letters WHERE id = ANY($1::int8[])",
        [SQL_OLDEST] = "SELECT arrived_ns FROM events ORDER BY id LIMIT 1",
        /* Rows that another one is at are left to it. */
        [SQL_PRUNE_RECORDS] = "DELETE FROM records WHERE ctid = ANY(ARRAY(SELECT ctid FROM records"
                              " WHERE expires_ms > 0 AND expires_ms <= $1::int8"
                              " FOR UPDATE SKIP LOCKED))",
        [SQL_PRUNE_SEEN] = "DELETE FROM seen WHERE ctid = ANY(ARRAY(SELECT ctid FROM seen"
                           " WHERE expires_ms <= $1::int8 LIMIT $2::int8 FOR UPDATE SKIP LOCKED))"
                           " RETURNING 1::int8",
        /* Of several writers all follow the one whose time is the latest. */
        [SQL_TIME] = "UPDATE counters SET value = greatest(value, $1::int8)"
                     " WHERE name = 'time_ms' RETURNING value",
};

/* --- the one writer ------------------------------------------------------------------------- */

/*
 * An earlier session of ours may still be there, for example as its commit waits for the standby:
 * it will end.
 */
static bool is_our_session(const struct writer *writer, const char *holder)
{
        char *name;
        long session = strtol(holder, &name, 10);
        size_t length = strlen(writer->postgres.program);

        return writer->session != 0 && session == writer->session && name[0] == ' ' &&
               strncmp(name + 1, writer->postgres.program, length) == 0;
}

static int refuse_second(struct writer *writer, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *place = store_postgres_place(writer->postgres.options);
        char holder[160];
        int result =
                postgres_ask_text(&writer->postgres, LOCK_HOLDER, holder, sizeof(holder), NULL);

        /* It is gone, or can't be told. */
        if (result == STORE_E_AWAY)
                return result;
        if (result == 0 && is_our_session(writer, holder)) {
                reason_set(reason, "an earlier session of this process has not ended");
                return STORE_E_AWAY;
        }
        reason_set(reason,
                   "the store is in use by %s, which holds %s: stop that process first, or give "
                   "this one a database of its own",
                   result == 0 && strchr(holder, ' ') ? strchr(holder, ' ') + 1 : "another process",
                   place);
        return STORE_E_LOCKED;
}

/* While it was away; nothing can be written any more, and what is kept here is another's. */
static int give_way(struct writer *writer, const struct reason *reason)
{
        const struct store_options *options = writer->postgres.options;

        if (!writer->is_taken)
                log_error("STORE_TAKEN", "Another process has taken the store; this one ends",
                          LOG_TEXT("reason", reason->text), LOG_END);
        if (!writer->is_taken && options->taken)
                options->taken(options->context);
        writer->is_taken = true;
        return STORE_E_AWAY;
}

static int connect_alone(struct writer *writer, struct reason *reason)
{
        int result = postgres_connect(&writer->postgres, reason);

        if (result == 0) {
                writer->postgres.timeout_ms += POSTGRES_LOCK_TIMEOUT_MS;
                result = postgres_execute(
                        &writer->postgres,
                        writer->postgres.options->shared ? LOCK_WRITERS : LOCK_WRITER, reason);
                writer->postgres.timeout_ms -= POSTGRES_LOCK_TIMEOUT_MS;
                if (result == -EBUSY)
                        result = refuse_second(writer, reason);
        }
        if (result == 0)
                writer->session = PQbackendPID(writer->postgres.db);
        else
                postgres_disconnect(&writer->postgres);
        return result;
}

int postgres_writer_connect(struct writer *writer)
{
        struct reason reason = REASON_INIT;
        int result;

        if (writer->postgres.db)
                return 0;
        if (writer->is_taken)
                return STORE_E_AWAY;
        result = connect_alone(writer, &reason);
        if (result == STORE_E_LOCKED)
                return give_way(writer, &reason);
        if (result != 0) {
                log_debug("STORE_NOT_BACK", "The store can't be reached yet",
                          LOG_TEXT("reason", reason.text), LOG_END);
                return STORE_E_AWAY;
        }
        return 0;
}

/* --- opening -------------------------------------------------------------------------------- */

static int64_t ask_number(struct writer *writer, const char *sql, int *result,
                          struct reason *reason)
{
        char text[32] = "0";

        if (*result == 0)
                *result = postgres_ask_text(&writer->postgres, sql, text, sizeof(text), reason);
        return strtoll(text, NULL, 10);
}

static void warn_of_one_copy(struct writer *writer)
{
        char text[8];
        CLEANUP(mem_cleanup) char *place = store_postgres_place(writer->postgres.options);

        if (postgres_ask_text(&writer->postgres, ONE_COPY, text, sizeof(text), NULL) == 0 &&
            text[0])
                log_warn("STORE_ONE_COPY",
                         "The database says of no standby that its commits wait for it; what is "
                         "acknowledged is on one machine",
                         LOG_TEXT("place", place), LOG_END);
}

static int begin_with(struct writer *writer, struct reason *reason)
{
        int result = connect_alone(writer, reason);

        writer->time_offset_ms =
                ask_number(writer, "SELECT value::text FROM counters WHERE name = 'time_ms'",
                           &result, reason) -
                clock_steady_ms();
        return result;
}

/* The store's time is written down, and taken from who is ahead. */
static int keep_time(struct writer *writer)
{
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure;

        postgres_values_clear(&writer->values);
        postgres_set_int(&writer->values, 0, clock_steady_ms() + writer->time_offset_ms);
        failure = postgres_ask(&writer->postgres, SQL_TIME, &writer->values, &result);
        if (failure == 0 && PQntuples(result) > 0)
                writer->time_offset_ms = postgres_int(result, 0, 0) - clock_steady_ms();
        return failure;
}

static void store_postgres_close(void *context)
{
        struct writer *writer = context;

        if (writer->postgres.db && writer->time_offset_ms != 0)
                (void)!keep_time(writer);
        postgres_disconnect(&writer->postgres);
        postgres_values_deinit(&writer->values);
        postgres_values_deinit(&writer->claim_values);
        free(writer->puts);
        free(writer->writes);
        free(writer->holders);
        free(writer);
}

static int store_postgres_open(const struct store_options *options, void **context,
                               struct reason *reason)
{
        struct writer *writer = mem_new(1, sizeof(*writer));
        int result;

        writer->postgres = (struct postgres){.options = options,
                                             .statements = writer_sql,
                                             .statement_count = SQL_NUMBER,
                                             .writes = true};
        writer->oldest_is_stale = true;
        result = begin_with(writer, reason);
        if (result != 0) {
                store_postgres_close(writer);
                return result;
        }
        warn_of_one_copy(writer);
        *context = writer;
        return 0;
}

/* --- upkeep --------------------------------------------------------------------------------- */

static size_t store_postgres_part_bytes(void *context)
{
        (void)context;
        return PART_BYTES;
}

static int64_t store_postgres_oldest_ns(void *context)
{
        struct writer *writer = context;

        return writer->oldest_ns;
}

static int ask_oldest(struct writer *writer)
{
        PGresult *result;
        int failure = postgres_ask(&writer->postgres, SQL_OLDEST, NULL, &result);

        if (failure == 0)
                writer->oldest_ns = PQntuples(result) > 0 ? postgres_int(result, 0, 0) : 0;
        PQclear(result);
        writer->oldest_is_stale = false;
        return failure;
}

/* With `rows`, at most so many; then it is how many there were. */
static int run_with_time(struct writer *writer, int number, int *rows)
{
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure;

        postgres_values_clear(&writer->values);
        postgres_set_int(&writer->values, 0, clock_steady_ms() + writer->time_offset_ms);
        if (rows)
                postgres_set_int(&writer->values, 1, *rows);
        failure = postgres_ask(&writer->postgres, number, &writer->values, &result);
        if (failure == 0 && rows)
                *rows = PQntuples(result);
        return failure;
}

/* What has expired; a great many message ids a little at a time. */
static int prune(struct writer *writer, bool *more)
{
        int rows = PRUNE_LIMIT;
        int failure = run_with_time(writer, SQL_PRUNE_RECORDS, NULL);

        if (failure == 0)
                failure = run_with_time(writer, SQL_PRUNE_SEEN, &rows);
        *more = rows == PRUNE_LIMIT;
        return failure;
}

/* Who shares the store comes again without anything to write: others may have something for it. */
static int64_t care_again_ms(const struct writer *writer, bool more)
{
        if (more)
                return MORE_AGAIN_MS;
        if (writer->oldest_is_stale)
                return OLDEST_EVERY_MS;
        return writer->postgres.options->shared ? CARE_EVERY_MS : 0;
}

static int store_postgres_care(void *context, bool tidies, int64_t *again_ms)
{
        struct writer *writer = context;
        int64_t now_ms = clock_steady_ms();
        bool more = false;
        int failure = 0;

        *again_ms = 0;
        if (!writer->postgres.db)
                return 0;
        if (now_ms >= writer->time_at_ms) {
                failure = keep_time(writer);
                writer->time_at_ms = now_ms + CARE_EVERY_MS;
        }
        if (failure == 0 && tidies && now_ms >= writer->prune_at_ms) {
                failure = prune(writer, &more);
                writer->prune_at_ms = now_ms + (more ? MORE_AGAIN_MS : CARE_EVERY_MS);
        }
        if (failure == 0 && now_ms >= writer->oldest_at_ms && writer->oldest_is_stale) {
                failure = ask_oldest(writer);
                writer->oldest_at_ms = now_ms + OLDEST_EVERY_MS;
        }
        *again_ms = care_again_ms(writer, more);
        return failure;
}

const struct store_backend store_backend_postgresql = {
        .name = "postgresql",
        .share = &store_postgres_share,
        .place = store_postgres_place,
        .migrate = store_postgres_migrate,
        .open = store_postgres_open,
        .close = store_postgres_close,
        .begin = store_postgres_begin,
        .catch_up = store_postgres_catch_up,
        .commit = store_postgres_commit,
        .rollback = store_postgres_rollback,
        .put = store_postgres_put,
        .done = store_postgres_done,
        .dead = store_postgres_dead,
        .replay = store_postgres_replay,
        .drop = store_postgres_drop,
        .trim = store_postgres_trim,
        .write = store_postgres_write,
        .claim = store_postgres_claim,
        .release = store_postgres_release,
        .part_bytes = store_postgres_part_bytes,
        .oldest_ns = store_postgres_oldest_ns,
        .care = store_postgres_care,
        .open_reader = store_postgres_open_reader,
        .close_reader = store_postgres_close_reader,
        .count = store_postgres_count,
        .take = store_postgres_take,
        .devices = store_postgres_devices,
        .dead_letters = store_postgres_dead_letters,
        .records = store_postgres_records,
        .kinds = store_postgres_kinds,
        .look = store_postgres_look,
        .open_hints = store_postgres_open_hints,
        .close_hints = store_postgres_close_hints,
        .hint = store_postgres_hint,
        .hear = store_postgres_hear,
};
