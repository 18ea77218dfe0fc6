// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store_ids.h"

static void add(struct store_ids *list, int64_t id)
{
        store_ids_add(list, &id, 1);
}

static void sorting_drops_repetitions(void **state)
{
        static const int64_t sorted[] = {-1, 2, 3, 7};
        struct store_ids list = {.ids = NULL};

        (void)state;
        store_ids_sort(&list);
        assert_int_equal(list.count, 0);
        add(&list, 3);
        store_ids_sort(&list);
        assert_int_equal(list.count, 1);
        add(&list, 7);
        add(&list, 2);
        add(&list, 3);
        add(&list, -1);
        add(&list, 7);
        store_ids_sort(&list);
        assert_int_equal(list.count, 4);
        assert_memory_equal(list.ids, sorted, sizeof(sorted));
        store_ids_deinit(&list);
}

static void only_repetitions_become_one(void **state)
{
        struct store_ids list = {.ids = NULL};

        (void)state;
        for (int i = 0; i < 5; i++)
                add(&list, 9);
        store_ids_sort(&list);
        assert_int_equal(list.count, 1);
        store_ids_deinit(&list);
}

static void what_is_there_is_found(void **state)
{
        struct store_ids list = {.ids = NULL};

        (void)state;
        assert_false(store_ids_has(&list, 0));
        for (int64_t id = 0; id < 100; id += 2)
                add(&list, id);
        for (int64_t id = 0; id < 100; id++)
                assert_int_equal(store_ids_has(&list, id), id % 2 == 0);
        store_ids_deinit(&list);
}

static void the_first_ones_are_taken_away(void **state)
{
        struct store_ids list = {.ids = NULL};

        (void)state;
        for (int64_t id = 0; id < 10; id++)
                add(&list, id);
        store_ids_remove_first(&list, 0);
        assert_int_equal(list.count, 10);
        store_ids_remove_first(&list, 4);
        assert_int_equal(list.count, 6);
        assert_int_equal(list.ids[0], 4);
        assert_int_equal(list.ids[5], 9);
        store_ids_remove_first(&list, 6);
        assert_int_equal(list.count, 0);
        store_ids_deinit(&list);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sorting_drops_repetitions),
                cmocka_unit_test(only_repetitions_become_one),
                cmocka_unit_test(what_is_there_is_found),
                cmocka_unit_test(the_first_ones_are_taken_away),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
