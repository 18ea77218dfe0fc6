// SPDX-License-Identifier: MIT
/* The promises of store.h about dead letters, for every backend in the table. */
#include "component/store/conformance.h"

static void the_dead_are_kept_with_their_reason(void **state)
{
        struct fixture *fixture = *state;
        struct letters letters = {.limit = 8};
        int64_t first = support_put_one(fixture->store, "a", "1", "x");
        int64_t second = support_put_one(fixture->store, "a", "2", "y");

        support_put_one(fixture->store, "a", "3", "z");
        store_dead(fixture->store, second, "too large");
        store_dead(fixture->store, first, "no formatter");
        store_dead(fixture->store, first + 1000, "unknown");
        assert_waiting(fixture->store, "a", "z");
        reopen(fixture);
        assert_waiting(fixture->store, "a", "z");
        letters = letters_of(fixture, 8);
        assert_string_equal(letters.text, "x(no formatter) y(too large) ");
        assert_int_equal(letters_of(fixture, 1).count, 1);
        assert_int_equal(state_of(fixture).dead_letters, 2);
        assert_int_equal(state_of(fixture).events, 1);

        letters = (struct letters){.limit = 8};
        assert_int_equal(store_dead_each(fixture->store, second - 1, note_letter, &letters), 0);
        assert_string_equal(letters.text, "y(too large) ");
        letters = (struct letters){.limit = 8};
        assert_int_equal(store_dead_each(fixture->store, second, note_letter, &letters), 0);
        assert_int_equal(letters.count, 0);
}

static void replay_puts_letters_behind_what_waits(void **state)
{
        struct fixture *fixture = *state;
        struct store_rows rows;
        int64_t first = support_put_one(fixture->store, "a", "1", "x");
        int64_t second = support_put_one(fixture->store, "a", "2", "y");
        int64_t third = support_put_one(fixture->store, "a", "3", "z");

        store_dead(fixture->store, first, "r");
        store_dead(fixture->store, second, "r");
        support_letters(fixture->store, store_dead_replay, first);
        support_flush(fixture->store);
        assert_int_equal(support_take(fixture->store, "a", 0, 10, &rows), 0);
        assert_int_equal(rows.count, 2);
        assert_int_equal(rows.events[0].id, third);
        assert_true(rows.events[1].id > third);
        assert_memory_equal(rows.events[1].record, "x", 1);
        assert_string_equal(rows.events[1].message_id, "1");
        store_rows_deinit(&rows);
        assert_string_equal(letters_of(fixture, 8).text, "y(r) ");
}

static void all_letters_are_replayed_or_dropped(void **state)
{
        struct fixture *fixture = *state;
        struct letters letters;
        int64_t ids[4];

        for (int i = 0; i < 4; i++) {
                char text[2] = {(char)('0' + i), '\0'};

                ids[i] = support_put_one(fixture->store, "a", text, text);
                store_dead(fixture->store, ids[i], "r");
        }
        support_letters(fixture->store, store_dead_drop, ids[1]);
        support_letters(fixture->store, store_dead_replay, 0);
        assert_string_equal(letters_of(fixture, 8).text, "");
        assert_waiting(fixture->store, "a", "0 2 3");
        assert_int_equal(state_of(fixture).dead_letters, 0);
        assert_int_equal(state_of(fixture).events, 3);

        ids[0] = support_put_one(fixture->store, "a", "9", "9");
        store_dead(fixture->store, ids[0], "r");
        letters = letters_of(fixture, 8);
        assert_int_equal(letters.count, 1);
        support_letters(fixture->store, store_dead_drop, 0);
        assert_int_equal(letters_of(fixture, 8).count, 0);
}

/* More than one transaction takes. */
static void many_letters_are_replayed_in_order(void **state)
{
        enum {
                COUNT = 600
        };
        struct fixture *fixture = *state;
        struct store_event *events = mem_new(COUNT, sizeof(*events));
        struct store_rows rows;
        int64_t last;

        for (int i = 0; i < COUNT; i++)
                events[i] = support_event("a", "m", "x");
        assert_int_equal(support_put(fixture->store, events, COUNT), 0);
        for (int i = 0; i < COUNT; i++)
                store_dead(fixture->store, events[i].id, "r");
        support_letters(fixture->store, store_dead_replay, 0);
        last = events[COUNT - 1].id;
        close_store(fixture);
        open_store(fixture);
        assert_int_equal(state_of(fixture).events, COUNT);
        assert_int_equal(state_of(fixture).dead_letters, 0);
        assert_int_equal(support_take(fixture->store, "a", last, COUNT, &rows), 0);
        assert_int_equal(rows.count, COUNT);
        store_rows_deinit(&rows);
        free(events);
}

/* Their order is that of their acceptance, and each is told of once it is stored. */
static void replayed_events_are_told_of_in_their_order(void **state)
{
        struct fixture *fixture = *state;
        struct letters_call call = LETTERS_CALL_INIT;
        struct letters_call rest = LETTERS_CALL_INIT;
        CLEANUP(mem_cleanup) char *told = NULL;
        int64_t ids[4];
        int64_t later;

        for (int i = 0; i < 4; i++) {
                char text[2] = {(char)('0' + i), '\0'};

                ids[i] = support_put_one(fixture->store, i % 2 ? "b" : "a", text, text);
                store_dead(fixture->store, ids[i], "r");
        }
        support_put_one(fixture->store, "a", "w", "waits");
        support_flush(fixture->store);
        call.letters.maximum = 3;
        store_dead_replay(fixture->store, &call.letters);
        later = support_put_one(fixture->store, "a", "l", "later");
        latch_wait(&call.latch, 1);
        assert_int_equal(call.result, 0);
        assert_int_equal(call.letters.changed, 3);
        assert_int_equal(call.letters.left, 1);
        assert_true(call.letters.more);
        told = mem_format("%ld:0 %ld:1 %ld:2 ", (long)later - 3, (long)later - 2, (long)later - 1);
        assert_string_equal(buf_text(&call.replayed), told);
        assert_waiting(fixture->store, "a", "waits 0 2 later");
        assert_waiting(fixture->store, "b", "1");

        /* What has died since it was begun is none of its affair. */
        store_dead(fixture->store, later, "again");
        rest.letters.end = call.letters.end;
        store_dead_replay(fixture->store, &rest.letters);
        latch_wait(&rest.latch, 1);
        assert_int_equal(rest.letters.changed, 1);
        assert_int_equal(rest.letters.left, 1);
        assert_false(rest.letters.more);
        assert_waiting(fixture->store, "b", "1 3");
        buf_deinit(&call.replayed);
        buf_deinit(&rest.replayed);
}

static void chosen_letters_are_changed_and_no_others(void **state)
{
        struct fixture *fixture = *state;
        struct letters_call call = LETTERS_CALL_INIT;
        int64_t ids[4];
        int64_t chosen[3];

        for (int i = 0; i < 4; i++) {
                char text[2] = {(char)('0' + i), '\0'};

                ids[i] = support_put_one(fixture->store, "a", text, text);
                store_dead(fixture->store, ids[i], "r");
        }
        chosen[0] = ids[0];
        chosen[1] = ids[3];
        chosen[2] = ids[3] + 1000; /* there is none */
        call.letters.ids = chosen;
        call.letters.count = 3;
        store_dead_drop(fixture->store, &call.letters);
        latch_wait(&call.latch, 1);
        assert_int_equal(call.letters.changed, 2);
        assert_int_equal(call.letters.left, 2);
        assert_false(call.letters.more);
        assert_string_equal(letters_of(fixture, 8).text, "1(r) 2(r) ");
        assert_waiting(fixture->store, "a", "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_dead_are_kept_with_their_reason),
                TEST(replay_puts_letters_behind_what_waits),
                TEST(all_letters_are_replayed_or_dropped),
                TEST(many_letters_are_replayed_in_order),
                TEST(replayed_events_are_told_of_in_their_order),
                TEST(chosen_letters_are_changed_and_no_others),
        };

        return run_for_every_backend(tests, ARRAY_SIZE(tests));
}
