// SPDX-License-Identifier: MIT
/* Who runs alone, for how long, and what it takes to be free again; with a clock of the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formatter/formatter_probation.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "formatter/formatter_files.h"
#include "formatter/formatter_request.h"

struct fixture {
        struct formatter_probation *probation;
        struct formatter_version versions[2];
        struct formatter_file files[2];
        struct list released;
};

static int start(void **state)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));

        fixture->probation = formatter_probation_new();
        list_init(&fixture->released);
        for (int i = 0; i < 2; i++) {
                fixture->versions[i].id = (uint64_t)i + 1;
                fixture->files[i] =
                        (struct formatter_file){.name = (char *)(uintptr_t)(i ? "two" : "one"),
                                                .current = &fixture->versions[i]};
        }
        *state = fixture;
        return 0;
}

static void drop(void *context, const struct formatter_result *result)
{
        (void)context;
        (void)result;
}

static int finish(void **state)
{
        struct fixture *fixture = *state;
        struct reason reason = REASON_INIT;

        formatter_probation_empty(fixture->probation, &fixture->released);
        formatter_request_fail_all(&fixture->released, FORMATTER_STOPPED, &reason);
        formatter_probation_free(fixture->probation);
        free(fixture);
        return 0;
}

/* A request of the device for one of the two formatters. */
static struct formatter_request *request_of(struct fixture *fixture, const char *device, int file)
{
        struct formatter_request *request = formatter_request_new(
                "f", FORMATTER_DECODE_UPLINK,
                &(struct formatter_input){
                        .device = device, .application = "app", .port = FORMATTER_NO_PORT},
                drop, NULL);

        request->file = &fixture->files[file];
        return request;
}

static void end(struct formatter_request *request)
{
        struct reason reason = REASON_INIT;

        formatter_request_fail(request, FORMATTER_STOPPED, &reason);
}

static void offend(struct fixture *fixture, const char *device, int file, int64_t now_ms)
{
        struct formatter_request *request = request_of(fixture, device, file);

        formatter_probation_offended(fixture->probation, request, now_ms);
        end(request);
}

static void behave(struct fixture *fixture, const char *device, int file, int times)
{
        for (int i = 0; i < times; i++) {
                struct formatter_request *request = request_of(fixture, device, file);

                formatter_probation_behaved(fixture->probation, request, &fixture->released);
                end(request);
        }
}

/* Would a request of this device have to wait? One that must stays there. */
static bool must_wait(struct fixture *fixture, const char *device, int file)
{
        struct formatter_request *request = request_of(fixture, device, file);
        bool waits = formatter_probation_take(fixture->probation, request);

        if (!waits)
                end(request);
        return waits;
}

static bool one_runs(struct fixture *fixture, int64_t now_ms)
{
        struct formatter_request *request = formatter_probation_next(fixture->probation, now_ms);

        if (request)
                end(request);
        return request != NULL;
}

static void test_nobody_waits_before_the_first_offence(void **state)
{
        struct fixture *fixture = *state;

        assert_false(must_wait(fixture, "a", 0));
        assert_false(must_wait(fixture, NULL, 0));
        assert_int_equal(formatter_probation_due_ms(fixture->probation), INT64_MAX);
        assert_false(one_runs(fixture, 1000));
}

static void test_an_offence_puts_version_and_device_on_probation(void **state)
{
        struct fixture *fixture = *state;

        offend(fixture, "a", 0, 0);
        assert_true(must_wait(fixture, "a", 0));
        assert_true(must_wait(fixture, "a", 1));
        assert_true(must_wait(fixture, "b", 0));
        assert_true(must_wait(fixture, NULL, 0));
        assert_false(must_wait(fixture, "b", 1));
}

static void test_pauses_of_a_device_grow_to_a_minute(void **state)
{
        static const int64_t pauses_s[] = {1, 2, 4, 8, 16, 32, 60, 60};
        struct fixture *fixture = *state;
        int64_t now_ms = 5000;

        for (size_t i = 0; i < ARRAY_SIZE(pauses_s); i++) {
                offend(fixture, "a", 0, now_ms);
                assert_true(must_wait(fixture, "a", 1));
                assert_int_equal(formatter_probation_due_ms(fixture->probation),
                                 now_ms + pauses_s[i] * 1000);
                assert_false(one_runs(fixture, now_ms + pauses_s[i] * 1000 - 1));
                now_ms += pauses_s[i] * 1000;
                assert_true(one_runs(fixture, now_ms));
        }
}

/* A version has good devices, too: they wait for half a second at most. */
static void test_a_version_waits_little_and_only_for_new_offenders(void **state)
{
        struct fixture *fixture = *state;

        for (int i = 0; i < 10; i++) {
                CLEANUP(mem_cleanup) char *device = mem_format("bad-%d", i);

                offend(fixture, device, 0, 0);
        }
        assert_true(must_wait(fixture, "good", 0));
        assert_int_equal(formatter_probation_due_ms(fixture->probation), 500);
        offend(fixture, "bad-1", 0, 400);
        assert_int_equal(formatter_probation_due_ms(fixture->probation), 500);
        assert_true(one_runs(fixture, 1000));
        behave(fixture, "good", 0, 1);
        assert_true(must_wait(fixture, "good", 0));
        assert_int_equal(formatter_probation_due_ms(fixture->probation), 0);
}

static void test_turns_go_round(void **state)
{
        struct fixture *fixture = *state;

        offend(fixture, "a", 0, 0);
        offend(fixture, "b", 0, 0);
        for (int i = 0; i < 3; i++)
                assert_true(must_wait(fixture, "a", 1));
        assert_true(must_wait(fixture, "b", 1));
        for (int i = 0; i < 2; i++)
                assert_true(one_runs(fixture, 10000));
        /* Two of the first are left, and the second has had its turn. */
        assert_true(one_runs(fixture, 10000));
        assert_true(one_runs(fixture, 10000));
        assert_false(one_runs(fixture, 10000));
}

static void test_three_good_calls_free_a_device(void **state)
{
        struct fixture *fixture = *state;

        offend(fixture, "a", 0, 0);
        behave(fixture, "a", 1, 2);
        assert_true(must_wait(fixture, "a", 1));
        behave(fixture, "a", 1, 1);
        assert_false(must_wait(fixture, "a", 1));
        /* What waited is free with it. */
        assert_int_equal(fixture->released.count, 1);
        assert_true(must_wait(fixture, "a", 0));
}

static void test_an_offence_between_good_calls_starts_the_count_again(void **state)
{
        struct fixture *fixture = *state;

        offend(fixture, "a", 0, 0);
        behave(fixture, "a", 1, 2);
        offend(fixture, "a", 1, 0);
        behave(fixture, "a", 1, 2);
        assert_true(must_wait(fixture, "a", 1));
}

static void test_twenty_good_calls_free_a_version_and_more_after_more_offences(void **state)
{
        struct fixture *fixture = *state;

        offend(fixture, "a", 0, 0);
        behave(fixture, "b", 0, 19);
        assert_true(must_wait(fixture, "b", 0));
        behave(fixture, "b", 0, 1);
        assert_false(must_wait(fixture, "b", 0));
        offend(fixture, NULL, 0, 0);
        offend(fixture, NULL, 0, 0);
        behave(fixture, "b", 0, 39);
        assert_true(must_wait(fixture, "b", 0));
        behave(fixture, "b", 0, 1);
        assert_false(must_wait(fixture, "b", 0));
}

static void test_a_new_version_starts_free(void **state)
{
        struct fixture *fixture = *state;

        offend(fixture, NULL, 0, 0);
        assert_true(must_wait(fixture, "b", 0));
        formatter_probation_forget(fixture->probation, &fixture->versions[0], &fixture->released);
        assert_int_equal(fixture->released.count, 1);
        assert_false(must_wait(fixture, "b", 0));
}

/* The books have an end: what has offended is forgotten, the oldest first. */
static void test_more_devices_than_can_be_remembered(void **state)
{
        struct fixture *fixture = *state;

        for (int i = 0; i < 5000; i++) {
                CLEANUP(mem_cleanup) char *device = mem_format("device-%d", i);

                offend(fixture, device, 0, i);
        }
        assert_false(must_wait(fixture, "device-0", 1));
        assert_true(must_wait(fixture, "device-4999", 1));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_nobody_waits_before_the_first_offence, start,
                                                finish),
                cmocka_unit_test_setup_teardown(
                        test_an_offence_puts_version_and_device_on_probation, start, finish),
                cmocka_unit_test_setup_teardown(test_pauses_of_a_device_grow_to_a_minute, start,
                                                finish),
                cmocka_unit_test_setup_teardown(
                        test_a_version_waits_little_and_only_for_new_offenders, start, finish),
                cmocka_unit_test_setup_teardown(test_turns_go_round, start, finish),
                cmocka_unit_test_setup_teardown(test_three_good_calls_free_a_device, start, finish),
                cmocka_unit_test_setup_teardown(
                        test_an_offence_between_good_calls_starts_the_count_again, start, finish),
                cmocka_unit_test_setup_teardown(
                        test_twenty_good_calls_free_a_version_and_more_after_more_offences, start,
                        finish),
                cmocka_unit_test_setup_teardown(test_a_new_version_starts_free, start, finish),
                cmocka_unit_test_setup_teardown(test_more_devices_than_can_be_remembered, start,
                                                finish),
        };

        log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
