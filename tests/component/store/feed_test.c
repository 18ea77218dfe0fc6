// SPDX-License-Identifier: MIT
/*
 * The promises of store_feed.h: each event of the shards that are heard is told exactly once,
 * whoever put it and in whatever order transactions end; and two stores on one database.
 */
#include <postgresql/libpq-fe.h>

#include "component/store/support_postgres.h"

#include "base/metrics.h"
#include "store/store_backend.h"

#define CONNECTIONS 4
#ifdef __SANITIZE_THREAD__
#define STEPS 2000
#else
#define STEPS 10000
#endif
#define DEVICES    24
#define EVENTS_MAX 8192

/* What was told of, in its order; guarded by the mutex. */
struct told {
        pthread_mutex_t mutex;
        int64_t ids[EVENTS_MAX * 2];
        int count;
};

struct fixture {
        struct store *store;
        struct store_options options;
        struct told told;
        PGconn *others[CONNECTIONS];
};

static void note_found(void *context, const struct store_event *event)
{
        struct told *told = context;

        assert_true(thread_is(STORE_THREAD_READER));
        pthread_mutex_lock(&told->mutex);
        assert_true(told->count < EVENTS_MAX * 2);
        told->ids[told->count++] = event->id;
        pthread_mutex_unlock(&told->mutex);
}

static struct store *open_store(const struct store_options *options)
{
        struct reason reason = REASON_INIT;
        struct store *store = NULL;

        if (store_open(options, &store, &reason) != 0)
                fail_msg("%s", reason.text);
        return store;
}

static struct store_options options_of(struct told *told)
{
        struct store_options options = {.backend = "postgresql",
                                        .shared = true,
                                        .maximum_bytes = 1 << 30,
                                        .found = note_found,
                                        .context = told};

        pthread_mutex_init(&told->mutex, NULL);
        support_use_server(&options);
        return options;
}

static void hear(struct store *store, const struct store_shards *shards)
{
        assert_int_equal(store_feed_begin(store, shards), 0);
        store_feed_tell(store, shards);
}

static PGconn *connect_other(void)
{
        const char *host = test_postgres_host(support_server);
        char *folder = mem_text_n(host, strcspn(host, ":"));
        const char *keys[] = {"host", "port", "dbname", "user", "options", NULL};
        const char *values[] = {folder,
                                strchr(host, ':') + 1,
                                "isthmus",
                                "isthmus",
                                "-c search_path=isthmus -c synchronous_commit=off",
                                NULL};
        PGconn *other = PQconnectdbParams(keys, values, 0);

        if (PQstatus(other) != CONNECTION_OK)
                fail_msg("%s", PQerrorMessage(other));
        free(folder);
        return other;
}

static int setup(void **state)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));

        support_make_tables();
        fixture->options = options_of(&fixture->told);
        fixture->store = open_store(&fixture->options);
        for (int i = 0; i < CONNECTIONS; i++)
                fixture->others[i] = connect_other();
        *state = fixture;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *fixture = *state;

        for (int i = 0; i < CONNECTIONS; i++)
                PQfinish(fixture->others[i]);
        store_close(fixture->store);
        free(fixture);
        return 0;
}

/* --- what another one does ------------------------------------------------------------------ */

static void run(PGconn *other, const char *sql)
{
        PGresult *result = PQexec(other, sql);

        if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
                fail_msg("%s: %s", sql, PQerrorMessage(other));
        PQclear(result);
}

static int64_t ask(PGconn *other, const char *sql)
{
        PGresult *result = PQexec(other, sql);
        int64_t number;

        if (PQresultStatus(result) != PGRES_TUPLES_OK)
                fail_msg("%s: %s", sql, PQerrorMessage(other));
        number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
        PQclear(result);
        return number;
}

/* An event of the device; its id. */
static int64_t insert(PGconn *other, const char *device)
{
        char sql[256];

        snprintf(sql, sizeof(sql),
                 "INSERT INTO events (shard, device, size, arrived_ns, message_id, record)"
                 " VALUES (%d, '%s', 100, 1, 'm', 'x') RETURNING id",
                 store_shard_of(device), device);
        return ask(other, sql);
}

/* --- what was told -------------------------------------------------------------------------- */

static int count_told(struct told *told)
{
        int count;

        pthread_mutex_lock(&told->mutex);
        count = told->count;
        pthread_mutex_unlock(&told->mutex);
        return count;
}

static int times_told(struct told *told, int64_t id)
{
        int times = 0;

        pthread_mutex_lock(&told->mutex);
        for (int i = 0; i < told->count; i++)
                times += told->ids[i] == id;
        pthread_mutex_unlock(&told->mutex);
        return times;
}

static void wait_until_told(struct told *told, int64_t id)
{
        int64_t deadline_ms = clock_steady_ms() + SUPPORT_DEADLINE_MS;

        while (times_told(told, id) == 0) {
                assert_true(clock_steady_ms() < deadline_ms);
                usleep(1000);
        }
}

/* So many looks at all shards have been made meanwhile: each tells of an event of the device. */
static void wait_for_looks(struct fixture *fixture, const char *device, int looks)
{
        for (int i = 0; i < looks; i++)
                wait_until_told(&fixture->told, insert(fixture->others[3], device));
}

/* --- tests ---------------------------------------------------------------------------------- */

static void a_lower_id_that_is_committed_last_is_told(void **state)
{
        struct fixture *fixture = *state;
        int64_t early;
        int64_t late;

        hear(fixture->store, &support_all_shards);
        run(fixture->others[0], "BEGIN");
        early = insert(fixture->others[0], "a");
        late = insert(fixture->others[1], "a");
        assert_true(early < late);
        wait_until_told(&fixture->told, late);
        wait_for_looks(fixture, "a", 2);
        assert_int_equal(times_told(&fixture->told, early), 0);
        run(fixture->others[0], "COMMIT");
        wait_until_told(&fixture->told, early);
        wait_for_looks(fixture, "a", 2);
        assert_int_equal(times_told(&fixture->told, early), 1);
        assert_int_equal(times_told(&fixture->told, late), 1);
        assert_int_equal(count_told(&fixture->told), 6);
}

static void what_is_rolled_back_is_not_told(void **state)
{
        struct fixture *fixture = *state;
        int64_t never;

        hear(fixture->store, &support_all_shards);
        run(fixture->others[0], "BEGIN");
        never = insert(fixture->others[0], "a");
        wait_for_looks(fixture, "a", 1);
        run(fixture->others[0], "ROLLBACK");
        wait_for_looks(fixture, "a", 2);
        assert_int_equal(times_told(&fixture->told, never), 0);
        assert_int_equal(count_told(&fixture->told), 3);
}

/* The cursor can't go on meanwhile: all is read again with each look. */
static void a_writing_transaction_that_lasts_holds_nothing_up(void **state)
{
        struct fixture *fixture = *state;
        int64_t again;

        hear(fixture->store, &support_all_shards);
        run(fixture->others[0], "BEGIN; UPDATE counters SET value = value + 1");
        again = metrics_counter_value(METRIC_FEED_AGAIN);
        wait_for_looks(fixture, "a", 4);
        assert_true(metrics_counter_value(METRIC_FEED_AGAIN) - again >= 1 + 2 + 3);
        run(fixture->others[0], "COMMIT");
        wait_for_looks(fixture, "a", 3);
        assert_int_equal(count_told(&fixture->told), 7);
}

/* What was there before comes by takes, and what a take gives that keeps is not told. */
static void what_a_take_keeps_is_not_told(void **state)
{
        struct fixture *fixture = *state;
        struct take_call call = {
                .take = {.device = "a", .maximum = 10, .keeps = true, .done = take_call_done},
                .latch = LATCH_INIT,
                .rows = STORE_ROWS_INIT,
        };
        int64_t before = insert(fixture->others[0], "a");
        int64_t open;
        int64_t between;

        run(fixture->others[1], "BEGIN");
        open = insert(fixture->others[1], "a");
        assert_int_equal(store_feed_begin(fixture->store, &support_all_shards), 0);
        between = insert(fixture->others[0], "a");
        store_take(fixture->store, &call.take);
        latch_wait(&call.latch, 1);
        assert_int_equal(call.rows.count, 2);
        assert_int_equal(call.rows.events[0].id, before);
        assert_int_equal(call.rows.events[1].id, between);
        store_rows_deinit(&call.rows);
        insert(fixture->others[0], "b");
        assert_int_equal(count_told(&fixture->told), 0);
        store_feed_tell(fixture->store, &support_all_shards);
        run(fixture->others[1], "COMMIT");
        wait_until_told(&fixture->told, open);
        wait_for_looks(fixture, "a", 2);
        assert_int_equal(times_told(&fixture->told, before), 0);
        assert_int_equal(times_told(&fixture->told, between), 0);
        assert_int_equal(count_told(&fixture->told), 4);
}

static void only_the_shards_that_are_heard_are_told(void **state)
{
        struct fixture *fixture = *state;
        struct store_shards shards = store_shards_none();
        int64_t missed;
        int64_t other;

        store_shards_add(&shards, store_shard_of("a"));
        store_shards_add(&shards, store_shard_of("b"));
        hear(fixture->store, &shards);
        other = insert(fixture->others[0], "c");
        wait_for_looks(fixture, "a", 1);
        store_shards_remove(&shards, store_shard_of("b"));
        store_feed_end(fixture->store, &shards);
        missed = insert(fixture->others[0], "a");
        wait_for_looks(fixture, "b", 2);
        hear(fixture->store, &shards);
        wait_for_looks(fixture, "a", 2);
        assert_int_equal(times_told(&fixture->told, missed), 0);
        assert_int_equal(times_told(&fixture->told, other), 0);
        assert_int_equal(count_told(&fixture->told), 5);
}

/* More than one look reads at a time; 10,000 of one transaction, and then as many of their own. */
static void a_great_many_are_told_once(void **state)
{
        struct fixture *fixture = *state;
        char sql[256];

        hear(fixture->store, &support_all_shards);
        snprintf(sql, sizeof(sql),
                 "INSERT INTO events (shard, device, size, arrived_ns, message_id, record)"
                 " SELECT %d, 'a', 100, 1, 'm', 'x' FROM generate_series(1, 10000)",
                 store_shard_of("a"));
        run(fixture->others[0], sql);
        wait_until_told(&fixture->told, ask(fixture->others[0], "SELECT max(id) FROM events"));
        wait_for_looks(fixture, "a", 1);
        assert_int_equal(count_told(&fixture->told), 10001);
        for (int i = 1; i < 10001; i++)
                assert_true(fixture->told.ids[i - 1] < fixture->told.ids[i]);
}

/* --- against a model ------------------------------------------------------------------------ */

/* An event by the steps of the test at which things happened to it; 0 = has not. */
struct model_event {
        int64_t id;
        int device;
        int inserted;
        int committed;
};

struct model {
        struct model_event events[EVENTS_MAX];
        int count;
        struct {
                bool open;
                int mine[EVENTS_MAX / CONNECTIONS];
                int count;
        } transactions[CONNECTIONS];
        int committed;
};

static uint32_t draw(uint32_t *seed, uint32_t below)
{
        *seed = *seed * 1664525 + 1013904223;
        return (*seed >> 8) % below;
}

static void model_step(struct fixture *fixture, struct model *model, int step, uint32_t *seed)
{
        int number = (int)draw(seed, CONNECTIONS);
        PGconn *other = fixture->others[number];
        uint32_t what = draw(seed, 10);
        char device[8];
        struct model_event *event;

        if (!model->transactions[number].open) {
                run(other, "BEGIN");
                model->transactions[number].open = true;
        } else if (what < 3) {
                run(other, what < 2 ? "COMMIT" : "ROLLBACK");
                for (int i = 0; i < model->transactions[number].count && what < 2; i++) {
                        model->events[model->transactions[number].mine[i]].committed = step;
                        model->committed++;
                }
                model->transactions[number].open = false;
                model->transactions[number].count = 0;
        } else if (model->count < EVENTS_MAX) {
                event = &model->events[model->count];
                event->device = (int)draw(seed, DEVICES);
                event->inserted = step;
                snprintf(device, sizeof(device), "d%d", event->device);
                event->id = insert(other, device);
                model->transactions[number].mine[model->transactions[number].count++] =
                        model->count++;
        }
}

static struct model_event *event_of(struct model *model, int64_t id)
{
        int low = 0;
        int high = model->count - 1;

        while (low < high) {
                int middle = (low + high) / 2;

                if (model->events[middle].id < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        assert_int_equal(model->events[low].id, id);
        return &model->events[low];
}

/* Exactly those that were committed; none behind one that was put after its commit. */
static void check_model(struct fixture *fixture, struct model *model)
{
        struct told *told = &fixture->told;
        int earliest[DEVICES];

        for (int i = 0; i < DEVICES; i++)
                earliest[i] = STEPS + 1;
        for (int i = told->count - 1; i >= 0; i--) {
                struct model_event *event = event_of(model, told->ids[i]);

                assert_true(event->committed > 0);
                assert_true(event->inserted < earliest[event->device]);
                if (event->committed < earliest[event->device])
                        earliest[event->device] = event->committed;
                event->committed = -event->committed; /* was told */
        }
        for (int i = 0; i < model->count; i++)
                assert_true(model->events[i].committed <= 0);
}

static void random_interleavings_are_told_as_the_model_says(void **state)
{
        struct fixture *fixture = *state;
        static struct model memory;
        struct model *model = &memory;
        uint32_t seed = (uint32_t)getpid();
        int64_t deadline_ms = clock_steady_ms() + SUPPORT_DEADLINE_MS;

        printf("the seed is %u\n", seed);
        hear(fixture->store, &support_all_shards);
        for (int step = 1; step <= STEPS; step++)
                model_step(fixture, model, step, &seed);
        for (int i = 0; i < CONNECTIONS; i++) {
                if (model->transactions[i].open)
                        run(fixture->others[i], "ROLLBACK");
        }
        while (count_told(&fixture->told) < model->committed) {
                if (clock_steady_ms() >= deadline_ms)
                        fail_msg("%d of %d were told", count_told(&fixture->told),
                                 model->committed);
                usleep(1000);
        }
        /* Nothing more comes with later looks. */
        wait_for_looks(fixture, "z", 3);
        fixture->told.count -= 3;
        assert_int_equal(fixture->told.count, model->committed);
        check_model(fixture, model);
}

/* --- how it reads --------------------------------------------------------------------------- */

/* What the server's statistics say of the table, once they have the looks so far. */
static int64_t statistic(struct fixture *fixture, const char *name)
{
        char sql[160];

        snprintf(sql, sizeof(sql), "SELECT %s FROM pg_stat_user_tables WHERE relname = 'events'",
                 name);
        return ask(fixture->others[0], sql);
}

static void a_look_reads_no_more_than_is_new(void **state)
{
        struct fixture *fixture = *state;
        int64_t begun_ms = clock_steady_ms();
        int64_t scans;
        int64_t looks;
        int64_t rows;
        int64_t counts;

        run(fixture->others[0], "INSERT INTO events (shard, device, size, arrived_ns, message_id,"
                                " record) SELECT i % 256, 'd' || i, 100, 1, 'm', 'x' FROM"
                                " generate_series(1, 100000) i");
        run(fixture->others[0], "ANALYZE events");
        assert_int_equal(store_feed_begin(fixture->store, &support_all_shards), 0);
        scans = statistic(fixture, "seq_scan");
        looks = statistic(fixture, "idx_scan");
        rows = statistic(fixture, "idx_tup_fetch");
        store_feed_tell(fixture->store, &support_all_shards);
        /* Each shard is one scan of the index. */
        while (statistic(fixture, "idx_scan") < looks + (int64_t)STORE_SHARDS * 3) {
                wait_for_looks(fixture, "a", 1);
                assert_true(clock_steady_ms() < begun_ms + SUPPORT_DEADLINE_MS);
        }
        /* The whole is counted anew every half a minute. */
        counts = 1 + (clock_steady_ms() - begun_ms) / 30000;
        assert_true(statistic(fixture, "seq_scan") <= scans + counts);
        assert_true(statistic(fixture, "idx_tup_fetch") - rows < 10000);
}

/* --- hints ---------------------------------------------------------------------------------- */

static void a_hint_reaches_the_other_one(void **state)
{
        struct fixture *fixture = *state;
        const struct store_backend *backend = fixture->store->backend;
        void *here = backend->open_hints(&fixture->options);
        void *there = backend->open_hints(&fixture->options);
        struct store_shards sent = store_shards_none();
        struct store_shards heard = store_shards_none();
        int64_t deadline_ms = clock_steady_ms() + SUPPORT_DEADLINE_MS;

        store_shards_add(&sent, 0);
        store_shards_add(&sent, 200);
        /* It listens from here on. */
        backend->hear(there, -1, 0, &heard);
        run(fixture->others[0], "SELECT pg_notify('isthmus_events', 'nothing of ours')");
        backend->hint(here, &sent);
        while (store_shards_count(&heard) == 0) {
                backend->hear(there, -1, CLOCK_NS_PER_MS, &heard);
                assert_true(clock_steady_ms() < deadline_ms);
        }
        assert_memory_equal(&heard, &sent, sizeof(sent));
        backend->close_hints(here);
        backend->close_hints(there);
}

/* --- two stores ----------------------------------------------------------------------------- */

static void what_one_puts_the_other_is_told(void **state)
{
        struct fixture *fixture = *state;
        struct told *told = mem_new(1, sizeof(*told));
        struct store_options options = options_of(told);
        struct store *second = open_store(&options);
        struct store_shards a = store_shards_none();
        struct store_shards b = store_shards_none();
        struct store_event events[] = {support_event("a", "1", "x"), support_event("b", "2", "x"),
                                       support_event("b", "3", "x")};
        int64_t deadline_ms = clock_steady_ms() + SUPPORT_DEADLINE_MS;

        store_shards_add(&a, store_shard_of("a"));
        store_shards_add(&b, store_shard_of("b"));
        hear(fixture->store, &a);
        hear(second, &b);
        assert_int_equal(support_put(fixture->store, events, 3), 0);
        assert_int_equal(events[0].id, 0);
        assert_int_equal(support_put(second, events, 1), 0);
        while (count_told(told) < 2 || count_told(&fixture->told) < 2) {
                assert_true(clock_steady_ms() < deadline_ms);
                usleep(1000);
        }
        /* What one has sent, both forget. */
        store_done(second, told->ids[0]);
        support_flush(second);
        assert_waiting(fixture->store, "b", "x");
        store_close(second);
        free(told);
}

static void a_double_is_known_to_the_other_one(void **state)
{
        struct fixture *fixture = *state;
        struct told *told = mem_new(1, sizeof(*told));
        struct store_options options = options_of(told);
        struct store *second = open_store(&options);

        for (int i = 0; i < 10; i++) {
                char id[8];
                struct store_event event;

                snprintf(id, sizeof(id), "%d", i / 2);
                event = support_event("a", id, id);
                event.duplicate_window_ms = 3600000;
                assert_int_equal(support_put(i % 2 ? second : fixture->store, &event, 1), 0);
        }
        assert_waiting(fixture->store, "a", "0 1 2 3 4");
        store_close(second);
        free(told);
}

/* The one that puts and the one that forgets are not the same: what the first counts follows. */
static void what_others_forget_is_counted(void **state)
{
        struct fixture *fixture = *state;
        struct told *told = mem_new(1, sizeof(*told));
        struct store_options options = options_of(told);
        struct store *second = open_store(&options);
        struct store_event event = support_event("a", "1", "x");
        struct store_state held;

        hear(second, &support_all_shards);
        for (int i = 0; i < 10; i++)
                assert_int_equal(support_put(fixture->store, &event, 1), 0);
        wait_until_told(told, ask(fixture->others[0], "SELECT max(id) FROM events"));
        for (int i = 0; i < 10; i++)
                store_done(second, told->ids[i]);
        support_flush(second);
        store_get_state(fixture->store, &held);
        assert_int_equal(held.events, 10);
        fixture->store->count_at_ns = 0;
        support_flush(fixture->store);
        store_get_state(fixture->store, &held);
        assert_int_equal(held.events, 0);
        store_close(second);
        free(told);
}

/* Whoever has not the task leaves to others what has expired. */
static void one_of_them_removes_what_has_expired(void **state)
{
        static const char count[] = "SELECT (SELECT count(*) FROM seen WHERE expires_ms = 1) +"
                                    " (SELECT count(*) FROM records WHERE expires_ms = 1) +"
                                    " (SELECT count(*) FROM dead_letters)";
        struct fixture *fixture = *state;
        PGconn *other = fixture->others[0];
        struct store_event event = support_event("a", "1", "x");
        int64_t deadline_ms = clock_steady_ms() + SUPPORT_DEADLINE_MS;

        hear(fixture->store, &support_all_shards);
        fixture->store->options.dead_letter_bytes = 1;
        run(other, "INSERT INTO seen VALUES ('\\x00', 1)");
        run(other, "INSERT INTO records VALUES ('k', 'v', 1, '\\x00')");
        for (int i = 0; i < 3; i++)
                assert_int_equal(support_put(fixture->store, &event, 1), 0);
        wait_until_told(&fixture->told, ask(other, "SELECT max(id) FROM events"));
        store_dead(fixture->store, fixture->told.ids[0], "no");
        /* It looks at what there is to be tidied behind each transaction. */
        support_flush(fixture->store);
        support_flush(fixture->store);
        support_flush(fixture->store);
        assert_int_equal(ask(other, count), 3);
        store_share_start(fixture->store);
        while (ask(other, count) > 0) {
                assert_true(clock_steady_ms() < deadline_ms);
                support_flush(fixture->store);
        }
}

struct writing {
        struct store *store;
        pthread_t thread;
        bool backwards;
};

/* The same keys as the other one, in another order: each transaction locks what the other wants. */
static void *write_many(void *context)
{
        struct writing *writing = context;
        struct store_event event = support_event("a", "1", "x");

        for (int round = 0; round < 40; round++) {
                for (int i = 0; i < 200; i++) {
                        char key[16];

                        snprintf(key, sizeof(key), "%d", writing->backwards ? 199 - i : i);
                        store_write_copy(writing->store, &(struct store_record){.kind = "k",
                                                                                .key = key,
                                                                                .value = "v",
                                                                                .value_size = 1});
                }
                /* Refused after a transaction that failed. */
                assert_int_equal(support_put(writing->store, &event, 1), 0);
        }
        return NULL;
}

static void writers_of_the_same_records_get_out_of_each_others_way(void **state)
{
        struct fixture *fixture = *state;
        struct told *told = mem_new(1, sizeof(*told));
        struct store_options options = options_of(told);
        struct store *second = open_store(&options);
        struct writing one = {.store = fixture->store};
        struct writing other = {.store = second, .backwards = true};

        pthread_create(&one.thread, NULL, write_many, &one);
        pthread_create(&other.thread, NULL, write_many, &other);
        pthread_join(one.thread, NULL);
        pthread_join(other.thread, NULL);
        store_close(second);
        free(told);
}

static void one_that_does_not_share_is_refused(void **state)
{
        struct fixture *fixture = *state;
        struct store_options options = fixture->options;
        struct reason reason = REASON_INIT;
        struct store *second = NULL;

        options.shared = false;
        assert_int_equal(store_open(&options, &second, &reason), STORE_E_LOCKED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                TEST(a_lower_id_that_is_committed_last_is_told),
                TEST(what_is_rolled_back_is_not_told),
                TEST(a_writing_transaction_that_lasts_holds_nothing_up),
                TEST(what_a_take_keeps_is_not_told),
                TEST(only_the_shards_that_are_heard_are_told),
                TEST(a_great_many_are_told_once),
                TEST(random_interleavings_are_told_as_the_model_says),
                TEST(a_look_reads_no_more_than_is_new),
                TEST(a_hint_reaches_the_other_one),
                TEST(what_one_puts_the_other_is_told),
                TEST(a_double_is_known_to_the_other_one),
                TEST(what_others_forget_is_counted),
                TEST(one_of_them_removes_what_has_expired),
                TEST(writers_of_the_same_records_get_out_of_each_others_way),
                TEST(one_that_does_not_share_is_refused),
        };
        int failures = 0;

        if (!support_start_postgres())
                return 77;
        failures = cmocka_run_group_tests(tests, NULL, NULL);
        support_stop_server();
        return failures;
}
