// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store_shard.h"

/* Worked out with another implementation of SHA-256: members of two versions must agree. */
static void a_device_is_always_of_the_same_shard(void **state)
{
        (void)state;
        assert_int_equal(store_shard_of("a"), 151);
        assert_int_equal(store_shard_of("v3/app/dev"), 157);
        assert_int_equal(store_shard_of("myriota/modules/0012345678"), 134);
        assert_int_equal(store_shard_of("the-things-stack/app-1/eui-70b3d57ed0001234"), 138);
}

static void a_set_holds_what_was_added_and_not_removed(void **state)
{
        struct store_shards set = store_shards_none();
        struct store_shards all = store_shards_all();

        (void)state;
        assert_int_equal(store_shards_count(&set), 0);
        assert_int_equal(store_shards_count(&all), STORE_SHARDS);
        for (int shard = 0; shard < STORE_SHARDS; shard += 3)
                store_shards_add(&set, shard);
        store_shards_add(&set, 0);
        for (int shard = 0; shard < STORE_SHARDS; shard += 6)
                store_shards_remove(&set, shard);
        store_shards_remove(&set, 1);
        for (int shard = 0; shard < STORE_SHARDS; shard++) {
                assert_int_equal(store_shards_has(&set, shard), shard % 6 == 3);
                assert_true(store_shards_has(&all, shard));
        }
        assert_int_equal(store_shards_count(&set), 43);
}

static void sets_are_walked_joined_and_parted(void **state)
{
        struct store_shards some = store_shards_none();
        struct store_shards left = store_shards_all();
        int visited = 0;

        (void)state;
        assert_int_equal(store_shards_next(&some, 0), STORE_SHARDS);
        store_shards_add(&some, 0);
        store_shards_add(&some, 64);
        store_shards_add(&some, 255);
        store_shards_for_each (shard, &some)
                visited += shard + 1;
        assert_int_equal(visited, 1 + 65 + 256);
        store_shards_remove_all(&left, &some);
        assert_int_equal(store_shards_count(&left), STORE_SHARDS - 3);
        assert_int_equal(store_shards_next(&left, 0), 1);
        store_shards_add_all(&left, &some);
        assert_int_equal(store_shards_count(&left), STORE_SHARDS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_device_is_always_of_the_same_shard),
                cmocka_unit_test(a_set_holds_what_was_added_and_not_removed),
                cmocka_unit_test(sets_are_walked_joined_and_parted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
