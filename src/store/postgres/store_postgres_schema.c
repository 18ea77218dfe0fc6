// SPDX-License-Identifier: MIT
/*
 * The tables, and how one version of them becomes the next. A new version is one more step at the
 * end; steps that have been released are never changed, and only add. A gateway never makes them:
 * its role need not be allowed to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/postgres/store_postgres.h"

/*
 * Ids come from a sequence without a cache, so that those of puts that follow each other ascend.
 * Keys and devices are compared as bytes. Rows of `events` live for a moment: their table is tidied
 * often.
 */
static const char tables_sql[] =
        "CREATE SEQUENCE event_id CACHE 1;"
        "CREATE TABLE events ("
        " id int8 PRIMARY KEY DEFAULT nextval('isthmus.event_id'),"
        " device text COLLATE \"C\" NOT NULL,"
        " size int8 NOT NULL,"
        " arrived_ns int8 NOT NULL,"
        " message_id text NOT NULL,"
        " record bytea NOT NULL)"
        " WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02,"
        " autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);"
        "CREATE INDEX events_of_device ON events (device, id);"
        "CREATE TABLE dead_letters ("
        " id int8 PRIMARY KEY,"
        " device text COLLATE \"C\" NOT NULL,"
        " size int8 NOT NULL,"
        " arrived_ns int8 NOT NULL,"
        " message_id text NOT NULL,"
        " record bytea NOT NULL,"
        " died_ms int8 NOT NULL,"
        " since_ms int8 NOT NULL," /* the store's own time (store.h) */
        " reason text NOT NULL);"
        "CREATE INDEX dead_letter_ages ON dead_letters (since_ms, id);"
        "CREATE TABLE records ("
        " kind text COLLATE \"C\" NOT NULL,"
        " key text COLLATE \"C\" NOT NULL,"
        " expires_ms int8 NOT NULL,"
        " value bytea NOT NULL,"
        " PRIMARY KEY (kind, key));"
        "CREATE INDEX record_expiries ON records (expires_ms) WHERE expires_ms > 0;"
        /* The first 16 bytes of SHA-256 of message ids that were stored lately. */
        "CREATE TABLE seen ("
        " message bytea PRIMARY KEY,"
        " expires_ms int8 NOT NULL);"
        "CREATE INDEX seen_expiries ON seen USING brin (expires_ms);"
        "CREATE TABLE counters ("
        " name text PRIMARY KEY,"
        " value int8 NOT NULL);"
        "INSERT INTO counters VALUES"
        " ('time_ms', (extract(epoch FROM clock_timestamp()) * 1000)::int8);";

/* store_shard_of, of the column `device`. */
#define SHARD "get_byte(sha256(convert_to(device, 'UTF8')), 1)"

/*
 * For several gateways: `xid` is the transaction that put an event, by which the feed finds what is
 * new; shards below zero are tasks (-1 the networks' lists, -2 upkeep), and -100 is nobody's.
 * Records of a device are written only under the epoch of its shard; whose they are stood at the
 * front of their values or of their keys.
 */
static const char shards_sql[] =
        "ALTER TABLE events ADD shard int2, ADD purpose int2 NOT NULL DEFAULT 1,"
        " ADD xid xid8 NOT NULL DEFAULT pg_current_xact_id();"
        "UPDATE events SET shard = " SHARD ";"
        "ALTER TABLE events ALTER shard SET NOT NULL;"
        "CREATE INDEX events_new ON events (shard, xid);"
        "CREATE INDEX events_news ON events (shard, id) WHERE purpose <> 1;"
        "ALTER TABLE dead_letters ADD shard int2, ADD purpose int2 NOT NULL DEFAULT 1;"
        "UPDATE dead_letters SET shard = " SHARD ";"
        "ALTER TABLE dead_letters ALTER shard SET NOT NULL;"
        "ALTER TABLE records ADD shard int2 NOT NULL DEFAULT -100,"
        " ADD epoch int8 NOT NULL DEFAULT 0, ADD device text COLLATE \"C\";"
        "UPDATE records SET device = split_part(convert_from(value, 'UTF8'), chr(10), 1)"
        " WHERE kind IN ('owner', 'place');"
        "UPDATE records SET device = split_part(key, chr(10), 1)"
        " WHERE kind IN ('assignment', 'way', 'command');"
        "UPDATE records SET shard = " SHARD " WHERE device IS NOT NULL;"
        "CREATE INDEX records_of_shard ON records (shard, kind, key);"
        "CREATE TABLE members ("
        " member int4 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,"
        " name text NOT NULL,"
        " address text NOT NULL,"
        " program text NOT NULL,"
        " pid int4 NOT NULL,"
        " beat int8 NOT NULL DEFAULT 0,"
        " state text NOT NULL DEFAULT 'live',"
        " joined timestamptz NOT NULL DEFAULT clock_timestamp())"
        " WITH (fillfactor = 50);"
        "CREATE TABLE shards ("
        " shard int2 PRIMARY KEY,"
        " owner int4,"
        " epoch int8 NOT NULL DEFAULT 0)"
        " WITH (fillfactor = 30);"
        "INSERT INTO shards (shard) SELECT generate_series(-2, 255);"
        "INSERT INTO settings VALUES ('shards', '256'),"
        " ('created', clock_timestamp()::text), ('cluster', gen_random_uuid()::text);";

/* Places were nobody's. What else a device's records need, settle_lanes does. */
static const char lanes_sql[] =
        "UPDATE records SET device = convert_from(value, 'UTF8')"
        " WHERE kind = 'place' AND device IS NULL;"
        "UPDATE records SET shard = " SHARD " WHERE kind = 'place' AND shard = -100;";

static const struct {
        const char *what;
        const char *sql;
        int oldest; /* a program that knows the tables up to this version gets along with it */
} steps[] = {
        {"events, dead letters, records", tables_sql, 1},
        {"shards and members", shards_sql, 2},
        {"records where their devices are", lanes_sql, 2},
};

#define VERSION ((int)ARRAY_SIZE(steps))

/* One migration at a time; POSTGRES_LOCK_WRITER has another second number. */
#define LOCK_MIGRATION "SELECT pg_advisory_xact_lock(" POSTGRES_LOCKS ", 1)"

/* A gateway at work holds it (store_postgres.c). */
#define LOCK_WRITER "SELECT pg_advisory_xact_lock(" POSTGRES_LOCKS ", 2)"

/* What a database says of its tables. */
struct tables {
        int version; /* 0 = there are none */
        int oldest;  /* a program that knows them up to this version gets along with them */
};

static int read_tables(struct postgres *postgres, struct tables *tables, struct reason *reason)
{
        char text[40];
        char *rest;
        int result = postgres_ask_text(postgres,
                                       "SELECT coalesce(to_regclass('isthmus.settings')::text, '')",
                                       text, sizeof(text), reason);

        *tables = (struct tables){.version = 0};
        if (result != 0 || text_is_empty(text))
                return result;
        result = postgres_ask_text(postgres,
                                   "SELECT value || ' ' || coalesce((SELECT value FROM settings"
                                   " WHERE name = 'oldest_program'), value)"
                                   " FROM settings WHERE name = 'version'",
                                   text, sizeof(text), reason);
        tables->version = (int)strtol(text, &rest, 10);
        tables->oldest = (int)strtol(rest, NULL, 10);
        return result;
}

static int refuse_newer(const struct tables *tables, struct reason *reason)
{
        if (tables->version <= VERSION || tables->oldest <= VERSION)
                return 0;
        reason_set(
                reason,
                "the database was made by a newer isthmus (its version is %d, this program knows "
                "up to %d); use that one",
                tables->version, VERSION);
        return STORE_E_VERSION;
}

int postgres_check_schema(struct postgres *postgres, struct reason *reason)
{
        struct tables tables;
        int result = read_tables(postgres, &tables, reason);

        if (result == 0)
                result = refuse_newer(&tables, reason);
        if (result != 0 || tables.version >= VERSION)
                return result;
        reason_set(reason, "the database %s; make it with 'isthmus store migrate'",
                   tables.version == 0 ? "has no tables of isthmus, or this user may not see them"
                                       : "was made by an older isthmus");
        return STORE_E_VERSION;
}

/* --- making it ------------------------------------------------------------------------------ */

/* Statement by statement: the extended protocol takes no lists of them. */
static int execute_all(struct postgres *postgres, const char *sql, struct reason *reason)
{
        int result = 0;

        while (*sql && result == 0) {
                size_t length = strcspn(sql, ";");
                CLEANUP(mem_cleanup) char *one = mem_text_n(sql, length);

                result = postgres_execute(postgres, one, reason);
                sql += length + (sql[length] ? 1 : 0);
        }
        return result;
}

/* Those that are at work with tables that they know must get along with what becomes of them. */
static int refuse_at_work(struct postgres *postgres, int version, struct reason *reason)
{
        int result;

        if (version == 0 || steps[VERSION - 1].oldest <= version)
                return 0;
        postgres->timeout_ms += POSTGRES_LOCK_TIMEOUT_MS;
        result = postgres_execute(postgres, LOCK_WRITER, reason);
        postgres->timeout_ms -= POSTGRES_LOCK_TIMEOUT_MS;
        if (result != -EBUSY)
                return result;
        reason_set(reason, "a gateway of an older version, which can't go on with the new tables, "
                           "is at work on this database; stop it first");
        return STORE_E_LOCKED;
}

static int apply_steps(struct postgres *postgres, int version, struct reason *reason)
{
        int result = 0;

        if (version == 0)
                result = execute_all(postgres,
                                     "CREATE SCHEMA IF NOT EXISTS isthmus;"
                                     "CREATE TABLE settings"
                                     " (name text PRIMARY KEY, value text NOT NULL)",
                                     reason);
        for (; version < VERSION && result == 0; version++) {
                result = execute_all(postgres, steps[version].sql, reason);
                if (result != 0)
                        reason_prefix(reason, "making version %d of the store (%s)", version + 1,
                                      steps[version].what);
        }
        if (result == 0) {
                CLEANUP(mem_cleanup)
                char *sql = mem_format("INSERT INTO settings VALUES ('version', '%d'),"
                                       " ('oldest_program', '%d')"
                                       " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                                       VERSION, steps[VERSION - 1].oldest);

                result = postgres_execute(postgres, sql, reason);
        }
        return result;
}

static int move_records(struct postgres *postgres, const char *device, const char *lane,
                        struct reason *reason)
{
        char *from = PQescapeLiteral(postgres->db, device, strlen(device));
        char *to = PQescapeLiteral(postgres->db, lane, strlen(lane));
        CLEANUP(mem_cleanup)
        char *sql = mem_format("UPDATE records SET device = %s, shard = %d"
                               " WHERE shard = %d AND device = %s",
                               to, store_shard_of(lane), store_shard_of(device), from);

        PQfreemem(from);
        PQfreemem(to);
        return postgres_execute(postgres, sql, reason);
}

/* Earlier versions named the device itself, where several have one queue and one shard. */
static int settle_lanes(struct postgres *postgres, struct reason *reason)
{
        const struct store_options *options = postgres->options;
        CLEANUP(postgres_result_cleanup) PGresult *devices = NULL;
        int result;

        if (!options->lane_of)
                return 0;
        result = postgres_send_text(postgres,
                                    "SELECT DISTINCT device FROM records WHERE device IS NOT NULL");
        if (result == 0)
                result = postgres_collect(postgres, &devices, 1, reason);
        for (int i = 0; result == 0 && i < PQntuples(devices); i++) {
                CLEANUP(buf_deinit) struct buf lane = BUF_INIT;
                const char *device = PQgetvalue(devices, i, 0);

                options->lane_of(device, &lane);
                if (!text_equal(device, buf_text(&lane)))
                        result = move_records(postgres, device, buf_text(&lane), reason);
        }
        return result;
}

/* What a gateway's role needs, and no more. */
static int grant_use(struct postgres *postgres, const char *user, struct reason *reason)
{
        char *quoted = PQescapeIdentifier(postgres->db, user, strlen(user));
        CLEANUP(mem_cleanup)
        char *sql = mem_format("GRANT USAGE ON SCHEMA isthmus TO %s;"
                               "GRANT SELECT, INSERT, UPDATE, DELETE ON events, dead_letters,"
                               " records, seen, counters, members TO %s;"
                               "GRANT SELECT, UPDATE ON shards TO %s;"
                               "GRANT SELECT ON settings TO %s;"
                               "GRANT USAGE ON SEQUENCE event_id TO %s",
                               quoted, quoted, quoted, quoted, quoted);

        PQfreemem(quoted);
        return execute_all(postgres, sql, reason);
}

static int check_encoding(struct postgres *postgres, struct reason *reason)
{
        char encoding[32];
        int result = postgres_ask_text(postgres, "SELECT current_setting('server_encoding')",
                                       encoding, sizeof(encoding), reason);

        if (result != 0 || text_equal(encoding, "UTF8"))
                return result;
        reason_set(reason, "the database's encoding is %s; it must be UTF8", encoding);
        return -EINVAL;
}

static int migrate(struct postgres *postgres, const char *user, struct reason *reason)
{
        struct tables tables = {.version = 0};
        int result = check_encoding(postgres, reason);

        if (result == 0)
                result = execute_all(postgres, "BEGIN;" LOCK_MIGRATION, reason);
        if (result == 0)
                result = read_tables(postgres, &tables, reason);
        if (result == 0)
                result = refuse_newer(&tables, reason);
        if (result == 0 && tables.version < VERSION)
                result = refuse_at_work(postgres, tables.version, reason);
        if (result == 0 && tables.version < VERSION)
                result = apply_steps(postgres, tables.version, reason);
        if (result == 0 && tables.version < VERSION)
                result = settle_lanes(postgres, reason);
        if (result == 0 && user)
                result = grant_use(postgres, user, reason);
        if (result == 0)
                result = postgres_execute(postgres, "COMMIT", reason);
        if (result == 0 && tables.version < VERSION)
                log_info("STORE_UPGRADED", "The store is brought to this program's version",
                         LOG_INT("from", tables.version), LOG_INT("to", VERSION), LOG_END);
        return result;
}

int store_postgres_migrate(const struct store_options *options, const struct store_owner *owner,
                           struct reason *reason)
{
        struct store_options own = *options;
        struct postgres postgres = {.options = &own, .writes = true};
        int result;

        if (owner->user) {
                own.server.user = owner->user;
                own.server.password = NULL;
                own.server.password_file = owner->password_file;
        }
        result = postgres_connect_bare(&postgres, reason);
        if (result == 0)
                result = migrate(&postgres, owner->user ? options->server.user : NULL, reason);
        postgres_disconnect(&postgres);
        return result;
}
