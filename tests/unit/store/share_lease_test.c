// SPDX-License-Identifier: MIT
/* What a member may do while its lease lasts, and when it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/share/share_inside.h"

struct fixture {
        struct store store;
        struct store_share share;
};

static int setup(void **state)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));

        fixture->store.share = &fixture->share;
        atomic_store(&fixture->share.acts[7 - STORE_SHARD_FIRST], true);
        atomic_store(&fixture->share.acts[STORE_SHARE_UPKEEP - STORE_SHARD_FIRST], true);
        *state = fixture;
        return 0;
}

static int teardown(void **state)
{
        free(*state);
        return 0;
}

static void set_left(struct fixture *fixture, int64_t left_ns)
{
        atomic_store(&fixture->share.deadline_ns, clock_boot_ns() + left_ns);
}

static void a_member_acts_for_what_it_owns_alone(void **state)
{
        struct fixture *fixture = *state;

        set_left(fixture, 1000 * CLOCK_NS_PER_S);
        assert_true(store_may_act(&fixture->store, 7));
        assert_true(store_may_begin(&fixture->store, 7));
        assert_true(store_may_act(&fixture->store, STORE_SHARE_UPKEEP));
        assert_false(store_may_act(&fixture->store, 8));
        assert_false(store_may_begin(&fixture->store, 8));
        assert_false(store_may_act(&fixture->store, STORE_SHARE_REGISTRIES));
}

static void a_member_does_not_act_when_its_lease_is_over(void **state)
{
        struct fixture *fixture = *state;

        assert_false(store_may_act(&fixture->store, 7));
        set_left(fixture, 0);
        assert_false(store_may_act(&fixture->store, 7));
        assert_false(store_may_begin(&fixture->store, 7));
}

static void with_less_than_a_second_left_nothing_is_begun(void **state)
{
        struct fixture *fixture = *state;
        bool may;

        /* The thread may be held up in between. */
        do {
                set_left(fixture, CLOCK_NS_PER_S);
                may = store_may_act(&fixture->store, 7);
        } while (!may);
        assert_false(store_may_begin(&fixture->store, 7));
}

static void who_takes_no_part_in_a_shared_store_owns_nothing(void **state)
{
        static const struct store_share_backend share;
        static const struct store_backend shared = {.share = &share};
        static const struct store_backend alone = {.share = NULL};
        struct store store = {.backend = &shared, .options = {.shared = true}};

        (void)state;
        assert_false(store_may_act(&store, 7));
        assert_false(store_may_begin(&store, 7));
        store.options.shared = false;
        assert_true(store_may_act(&store, 7));
        store.options.shared = true;
        store.backend = &alone;
        assert_true(store_may_act(&store, 7));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_member_acts_for_what_it_owns_alone),
                TEST(a_member_does_not_act_when_its_lease_is_over),
                TEST(with_less_than_a_second_left_nothing_is_begun),
                TEST(who_takes_no_part_in_a_shared_store_owns_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
