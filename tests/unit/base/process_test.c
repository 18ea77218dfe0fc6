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
#ifndef __SANITIZE_ADDRESS__
        assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
#endif
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(memory_with_keys_is_not_dumped),
        };

        return cmocka_run_group_tests_name("base.process", tests, NULL, NULL);
}
