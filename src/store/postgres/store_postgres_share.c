// SPDX-License-Identifier: MIT
/*
 * Members, shards and tasks in the database: the statements that share/ asks for.
 *
 * Laws of this file:
 *   - a shard changes hands by its epoch: who claims it has read that epoch, and in between nobody
 *     else had it. A row that somebody has locked is left for later;
 *   - shards are read before members, so that an owner who is not among these is out for certain;
 *   - a database that was failed over may lack the last beats and claims, and give numbers of
 * members a second time. Whoever sees its new timeline first gives all shards to a member that
 * never beats: they are free when that one is put out, and by then nobody acts any more who did
 *     before. Who has joined on an earlier timeline joins anew.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/postgres/store_postgres.h"
#include "store/store_share_backend.h"

/* Beyond this the clocks' difference is told of: what expires does so by the own one. */
#define CLOCKS_APART_MS 1000

#define CHANNEL "isthmus_shards"

enum sql {
        SQL_JOIN,
        SQL_BEAT,
        SQL_SHARDS,
        SQL_MEMBERS,
        SQL_FENCE,
        SQL_CLAIM,
        SQL_RELEASE,
        SQL_HINT,
        SQL_GO,
        SQL_HEALTH,
        SQL_ALL_MEMBERS,
        SQL_TIMELINE,
        SQL_FIRST_TIMELINE,
        SQL_FAILED_OVER,
        SQL_NUMBER,
};

static const char *const share_sql[SQL_NUMBER] = {
        [SQL_JOIN] =
                "WITH before AS (UPDATE members SET state = 'gone' WHERE member = $1::int8),"
                " old AS (DELETE FROM members WHERE state = 'gone'"
                "  AND joined < clock_timestamp() - interval '1 day')"
                /* Who listens at every address is found where its connection comes from. */
                "INSERT INTO members (name, address, program, pid) SELECT $2::text,"
                " coalesce(CASE family(a) WHEN 6 THEN '[' || host(a) || ']' ELSE host(a) END ||"
                "  substring($3::text FROM '^(?:0[.]0[.]0[.]0|[[]::[]])(:[0-9]+)$'), $3::text),"
                " $4::text, $5::int8::int4 FROM inet_client_addr() a"
                " RETURNING member::int8, (extract(epoch FROM clock_timestamp()) * 1000)::int8",
        [SQL_BEAT] = "UPDATE members SET beat = beat + 1, state = $2::text"
                     " WHERE member = $1::int8 AND state <> 'gone' RETURNING beat",
        [SQL_SHARDS] =
                "SELECT shard::int8, coalesce(owner, 0)::int8, epoch FROM shards ORDER BY shard",
        [SQL_MEMBERS] = "SELECT member::int8, beat, state, name, address FROM members"
                        " WHERE state <> 'gone' ORDER BY member LIMIT $1::int8",
        [SQL_FENCE] = "UPDATE members SET state = 'gone' WHERE member = $1::int8"
                      " AND beat = $2::int8 AND state <> 'gone' RETURNING beat",
        [SQL_CLAIM] = "WITH free AS (SELECT s.shard FROM shards s"
                      "  JOIN unnest($2::int8[], $3::int8[]) WITH ORDINALITY u(shard, epoch, place)"
                      "  ON s.shard = u.shard AND s.epoch = u.epoch"
                      "  WHERE NOT EXISTS (SELECT FROM members m WHERE m.member = s.owner"
                      "   AND m.state <> 'gone')"
                      "  ORDER BY u.place LIMIT $4::int8 FOR UPDATE OF s SKIP LOCKED)"
                      "UPDATE shards s SET owner = $1::int8::int4, epoch = s.epoch + 1 FROM free"
                      " WHERE s.shard = free.shard RETURNING s.shard::int8, s.owner::int8, s.epoch",
        [SQL_RELEASE] = "UPDATE shards s SET owner = NULL, epoch = s.epoch + 1"
                        " FROM unnest($2::int8[], $3::int8[]) u(shard, epoch)"
                        " WHERE s.shard = u.shard AND s.epoch = u.epoch AND s.owner = $1::int8",
        [SQL_HINT] = "SELECT pg_notify('" CHANNEL "', '')",
        [SQL_GO] = "UPDATE members SET state = 'gone' WHERE member = $1::int8",
        /* Of others' sessions their start is not for every role to see, what they hold is. */
        [SQL_HEALTH] =
                "SELECT (SELECT coalesce(sum(n_dead_tup), 0)::int8 FROM pg_stat_user_tables"
                "  WHERE schemaname = 'isthmus'), coalesce(a.pid, 0)::int8,"
                " coalesce(a.backend_xmin::text, '0')::int8, coalesce(w.pid, 0)::int8,"
                " coalesce(w.backend_xid::text, '0')::int8 FROM (SELECT 1) one LEFT JOIN"
                " (SELECT pid, backend_xmin FROM pg_stat_activity WHERE backend_xmin IS NOT NULL"
                "  AND datname = current_database() AND pid <> pg_backend_pid()"
                "  ORDER BY age(backend_xmin) DESC LIMIT 1) a ON true LEFT JOIN"
                /* Of whatever database: what is visible depends on all of them. */
                " (SELECT pid, backend_xid FROM pg_stat_activity WHERE backend_xid IS NOT NULL"
                "  AND pid <> pg_backend_pid() ORDER BY age(backend_xid) DESC LIMIT 1) w ON true",
        [SQL_ALL_MEMBERS] =
                "SELECT m.member::int8, m.beat, m.state, m.name, m.address, m.program, m.pid::int8,"
                " (extract(epoch FROM m.joined) * 1000)::int8, (SELECT count(*) FROM shards s"
                "  WHERE s.owner = m.member AND s.shard >= 0), coalesce(w.waiting, 0),"
                " coalesce(w.oldest_ns, 0) FROM members m LEFT JOIN"
                " (SELECT owner, count(*) waiting, min(arrived_ns) oldest_ns FROM events"
                "  JOIN shards USING (shard) GROUP BY owner) w ON w.owner = m.member"
                " WHERE m.state <> 'gone' ORDER BY m.member",
        /*
         * The first eight digits of a log file's name. pg_control_checkpoint() tells of a new one
         * only after the next checkpoint.
         */
        [SQL_TIMELINE] = "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))"
                         "::bit(32)::int8",
        [SQL_FIRST_TIMELINE] = "INSERT INTO counters VALUES ('timeline', $1::int8)"
                               " ON CONFLICT (name) DO NOTHING",
        [SQL_FAILED_OVER] =
                "WITH changed AS (UPDATE counters SET value = $1::int8 WHERE name = 'timeline'"
                "  AND value <> $1::int8 RETURNING value),"
                " failover AS (INSERT INTO members (name, address, program, pid)"
                "  SELECT 'failover', '', '', 0 FROM changed RETURNING member),"
                " out AS (UPDATE members SET state = 'gone' FROM changed WHERE state <> 'gone'),"
                " kept AS (UPDATE shards SET owner = failover.member, epoch = epoch + 1048576"
                "  FROM failover)"
                "SELECT member::int8 FROM failover",
};

struct share {
        struct postgres postgres;
        struct postgres_values values;
        int64_t timeline;        /* of the connection */
        int64_t joined_timeline; /* on which the member has joined */
        struct held {
                int64_t process; /* whose it was at the last look */
                int64_t number;
                int64_t since_ns; /* steady; as it was seen first */
        } snapshot, writer;       /* the oldest ones */
};

static void *share_open(const struct store_options *options)
{
        struct share *share = mem_new(1, sizeof(*share));

        share->postgres = (struct postgres){.options = options,
                                            .statements = share_sql,
                                            .statement_count = SQL_NUMBER,
                                            .writes = true};
        return share;
}

static void share_close(void *context)
{
        struct share *share = context;

        postgres_disconnect(&share->postgres);
        postgres_values_deinit(&share->values);
        free(share);
}

/* --- the connection ------------------------------------------------------------------------- */

/* One statement whose parameters are set; its result is the caller's to PQclear. */
static int ask(struct share *share, int number, PGresult **result)
{
        return postgres_ask(&share->postgres, number, &share->values, result);
}

/* Whose row it gives does not matter. */
static int tell(struct share *share, int number, int64_t *value)
{
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure = ask(share, number, &result);

        *value = failure == 0 && PQntuples(result) > 0 ? postgres_int(result, 0, 0) : 0;
        return failure;
}

static int look_at_timeline(struct share *share)
{
        int64_t timeline;
        int64_t failover;
        int failure;

        postgres_values_clear(&share->values);
        failure = tell(share, SQL_TIMELINE, &timeline);
        if (failure != 0)
                return failure;
        share->timeline = timeline;
        postgres_set_int(&share->values, 0, timeline);
        failure = tell(share, SQL_FIRST_TIMELINE, &failover);
        if (failure == 0)
                failure = tell(share, SQL_FAILED_OVER, &failover);
        if (failover != 0)
                log_warn("STORE_FAILED_OVER",
                         "The database was failed over; all devices are taken over anew",
                         LOG_INT("timeline", timeline), LOG_INT("member", failover), LOG_END);
        return failure;
}

static int connect(struct share *share, struct reason *reason)
{
        int failure;

        if (share->postgres.db)
                return 0;
        failure = postgres_connect(&share->postgres, reason);
        if (failure == 0)
                failure = look_at_timeline(share);
        if (failure == 0)
                failure = postgres_execute(&share->postgres, "LISTEN " CHANNEL, reason);
        if (failure != 0)
                postgres_disconnect(&share->postgres);
        return failure;
}

static int share_descriptor(void *context)
{
        struct share *share = context;

        return share->postgres.db ? PQsocket(share->postgres.db) : -1;
}

static bool share_take_hints(void *context)
{
        struct share *share = context;
        PGnotify *notice;
        bool is_hinted = false;

        if (!share->postgres.db)
                return false;
        if (PQconsumeInput(share->postgres.db) != 1) {
                postgres_disconnect(&share->postgres);
                return true;
        }
        while ((notice = PQnotifies(share->postgres.db))) {
                is_hinted = true;
                PQfreemem(notice);
        }
        return is_hinted;
}

/* --- statements ----------------------------------------------------------------------------- */

static void compare_clocks(int64_t store_ms)
{
        int64_t apart_ms = clock_wall_ms() - store_ms;

        if (apart_ms < -CLOCKS_APART_MS || apart_ms > CLOCKS_APART_MS)
                log_warn("MEMBER_CLOCK",
                         "This machine's clock is not that of the database; what expires, does "
                         "so too early or too late",
                         LOG_INT("ahead_ms", apart_ms), LOG_END);
}

static int run_join(struct share *share, const struct store_share_statement *statement,
                    struct store_share_answer *answer)
{
        const struct store_server *server = &share->postgres.options->server;
        char name[STORE_MEMBER_TEXT];
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure;

        store_share_name(server, name);
        postgres_set_int(&share->values, 0, statement->member);
        postgres_set_text(&share->values, 1, name);
        postgres_set_text(&share->values, 2, server->member_address ? server->member_address : "");
        postgres_set_text(&share->values, 3, ISTHMUS_VERSION);
        postgres_set_int(&share->values, 4, getpid());
        failure = ask(share, SQL_JOIN, &result);
        if (failure == 0) {
                answer->number = postgres_int(result, 0, 0);
                share->joined_timeline = share->timeline;
                compare_clocks(postgres_int(result, 0, 1));
        }
        return failure;
}

static int run_beat(struct share *share, const struct store_share_statement *statement,
                    struct store_share_answer *answer)
{
        postgres_set_int(&share->values, 0, statement->member);
        postgres_set_text(&share->values, 1, store_share_state_name(statement->state));
        return tell(share, SQL_BEAT, &answer->number);
}

static int run_fence(struct share *share, const struct store_share_statement *statement,
                     struct store_share_answer *answer)
{
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure;

        postgres_set_int(&share->values, 0, statement->other);
        postgres_set_int(&share->values, 1, statement->beat);
        failure = ask(share, SQL_FENCE, &result);
        if (failure == 0)
                answer->number = PQntuples(result);
        return failure;
}

static void note_rows(const PGresult *result, struct store_share_answer *answer)
{
        for (int i = 0; i < PQntuples(result); i++) {
                int64_t shard = postgres_int(result, i, 0);

                if (shard < STORE_SHARD_FIRST || shard >= STORE_SHARD_END)
                        continue;
                answer->rows[shard - STORE_SHARD_FIRST] = (struct store_share_row){
                        .owner = postgres_int(result, i, 1), .epoch = postgres_int(result, i, 2)};
        }
}

static void note_members(const PGresult *result, struct store_share_answer *answer)
{
        for (int i = 0; i < PQntuples(result) && i < STORE_SHARE_MEMBERS; i++) {
                struct store_share_member *member = &answer->members[answer->member_count++];

                member->number = postgres_int(result, i, 0);
                member->beat = postgres_int(result, i, 1);
                member->state = store_share_state_of(postgres_text(result, i, 2));
                snprintf(member->name.name, sizeof(member->name.name), "%s",
                         postgres_text(result, i, 3));
                snprintf(member->name.address, sizeof(member->name.address), "%s",
                         postgres_text(result, i, 4));
        }
}

static int run_look(struct share *share, struct store_share_answer *answer)
{
        PGresult *results[2] = {NULL, NULL};
        int failure = postgres_send(&share->postgres, SQL_SHARDS, NULL);

        postgres_set_int(&share->values, 0, STORE_SHARE_MEMBERS);
        if (failure == 0)
                failure = postgres_send(&share->postgres, SQL_MEMBERS, &share->values);
        if (failure == 0)
                failure = postgres_collect(&share->postgres, results, 2, NULL);
        if (failure == 0) {
                note_rows(results[0], answer);
                note_members(results[1], answer);
        }
        PQclear(results[0]);
        PQclear(results[1]);
        return failure;
}

static void set_shards(struct share *share, const struct store_share_statement *statement)
{
        postgres_set_int(&share->values, 0, statement->member);
        for (int i = 0; i < statement->count; i++) {
                postgres_add_int(&share->values, 1, statement->shards[i].shard);
                postgres_add_int(&share->values, 2, statement->shards[i].epoch);
        }
}

static int run_claim(struct share *share, const struct store_share_statement *statement,
                     struct store_share_answer *answer)
{
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure;

        set_shards(share, statement);
        postgres_set_int(&share->values, 3, statement->want);
        failure = ask(share, SQL_CLAIM, &result);
        if (failure == 0)
                note_rows(result, answer);
        return failure;
}

/* The others hear of it at its commit. */
static int run_release(struct share *share, const struct store_share_statement *statement)
{
        PGresult *results[2] = {NULL, NULL};
        int failure;

        set_shards(share, statement);
        failure = postgres_send(&share->postgres, SQL_RELEASE, &share->values);
        if (failure == 0)
                failure = postgres_send(&share->postgres, SQL_HINT, NULL);
        if (failure == 0)
                failure = postgres_collect(&share->postgres, results, 2, NULL);
        PQclear(results[0]);
        PQclear(results[1]);
        return failure;
}

static int run_go(struct share *share, const struct store_share_statement *statement)
{
        int64_t nothing;

        postgres_set_int(&share->values, 0, statement->member);
        return tell(share, SQL_GO, &nothing);
}

static int run_connected(struct share *share, const struct store_share_statement *statement,
                         struct store_share_answer *answer)
{
        switch (statement->action) {
        case STORE_SHARE_JOIN:
                return run_join(share, statement, answer);
        case STORE_SHARE_BEAT:
                return run_beat(share, statement, answer);
        case STORE_SHARE_LOOK:
                return run_look(share, answer);
        case STORE_SHARE_FENCE:
                return run_fence(share, statement, answer);
        case STORE_SHARE_CLAIM:
                return run_claim(share, statement, answer);
        case STORE_SHARE_RELEASE:
                return run_release(share, statement);
        case STORE_SHARE_GO:
                return run_go(share, statement);
        case STORE_SHARE_WAIT:
                break;
        }
        return -EINVAL;
}

static int share_run(void *context, const struct store_share_statement *statement,
                     struct store_share_answer *answer, struct reason *reason)
{
        struct share *share = context;
        int failure = connect(share, reason);

        memset(answer, 0, sizeof(*answer));
        if (failure != 0)
                return failure;
        answer->is_unknown = statement->member != 0 && statement->action != STORE_SHARE_JOIN &&
                             share->timeline != share->joined_timeline;
        if (answer->is_unknown)
                return 0;
        postgres_values_clear(&share->values);
        failure = run_connected(share, statement, answer);
        if (failure == STORE_E_AWAY)
                reason_set(reason, "the connection is lost");
        return failure;
}

/* For how many seconds it is there. */
static int64_t note_held(struct held *held, int64_t process, int64_t number)
{
        int64_t now_ns = clock_steady_ns();

        if (process != held->process || number != held->number)
                *held = (struct held){process, number, now_ns};
        return process ? (now_ns - held->since_ns) / CLOCK_NS_PER_S : 0;
}

static int share_health(void *context, struct store_share_health *health)
{
        struct share *share = context;
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure = share->postgres.db ? postgres_ask(&share->postgres, SQL_HEALTH, NULL, &result)
                                         : STORE_E_AWAY;

        if (failure == 0) {
                health->dead_rows = postgres_int(result, 0, 0);
                health->process = postgres_int(result, 0, 1);
                health->snapshot_s =
                        note_held(&share->snapshot, health->process, postgres_int(result, 0, 2));
                health->writer = postgres_int(result, 0, 3);
                health->writer_s =
                        note_held(&share->writer, health->writer, postgres_int(result, 0, 4));
        }
        return failure;
}

/* --- readers -------------------------------------------------------------------------------- */

static int read_rows(struct share *share, int number, PGresult **result)
{
        int failure = postgres_connect(&share->postgres, NULL);

        *result = NULL;
        return failure ? failure : postgres_ask(&share->postgres, number, NULL, result);
}

static int share_members(void *context,
                         bool (*visit)(void *context, const struct store_member *member),
                         void *visit_context)
{
        PGresult *result;
        int failure = read_rows(context, SQL_ALL_MEMBERS, &result);
        bool goes_on = failure == 0;

        for (int i = 0; goes_on && i < PQntuples(result); i++) {
                const struct store_member member = {
                        .number = postgres_int(result, i, 0),
                        .beat = postgres_int(result, i, 1),
                        .state = postgres_text(result, i, 2),
                        .name = postgres_text(result, i, 3),
                        .address = postgres_text(result, i, 4),
                        .program = postgres_text(result, i, 5),
                        .process = postgres_int(result, i, 6),
                        .joined_ms = postgres_int(result, i, 7),
                        .shards = postgres_int(result, i, 8),
                        .events = postgres_int(result, i, 9),
                        .oldest_ns = postgres_int(result, i, 10),
                };

                goes_on = visit(visit_context, &member);
        }
        PQclear(result);
        return failure;
}

static int share_shards(void *context,
                        bool (*visit)(void *context, const struct store_shard_row *row),
                        void *visit_context)
{
        PGresult *result;
        int failure = read_rows(context, SQL_SHARDS, &result);
        bool goes_on = failure == 0;

        for (int i = 0; goes_on && i < PQntuples(result); i++) {
                const struct store_shard_row row = {
                        .shard = (int)postgres_int(result, i, 0),
                        .owner = postgres_int(result, i, 1),
                        .epoch = postgres_int(result, i, 2),
                };

                goes_on = visit(visit_context, &row);
        }
        PQclear(result);
        return failure;
}

const struct store_share_backend store_postgres_share = {
        .open = share_open,
        .close = share_close,
        .run = share_run,
        .descriptor = share_descriptor,
        .take_hints = share_take_hints,
        .health = share_health,
        .members = share_members,
        .shards = share_shards,
};
