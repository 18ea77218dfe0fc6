// SPDX-License-Identifier: MIT
/* Rule A5: what becomes of items by what is answered. */
#include "monitor/insights_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/client/http_answer.h"

#define COUNT 4

static struct monitor_verdict read_answer(int status, const char *header, const char *body)
{
        struct http_answer answer = {.status = status, .retry_after_ms = -1};
        struct monitor_verdict verdict = {.failed = false};

        if (header)
                assert_true(http_answer_take_line(&answer, header, strlen(header)));
        buf_add_text(&answer.body, body);
        insights_answer_read(&answer, COUNT, 0, &verdict);
        http_answer_deinit(&answer);
        return verdict;
}

static void assert_fates(const struct monitor_verdict *verdict, const char *fates)
{
        static const char letters[] = {
                [MONITOR_TAKEN] = 't', [MONITOR_AGAIN] = 'a', [MONITOR_LOST] = 'l'};

        for (size_t i = 0; i < COUNT; i++)
                assert_int_equal(letters[verdict->fates[i]], fates[i]);
}

static void test_a5_taken(void **state)
{
        struct monitor_verdict verdict =
                read_answer(200, NULL, "{\"itemsReceived\":4,\"itemsAccepted\":4,\"errors\":[]}");

        (void)state;
        assert_fates(&verdict, "tttt");
        assert_false(verdict.failed);
        assert_int_equal(verdict.pause_ms, 0);
}

static void test_a5_parts(void **state)
{
        struct monitor_verdict verdict = read_answer(
                206, NULL,
                "{\"itemsReceived\":4,\"itemsAccepted\":1,\"errors\":["
                "{\"index\":0,\"statusCode\":429,\"message\":\"slow\"},"
                "{\"index\":2,\"statusCode\":400,\"message\":\"bad\"},"
                "{\"index\":3,\"statusCode\":500,\"message\":\"Telemetry sampled out.\"},"
                "{\"index\":4,\"statusCode\":500},{\"index\":-1,\"statusCode\":500},7]}");

        (void)state;
        assert_fates(&verdict, "atlt");
        assert_true(verdict.failed);
        assert_int_equal(verdict.pause_ms, -1);
        verdict = read_answer(206, "Retry-After: 3", "no json");
        assert_fates(&verdict, "tttt");
}

static void test_a5_pauses(void **state)
{
        static const struct {
                int status;
                const char *header;
                const char *fates;
                int64_t pause_ms;
        } rows[] = {
                {429, "Retry-After: 7", "aaaa", 7000},
                {503, "Retry-After: 3600", "aaaa", 3600000},
                {503, "Retry-After: 999999999", "aaaa", 86400000},
                {500, NULL, "aaaa", -1},
                {401, NULL, "aaaa", -1},
                {402, NULL, "llll", 3600000},
                {439, NULL, "llll", 3600000},
                {439, "Retry-After: 60", "llll", 60000},
                {404, NULL, "llll", 0},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct monitor_verdict verdict = read_answer(rows[i].status, rows[i].header, "");

                assert_fates(&verdict, rows[i].fates);
                assert_int_equal(verdict.pause_ms, rows[i].pause_ms);
                assert_true(verdict.failed);
                assert_false(verdict.stop);
        }
}

static void test_a5_no_answer(void **state)
{
        struct http_answer answer = {.failure = HTTP_E_TIMEOUT, .retry_after_ms = -1};
        struct monitor_verdict verdict = {.failed = false};

        (void)state;
        reason_set(&answer.reason, "too slow");
        insights_answer_read(&answer, COUNT, 0, &verdict);
        assert_fates(&verdict, "aaaa");
        assert_int_equal(verdict.pause_ms, -1);
        assert_string_equal(verdict.reason.text, "too slow");
}

static void test_a5_a_key_that_is_none(void **state)
{
        struct monitor_verdict verdict = read_answer(
                400, NULL, "{\"errors\":[{\"message\":\"Invalid instrumentation key\"}]}");

        (void)state;
        assert_fates(&verdict, "llll");
        assert_true(verdict.stop);
        assert_false(read_answer(400, NULL, "{\"errors\":[]}").stop);
}

static void test_a5_moves(void **state)
{
        static const struct {
                const char *header;
                const char *to;
        } rows[] = {
                {"Location: https://new.example/v2.1/track?x=1", "https://new.example"},
                {"Location: https://new.example:444", "https://new.example:444"},
                {"Location: http://new.example/v2.1/track", NULL},
                {"Location: https://user@new.example/", NULL},
                {"Location: /elsewhere", NULL},
                {NULL, NULL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct monitor_verdict verdict = read_answer(308, rows[i].header, "");

                assert_fates(&verdict, "aaaa");
                if (rows[i].to)
                        assert_string_equal(verdict.moved_to, rows[i].to);
                else
                        assert_null(verdict.moved_to);
                free(verdict.moved_to);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a5_taken),
                cmocka_unit_test(test_a5_parts),
                cmocka_unit_test(test_a5_pauses),
                cmocka_unit_test(test_a5_no_answer),
                cmocka_unit_test(test_a5_a_key_that_is_none),
                cmocka_unit_test(test_a5_moves),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
