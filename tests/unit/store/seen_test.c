// SPDX-License-Identifier: MIT
/* store_seen.h against a plain list of what should be in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/sqlite/store_seen.h"

#define ROWS 20000

static void id_of(char text[16], int number)
{
        snprintf(text, 16, "id-%d", number);
}

/* Is `row` among those that may hold the id of `number`, and how many are there? */
static bool finds(const struct store_seen *seen, int number, int64_t now_ms, int64_t row,
                  int *count)
{
        struct store_seen_search search;
        bool found = false;
        char text[16];
        int64_t at;

        *count = 0;
        id_of(text, number);
        store_seen_search(seen, text, &search);
        while (store_seen_next(seen, &search, now_ms, &at)) {
                found = found || at == row;
                (*count)++;
        }
        return found;
}

static void push(struct store_seen *seen, int number, int64_t expires_ms)
{
        char text[16];

        id_of(text, number);
        store_seen_push(seen, store_seen_next_row(seen), text, expires_ms);
}

static void rows_are_found_until_they_expire(void **state)
{
        struct store_seen *seen = store_seen_new();
        int count;

        (void)state;
        assert_false(finds(seen, 1, 0, 1, &count));
        push(seen, 1, 100);
        assert_true(finds(seen, 1, 99, 1, &count));
        assert_false(finds(seen, 1, 100, 1, &count));
        assert_false(finds(seen, 2, 0, 1, &count));
        store_seen_free(seen);
}

static void the_same_id_may_be_there_several_times(void **state)
{
        struct store_seen *seen = store_seen_new();
        int count;

        (void)state;
        push(seen, 1, 100);
        push(seen, 2, 100);
        push(seen, 1, 200);
        assert_true(finds(seen, 1, 0, 1, &count));
        assert_true(finds(seen, 1, 0, 3, &count));
        assert_int_equal(count, 2);
        assert_true(finds(seen, 1, 150, 3, &count));
        assert_int_equal(count, 1);
        store_seen_free(seen);
}

static void the_first_row_may_have_any_number(void **state)
{
        struct store_seen *seen = store_seen_new();
        int count;

        (void)state;
        store_seen_push(seen, 5000, "id-1", 100);
        assert_int_equal(store_seen_first_row(seen), 5000);
        assert_int_equal(store_seen_next_row(seen), 5001);
        assert_true(finds(seen, 1, 0, 5000, &count));
        store_seen_forget(seen, 5001);
        assert_int_equal(store_seen_next_row(seen), 5001);
        store_seen_free(seen);
}

static void expired_and_surplus_rows_leave_at_the_front(void **state)
{
        struct store_seen *seen = store_seen_new();

        (void)state;
        assert_int_equal(store_seen_keep_from(seen, 0, 10, 10), store_seen_first_row(seen));
        for (int i = 1; i <= 10; i++)
                push(seen, i, i * 10);
        assert_int_equal(store_seen_keep_from(seen, 0, 100, 100), 1);
        assert_int_equal(store_seen_keep_from(seen, 35, 100, 100), 4);
        assert_int_equal(store_seen_keep_from(seen, 35, 100, 2), 3);
        assert_int_equal(store_seen_keep_from(seen, 0, 4, 100), 7);
        assert_int_equal(store_seen_keep_from(seen, 1000, 100, 100), 11);
        store_seen_free(seen);
}

/* As many rows at a time as make the tables grow; the ring and the hash table wrap often. */
static void a_long_life_at_random(void **state)
{
        struct store_seen *seen = store_seen_new();
        int *numbers = calloc(ROWS + 1, sizeof(*numbers)); /* by row */
        int64_t first = 1;
        int64_t next = 1;
        int count;

        (void)state;
        srandom(7);
        while (next <= ROWS) {
                for (long pushed = random() % 300; pushed > 0 && next <= ROWS; pushed--, next++) {
                        numbers[next] = (int)(random() % 5000);
                        push(seen, numbers[next], 100);
                }
                if (random() % 4 == 0 && next - first > 20) {
                        next -= random() % 20;
                        store_seen_cut(seen, next);
                }
                while (next - first > 3000 + random() % 3000)
                        store_seen_forget(seen, ++first);
                assert_int_equal(store_seen_first_row(seen), first);
                assert_int_equal(store_seen_next_row(seen), next);
                for (int i = 0; i < 50 && next > first; i++) {
                        int64_t row = first + random() % (next - first);

                        assert_true(finds(seen, numbers[row], 0, row, &count));
                }
        }
        for (int64_t row = first; row < next; row++)
                assert_true(finds(seen, numbers[row], 0, row, &count));
        for (int64_t row = first - 1; row > 0 && row > first - 1000; row--)
                assert_false(finds(seen, numbers[row], 0, row, &count));
        store_seen_forget(seen, next);
        for (int number = 0; number < 5000; number++)
                assert_false(finds(seen, number, 0, 1, &count));
        free(numbers);
        store_seen_free(seen);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_are_found_until_they_expire),
                cmocka_unit_test(the_same_id_may_be_there_several_times),
                cmocka_unit_test(the_first_row_may_have_any_number),
                cmocka_unit_test(expired_and_surplus_rows_leave_at_the_front),
                cmocka_unit_test(a_long_life_at_random),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
