// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "http/client/http_answer.h"

#define NOW_MS INT64_C(784111777000) /* Sun, 06 Nov 1994 08:49:37 GMT */

static bool take(struct http_answer *answer, const char *line)
{
        return http_answer_take_line(answer, line, strlen(line));
}

static void assert_header(const struct http_answer *answer, const char *name, const char *expected)
{
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;

        assert_true(http_answer_header(answer, name, &value));
        assert_string_equal(buf_text(&value), expected);
}

static void headers_are_found_in_any_case(void **state)
{
        CLEANUP(http_answer_deinit) struct http_answer answer = {0};
        struct buf none = BUF_INIT;

        (void)state;
        assert_true(take(&answer, "HTTP/1.1 200 OK\r\n"));
        assert_true(take(&answer, "Content-Type:\tapplication/json \r\n"));
        assert_true(take(&answer, "X-Long: a: b\n"));
        assert_true(take(&answer, "Empty:\r\n"));
        assert_true(take(&answer, "\r\n"));
        assert_string_equal(buf_text(&answer.headers),
                            "Content-Type: application/json\nX-Long: a: b\nEmpty: \n");
        assert_header(&answer, "content-TYPE", "application/json");
        assert_header(&answer, "X-Long", "a: b");
        assert_header(&answer, "empty", "");
        assert_false(http_answer_header(&answer, "X-Lon", &none));
        assert_false(http_answer_header(&answer, "ontent-Type", &none));
        assert_false(http_answer_header(&answer, "", &none));
}

static void a_header_in_an_answer_without_headers_is_absent(void **state)
{
        struct http_answer answer = {0};
        struct buf none = BUF_INIT;

        (void)state;
        assert_false(http_answer_header(&answer, "X", &none));
}

static void a_status_line_starts_over(void **state)
{
        CLEANUP(http_answer_deinit) struct http_answer answer = {0};

        (void)state;
        assert_true(take(&answer, "HTTP/1.1 100 Continue\r\n"));
        assert_true(take(&answer, "X-Interim: 1\r\n"));
        assert_true(take(&answer, "HTTP/1.1 200 OK\r\n"));
        assert_true(take(&answer, "X-Final: 1\r\n"));
        assert_string_equal(buf_text(&answer.headers), "X-Final: 1\n");
}

static void a_line_with_a_zero_byte_is_dropped(void **state)
{
        CLEANUP(http_answer_deinit) struct http_answer answer = {0};

        (void)state;
        assert_true(http_answer_take_line(&answer, "X: a\0b\r\n", 8));
        assert_int_equal(answer.headers.size, 0);
}

static void headers_are_bounded(void **state)
{
        CLEANUP(http_answer_deinit) struct http_answer answer = {0};
        int lines = 0;

        (void)state;
        while (take(&answer, "X-Filler: 0123456789012345678901234567890123456789\r\n"))
                lines++;
        assert_in_range(lines, 1, HTTP_ANSWER_HEADERS_MAX / 40);
        assert_true(answer.headers.size <= HTTP_ANSWER_HEADERS_MAX);
}

/* The wait that an answer with these two headers asks for; NULL = without it. */
static int64_t wait_of(const char *retry_after, const char *date)
{
        CLEANUP(http_answer_deinit) struct http_answer answer = {0};
        char line[200];

        if (retry_after) {
                snprintf(line, sizeof(line), "Retry-After: %s\r\n", retry_after);
                assert_true(take(&answer, line));
        }
        if (date) {
                snprintf(line, sizeof(line), "Date: %s\r\n", date);
                assert_true(take(&answer, line));
        }
        return http_answer_retry_after(&answer, NOW_MS);
}

static void retry_after_in_seconds(void **state)
{
        (void)state;
        assert_int_equal(wait_of("0", NULL), 0);
        assert_int_equal(wait_of("3", NULL), 3000);
        assert_int_equal(wait_of("300", NULL), 300000);
}

static void no_answer_makes_anybody_wait_longer_than_five_minutes(void **state)
{
        static const char *const values[] = {"301", "86400", "99999999999999999999999",
                                             "Sun, 06 Nov 1994 08:54:38 GMT",
                                             "Sun, 06 Nov 2044 08:49:36 GMT"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(values); i++)
                assert_int_equal(wait_of(values[i], NULL), 5 * 60 * 1000);
}

static void retry_after_as_a_date(void **state)
{
        (void)state;
        assert_int_equal(wait_of("Sun, 06 Nov 1994 08:49:47 GMT", NULL), 10000);
        assert_int_equal(wait_of("Sunday, 06-Nov-94 08:49:47 GMT", NULL), 10000);
        assert_int_equal(wait_of("Sun Nov  6 08:49:47 1994", NULL), 10000);
        assert_int_equal(wait_of("Sun, 06 Nov 1994 08:49:36 GMT", NULL), 0);
}

static void a_date_is_measured_with_the_clock_of_the_answer(void **state)
{
        (void)state;
        assert_int_equal(wait_of("Mon, 07 Nov 1994 08:49:47 GMT", "Mon, 07 Nov 1994 08:49:40 GMT"),
                         7000);
        assert_int_equal(wait_of("Sat, 05 Nov 1994 08:49:47 GMT", "Sat, 05 Nov 1994 08:49:40 GMT"),
                         7000);
        assert_int_equal(wait_of("Sun, 06 Nov 1994 08:49:47 GMT", "Sun, 06 Nov 1994 08:49:50 GMT"),
                         0);
        /* One that says nothing leaves our own. */
        assert_int_equal(wait_of("Sun, 06 Nov 1994 08:49:47 GMT", "today"), 10000);
        /* Seconds need no clock. */
        assert_int_equal(wait_of("3", "Sat, 05 Nov 1994 08:49:40 GMT"), 3000);
}

static void another_retry_after_is_none(void **state)
{
        static const char *const values[] = {"",
                                             "-1",
                                             "1.5",
                                             "3 s",
                                             "soon",
                                             "Sun, 06 Nov 1994",
                                             "Sun, 06 Nov 1994 08:49:47 CET"};

        (void)state;
        assert_int_equal(wait_of(NULL, NULL), -1);
        for (size_t i = 0; i < ARRAY_SIZE(values); i++)
                assert_int_equal(wait_of(values[i], NULL), -1);
}

static void the_date_of_an_answer(void **state)
{
        CLEANUP(http_answer_deinit) struct http_answer answer = {0};
        int64_t wall_ms = -1;

        (void)state;
        assert_false(http_answer_date(&answer, &wall_ms));
        assert_true(take(&answer, "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
        assert_true(http_answer_date(&answer, &wall_ms));
        assert_int_equal(wall_ms, NOW_MS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(headers_are_found_in_any_case),
                cmocka_unit_test(a_header_in_an_answer_without_headers_is_absent),
                cmocka_unit_test(a_status_line_starts_over),
                cmocka_unit_test(a_line_with_a_zero_byte_is_dropped),
                cmocka_unit_test(headers_are_bounded),
                cmocka_unit_test(retry_after_in_seconds),
                cmocka_unit_test(no_answer_makes_anybody_wait_longer_than_five_minutes),
                cmocka_unit_test(retry_after_as_a_date),
                cmocka_unit_test(a_date_is_measured_with_the_clock_of_the_answer),
                cmocka_unit_test(another_retry_after_is_none),
                cmocka_unit_test(the_date_of_an_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
