// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"

#define MANY 5000

/* --- table ----------------------------------------------------------------------------------- */

struct thing {
        struct table_entry entry;
        char key[16];
};

static struct thing things[MANY];

static void a_table_finds_each_of_many(void **state)
{
        struct table table = TABLE_INIT;

        (void)state;
        assert_null(table_find(&table, "0"));
        for (int i = 0; i < MANY; i++) {
                snprintf(things[i].key, sizeof(things[i].key), "%d", i);
                things[i].entry.key = things[i].key;
                table_add(&table, &things[i].entry);
        }
        for (int i = 0; i < MANY; i += 2)
                table_remove(&table, &things[i].entry);
        assert_int_equal(table.count, MANY / 2);
        for (int i = 0; i < MANY; i++) {
                struct table_entry *found = table_find(&table, things[i].key);

                assert_ptr_equal(found, i % 2 ? &things[i].entry : NULL);
        }
        table_deinit(&table);
        assert_null(table_find(&table, "1"));
}

static void a_hash_is_the_same_in_every_process(void **state)
{
        (void)state;
        assert_true(table_hash("hub1/device-1") == UINT64_C(0x96403ea0a919880f));
}

/* --- texts to pointers ----------------------------------------------------------------------- */

static int values[MANY];

static void fill(struct map *map)
{
        for (int i = 0; i < MANY; i++) {
                char key[16];

                snprintf(key, sizeof(key), "%d", i);
                map_set(map, key, &values[i]);
        }
}

static void a_map_has_the_last_value_of_each_key(void **state)
{
        struct map *map = map_new();

        (void)state;
        assert_null(map_get(map, "1"));
        map_remove(map, "1");
        fill(map);
        map_set(map, "1", &values[7]);
        assert_int_equal(map_count(map), MANY);
        assert_ptr_equal(map_get(map, "1"), &values[7]);
        assert_ptr_equal(map_get(map, "4999"), &values[4999]);
        assert_null(map_get(map, "5000"));
        map_remove(map, "1");
        map_remove(map, "1");
        assert_null(map_get(map, "1"));
        assert_int_equal(map_count(map), MANY - 1);
        map_free(map);
        map_free(NULL);
}

struct visited {
        int count;
        int most;
};

static bool visit(void *context, const char *key, void *value)
{
        struct visited *visited = context;

        assert_int_equal(atoi(key), visited->count);
        assert_ptr_equal(value, &values[visited->count]);
        return ++visited->count < visited->most;
}

static void a_map_is_visited_in_the_order_of_insertion(void **state)
{
        struct map *map = map_new();
        struct visited all = {.most = MANY};
        struct visited some = {.most = 10};

        (void)state;
        fill(map);
        map_each(map, visit, &all);
        assert_int_equal(all.count, MANY);
        map_each(map, visit, &some);
        assert_int_equal(some.count, 10);
        map_free(map);
}

/* Each of many steps costs the same, however long keys have come and gone. */
static void a_map_keeps_no_trace_of_what_was_removed(void **state)
{
        struct map *map = map_new();

        (void)state;
        for (int i = 0; i < 300000; i++) {
                char key[16];

                snprintf(key, sizeof(key), "%d", i);
                map_set(map, key, &values[0]);
                snprintf(key, sizeof(key), "%d", i - 10);
                map_remove(map, key);
                assert_null(map_get(map, key));
        }
        assert_int_equal(map_count(map), 10);
        map_free(map);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_table_finds_each_of_many),
                cmocka_unit_test(a_hash_is_the_same_in_every_process),
                cmocka_unit_test(a_map_has_the_last_value_of_each_key),
                cmocka_unit_test(a_map_is_visited_in_the_order_of_insertion),
                cmocka_unit_test(a_map_keeps_no_trace_of_what_was_removed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
