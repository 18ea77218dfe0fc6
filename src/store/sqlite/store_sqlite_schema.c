// SPDX-License-Identifier: MIT
#include "store/sqlite/store_sqlite_schema.h"

#include "base/error.h"

/*
 * `size` is what a row counts against the configured maximum. The index has it so that the sum at
 * start reads the index alone, and it has the id so that a device's events come in order.
 */
static const char tables_sql[] =
        "CREATE TABLE events ("
        " id INTEGER PRIMARY KEY,"
        " device TEXT NOT NULL,"
        " size INTEGER NOT NULL,"
        " arrived_ns INTEGER NOT NULL,"
        " not_before_ms INTEGER NOT NULL,"
        " attempts INTEGER NOT NULL,"
        " message_id TEXT NOT NULL,"
        " record BLOB NOT NULL) STRICT;"
        "CREATE INDEX events_of_device ON events (device, id, size);"
        "CREATE TABLE dead_letters ("
        " id INTEGER PRIMARY KEY,"
        " device TEXT NOT NULL,"
        " size INTEGER NOT NULL,"
        " arrived_ns INTEGER NOT NULL,"
        " not_before_ms INTEGER NOT NULL,"
        " attempts INTEGER NOT NULL,"
        " message_id TEXT NOT NULL,"
        " record BLOB NOT NULL,"
        " died_ms INTEGER NOT NULL,"
        " reason TEXT NOT NULL) STRICT;"
        "CREATE INDEX dead_letter_sizes ON dead_letters (size);"
        "CREATE TABLE records ("
        " kind TEXT NOT NULL,"
        " key TEXT NOT NULL,"
        " expires_ms INTEGER NOT NULL,"
        " value BLOB NOT NULL,"
        " PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;"
        "CREATE INDEX record_expiries ON records (expires_ms) WHERE expires_ms > 0;"
        "CREATE TABLE counters ("
        " name TEXT PRIMARY KEY,"
        " value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
        "INSERT INTO counters VALUES ('next_id', 1);";

/* Rows are only appended and taken away at the front; store_seen.h says why there is no index. */
static const char seen_sql[] = "CREATE TABLE seen ("
                               " number INTEGER PRIMARY KEY,"
                               " expires_ms INTEGER NOT NULL,"
                               " message_id TEXT NOT NULL) STRICT;";

/* The dead letters that died first give way first. */
static const char letters_sql[] =
        "DROP INDEX dead_letter_sizes;"
        "CREATE INDEX dead_letter_ages ON dead_letters (died_ms, id, size);";

/*
 * The store's own time (store.h) begins as the wall clock. Letters of before that count from when
 * they died by the wall clock; their rows are not written anew.
 */
static const char time_sql[] =
        "INSERT INTO counters VALUES ('time_ms', CAST(strftime('%s', 'now') AS INTEGER) * 1000);"
        "ALTER TABLE dead_letters ADD COLUMN since_ms INTEGER;"
        "DROP INDEX dead_letter_ages;"
        "CREATE INDEX dead_letter_ages ON dead_letters (IFNULL(since_ms, died_ms), id, size);";

/*
 * What an event is for, and whose a record is: until then, a device stood at the front of the value
 * or of the key.
 */
static const char purposes_sql[] =
        "ALTER TABLE events ADD COLUMN purpose INTEGER NOT NULL DEFAULT 1;"
        "ALTER TABLE dead_letters ADD COLUMN purpose INTEGER NOT NULL DEFAULT 1;"
        "ALTER TABLE records ADD COLUMN device TEXT;"
        "CREATE INDEX events_news ON events (id) WHERE purpose <> 1;"
        "UPDATE records SET device = substr(CAST(value AS TEXT), 1,"
        " instr(CAST(value AS TEXT) || char(10), char(10)) - 1)"
        " WHERE kind IN ('owner', 'place');"
        "UPDATE records SET device = substr(key, 1, instr(key || char(10), char(10)) - 1)"
        " WHERE kind IN ('assignment', 'way', 'command');";

/*
 * Rows in the order in which they came: with those of a command in the order of their keys, each
 * was in a page of its own, and a commit wrote as many pages as it had records.
 */
static const char records_sql[] =
        "ALTER TABLE records RENAME TO records_by_key;"
        "DROP INDEX record_expiries;"
        "CREATE TABLE records ("
        " kind TEXT NOT NULL,"
        " key TEXT NOT NULL,"
        " expires_ms INTEGER NOT NULL,"
        " value BLOB NOT NULL,"
        " device TEXT,"
        " UNIQUE (kind, key)) STRICT;"
        "INSERT INTO records SELECT kind, key, expires_ms, value, device FROM records_by_key;"
        "DROP TABLE records_by_key;"
        "CREATE INDEX record_expiries ON records (expires_ms) WHERE expires_ms > 0;";

const struct store_sqlite_step store_sqlite_steps[] = {
        {"events, dead letters, records", tables_sql},
        {"message ids seen lately", seen_sql},
        {"dead letters by age", letters_sql},
        {"the store's own time", time_sql},
        {"what events are for, whose records are", purposes_sql},
        {"records in the order in which they came", records_sql},
};

const int store_sqlite_version = (int)ARRAY_SIZE(store_sqlite_steps);
