// SPDX-License-Identifier: MIT
/*
 * What is the PostgreSQL store's own: what it refuses, which rights it needs, a server that goes
 * away or does not answer, and another process that takes the store meanwhile.
 */
#include "component/store/support_postgres.h"

#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/metrics.h"
#include "store/store_backend.h"
#include "support/certificates.h"

#define ANSWER_MS 60000

struct fixture {
        struct store *store;
        struct store_options options;
        struct buf found; /* "record " of each event that was found; on the thread `store-read` */
        atomic_int found_count;
        atomic_int taken;
};

static void note_found(void *context, const struct store_event *event)
{
        struct fixture *fixture = context;

        buf_add(&fixture->found, event->record, event->record_size);
        buf_add_char(&fixture->found, ' ');
        fixture->found_count++;
}

static void note_taken(void *context)
{
        struct fixture *fixture = context;

        fixture->taken++;
}

static int setup(void **state)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));

        support_make_tables();
        fixture->options = (struct store_options){.backend = "postgresql",
                                                  .maximum_bytes = 1 << 30,
                                                  .taken = note_taken,
                                                  .context = fixture};
        support_use_server(&fixture->options);
        fixture->options.server.timeout_ms = ANSWER_MS;
        *state = fixture;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *fixture = *state;

        store_close(fixture->store);
        buf_deinit(&fixture->found);
        free(fixture);
        return 0;
}

static void open_store(struct fixture *fixture)
{
        struct reason reason = REASON_INIT;

        if (store_open(&fixture->options, &fixture->store, &reason) != 0)
                fail_msg("%s", reason.text);
}

static int refused(struct fixture *fixture, struct reason *reason)
{
        *reason = REASON_INIT;
        return store_open(&fixture->options, &fixture->store, reason);
}

static void wait_for_back(struct fixture *fixture)
{
        int64_t deadline_ms = clock_steady_ms() + SUPPORT_DEADLINE_MS;
        struct store_event event = support_event("back", "back", "back");
        int result;

        do {
                event.id = 0;
                result = support_put(fixture->store, &event, 1);
                assert_true(result == 0 || result == STORE_E_AWAY);
                assert_true(clock_steady_ms() < deadline_ms);
        } while (result != 0);
        store_done(fixture->store, event.id);
}

/* --- what is refused ------------------------------------------------------------------------ */

static void a_database_that_is_not_fit_is_refused_with_the_reason(void **state)
{
        struct fixture *fixture = *state;
        struct reason reason;

        test_postgres_run(support_server, "UPDATE isthmus.settings SET value = '99'");
        assert_int_equal(refused(fixture, &reason), STORE_E_VERSION);
        assert_non_null(strstr(reason.text, "newer isthmus"));
        test_postgres_run(support_server, "UPDATE isthmus.settings SET value = '0'");
        assert_int_equal(refused(fixture, &reason), STORE_E_VERSION);
        assert_non_null(strstr(reason.text, "isthmus store migrate"));
        test_postgres_run(support_server, "DROP SCHEMA isthmus CASCADE");
        assert_int_equal(refused(fixture, &reason), STORE_E_VERSION);
        assert_non_null(strstr(reason.text, "isthmus store migrate"));
        fixture->options.server.database = "nothing";
        assert_int_equal(refused(fixture, &reason), STORE_E_AWAY);
        assert_non_null(strstr(reason.text, "\"nothing\" does not exist"));
}

static void a_server_that_would_lose_events_is_refused(void **state)
{
        struct fixture *fixture = *state;
        struct reason reason;

        test_postgres_set(support_server, "fsync", "off");
        assert_int_equal(refused(fixture, &reason), -EINVAL);
        assert_non_null(strstr(reason.text, "fsync is off"));
        test_postgres_set(support_server, "fsync", "on");
        open_store(fixture);
}

/* --- TLS ------------------------------------------------------------------------------------ */

/* A certificate of this host by the authority, for the server. */
static void use_certificate(struct test_ca *ca, const char *directory, const char *host)
{
        CLEANUP(mem_cleanup) char *file = mem_format("%s/server.pem", directory);

        test_ca_issue(ca, &(struct test_certificate){.file = file, .host = host});
        test_postgres_give(support_server, file);
        assert_int_equal(chmod(directory, 0711), 0);
        test_postgres_set(support_server, "ssl_cert_file", file);
        test_postgres_set(support_server, "ssl_key_file", file);
        test_postgres_set(support_server, "ssl", "off");
        test_postgres_set(support_server, "ssl", "on");
}

static void over_a_network_the_servers_certificate_is_verified(void **state)
{
        struct fixture *fixture = *state;
        char *directory = support_directory();
        CLEANUP(mem_cleanup) char *ca_file = mem_format("%s/ca.pem", directory);
        CLEANUP(mem_cleanup)
        char *host = mem_format("localhost:%d", test_postgres_port(support_server));
        const char *hosts[] = {host};
        struct test_ca *ca = test_ca_new(ca_file);
        struct reason reason;

        fixture->options.server.hosts = hosts;
        fixture->options.server.trusted_certificates = ca_file;
        assert_int_equal(refused(fixture, &reason), STORE_E_AWAY);
        assert_non_null(strstr(reason.text, "does not support SSL"));
        use_certificate(ca, directory, "elsewhere.example");
        assert_int_equal(refused(fixture, &reason), STORE_E_AWAY);
        assert_non_null(strstr(reason.text, "does not match host name"));
        use_certificate(ca, directory, "localhost");
        open_store(fixture);
        support_put_one(fixture->store, "a", "1", "x");
        store_close(fixture->store);
        fixture->store = NULL;
        fixture->options.server.trusted_certificates = NULL;
        assert_int_equal(refused(fixture, &reason), STORE_E_AWAY);
        assert_non_null(strstr(reason.text, "certificate verify failed"));
        test_postgres_set(support_server, "ssl", "off");
        test_ca_free(ca);
        support_remove_directory(directory);
}

/* --- rights --------------------------------------------------------------------------------- */

static void a_gateway_needs_no_right_to_change_tables(void **state)
{
        struct fixture *fixture = *state;
        struct reason reason = REASON_INIT;
        struct store_event event = support_event("a", "1", "x");
        const struct store_owner nobody = {.user = NULL};
        const struct store_owner owner = {.user = "isthmus"};

        test_postgres_run(support_server, "DROP SCHEMA isthmus CASCADE");
        test_postgres_run(support_server, "DROP ROLE IF EXISTS gateway");
        test_postgres_run(support_server, "CREATE ROLE gateway LOGIN");
        fixture->options.server.user = "gateway";
        assert_int_equal(store_migrate(&fixture->options, &nobody, &reason), -EIO);
        assert_non_null(strstr(reason.text, "permission denied"));
        assert_int_equal(store_migrate(&fixture->options, &owner, &reason), 0);
        /* Once more changes nothing. */
        assert_int_equal(store_migrate(&fixture->options, &owner, &reason), 0);
        open_store(fixture);
        event.duplicate_window_ms = 1000;
        assert_int_equal(support_put(fixture->store, &event, 1), 0);
        store_dead(fixture->store, event.id, "r");
        support_letters(fixture->store, store_dead_replay, 0);
        assert_waiting(fixture->store, "a", "x");
        store_dead(fixture->store, event.id + 1, "r");
        support_letters(fixture->store, store_dead_drop, 0);
        assert_int_equal(support_write(fixture->store, "k", "a", NULL, 0), 0);
        test_postgres_run(support_server,
                          "DO $$ BEGIN IF has_schema_privilege('gateway', 'isthmus', 'CREATE')"
                          " OR has_table_privilege('gateway', 'isthmus.events', 'TRUNCATE')"
                          " OR has_table_privilege('gateway', 'isthmus.settings', 'UPDATE')"
                          " THEN RAISE 'too many rights'; END IF; END $$");
}

/* --- what comes in ---------------------------------------------------------------------------- */

/* Those with a window of duplicates and those without. */
static void events_of_one_put_keep_their_order(void **state)
{
        struct fixture *fixture = *state;
        struct store_event events[] = {
                support_event("a", "m", "0"), support_event("a", "m", "1"),
                support_event("a", "m", "2"), support_event("a", "m", "3"),
                support_event("a", "n", "4"), support_event("a", "m", "5"),
        };

        events[1].duplicate_window_ms = events[2].duplicate_window_ms = 60000;
        events[4].duplicate_window_ms = 60000;
        open_store(fixture);
        assert_int_equal(support_put(fixture->store, events, ARRAY_SIZE(events)), 0);
        assert_int_equal(events[2].id, 0);
        assert_true(events[0].id < events[1].id && events[1].id < events[3].id);
        assert_true(events[3].id < events[4].id && events[4].id < events[5].id);
        assert_waiting(fixture->store, "a", "0 1 3 4 5");
        store_close(fixture->store);
        open_store(fixture);
        events[1].duplicate_window_ms = 60000;
        assert_int_equal(support_put(fixture->store, &events[1], 1), 0);
        assert_int_equal(events[1].id, 0);
}

static bool has_question_mark(void *context, const struct store_dead_letter *letter)
{
        ++*(int *)context;
        assert_string_equal(letter->reason, "caf?");
        return true;
}

/* Or it would keep all that came with it from being stored. */
static void text_that_is_no_text_is_stored_as_such(void **state)
{
        struct fixture *fixture = *state;
        int letters = 0;

        open_store(fixture);
        store_dead(fixture->store, support_put_one(fixture->store, "a", "1", "x"), "caf\xe9");
        support_put_one(fixture->store, "\xff", "\xfe", "y");
        assert_waiting(fixture->store, "\xff", "y");
        assert_int_equal(store_dead_each(fixture->store, 0, has_question_mark, &letters), 0);
        assert_int_equal(letters, 1);
}

/* --- a server that goes away ------------------------------------------------------------------ */

static void a_server_that_crashes_loses_nothing_that_was_acknowledged(void **state)
{
        struct fixture *fixture = *state;
        CLEANUP(mem_cleanup) char *waiting = NULL;
        struct buf expected = BUF_INIT;

        open_store(fixture);
        for (int round = 0; round < 3; round++) {
                struct store_event event;
                int result;

                for (int i = 0; i < 20; i++) {
                        char text[16];

                        snprintf(text, sizeof(text), "%d.%d", round, i);
                        support_put_one(fixture->store, "a", text, text);
                        buf_add_format(&expected, "%s%s", expected.size > 0 ? " " : "", text);
                }
                test_postgres_kill(support_server);
                event = support_event("lost", "lost", "lost");
                result = support_put(fixture->store, &event, 1);
                assert_int_equal(result, STORE_E_AWAY);
                test_postgres_start(support_server);
                wait_for_back(fixture);
        }
        waiting = support_waiting(fixture->store, "a");
        assert_string_equal(waiting, buf_text(&expected));
        assert_waiting(fixture->store, "lost", "");
        buf_deinit(&expected);
}

static void *begin_feed(void *context)
{
        struct fixture *fixture = context;

        return (void *)(intptr_t)store_feed_begin(fixture->store, &support_all_shards);
}

/* The server stays away. That the thread waits at the cancelling is likely, and not needed. */
static void a_feed_that_can_not_begin_is_cancelled(void **state)
{
        struct fixture *fixture = *state;
        struct store_event event = support_event("lost", "lost", "lost");
        pthread_t thread;
        void *result;

        fixture->options.found = note_found;
        fixture->options.shared = true;
        open_store(fixture);
        test_postgres_kill(support_server);
        pthread_create(&thread, NULL, begin_feed, fixture);
        assert_int_equal(support_put(fixture->store, &event, 1), STORE_E_AWAY);
        store_feed_cancel(fixture->store);
        pthread_join(thread, &result);
        assert_int_equal((intptr_t)result, STORE_E_CLOSED);
        assert_int_equal(store_feed_begin(fixture->store, &support_all_shards), STORE_E_CLOSED);
        test_postgres_start(support_server);
}

/* What was settled while it was away is settled. */
static void what_is_done_meanwhile_is_done_later(void **state)
{
        struct fixture *fixture = *state;
        struct store_state held;
        int64_t ids[3];

        open_store(fixture);
        for (int i = 0; i < 3; i++)
                ids[i] = support_put_one(fixture->store, "a", "m", "x");
        test_postgres_kill(support_server);
        store_done(fixture->store, ids[0]);
        store_dead(fixture->store, ids[1], "r");
        test_postgres_start(support_server);
        wait_for_back(fixture);
        support_flush(fixture->store);
        store_get_state(fixture->store, &held);
        assert_int_equal(held.events, 1);
        assert_int_equal(held.dead_letters, 1);
        assert_waiting(fixture->store, "a", "x");
}

/*
 * The commit takes longer than it is waited for: its events are refused, and yet are stored. They
 * are told of, once, and what the store holds is counted with them.
 */
static void an_event_whose_commit_was_not_answered_is_found(void **state)
{
        struct fixture *fixture = *state;
        struct store_event event = support_event("a", "1", "first");
        struct store_state held;
        int64_t deadline_ms = clock_steady_ms() + SUPPORT_DEADLINE_MS;

        test_postgres_run(support_server,
                          "CREATE FUNCTION isthmus.wait() RETURNS trigger LANGUAGE plpgsql AS"
                          " $$ BEGIN IF NEW.device = 'slow' THEN PERFORM pg_sleep(3); END IF;"
                          " RETURN NULL; END $$;"
                          "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON isthmus.events"
                          " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
                          " EXECUTE FUNCTION isthmus.wait()");
        fixture->options.server.timeout_ms = 500;
        fixture->options.found = note_found;
        open_store(fixture);
        assert_int_equal(store_feed_begin(fixture->store, &support_all_shards), 0);
        store_feed_tell(fixture->store, &support_all_shards);
        while (support_put(fixture->store, &event, 1) != 0)
                assert_true(clock_steady_ms() < deadline_ms);
        event = support_event("slow", "2", "second");
        assert_int_equal(support_put(fixture->store, &event, 1), STORE_E_AWAY);
        do {
                assert_true(clock_steady_ms() < deadline_ms);
                store_get_state(fixture->store, &held);
        } while (fixture->found_count < 2 || held.away);
        assert_int_equal(fixture->taken, 0);
        assert_waiting(fixture->store, "slow", "second");
        support_flush(fixture->store);
        store_get_state(fixture->store, &held);
        assert_int_equal(held.events, 2);
        store_close(fixture->store);
        fixture->store = NULL;
        assert_string_equal(buf_text(&fixture->found), "first second ");
}

/* --- versions --------------------------------------------------------------------------------- */

/* The database as the first version of the tables had it, with something in it. */
static const char first_version[] =
        "DROP TABLE isthmus.members, isthmus.shards;"
        "ALTER TABLE isthmus.events DROP shard, DROP purpose, DROP xid;"
        "ALTER TABLE isthmus.dead_letters DROP shard, DROP purpose;"
        "ALTER TABLE isthmus.records DROP shard, DROP epoch, DROP device;"
        "DELETE FROM isthmus.settings WHERE name <> 'version';"
        "UPDATE isthmus.settings SET value = '1';"
        "INSERT INTO isthmus.records VALUES ('owner', 'id@scope', 0, 'abc\n{device}'),"
        " ('place', 'id@hub', 0, 'abc'), ('assignment', 'abc', 0, '{}'), ('way', 'abc', 0, '{}'),"
        " ('command', E'abc\\n17', 0, 'x'), ('device', 'abc', 0, 'x'),"
        " ('owner', 'm1@scope', 0, E'n/app/m1\\012{device}'),"
        " ('assignment', 'n/app/m1', 0, '{}'), ('way', 'n//m1', 0, '{}')";

static bool count_of_module(void *context, const struct store_record *record)
{
        assert_string_equal(record->device, "n//m1");
        *(int *)context += 1;
        return true;
}

static bool count_record(void *context, const struct store_record *record)
{
        int *count = context;

        assert_string_equal(record->device, "abc");
        *count += 1;
        return true;
}

/* As with devices whose ids are unique whatever the application. */
static void lane_of(const char *device, struct buf *lane)
{
        bool is_module = strncmp(device, "n/", 2) == 0;

        buf_add_text(lane, is_module ? "n//m1" : device);
}

static void the_first_version_is_upgraded(void **state)
{
        static const char *const kinds[] = {"owner", "place", "assignment", "way", "command"};
        struct fixture *fixture = *state;
        struct store_shards shards = {.bits = {0}};
        struct reason reason;
        int count = 0;

        fixture->options.lane_of = lane_of;
        open_store(fixture);
        support_put_one(fixture->store, "abc", "1", "x");
        store_dead(fixture->store, support_put_one(fixture->store, "abc", "2", "y"), "why");
        store_close(fixture->store);
        open_store(fixture);
        test_postgres_run(support_server, first_version);
        reason = REASON_INIT;
        assert_int_equal(
                store_migrate(&fixture->options, &(struct store_owner){.user = NULL}, &reason),
                STORE_E_LOCKED);
        assert_non_null(strstr(reason.text, "stop it first"));
        store_close(fixture->store);
        fixture->store = NULL;
        assert_int_equal(refused(fixture, &reason), STORE_E_VERSION);
        assert_int_equal(
                store_migrate(&fixture->options, &(struct store_owner){.user = NULL}, &reason), 0);
        open_store(fixture);
        store_shards_add(&shards, store_shard_of("abc"));
        support_letters(fixture->store, store_dead_replay, 0);
        assert_waiting(fixture->store, "abc", "x y");
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                assert_int_equal(
                        store_records_each(fixture->store, kinds[i], &shards, count_record, &count),
                        0);
        assert_int_equal(count, 5);
        /* Records of the applications of one device are in the shard of its queue. */
        shards = store_shards_none();
        store_shards_add(&shards, store_shard_of("n//m1"));
        count = 0;
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                assert_int_equal(store_records_each(fixture->store, kinds[i], &shards,
                                                    count_of_module, &count),
                                 0);
        assert_int_equal(count, 3);
        test_postgres_run(support_server,
                          "DO $$ BEGIN IF (SELECT count(*) FROM isthmus.events WHERE shard = 120)"
                          " <> 2 THEN RAISE 'other shards'; END IF; END $$");
}

/* So that members are replaced one by one: the tables are those of the new version already. */
static void an_older_program_goes_on_if_the_newer_tables_allow_it(void **state)
{
        static const struct store_owner none = {.user = NULL};
        struct fixture *fixture = *state;
        struct reason reason = REASON_INIT;

        test_postgres_run(support_server,
                          "UPDATE isthmus.settings SET value = '99' WHERE name = 'version'");
        open_store(fixture);
        support_put_one(fixture->store, "abc", "1", "x");
        assert_int_equal(store_migrate(&fixture->options, &none, &reason), 0);
        store_close(fixture->store);
        fixture->store = NULL;
        test_postgres_run(support_server,
                          "UPDATE isthmus.settings SET value = '98' WHERE name = 'oldest_program'");
        assert_int_equal(refused(fixture, &reason), STORE_E_VERSION);
        assert_int_equal(store_migrate(&fixture->options, &none, &reason), STORE_E_VERSION);
        /* Neither has written another version into it. */
        assert_non_null(strstr(reason.text, "its version is 99"));
}

/* --- fencing ---------------------------------------------------------------------------------- */

static int write_of(struct store *store, const char *device, const char *value)
{
        struct write_call call = {.write = {.record = {.kind = "k",
                                                       .key = "key",
                                                       .device = device,
                                                       .value = value,
                                                       .value_size = value ? strlen(value) : 0},
                                            .done = write_call_done},
                                  .latch = LATCH_INIT};

        store_write(store, &call.write);
        latch_wait(&call.latch, 1);
        return call.result;
}

static bool same_value(void *context, const struct store_record *record)
{
        assert_int_equal(record->value_size, strlen(context));
        assert_memory_equal(record->value, context, record->value_size);
        return true;
}

static void what_another_gateway_has_is_not_written(void **state)
{
        struct fixture *fixture = *state;
        struct store_shards shards = {.bits = {0}};
        char value[] = "first";

        int64_t fenced = metrics_counter_value(METRIC_STORE_FENCED);

        store_shards_add(&shards, store_shard_of("abc"));
        fixture->options.shared = true;
        open_store(fixture);
        assert_int_equal(write_of(fixture->store, "abc", value), 0);
        test_postgres_run(support_server, "UPDATE isthmus.shards SET epoch = 7 WHERE shard = 120");
        assert_int_equal(write_of(fixture->store, "abc", "second"), STORE_E_FENCED);
        assert_int_equal(write_of(fixture->store, "abc", NULL), STORE_E_FENCED);
        assert_int_equal(metrics_counter_value(METRIC_STORE_FENCED), fenced + 2);
        assert_int_equal(store_records_each(fixture->store, "k", &shards, same_value, value), 0);
        assert_int_equal(write_of(fixture->store, "other", "x"), 0);
        assert_int_equal(write_of(fixture->store, NULL, "x"), 0);
        test_postgres_run(support_server, "UPDATE isthmus.shards SET epoch = 0");
        assert_int_equal(write_of(fixture->store, "abc", "x"), 0);
}

static void who_has_the_database_alone_needs_no_shard(void **state)
{
        struct fixture *fixture = *state;
        struct store_shards shards = {.bits = {0}};
        char value[] = "copied";

        store_shards_add(&shards, store_shard_of("abc"));
        test_postgres_run(support_server, "UPDATE isthmus.shards SET epoch = 7, owner = 3");
        open_store(fixture);
        assert_true(store_may_act(fixture->store, store_shard_of("abc")));
        assert_int_equal(write_of(fixture->store, "abc", value), 0);
        assert_int_equal(store_records_each(fixture->store, "k", &shards, same_value, value), 0);
}

/* --- one gateway ------------------------------------------------------------------------------ */

static void a_store_that_was_taken_meanwhile_is_given_up(void **state)
{
        struct fixture *fixture = *state;
        struct store_event event = support_event("a", "1", "x");
        struct reason reason = REASON_INIT;
        struct store *second = NULL;
        int result;

        open_store(fixture);
        support_put_one(fixture->store, "a", "1", "x");
        assert_int_equal(store_open(&fixture->options, &second, &reason), STORE_E_LOCKED);
        test_postgres_run(support_server, "SELECT pg_terminate_backend(pid) FROM pg_locks"
                                          " WHERE locktype = 'advisory' AND objid = 2");
        if (store_open(&fixture->options, &second, &reason) != 0)
                fail_msg("%s", reason.text);
        result = support_put(fixture->store, &event, 1);
        assert_int_equal(result, STORE_E_AWAY);
        while (fixture->taken == 0)
                result = support_put(fixture->store, &event, 1);
        assert_int_equal(result, STORE_E_AWAY);
        store_close(second);
        /* Not even when it is free again: what is in memory here is no longer true. */
        assert_int_equal(support_put(fixture->store, &event, 1), STORE_E_AWAY);
        assert_int_equal(fixture->taken, 1);
        assert_waiting(fixture->store, "a", "x");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                TEST(a_database_that_is_not_fit_is_refused_with_the_reason),
                TEST(a_server_that_would_lose_events_is_refused),
                TEST(over_a_network_the_servers_certificate_is_verified),
                TEST(a_gateway_needs_no_right_to_change_tables),
                TEST(events_of_one_put_keep_their_order),
                TEST(text_that_is_no_text_is_stored_as_such),
                TEST(a_server_that_crashes_loses_nothing_that_was_acknowledged),
                TEST(a_feed_that_can_not_begin_is_cancelled),
                TEST(what_is_done_meanwhile_is_done_later),
                TEST(the_first_version_is_upgraded),
                TEST(an_older_program_goes_on_if_the_newer_tables_allow_it),
                TEST(what_another_gateway_has_is_not_written),
                TEST(who_has_the_database_alone_needs_no_shard),
                TEST(an_event_whose_commit_was_not_answered_is_found),
                TEST(a_store_that_was_taken_meanwhile_is_given_up),
        };
        int failures = 0;

        if (!support_start_postgres())
                return 77;
        failures = cmocka_run_group_tests(tests, NULL, NULL);
        support_stop_server();
        return failures;
}
