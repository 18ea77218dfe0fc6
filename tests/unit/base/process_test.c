// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/process.h"

#include <sys/prctl.h>
#include <sys/resource.h>

/* The ctest program ends with this test, so nothing has to be put back. */
static void memory_with_keys_is_not_dumped(void **state)
{
        struct rlimit core;

        (void)state;
        process_keep_memory_private();
        assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
        assert_int_equal(core.rlim_cur, 0);
        assert_int_equal(core.rlim_max, 0);
        assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), PROCESS_MUST_BE_DUMPABLE);
}

static void the_file_limit_is_raised_as_far_as_it_may(void **state)
{
        struct rlimit limit;

        (void)state;
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = 64;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_true(process_raise_file_limit() == limit.rlim_max);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_true(limit.rlim_cur == limit.rlim_max);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(memory_with_keys_is_not_dumped),
                cmocka_unit_test(the_file_limit_is_raised_as_far_as_it_may),
        };

        return cmocka_run_group_tests_name("base.process", tests, NULL, NULL);
}
