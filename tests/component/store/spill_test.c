// SPDX-License-Identifier: MIT
/* The promises of store_spill.h: puts are taken while the server is away, and keep their order. */
#include "component/store/support_postgres.h"

#include "base/metrics.h"

#include <stdatomic.h>

#include "store/store_backend.h"

#define PRODUCERS 4

struct fixture {
        char *directory;
        struct store *store;
        struct store_options options;
        pthread_mutex_t mutex;
        struct buf found; /* "record " of each */
        atomic_int found_count;
};

static void note_found(void *context, const struct store_event *event)
{
        struct fixture *fixture = context;

        assert_true(thread_is(STORE_THREAD_READER));
        assert_true(event->id > 0);
        pthread_mutex_lock(&fixture->mutex);
        buf_add(&fixture->found, event->record, event->record_size);
        buf_add_char(&fixture->found, ' ');
        pthread_mutex_unlock(&fixture->mutex);
        fixture->found_count++;
}

static void open_store(struct fixture *fixture)
{
        struct reason reason = REASON_INIT;

        if (store_open(&fixture->options, &fixture->store, &reason) != 0)
                fail_msg("%s", reason.text);
}

/* As a gateway that has all shards. */
static void hear(struct fixture *fixture)
{
        assert_int_equal(store_feed_begin(fixture->store, &support_all_shards), 0);
        store_feed_tell(fixture->store, &support_all_shards);
}

static void close_store(struct fixture *fixture)
{
        store_close(fixture->store);
        fixture->store = NULL;
}

static int setup(void **state)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));

        support_make_tables();
        fixture->directory = support_directory();
        pthread_mutex_init(&fixture->mutex, NULL);
        fixture->options = (struct store_options){.backend = "postgresql",
                                                  .maximum_bytes = 1 << 20,
                                                  .spill_directory = fixture->directory,
                                                  .found = note_found,
                                                  .context = fixture};
        support_use_server(&fixture->options);
        open_store(fixture);
        hear(fixture);
        *state = fixture;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *fixture = *state;

        store_close(fixture->store);
        support_remove_directory(fixture->directory);
        buf_deinit(&fixture->found);
        free(fixture);
        return 0;
}

static struct store_state state_of(struct fixture *fixture)
{
        struct store_state state;

        store_get_state(fixture->store, &state);
        return state;
}

static void wait_until_moved(struct fixture *fixture)
{
        int64_t deadline_ms = clock_steady_ms() + SUPPORT_DEADLINE_MS;

        while (state_of(fixture).spilled > 0 || state_of(fixture).away) {
                assert_true(clock_steady_ms() < deadline_ms);
                usleep(1000);
        }
}

/* Until what was told ends so. */
static void wait_until_told(struct fixture *fixture, const char *end)
{
        int64_t deadline_ms = clock_steady_ms() + SUPPORT_DEADLINE_MS;
        bool told = false;

        while (!told) {
                pthread_mutex_lock(&fixture->mutex);
                told = fixture->found.size >= strlen(end) &&
                       text_equal(fixture->found.data + fixture->found.size - strlen(end), end);
                pthread_mutex_unlock(&fixture->mutex);
                assert_true(clock_steady_ms() < deadline_ms);
                usleep(1000);
        }
}

static void wait_until_found(struct fixture *fixture, int count)
{
        int64_t deadline_ms = clock_steady_ms() + SUPPORT_DEADLINE_MS;

        while (fixture->found_count < count) {
                assert_true(clock_steady_ms() < deadline_ms);
                usleep(1000);
        }
        assert_int_equal(fixture->found_count, count);
}

/* Puts "first", "first + 1", ... of the device "a". */
static void put_numbers(struct fixture *fixture, int first, int end)
{
        for (int i = first; i < end; i++) {
                char text[16];

                snprintf(text, sizeof(text), "%d", i);
                assert_int_equal(support_put_one(fixture->store, "a", text, text), 0);
        }
}

static void assert_numbers(const char *text, int first, int end)
{
        struct buf expected = BUF_INIT;

        for (int i = first; i < end; i++)
                buf_add_format(&expected, "%s%d", i > first ? " " : "", i);
        assert_string_equal(text, buf_text(&expected));
        buf_deinit(&expected);
}

static void assert_waiting_numbers(struct fixture *fixture, int first, int end)
{
        CLEANUP(mem_cleanup) char *waiting = support_waiting(fixture->store, "a");

        assert_numbers(waiting, first, end);
}

static void puts_are_taken_while_the_server_is_away_and_moved_in_order(void **state)
{
        int64_t moved = metrics_counter_value(METRIC_STORE_SPILL_MOVED);
        struct fixture *fixture = *state;

        put_numbers(fixture, 0, 10);
        test_postgres_kill(support_server);
        put_numbers(fixture, 10, 30);
        assert_true(state_of(fixture).away);
        assert_false(state_of(fixture).full);
        assert_int_equal(state_of(fixture).spilled, 20);
        test_postgres_start(support_server);
        wait_until_moved(fixture);
        assert_int_equal(metrics_counter_value(METRIC_STORE_SPILL_MOVED), moved + 20);
        assert_waiting_numbers(fixture, 0, 30);
        assert_int_equal(state_of(fixture).events, 30);
        put_numbers(fixture, 30, 40);
        assert_waiting_numbers(fixture, 0, 40);
        wait_until_found(fixture, 40);
        fixture->found.data[--fixture->found.size] = '\0';
        assert_numbers(buf_text(&fixture->found), 0, 40);
}

/* The gateway reads first what was in the store itself. */
static void what_an_earlier_run_left_is_told_when_the_caller_is_ready(void **state)
{
        struct fixture *fixture = *state;

        put_numbers(fixture, 0, 5);
        test_postgres_kill(support_server);
        put_numbers(fixture, 5, 10);
        close_store(fixture);
        fixture->found_count = 0;
        test_postgres_start(support_server);
        open_store(fixture);
        assert_int_equal(store_feed_begin(fixture->store, &support_all_shards), 0);
        /* Also what is new follows it. */
        put_numbers(fixture, 10, 12);
        wait_until_moved(fixture);
        assert_int_equal(fixture->found_count, 0);
        store_feed_tell(fixture->store, &support_all_shards);
        assert_waiting_numbers(fixture, 0, 12);
        wait_until_told(fixture, "11 ");
}

/* As if it had crashed between the commit and the end of the event in the spill. */
static void what_is_moved_twice_is_stored_once(void **state)
{
        struct fixture *fixture = *state;
        struct store_options spill = {.backend = "sqlite", .directory = fixture->directory};
        struct reason reason = REASON_INIT;
        struct store *again;

        test_postgres_kill(support_server);
        put_numbers(fixture, 0, 5);
        test_postgres_start(support_server);
        wait_until_moved(fixture);
        close_store(fixture);
        assert_int_equal(store_open(&spill, &again, &reason), 0);
        for (int i = 3; i < 7; i++) {
                char text[16];

                snprintf(text, sizeof(text), "%d", i);
                support_put_one(again, "a", text, text);
        }
        store_close(again);
        open_store(fixture);
        hear(fixture);
        wait_until_moved(fixture);
        assert_waiting_numbers(fixture, 0, 7);
        assert_int_equal(state_of(fixture).events, 7);
}

static void a_spill_that_is_full_refuses(void **state)
{
        struct fixture *fixture = *state;
        struct store_event event = support_event("a", "00", "x");
        char message_id[16];
        int result = 0;
        int taken = 0;

        close_store(fixture);
        fixture->options.maximum_bytes = 20 * store_event_size(&event);
        open_store(fixture);
        hear(fixture);
        test_postgres_kill(support_server);
        do {
                snprintf(message_id, sizeof(message_id), "%02d", taken++);
                event.message_id = message_id;
                result = support_put(fixture->store, &event, 1);
        } while (result == 0);
        taken--;
        assert_true(result == STORE_E_FULL || result == STORE_E_SHARE);
        assert_true(taken > 5 && taken <= 20);
        test_postgres_start(support_server);
        wait_until_moved(fixture);
        assert_int_equal(state_of(fixture).events, taken);
        assert_false(state_of(fixture).full);
}

/* --- under load ------------------------------------------------------------------------------ */

struct producer {
        struct fixture *fixture;
        pthread_t thread;
        char device[8];
        atomic_int count; /* acknowledged */
};

static atomic_bool stopping;

static void *produce(void *context)
{
        struct producer *producer = context;

        while (!stopping) {
                char text[16];
                struct store_event event;

                snprintf(text, sizeof(text), "%d", producer->count);
                event = support_event(producer->device, text, text);
                /* Of another device it may be the same text: the id is for all. */
                event.message_id = mem_format("%s-%s", producer->device, text);
                assert_int_equal(support_put(producer->fixture->store, &event, 1), 0);
                free((char *)(uintptr_t)event.message_id);
                producer->count++;
        }
        return NULL;
}

static void check_producer(struct producer *producer)
{
        struct store_rows rows;
        int next = 0;

        assert_int_equal(
                support_take(producer->fixture->store, producer->device, 0, 1000000, &rows), 0);
        for (size_t i = 0; i < rows.count; i++) {
                int number = atoi(rows.events[i].record);

                /* A commit that was not answered may have stored it before the spill did. */
                assert_true(number == next || number == next - 1);
                next = number + 1;
        }
        assert_int_equal(next, producer->count);
        store_rows_deinit(&rows);
}

static void wait_for_more(struct producer *producers, int more)
{
        int64_t deadline_ms = clock_steady_ms() + SUPPORT_DEADLINE_MS;
        atomic_int *count = &producers[0].count;
        int goal = *count + more;

        while (*count < goal) {
                assert_true(clock_steady_ms() < deadline_ms);
                usleep(1000);
        }
}

/* It also ends while puts come without a pause. */
static void under_load_nothing_is_lost_and_all_keep_their_order(void **state)
{
        struct fixture *fixture = *state;
        struct producer producers[PRODUCERS];

        close_store(fixture);
        fixture->options.maximum_bytes = 1 << 30;
        open_store(fixture);
        hear(fixture);
        stopping = false;
        for (int i = 0; i < PRODUCERS; i++) {
                producers[i] = (struct producer){.fixture = fixture};
                snprintf(producers[i].device, sizeof(producers[i].device), "p%d", i);
                pthread_create(&producers[i].thread, NULL, produce, &producers[i]);
        }
        for (int round = 0; round < 3; round++) {
                wait_for_more(producers, 20);
                test_postgres_kill(support_server);
                wait_for_more(producers, 100);
                test_postgres_start(support_server);
                wait_until_moved(fixture);
        }
        stopping = true;
        for (int i = 0; i < PRODUCERS; i++)
                pthread_join(producers[i].thread, NULL);
        wait_until_moved(fixture);
        for (int i = 0; i < PRODUCERS; i++)
                check_producer(&producers[i]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                TEST(puts_are_taken_while_the_server_is_away_and_moved_in_order),
                TEST(what_an_earlier_run_left_is_told_when_the_caller_is_ready),
                TEST(what_is_moved_twice_is_stored_once),
                TEST(a_spill_that_is_full_refuses),
                TEST(under_load_nothing_is_lost_and_all_keep_their_order),
        };
        int failures = 0;

        if (!support_start_postgres())
                return 77;
        failures = cmocka_run_group_tests(tests, NULL, NULL);
        support_stop_server();
        return failures;
}
