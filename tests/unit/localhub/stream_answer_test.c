// SPDX-License-Identifier: MIT
/* What the hub's own HTTP server answers to those who ask for another protocol's clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "localhub/streams/stream_request.h"

static struct stream_answer read_answer(struct buf *bytes, const char *text)
{
        struct stream_answer answer;

        buf_clear(bytes);
        buf_add_text(bytes, text);
        stream_answer_read(bytes, &answer);
        return answer;
}

static void an_answer_has_status_body_and_retry_after(void **state)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        struct stream_answer answer;

        (void)state;
        answer = read_answer(&bytes, "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n"
                                     "retry-after: 3\r\n\r\n{}");
        assert_int_equal(answer.status, 202);
        assert_int_equal(answer.retry_after_s, 3);
        assert_int_equal(answer.size, 2);
        assert_memory_equal(answer.body, "{}", 2);
        answer = read_answer(&bytes, "HTTP/1.1 200 OK\r\nX-Retry-After: 3\r\n\r\n");
        assert_int_equal(answer.status, 200);
        assert_int_equal(answer.retry_after_s, 0);
        assert_int_equal(answer.size, 0);
}

static void what_is_no_answer_counts_as_unavailable(void **state)
{
        static const char *const cases[] = {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 20 OK\r\n\r\n",
                                            "HTTP/1.0 200 OK\r\n\r\n", "\r\n\r\n"};
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct stream_answer answer = read_answer(&bytes, cases[i]);

                assert_int_equal(answer.status, 503);
                assert_int_equal(answer.size, 0);
        }
        assert_int_equal(
                read_answer(&bytes, "HTTP/1.1 429 Slow\r\nRetry-After: soon\r\n\r\n").retry_after_s,
                0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_answer_has_status_body_and_retry_after),
                cmocka_unit_test(what_is_no_answer_counts_as_unavailable),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
