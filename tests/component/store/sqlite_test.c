// SPDX-License-Identifier: MIT
/* What is particular to the SQLite store: its file, its versions, its log, and failing disks. */
#include "component/store/support.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/log.h"
#include "store/sqlite/store_sqlite_schema.h"

struct fixture {
        char *directory;
        char *file;
        struct store *store;
};

static int setup(void **state)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));

        fixture->directory = support_directory();
        fixture->file = mem_format("%s/store.sqlite", fixture->directory);
        *state = fixture;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *fixture = *state;

        store_close(fixture->store);
        support_remove_directory(fixture->directory);
        free(fixture->file);
        free(fixture);
        return 0;
}

static int try_open(struct fixture *fixture, struct reason *reason)
{
        struct store_options options = {.backend = "sqlite", .directory = fixture->directory};

        return store_open(&options, &fixture->store, reason);
}

static void open_store(struct fixture *fixture)
{
        struct reason reason = REASON_INIT;

        if (try_open(fixture, &reason) != 0)
                fail_msg("%s", reason.text);
}

static void close_store(struct fixture *fixture)
{
        store_close(fixture->store);
        fixture->store = NULL;
}

static void run_sql(struct fixture *fixture, const char *sql)
{
        sqlite3 *db;

        assert_int_equal(sqlite3_open(fixture->file, &db), SQLITE_OK);
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
                fail_msg("%s", sqlite3_errmsg(db));
        sqlite3_close(db);
}

static int64_t ask_sql(struct fixture *fixture, const char *sql)
{
        sqlite3_stmt *statement;
        sqlite3 *db;
        int64_t answer;

        assert_int_equal(sqlite3_open(fixture->file, &db), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        answer = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        sqlite3_close(db);
        return answer;
}

static int64_t file_size(const char *path)
{
        struct stat status;

        return stat(path, &status) == 0 ? status.st_size : 0;
}

static int64_t log_size(struct fixture *fixture)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s-wal", fixture->file);

        return file_size(path);
}

static void write_file(const char *path, off_t offset, const char *bytes, size_t size)
{
        int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(file >= 0);
        assert_int_equal(pwrite(file, bytes, size, offset), size);
        close(file);
}

/* --- versions ------------------------------------------------------------------------------ */

/* As version 1 was; this text never changes. */
static const char version_1[] =
        "CREATE TABLE events (id INTEGER PRIMARY KEY, device TEXT NOT NULL, size INTEGER NOT NULL,"
        " arrived_ns INTEGER NOT NULL, not_before_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,"
        " message_id TEXT NOT NULL, record BLOB NOT NULL) STRICT;"
        "CREATE INDEX events_of_device ON events (device, id, size);"
        "CREATE TABLE dead_letters (id INTEGER PRIMARY KEY, device TEXT NOT NULL,"
        " size INTEGER NOT NULL, arrived_ns INTEGER NOT NULL, not_before_ms INTEGER NOT NULL,"
        " attempts INTEGER NOT NULL, message_id TEXT NOT NULL, record BLOB NOT NULL,"
        " died_ms INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;"
        "CREATE INDEX dead_letter_sizes ON dead_letters (size);"
        "CREATE TABLE records (kind TEXT NOT NULL, key TEXT NOT NULL, expires_ms INTEGER NOT NULL,"
        " value BLOB NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;"
        "CREATE INDEX record_expiries ON records (expires_ms) WHERE expires_ms > 0;"
        "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
        " STRICT, WITHOUT ROWID;"
        "INSERT INTO counters VALUES ('next_id', 8);"
        "INSERT INTO events VALUES (7, 'a', 100, 1, 0, 0, 'm7', x'6f6c64');"
        "INSERT INTO dead_letters VALUES (3, 'a', 50, 1, 0, 0, 'm3', x'78', 5, 'why');"
        "INSERT INTO records VALUES ('command', 'a' || char(10) || 'c', 0, x'76'),"
        " ('owner', 'id', 9000000000000000, x'61');"
        "PRAGMA application_id = 0x69737468; PRAGMA user_version = 1;";

static void a_store_of_version_1_is_upgraded(void **state)
{
        struct fixture *fixture = *state;
        struct store_event event = support_event("a", "m8", "new");
        struct store_state content;

        run_sql(fixture, version_1);
        open_store(fixture);
        store_get_state(fixture->store, &content);
        assert_int_equal(content.events, 1);
        assert_int_equal(content.dead_letters, 1);
        assert_int_equal(content.bytes, 100);
        assert_int_equal(content.dead_bytes, 50);
        event.duplicate_window_ms = 3600000;
        assert_int_equal(support_put(fixture->store, &event, 1), 0);
        assert_true(event.id >= 8);
        assert_waiting(fixture->store, "a", "old new");
        close_store(fixture);
        assert_int_equal(ask_sql(fixture, "PRAGMA user_version"), store_sqlite_version);
        assert_int_equal(ask_sql(fixture, "SELECT COUNT(*) FROM seen"), 1);
        assert_int_equal(ask_sql(fixture, "SELECT COUNT(*) FROM records WHERE device = 'a'"), 2);
        assert_int_equal(ask_sql(fixture, "SELECT expires_ms / 1000000000000 FROM records"
                                          " WHERE kind = 'owner' AND value = x'61'"),
                         9000);
        open_store(fixture);
        assert_waiting(fixture->store, "a", "old new");
}

static void a_newer_version_is_refused_and_left_as_it_is(void **state)
{
        struct fixture *fixture = *state;
        struct store_options options = {.backend = "sqlite", .directory = fixture->directory};
        struct reason reason = REASON_INIT;
        struct store *reader;

        open_store(fixture);
        close_store(fixture);
        run_sql(fixture, "PRAGMA user_version = 99");
        assert_int_equal(try_open(fixture, &reason), STORE_E_VERSION);
        assert_non_null(strstr(reason.text, fixture->file));
        assert_non_null(strstr(reason.text, "99"));
        assert_int_equal(store_open_to_read(&options, &reader, &reason), STORE_E_VERSION);
        assert_int_equal(ask_sql(fixture, "PRAGMA user_version"), 99);
}

/* --- damage -------------------------------------------------------------------------------- */

static void what_is_no_database_is_damaged_and_never_deleted(void **state)
{
        static const char text[] = "this is a text that somebody put here, and it is long enough "
                                   "to be looked at as if it were the header of a database file";
        struct fixture *fixture = *state;
        struct reason reason = REASON_INIT;

        write_file(fixture->file, 0, text, sizeof(text));
        assert_int_equal(try_open(fixture, &reason), STORE_E_DAMAGED);
        assert_non_null(strstr(reason.text, fixture->file));
        assert_non_null(strstr(reason.text, "Move it away"));
        assert_int_equal(file_size(fixture->file), sizeof(text));
}

static void a_database_of_others_is_no_store(void **state)
{
        struct fixture *fixture = *state;
        struct reason reason = REASON_INIT;

        run_sql(fixture, "CREATE TABLE music (title TEXT)");
        assert_int_equal(try_open(fixture, &reason), STORE_E_DAMAGED);
        assert_non_null(strstr(reason.text, "no isthmus store"));
        assert_int_equal(ask_sql(fixture, "SELECT COUNT(*) FROM sqlite_schema"), 1);
}

static void pages_overwritten_with_rubbish_are_damage(void **state)
{
        struct fixture *fixture = *state;
        struct reason reason = REASON_INIT;
        char rubbish[4096];

        open_store(fixture);
        for (int i = 0; i < 50; i++)
                support_put_one(fixture->store, "a", "m", "record");
        close_store(fixture);
        memset(rubbish, 0xee, sizeof(rubbish));
        for (off_t page = 2; page < file_size(fixture->file) / 4096; page++)
                write_file(fixture->file, page * 4096, rubbish, sizeof(rubbish));
        assert_int_equal(try_open(fixture, &reason), STORE_E_DAMAGED);
        assert_non_null(strstr(reason.text, fixture->directory));
        assert_true(file_size(fixture->file) > 0);
}

static void a_directory_that_cant_be_made_is_named(void **state)
{
        struct fixture *fixture = *state;
        struct store_options options = {.backend = "sqlite", .directory = "/proc/no/store"};
        struct reason reason = REASON_INIT;

        assert_true(store_open(&options, &fixture->store, &reason) < 0);
        assert_non_null(strstr(reason.text, "/proc/no/store"));
}

static void an_unknown_backend_is_refused(void **state)
{
        struct fixture *fixture = *state;
        struct store_options options = {.backend = "mysql", .directory = fixture->directory};
        struct reason reason = REASON_INIT;

        assert_int_equal(store_open(&options, &fixture->store, &reason), -EINVAL);
        assert_non_null(strstr(reason.text, "mysql"));
}

static void a_store_that_is_not_there_cant_be_read(void **state)
{
        struct fixture *fixture = *state;
        struct store_options options = {.backend = "sqlite", .directory = fixture->directory};
        struct reason reason = REASON_INIT;
        struct store *reader;

        assert_true(store_open_to_read(&options, &reader, &reason) < 0);
        assert_non_null(strstr(reason.text, fixture->file));
        assert_int_equal(access(fixture->file, F_OK), -1);
}

/* --- syncs: the library's calls come by here ----------------------------------------------- */

static atomic_int syncs;

int fdatasync(int file)
{
        static int (*real)(int);

        if (!real) {
                void *symbol = dlsym(RTLD_NEXT, "fdatasync");

                memcpy(&real, &symbol, sizeof(real));
        }
        atomic_fetch_add(&syncs, 1);
        return real(file);
}

static void a_put_is_answered_after_a_sync_and_what_is_done_needs_none(void **state)
{
        struct fixture *fixture = *state;
        int64_t ids[20];
        int before;

        open_store(fixture);
        for (int i = 0; i < 20; i++) {
                before = atomic_load(&syncs);
                ids[i] = support_put_one(fixture->store, "a", "m", "x");
                assert_true(atomic_load(&syncs) > before);
        }
        before = atomic_load(&syncs);
        for (int i = 0; i < 20; i++) {
                int64_t deadline = clock_steady_ms() + SUPPORT_DEADLINE_MS;
                struct store_state content;

                store_done(fixture->store, ids[i]);
                do {
                        store_get_state(fixture->store, &content);
                } while (content.events != 19 - i && clock_steady_ms() < deadline);
                assert_int_equal(content.events, 19 - i);
                if (i == 3)
                        break;
        }
        assert_int_equal(atomic_load(&syncs), before);
}

/* The file alone, as somebody would see it who copies nothing else. */
static int64_t events_in_file_alone(struct fixture *fixture)
{
        CLEANUP(mem_cleanup) char *uri = mem_format("file:%s?immutable=1", fixture->file);
        sqlite3_stmt *statement = NULL;
        sqlite3 *db;
        int64_t count = -1;

        assert_int_equal(sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL),
                         SQLITE_OK);
        if (sqlite3_prepare_v2(db, "SELECT COUNT(*) FROM events", -1, &statement, NULL) ==
                    SQLITE_OK &&
            sqlite3_step(statement) == SQLITE_ROW)
                count = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        sqlite3_close(db);
        return count;
}

static void the_log_is_copied_where_nothing_happens(void **state)
{
        struct fixture *fixture = *state;
        int64_t deadline = clock_steady_ms() + SUPPORT_DEADLINE_MS;

        open_store(fixture);
        support_put_one(fixture->store, "a", "m", "x");
        while (events_in_file_alone(fixture) != 1 && clock_steady_ms() < deadline)
                usleep(20000);
        assert_int_equal(events_in_file_alone(fixture), 1);
}

/* --- a disk that fails: the library's writes come by here ---------------------------------- */

static atomic_int write_error; /* what pwrite answers; 0 = it writes */

static ssize_t failing_pwrite(int file, const void *bytes, size_t size, off_t offset)
{
        if (atomic_load(&write_error)) {
                errno = atomic_load(&write_error);
                return -1;
        }
        return pwrite(file, bytes, size, offset);
}

static void intercept_writes(bool on)
{
        sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
        sqlite3_syscall_ptr function = NULL;
        ssize_t (*replacement)(int, const void *, size_t, off_t) = failing_pwrite;

        if (on)
                memcpy(&function, &replacement, sizeof(function));
        assert_int_equal(vfs->xSetSystemCall(vfs, "pwrite64", function), SQLITE_OK);
        assert_int_equal(vfs->xSetSystemCall(vfs, "pwrite", function), SQLITE_OK);
}

static void wait_until_taken(struct fixture *fixture, struct store_event *event)
{
        int64_t deadline = clock_steady_ms() + SUPPORT_DEADLINE_MS;
        int result;

        while ((result = support_put(fixture->store, event, 1)) != 0 &&
               clock_steady_ms() < deadline)
                usleep(10000);
        assert_int_equal(result, 0);
}

static void fail_and_recover(struct fixture *fixture, int error, int expected)
{
        struct store_event event = support_event("a", "m", "x");
        struct store_state content;
        int64_t done;
        int64_t dead;

        open_store(fixture);
        done = support_put_one(fixture->store, "a", "1", "done");
        dead = support_put_one(fixture->store, "a", "2", "dead");
        support_put_one(fixture->store, "a", "3", "stays");
        atomic_store(&write_error, error);
        assert_int_equal(support_put(fixture->store, &event, 1), expected);
        store_done(fixture->store, done);
        store_dead(fixture->store, dead, "too large");
        assert_int_equal(support_put(fixture->store, &event, 1), expected);
        assert_int_equal(support_write(fixture->store, "k", "a", "b", 0), expected);
        store_get_state(fixture->store, &content);
        assert_true(content.full);
        assert_waiting(fixture->store, "a", "stays");

        /* What could not be written then is written once the disk works again. */
        atomic_store(&write_error, 0);
        wait_until_taken(fixture, &event);
        store_get_state(fixture->store, &content);
        assert_false(content.full);
        close_store(fixture);
        open_store(fixture);
        assert_waiting(fixture->store, "a", "stays x");
        store_get_state(fixture->store, &content);
        assert_int_equal(content.dead_letters, 1);
}

static void nothing_is_lost_while_the_disk_answers_errors(void **state)
{
        intercept_writes(true);
        fail_and_recover(*state, EIO, -EIO);
        intercept_writes(false);
}

static void nothing_is_lost_while_the_disk_has_no_room_at_all(void **state)
{
        intercept_writes(true);
        fail_and_recover(*state, ENOSPC, STORE_E_FULL);
        intercept_writes(false);
}

static void closing_ends_although_the_disk_fails(void **state)
{
        struct fixture *fixture = *state;
        int64_t id;

        intercept_writes(true);
        open_store(fixture);
        id = support_put_one(fixture->store, "a", "1", "x");
        atomic_store(&write_error, EIO);
        store_done(fixture->store, id);
        close_store(fixture);
        atomic_store(&write_error, 0);
        intercept_writes(false);
        open_store(fixture);
        assert_waiting(fixture->store, "a", "x");
}

/* --- the log and the file ------------------------------------------------------------------ */

enum {
        LARGE = 16384,
        LARGE_BATCH = 64
};

static void put_large(struct fixture *fixture, const char *record, int64_t ids[LARGE_BATCH])
{
        struct store_event events[LARGE_BATCH];

        for (int i = 0; i < LARGE_BATCH; i++) {
                events[i] = support_event(i % 2 ? "a" : "b", "m", "");
                events[i].record = record;
                events[i].record_size = LARGE;
        }
        assert_int_equal(support_put(fixture->store, events, LARGE_BATCH), 0);
        for (int i = 0; i < LARGE_BATCH; i++)
                ids[i] = events[i].id;
}

static atomic_bool reading;

/* Reads without a pause, so that the log is nearly always in use. */
static void *read_on(void *context)
{
        thread_enter("test-reader");
        while (atomic_load(&reading)) {
                struct store_rows rows;

                assert_int_equal(support_take(context, "a", 0, 20, &rows), 0);
                store_rows_deinit(&rows);
        }
        return NULL;
}

static void the_log_stays_bounded_though_somebody_reads_all_the_time(void **state)
{
        struct fixture *fixture = *state;
        char *record = mem_new(LARGE, 1);
        int64_t ids[LARGE_BATCH];
        int64_t longest = 0;
        pthread_t readers[2];

        open_store(fixture);
        atomic_store(&reading, true);
        for (int i = 0; i < 2; i++)
                thread_start(&readers[i], read_on, fixture->store);
        for (int64_t written = 0; written < (96 << 20); written += LARGE * LARGE_BATCH) {
                put_large(fixture, record, ids);
                for (int i = 0; i < LARGE_BATCH; i++)
                        store_done(fixture->store, ids[i]);
                longest = log_size(fixture) > longest ? log_size(fixture) : longest;
        }
        atomic_store(&reading, false);
        for (int i = 0; i < 2; i++)
                pthread_join(readers[i], NULL);
        assert_in_range(longest, 1, 48 << 20);
        free(record);
}

static void after_a_backlog_the_file_becomes_small_again(void **state)
{
        struct fixture *fixture = *state;
        int64_t deadline = clock_steady_ms() + SUPPORT_DEADLINE_MS;
        char *record = mem_new(LARGE, 1);
        int64_t ids[40][LARGE_BATCH];
        int64_t largest;

        open_store(fixture);
        for (int i = 0; i < 40; i++)
                put_large(fixture, record, ids[i]);
        close_store(fixture);
        largest = file_size(fixture->file);
        assert_true(largest >= (int64_t)40 * LARGE_BATCH * LARGE);
        open_store(fixture);
        for (int i = 0; i < 40; i++) {
                for (int j = 0; j < LARGE_BATCH; j++)
                        store_done(fixture->store, ids[i][j]);
        }
        /* It shrinks while the store is idle; the log holds it until the file is closed. */
        while (ask_sql(fixture, "PRAGMA page_count") * 4096 > largest / 2 &&
               clock_steady_ms() < deadline)
                usleep(20000);
        close_store(fixture);
        assert_true(file_size(fixture->file) <= largest / 2);
        free(record);
}

/* --- others look in ------------------------------------------------------------------------ */

static void a_killed_stores_file_can_be_read_and_opened(void **state)
{
        struct fixture *fixture = *state;
        struct store_options options = {.backend = "sqlite", .directory = fixture->directory};
        CLEANUP(mem_cleanup) char *command = NULL;
        struct reason reason = REASON_INIT;
        struct fixture other = {.directory = support_directory()};
        struct store_state content;
        struct store *reader;

        /* What is on the disk in the midst of work is what a killed process leaves. */
        open_store(fixture);
        support_put_one(fixture->store, "a", "1", "x");
        command = mem_format("cp %s/store.sqlite* %s/", fixture->directory, other.directory);
        assert_int_equal(system(command), 0);
        options.directory = other.directory;
        assert_int_equal(store_open_to_read(&options, &reader, &reason), 0);
        store_get_state(reader, &content);
        assert_int_equal(content.events, 1);
        store_close(reader);
        open_store(&other);
        assert_waiting(other.store, "a", "x");
        close_store(&other);
        support_remove_directory(other.directory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_store_of_version_1_is_upgraded),
                TEST(a_newer_version_is_refused_and_left_as_it_is),
                TEST(what_is_no_database_is_damaged_and_never_deleted),
                TEST(a_database_of_others_is_no_store),
                TEST(pages_overwritten_with_rubbish_are_damage),
                TEST(a_directory_that_cant_be_made_is_named),
                TEST(an_unknown_backend_is_refused),
                TEST(a_store_that_is_not_there_cant_be_read),
                TEST(a_put_is_answered_after_a_sync_and_what_is_done_needs_none),
                TEST(the_log_is_copied_where_nothing_happens),
                TEST(nothing_is_lost_while_the_disk_answers_errors),
                TEST(nothing_is_lost_while_the_disk_has_no_room_at_all),
                TEST(closing_ends_although_the_disk_fails),
                TEST(the_log_stays_bounded_though_somebody_reads_all_the_time),
                TEST(after_a_backlog_the_file_becomes_small_again),
                TEST(a_killed_stores_file_can_be_read_and_opened),
        };

        log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_AUTO);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
