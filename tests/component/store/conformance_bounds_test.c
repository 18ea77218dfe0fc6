// SPDX-License-Identifier: MIT
/* The promises of store.h about what is refused and what gives way, for every backend. */
#include "component/store/conformance.h"

static void open_with_bound(struct fixture *fixture, int64_t maximum_bytes)
{
        close_store(fixture);
        fixture->options.maximum_bytes = maximum_bytes;
        open_store(fixture);
}

static void a_full_store_refuses_whole_puts_and_goes_on_draining(void **state)
{
        struct fixture *fixture = *state;
        struct store_event events[2] = {support_event("a", "1", "0123456789"),
                                        support_event("a", "2", "0123456789")};
        struct store_event other = support_event("b", "1", "0123456789");
        int64_t size = store_event_size(&events[0]);

        open_with_bound(fixture, 3 * size);
        assert_int_equal(support_put(fixture->store, events, 2), 0);
        assert_int_equal(state_of(fixture).bytes, 2 * size);
        assert_false(state_of(fixture).full);
        assert_int_equal(support_put(fixture->store, events, 2), STORE_E_FULL);
        assert_true(state_of(fixture).full);
        assert_int_equal(state_of(fixture).events, 2);
        assert_int_equal(support_put(fixture->store, &other, 1), 0);
        assert_false(state_of(fixture).full);
        assert_int_equal(support_put(fixture->store, events, 1), STORE_E_FULL);

        /* What counts is read from the disk as it was counted in memory. */
        reopen(fixture);
        assert_int_equal(state_of(fixture).bytes, 3 * size);
        assert_int_equal(support_put(fixture->store, &other, 1), STORE_E_FULL);
        store_done(fixture->store, events[0].id);
        store_done(fixture->store, events[1].id);
        assert_int_equal(support_put(fixture->store, events, 1), 0);
}

/* Whoever asks whether it is full before it sends must be told when it is not any more. */
static void room_is_seen_without_a_put(void **state)
{
        struct fixture *fixture = *state;
        struct store_event events[2] = {support_event("a", "1", "0123456789"),
                                        support_event("a", "2", "0123456789")};
        int64_t deadline_ns = clock_steady_ns() + 60 * CLOCK_NS_PER_S;

        open_with_bound(fixture, 3 * store_event_size(&events[0]));
        assert_int_equal(support_put(fixture->store, events, 2), 0);
        assert_int_equal(support_put(fixture->store, events, 2), STORE_E_FULL);
        store_done(fixture->store, events[0].id);
        while (state_of(fixture).full) {
                assert_true(clock_steady_ns() < deadline_ns);
                usleep(1000);
        }
}

/* Puts events of the device one by one; returns the answer that was not 0, `count` how many 0. */
static int put_until_refused(struct fixture *fixture, const char *device, int64_t *count)
{
        struct store_event event = support_event(device, "m", "0123456789");
        int result;

        *count = -1;
        do {
                ++*count;
                result = support_put(fixture->store, &event, 1);
        } while (result == 0);
        return result;
}

static void a_device_that_holds_most_is_refused_first_and_others_go_on(void **state)
{
        struct fixture *fixture = *state;
        struct store_event event = support_event("noisy", "m", "0123456789");
        int64_t bound = 100 * store_event_size(&event);
        int64_t refused = metrics_counter_value(METRIC_STORE_REFUSED_SHARE);
        int64_t before = 101;
        int64_t count;

        open_with_bound(fixture, bound);
        assert_int_equal(put_until_refused(fixture, "noisy", &count), STORE_E_SHARE);
        assert_in_range(count, 50, 51);
        assert_false(state_of(fixture).full);
        assert_true(metrics_counter_value(METRIC_STORE_REFUSED_SHARE) > refused);

        /* Each one after it gets less, and each gets something. */
        for (int i = 0; i < 8; i++) {
                char device[8];

                snprintf(device, sizeof(device), "next%d", i);
                assert_int_equal(put_until_refused(fixture, device, &count), STORE_E_SHARE);
                assert_in_range(count, 1, before);
                before = count;
        }
        assert_false(state_of(fixture).full);

        /* It is remembered over a restart, and forgotten as the events leave. */
        reopen(fixture);
        event = support_event("noisy", "m", "0123456789");
        assert_int_equal(support_put(fixture->store, &event, 1), STORE_E_SHARE);
        assert_int_equal(put_until_refused(fixture, "healthy", &count), STORE_E_SHARE);
        assert_true(count > 0);
        for (int64_t id = 1; id <= 40; id++)
                store_done(fixture->store, id);
        support_flush(fixture->store);
        assert_int_equal(support_put(fixture->store, &event, 1), 0);
}

/* Or one device of a delivery would keep out those beside it. */
static void a_put_of_several_is_refused_only_when_all_hold_too_much(void **state)
{
        struct fixture *fixture = *state;
        struct store_event pair[2] = {support_event("one", "m", "0123456789"),
                                      support_event("two", "m", "0123456789")};
        int64_t count;

        open_with_bound(fixture, 100 * store_event_size(&pair[0]));
        assert_int_equal(put_until_refused(fixture, "one", &count), STORE_E_SHARE);
        assert_int_equal(support_put(fixture->store, pair, 2), 0);
        assert_int_equal(put_until_refused(fixture, "two", &count), STORE_E_SHARE);
        assert_int_equal(support_put(fixture->store, pair, 2), STORE_E_SHARE);
}

/* The outcome of a command, for example. */
static void what_is_owed_is_taken_by_a_full_store(void **state)
{
        struct fixture *fixture = *state;
        struct store_event event = support_event("a", "1", "0123456789");
        struct put_call call = {
                .put = {.events = &event, .count = 1, .owed = true, .done = put_call_done},
                .latch = LATCH_INIT};

        open_with_bound(fixture, store_event_size(&event));
        support_put_one(fixture->store, "b", "2", "0123456789");
        assert_int_equal(support_put(fixture->store, &event, 1), STORE_E_FULL);
        store_put(fixture->store, &call.put);
        latch_wait(&call.latch, 1);
        assert_int_equal(call.result, 0);
        assert_true(event.id > 0);
        assert_waiting(fixture->store, "a", "0123456789");
}

static void dead_letters_take_no_room_of_events(void **state)
{
        struct fixture *fixture = *state;
        struct store_event event = support_event("a", "1", "0123456789");
        int64_t size = store_event_size(&event);

        open_with_bound(fixture, size);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(support_put(fixture->store, &event, 1), 0);
                store_dead(fixture->store, event.id, "12345");
                support_flush(fixture->store);
                assert_int_equal(state_of(fixture).bytes, 0);
                assert_int_equal(state_of(fixture).dead_bytes, (i + 1) * (size + 5));
                reopen(fixture);
                assert_int_equal(state_of(fixture).bytes, 0);
                assert_int_equal(state_of(fixture).dead_bytes, (i + 1) * (size + 5));
        }
}

/* Those that fit; the others stay dead. */
static void replay_ends_at_the_bound(void **state)
{
        struct fixture *fixture = *state;
        struct store_event event = support_event("a", "1", "0123456789");
        int64_t size = store_event_size(&event);
        struct letters_call call = LETTERS_CALL_INIT;

        open_with_bound(fixture, 2 * size);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(support_put(fixture->store, &event, 1), 0);
                store_dead(fixture->store, event.id, "12345");
                support_flush(fixture->store);
        }
        store_dead_replay(fixture->store, &call.letters);
        latch_wait(&call.latch, 1);
        assert_int_equal(call.letters.changed, 2);
        assert_int_equal(call.letters.left, 1);
        assert_true(call.letters.more);
        assert_int_equal(state_of(fixture).bytes, 2 * size);
        assert_int_equal(state_of(fixture).dead_bytes, size + 5);
        buf_deinit(&call.replayed);
        reopen(fixture);
        assert_int_equal(state_of(fixture).bytes, 2 * size);
}

static void wait_for_letters(struct fixture *fixture, int64_t count)
{
        int64_t deadline = clock_steady_ms() + SUPPORT_DEADLINE_MS;

        while (state_of(fixture).dead_letters != count && clock_steady_ms() < deadline)
                usleep(1000);
        assert_int_equal(state_of(fixture).dead_letters, count);
}

static void the_letters_that_died_first_give_way_when_they_are_too_many(void **state)
{
        struct fixture *fixture = *state;
        int64_t dropped = metrics_counter_value(METRIC_DEAD_DROPPED);
        struct store_event event = support_event("a", "1", "0");
        int64_t ids[5];

        close_store(fixture);
        fixture->options.dead_letter_bytes = 3 * (store_event_size(&event) + 1);
        open_store(fixture);
        for (int i = 0; i < 5; i++) {
                char text[2] = {(char)('0' + i), '\0'};

                ids[i] = support_put_one(fixture->store, "a", "1", text);
        }
        /* Not in the order of their ids. */
        for (int i = 4; i >= 0; i--) {
                int64_t dead_ms;

                store_dead(fixture->store, ids[i], "r");
                support_flush(fixture->store);
                /* The next one dies in another millisecond. */
                dead_ms = clock_steady_ms();
                while (clock_steady_ms() - dead_ms < 2)
                        continue;
        }
        wait_for_letters(fixture, 3);
        assert_string_equal(letters_of(fixture, 8).text, "0(r) 1(r) 2(r) ");
        assert_int_equal(metrics_counter_value(METRIC_DEAD_DROPPED) - dropped, 2);
        assert_true(state_of(fixture).dead_bytes <= fixture->options.dead_letter_bytes);

        /* More than one transaction takes; and so at the next start. */
        close_store(fixture);
        fixture->options.dead_letter_bytes = 1;
        open_store(fixture);
        wait_for_letters(fixture, 0);
        assert_int_equal(state_of(fixture).dead_bytes, 0);
}

static void letters_give_way_when_they_are_too_old(void **state)
{
        struct fixture *fixture = *state;
        int64_t id = support_put_one(fixture->store, "a", "1", "x");
        int64_t died_ms;

        store_dead(fixture->store, id, "r");
        support_put_one(fixture->store, "a", "2", "waits");
        close_store(fixture);
        fixture->options.dead_letter_ms = 3600000;
        open_store(fixture);
        assert_int_equal(letters_of(fixture, 8).count, 1);
        close_store(fixture);
        died_ms = clock_steady_ms();
        while (clock_steady_ms() - died_ms < 2)
                continue;
        fixture->options.dead_letter_ms = 1;
        open_store(fixture);
        wait_for_letters(fixture, 0);
        assert_waiting(fixture->store, "a", "waits");
}

/* --- the store's own time --------------------------------------------------------------------- */

static int64_t wall_step_ms;

int64_t __real_clock_wall_ms(void);
int64_t __wrap_clock_wall_ms(void);

int64_t __wrap_clock_wall_ms(void)
{
        return __real_clock_wall_ms() + wall_step_ms;
}

static bool count_record(void *context, const struct store_record *record)
{
        (void)record;
        ++*(int *)context;
        return true;
}

static void a_step_of_the_wall_clock_removes_nothing_too_early(void **state)
{
        static const int64_t day_ms = INT64_C(24) * 3600 * 1000;
        struct fixture *fixture = *state;
        struct store_event event = support_event("a", "seen", "x");

        close_store(fixture);
        fixture->options.dead_letter_ms = 3600000;
        open_store(fixture);
        store_dead(fixture->store, support_put_one(fixture->store, "a", "1", "dead"), "r");
        assert_int_equal(support_write(fixture->store, "k", "a", "x", 3600000), 0);
        event.duplicate_window_ms = 3600000;
        assert_int_equal(support_put(fixture->store, &event, 1), 0);
        for (int step = -1; step <= 2; step++) {
                int records = 0;

                /* Before the store is opened, and while it is open. */
                wall_step_ms = step * 3 * day_ms;
                close_store(fixture);
                open_store(fixture);
                wall_step_ms += day_ms;
                event.duplicate_window_ms = 3600000;
                assert_int_equal(support_put(fixture->store, &event, 1), 0);
                assert_int_equal(event.id, 0);
                assert_int_equal(
                        store_records_each(fixture->store, "k", NULL, count_record, &records), 0);
                assert_int_equal(records, 1);
                assert_int_equal(letters_of(fixture, 8).count, 1);
        }
        wall_step_ms = 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_full_store_refuses_whole_puts_and_goes_on_draining),
                TEST(room_is_seen_without_a_put),
                TEST(a_device_that_holds_most_is_refused_first_and_others_go_on),
                TEST(a_put_of_several_is_refused_only_when_all_hold_too_much),
                TEST(what_is_owed_is_taken_by_a_full_store),
                TEST(dead_letters_take_no_room_of_events),
                TEST(replay_ends_at_the_bound),
                TEST(the_letters_that_died_first_give_way_when_they_are_too_many),
                TEST(letters_give_way_when_they_are_too_old),
                TEST(a_step_of_the_wall_clock_removes_nothing_too_early),
        };

        return run_for_every_backend(tests, ARRAY_SIZE(tests));
}
