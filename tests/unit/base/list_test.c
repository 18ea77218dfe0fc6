// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

#include "base/error.h"

struct item {
        int number;
        struct list_node node;
};

static void fill(struct list *list, struct item *items, int count)
{
        list_init(list);
        for (int i = 0; i < count; i++) {
                items[i].number = i;
                list_push_back(list, &items[i].node);
        }
}

/* The numbers on the list, in order, forwards and backwards. */
static void check_order(struct list *list, const int *expected, size_t count)
{
        struct list_node *back = list->head.previous;
        size_t i = 0;

        assert_int_equal(list->count, count);
        assert_int_equal(list_is_empty(list), count == 0);
        for (struct list_node *node = list->head.next; node != &list->head; node = node->next) {
                assert_true(i < count);
                assert_ptr_equal(node->previous->next, node);
                assert_int_equal(list_entry(node, struct item, node)->number, expected[i++]);
        }
        assert_int_equal(i, count);
        for (; back != &list->head; back = back->previous)
                assert_int_equal(list_entry(back, struct item, node)->number, expected[--i]);
        assert_int_equal(i, 0);
}

static void test_pushes_at_both_ends(void **state)
{
        struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
        struct list list;

        (void)state;
        list_init(&list);
        check_order(&list, NULL, 0);
        list_push_back(&list, &items[1].node);
        list_push_back(&list, &items[2].node);
        list_push_front(&list, &items[0].node);
        check_order(&list, (const int[]){0, 1, 2}, 3);
}

static void test_inserts_behind_a_node(void **state)
{
        struct item items[3];
        struct item extra = {.number = 9};
        struct list list;

        (void)state;
        fill(&list, items, 3);
        list_insert_after(&list, &items[1].node, &extra.node);
        check_order(&list, (const int[]){0, 1, 9, 2}, 4);
}

static void test_removes_anywhere(void **state)
{
        struct item items[4];
        struct list list;

        (void)state;
        fill(&list, items, 4);
        list_remove(&list, &items[2].node);
        check_order(&list, (const int[]){0, 1, 3}, 3);
        assert_null(items[2].node.next);
        assert_null(items[2].node.previous);
        list_remove(&list, &items[0].node);
        list_remove(&list, &items[3].node);
        check_order(&list, (const int[]){1}, 1);
        list_remove(&list, &items[1].node);
        check_order(&list, NULL, 0);
}

static void test_pops_in_order_and_then_nothing(void **state)
{
        struct item items[2];
        struct list list;

        (void)state;
        fill(&list, items, 2);
        assert_ptr_equal(list_pop_front(&list), &items[0].node);
        assert_ptr_equal(list_pop_front(&list), &items[1].node);
        assert_null(list_pop_front(&list));
        check_order(&list, NULL, 0);
}

static void test_the_loop_allows_removal(void **state)
{
        struct item items[5];
        struct list list;
        int seen = 0;

        (void)state;
        fill(&list, items, 5);
        list_for_each_safe (node, &list) {
                if (list_entry(node, struct item, node)->number % 2 == 0)
                        list_remove(&list, node);
                seen++;
        }
        assert_int_equal(seen, 5);
        check_order(&list, (const int[]){1, 3}, 2);
        seen = 0;
        list_for_each (node, &list)
                seen += list_entry(node, struct item, node)->number;
        assert_int_equal(seen, 4);
}

static void test_splices_all_to_the_end(void **state)
{
        struct item items[4];
        struct list to;
        struct list from;

        (void)state;
        fill(&to, items, 2);
        list_init(&from);
        list_splice_back(&to, &from);
        check_order(&to, (const int[]){0, 1}, 2);
        items[2].number = 2;
        items[3].number = 3;
        list_push_back(&from, &items[2].node);
        list_push_back(&from, &items[3].node);
        list_splice_back(&to, &from);
        check_order(&to, (const int[]){0, 1, 2, 3}, 4);
        check_order(&from, NULL, 0);
        list_splice_back(&from, &to);
        check_order(&from, (const int[]){0, 1, 2, 3}, 4);
        check_order(&to, NULL, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pushes_at_both_ends),
                cmocka_unit_test(test_inserts_behind_a_node),
                cmocka_unit_test(test_removes_anywhere),
                cmocka_unit_test(test_pops_in_order_and_then_nothing),
                cmocka_unit_test(test_the_loop_allows_removal),
                cmocka_unit_test(test_splices_all_to_the_end),
        };

        return cmocka_run_group_tests_name("base.list", tests, NULL, NULL);
}
