// SPDX-License-Identifier: MIT
/*
 * The statements of members of a store in PostgreSQL, one by one: what is asked of what is no
 * longer so is not done. store/share/ asks in time as a rule, so that these say no only now and
 * then.
 */
#include "component/store/support_postgres.h"

#include "store/store_share_backend.h"

#define SHARD 7

static struct {
        const struct store_share_backend *backend;
        void *shares[2];
        int64_t members[2];
        struct store_share_answer answer;
} site;

/* One of the two asks; the answer is there then. */
static void ask(int who, struct store_share_statement statement)
{
        struct reason reason = REASON_INIT;

        statement.member = site.members[who];
        if (site.backend->run(site.shares[who], &statement, &site.answer, &reason) != 0)
                fail_msg("%s", reason.text);
        assert_false(site.answer.is_unknown);
}

static int64_t beat(int who)
{
        ask(who, (struct store_share_statement){.action = STORE_SHARE_BEAT});
        return site.answer.number;
}

static int64_t put_out(int who, int64_t beat)
{
        ask(who, (struct store_share_statement){.action = STORE_SHARE_FENCE,
                                                .other = site.members[1 - who],
                                                .beat = beat});
        return site.answer.number;
}

/* Of the shard, with the epoch that it is believed to have; true if it was gained. */
static bool claim(int who, int64_t epoch)
{
        ask(who, (struct store_share_statement){.action = STORE_SHARE_CLAIM,
                                                .want = 1,
                                                .count = 1,
                                                .shards = {{SHARD, epoch}}});
        return site.answer.rows[SHARD - STORE_SHARD_FIRST].owner == site.members[who];
}

static void release(int who, int64_t epoch)
{
        ask(who, (struct store_share_statement){
                         .action = STORE_SHARE_RELEASE, .count = 1, .shards = {{SHARD, epoch}}});
}

static struct store_share_row row(void)
{
        ask(0, (struct store_share_statement){.action = STORE_SHARE_LOOK});
        return site.answer.rows[SHARD - STORE_SHARD_FIRST];
}

static int setup(void **state)
{
        static struct store_options options = {.backend = "postgresql"};
        struct reason reason = REASON_INIT;

        (void)state;
        support_make_tables();
        support_use_server(&options);
        site.backend = store_backend_find("postgresql", &reason)->share;
        for (int i = 0; i < 2; i++) {
                site.shares[i] = site.backend->open(&options);
                site.members[i] = 0;
                ask(i, (struct store_share_statement){.action = STORE_SHARE_JOIN});
                site.members[i] = site.answer.number;
        }
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        for (int i = 0; i < 2; i++)
                site.backend->close(site.shares[i]);
        return 0;
}

static void who_has_beaten_meanwhile_is_not_put_out(void **state)
{
        (void)state;
        assert_int_equal(beat(1), 1);
        assert_int_equal(put_out(0, 0), 0);
        assert_int_equal(beat(1), 2);
        assert_int_equal(put_out(0, 2), 1);
        assert_int_equal(beat(1), 0);
        assert_int_equal(put_out(0, 2), 0);
}

static void what_a_member_has_is_not_claimed(void **state)
{
        int64_t epoch = row().epoch;

        (void)state;
        assert_true(claim(1, epoch));
        assert_int_equal(row().epoch, epoch + 1);
        assert_false(claim(0, epoch + 1));
        assert_int_equal(row().owner, site.members[1]);
        assert_int_equal(put_out(0, 0), 1);
        assert_true(claim(0, epoch + 1));
        assert_int_equal(row().epoch, epoch + 2);
}

/* It was given back since this one has looked: what has become of it then is not known to it. */
static void what_has_another_epoch_is_not_claimed(void **state)
{
        int64_t epoch = row().epoch;

        (void)state;
        assert_true(claim(1, epoch));
        release(1, epoch + 1);
        assert_int_equal(row().owner, 0);
        assert_false(claim(0, epoch));
        assert_true(claim(0, row().epoch));
}

static void what_has_another_epoch_or_owner_is_not_released(void **state)
{
        int64_t epoch = row().epoch;

        (void)state;
        assert_true(claim(1, epoch));
        release(1, epoch);
        release(0, epoch + 1);
        assert_int_equal(row().owner, site.members[1]);
        assert_int_equal(row().epoch, epoch + 1);
        release(1, epoch + 1);
        assert_int_equal(row().owner, 0);
        assert_int_equal(row().epoch, epoch + 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                TEST(who_has_beaten_meanwhile_is_not_put_out),
                TEST(what_a_member_has_is_not_claimed),
                TEST(what_has_another_epoch_is_not_claimed),
                TEST(what_has_another_epoch_or_owner_is_not_released),
        };
        int failures;

        if (!support_start_postgres())
                return 77;
        failures = cmocka_run_group_tests(tests, NULL, NULL);
        support_stop_server();
        return failures;
}
