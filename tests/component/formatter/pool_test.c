// SPDX-License-Identifier: MIT
/* Payload formatters in real workers: what a call gives, and what it makes of mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formatter/formatter.h"

#include "base/clock.h"
#include "support/directory.h"
#include "support/formatter_calls.h"

static char *folder;
static struct formatter_pool *pool;

static int start(void **state)
{
        struct formatter_options options = {.program = TEST_FORMATTER};
        struct reason reason;

        (void)state;
        folder = test_directory_new();
        options.directory = folder;
        assert_int_equal(formatter_pool_new(&options, &pool, &reason), 0);
        return 0;
}

static int finish(void **state)
{
        (void)state;
        formatter_pool_free(pool);
        test_directory_remove(folder);
        return 0;
}

static void test_first(void **state)
{
        struct formatter_input input = {.bytes = (const uint8_t *)"\x01\x02", .size = 2, .port = 7};
        struct test_formatter_answer answer;

        (void)state;
        test_directory_write(folder, "first.js",
                             "function decodeUplink(input) { return { data: { sum: input.bytes[0] "
                             "+ input.bytes[1], port: input.fPort } }; }");
        test_formatter_answer_init(&answer);
        formatter_call(pool, "first", FORMATTER_DECODE_UPLINK, &input, test_formatter_done,
                       &answer);
        test_formatter_wait(&answer);
        assert_string_equal(answer.reason.text, "");
        assert_int_equal(answer.status, FORMATTER_GOOD);
        assert_string_equal(answer.data, "{\"sum\":3,\"port\":7}");
        test_formatter_answer_deinit(&answer);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_first),
        };

        return cmocka_run_group_tests(tests, start, finish);
}
