// SPDX-License-Identifier: MIT
/* A store that is not shared: its one process owns all, always. */
#include "component/store/support.h"

struct heard {
        struct store_shards gained;
        struct store_shards release;
        int tasks[STORE_SHARE_TASKS];
        int members;
        int asked;
};

static void note_gained(void *context, const struct store_shards *shards)
{
        ((struct heard *)context)->gained = *shards;
}

static void note_release(void *context, const struct store_shards *shards)
{
        ((struct heard *)context)->release = *shards;
}

static void note_task(void *context, int task, bool held)
{
        ((struct heard *)context)->tasks[-1 - task] += held ? 1 : -1;
}

static void note_members(void *context, int live)
{
        ((struct heard *)context)->members = live;
}

static void note_answer(void *context, int shard, bool ours)
{
        ((struct heard *)context)->asked = ours ? shard : -1;
}

static bool count(void *context, const struct store_member *member)
{
        (void)member;
        ++*(int *)context;
        return true;
}

static void the_one_process_owns_all(void **state)
{
        struct heard heard = {.members = 0};
        char *directory = support_directory();
        struct store_owner_name owner;
        struct store *store;
        int members = 0;
        struct store_options options = {
                .backend = "sqlite",
                .directory = directory,
                .share = {.gained = note_gained,
                          .release = note_release,
                          .task = note_task,
                          .members = note_members,
                          .context = &heard},
        };

        (void)state;
        assert_int_equal(store_open(&options, &store, NULL), 0);
        assert_true(store_may_act(store, 0));
        store_share_start(store);
        assert_int_equal(store_shards_count(&heard.gained), STORE_SHARDS);
        assert_int_equal(heard.tasks[0], 1);
        assert_int_equal(heard.tasks[1], 1);
        assert_int_equal(heard.members, 1);
        for (int shard = STORE_SHARD_FIRST; shard < STORE_SHARD_END; shard++) {
                assert_true(store_may_act(store, shard));
                assert_true(store_may_begin(store, shard));
        }
        store_share_ask(store, 7, note_answer, &heard);
        assert_int_equal(heard.asked, 7);
        assert_false(store_share_owner(store, 7, &owner));
        assert_false(store_share_self(store, &(struct store_self){.shards = 0}));
        assert_int_equal(store_members_each(store, count, &members), 0);
        assert_int_equal(members, 0);
        store_share_leave(store);
        assert_int_equal(store_shards_count(&heard.release), STORE_SHARDS);
        assert_true(store_may_act(store, 0));
        store_close(store);
        support_remove_directory(directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_one_process_owns_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
