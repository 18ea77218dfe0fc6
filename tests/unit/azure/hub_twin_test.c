// SPDX-License-Identifier: MIT
/* The twin: reported properties, and desired ones that are followed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "azure/names.h"
#include "unit/azure/hub_pair.h"

#define PATCH "{\"x\":1}"

static bool report(struct bench *bench, uint64_t token)
{
        return hub_device_report(bench->owner.device, PATCH, strlen(PATCH), token);
}

static void report_and_run(struct bench *bench)
{
        assert_true(report(bench, 7));
        world_run(&bench->world);
}

static void a_report_has_the_form_that_hubs_know(void **state)
{
        struct bench *bench = *state;
        struct hub_seen *seen = &bench->world.seen;
        struct amqp_inbox inbox = {.bytes = BUF_INIT};
        struct amqp_wire_value value;

        report_and_run(bench);
        assert_string_equal(bench->owner.log, "7+");
        assert_int_equal(seen->twin_attaches, 2);
        assert_memory_equal(seen->correlation[0], "twin:", 5);
        assert_string_equal(seen->correlation[0], seen->correlation[1]);
        assert_true(amqp_inbox_read(&inbox, seen->report.data, seen->report.size));
        value = amqp_inbox_annotation(&inbox, AZURE_TWIN_OPERATION);
        assert_true(amqp_wire_is_text(&value, "PATCH"));
        value = amqp_inbox_annotation(&inbox, AZURE_TWIN_RESOURCE);
        assert_true(amqp_wire_is_text(&value, "/properties/reported"));
        assert_int_equal(inbox.message.correlation_id.bytes.size, CRYPTO_UUID_SIZE - 1);
        assert_false(inbox.odd_body);
        assert_int_equal(inbox.body.size, strlen(PATCH));
        assert_memory_equal(inbox.body.data, PATCH, strlen(PATCH));
        assert_non_null(
                memmem(seen->report.data, seen->report.size, "\xa3\x09operation\xa1\x05PATCH", 18));
        amqp_inbox_deinit(&inbox);
}

static void the_links_are_attached_once_and_only_when_wanted(void **state)
{
        struct bench *bench = *state;

        assert_int_equal(bench->world.seen.twin_attaches, 0);
        report_and_run(bench);
        report_and_run(bench);
        assert_string_equal(bench->owner.log, "7+ 7+");
        assert_int_equal(bench->world.seen.twin_attaches, 2);
        assert_int_equal(bench->world.seen.reports, 2);
}

static void one_report_at_a_time(void **state)
{
        struct bench *bench = *state;

        assert_true(report(bench, 1));
        assert_false(report(bench, 2));
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "1+");
}

static void each_status_has_its_outcome(void **state)
{
        static const struct {
                int status;
                const char *log;
        } rows[] = {
                {200, "7+"}, {204, "7+"}, {400, "7-"}, {413, "7-"}, {404, "7?"},
                {401, "7?"}, {412, "7~"}, {429, "7~"}, {500, "7~"}, {503, "7~"},
        };
        struct bench *bench = *state;

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                bench->world.script.twin_status = rows[i].status;
                owner_clear(&bench->owner);
                report_and_run(bench);
                assert_string_equal(bench->owner.log, rows[i].log);
        }
        assert_non_null(strstr(bench->owner.reason.text, "503"));
}

static void a_refused_link_ends_the_report(void **state)
{
        static const struct {
                const char *condition;
                const char *log;
        } rows[] = {
                {AZURE_E_NOT_ALLOWED, "7-"},   {AZURE_E_NOT_IMPLEMENTED, "7-"},
                {AZURE_E_THROTTLED, "7~"},     {AZURE_E_INTERNAL, "7~"},
                {AZURE_E_DETACH_FORCED, "7~"},
        };
        struct bench *bench = *state;

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                bench->world.script.refuse_twin = rows[i].condition;
                owner_clear(&bench->owner);
                report_and_run(bench);
                assert_string_equal(bench->owner.log, rows[i].log);
        }
        bench->world.script.refuse_twin = NULL;
        owner_clear(&bench->owner);
        report_and_run(bench);
        assert_string_equal(bench->owner.log, "7+");
}

static void a_device_that_is_gone_is_refused(void **state)
{
        struct bench *bench = *state;

        bench->world.script.refuse_twin = AZURE_E_NOT_FOUND;
        report_and_run(bench);
        assert_string_equal(bench->owner.log, "X2 7?");
}

static void an_answer_that_does_not_come_is_given_up(void **state)
{
        struct bench *bench = *state;

        bench->world.script.twin_status = 0;
        report_and_run(bench);
        assert_string_equal(bench->owner.log, "");
        world_advance(&bench->world, 61 * 1000);
        assert_string_equal(bench->owner.log, "7?");
        bench->world.script.twin_status = 200;
        owner_clear(&bench->owner);
        report_and_run(bench);
        assert_string_equal(bench->owner.log, "7+");
        assert_int_equal(bench->world.seen.twin_attaches, 4);
}

static void an_answer_to_something_else_is_ignored(void **state)
{
        struct bench *bench = *state;

        bench->world.script.twin_correlation = "4c1f4c52-7f0e-4c6a-9b0a-3f1f0a5d2b11";
        report_and_run(bench);
        assert_string_equal(bench->owner.log, "");
        bench->world.script.twin_correlation = NULL;
        world_advance(&bench->world, 61 * 1000);
        assert_string_equal(bench->owner.log, "7?");
}

static void a_lost_connection_makes_it_unknown(void **state)
{
        struct bench *bench = *state;

        bench->world.script.twin_status = 0;
        report_and_run(bench);
        pair_cut(world_pair(&bench->world));
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "C 7?");
        assert_false(report(bench, 8));
        bench->world.script.twin_status = 200;
        world_advance(&bench->world, 10 * 1000);
        owner_clear(&bench->owner);
        report_and_run(bench);
        assert_string_equal(bench->owner.log, "7+");
}

static void a_device_may_be_closed_with_a_report_under_way(void **state)
{
        struct bench *bench = *state;

        bench->world.script.twin_status = 0;
        report_and_run(bench);
        hub_device_close(bench->owner.device);
        assert_string_equal(bench->owner.log, "7?");
        world_run(&bench->world);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_ready, bench_teardown)

#define TWIN    "{\"desired\":{\"a\":1,\"$version\":4},\"reported\":{\"b\":2,\"$version\":9}}"
#define DESIRED "{\"a\":1,\"$version\":4}"

/* Another device, whose owner wants to know. */
static void open_follower(struct bench *bench, struct owner *follower)
{
        follower->follows = true;
        owner_open(follower, &bench->world, "follower");
        world_run(&bench->world);
}

static void desired_properties_are_read_and_followed(void **state)
{
        struct bench *bench = *state;
        struct owner follower = {.next = 0};
        struct amqp_inbox inbox = {.bytes = BUF_INIT};
        struct amqp_wire_value value;

        bench->world.script.twin_body = TWIN;
        open_follower(bench, &follower);
        assert_string_equal(follower.log, "R all:" DESIRED);
        assert_int_equal(bench->world.seen.reports, 2);
        assert_true(amqp_inbox_read(&inbox, bench->world.seen.report.data,
                                    bench->world.seen.report.size));
        value = amqp_inbox_annotation(&inbox, AZURE_TWIN_OPERATION);
        assert_true(amqp_wire_is_text(&value, "GET"));
        amqp_inbox_deinit(&inbox);
        peer_notify(&world_pair(&bench->world)->peer, "{\"a\":null,\"$version\":5}");
        world_run(&bench->world);
        assert_string_equal(follower.log, "R all:" DESIRED " part:{\"a\":null,\"$version\":5}");
        owner_close(&follower);
}

static void a_follower_reports_on_the_same_links(void **state)
{
        struct bench *bench = *state;
        struct owner follower = {.next = 0};

        bench->world.script.twin_body = TWIN;
        open_follower(bench, &follower);
        assert_true(hub_device_report(follower.device, PATCH, strlen(PATCH), 7));
        world_run(&bench->world);
        assert_string_equal(follower.log, "R all:" DESIRED " 7+");
        assert_int_equal(bench->world.seen.twin_attaches, 2);
        owner_close(&follower);
}

static void after_each_connection_they_are_read_again(void **state)
{
        struct bench *bench = *state;
        struct owner follower = {.next = 0};

        bench->world.script.twin_body = TWIN;
        open_follower(bench, &follower);
        pair_cut(world_pair(&bench->world));
        world_run(&bench->world);
        owner_clear(&follower);
        world_advance(&bench->world, 10 * 1000);
        assert_string_equal(follower.log, "R all:" DESIRED);
        owner_close(&follower);
}

static void what_goes_wrong_while_reading_them_is_tried_again(void **state)
{
        struct bench *bench = *state;
        struct owner follower = {.next = 0};

        bench->world.script.twin_status = 500;
        open_follower(bench, &follower);
        assert_string_equal(follower.log, "R");
        bench->world.script.twin_status = 200;
        bench->world.script.twin_body = "no JSON";
        world_advance(&bench->world, 11 * 1000);
        assert_string_equal(follower.log, "R");
        bench->world.script.twin_status = 0;
        bench->world.script.twin_body = TWIN;
        world_advance(&bench->world, 11 * 1000);
        assert_string_equal(follower.log, "R");
        bench->world.script.twin_status = 200;
        world_advance(&bench->world, 61 * 1000);
        assert_string_equal(follower.log, "R all:" DESIRED);
        owner_close(&follower);
}

static void a_refused_twin_leaves_the_device_as_it_is(void **state)
{
        struct bench *bench = *state;
        struct owner follower = {.next = 0};

        bench->world.script.refuse_twin = AZURE_E_NOT_ALLOWED;
        open_follower(bench, &follower);
        assert_string_equal(follower.log, "R");
        bench->world.script.refuse_twin = NULL;
        bench->world.script.twin_body = TWIN;
        world_advance(&bench->world, 11 * 60 * 1000);
        assert_string_equal(follower.log, "R all:" DESIRED);
        owner_close(&follower);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_report_has_the_form_that_hubs_know),
                TEST(the_links_are_attached_once_and_only_when_wanted),
                TEST(one_report_at_a_time),
                TEST(each_status_has_its_outcome),
                TEST(a_refused_link_ends_the_report),
                TEST(a_device_that_is_gone_is_refused),
                TEST(an_answer_that_does_not_come_is_given_up),
                TEST(an_answer_to_something_else_is_ignored),
                TEST(a_lost_connection_makes_it_unknown),
                TEST(a_device_may_be_closed_with_a_report_under_way),
                TEST(desired_properties_are_read_and_followed),
                TEST(a_follower_reports_on_the_same_links),
                TEST(after_each_connection_they_are_read_again),
                TEST(what_goes_wrong_while_reading_them_is_tried_again),
                TEST(a_refused_twin_leaves_the_device_as_it_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
