// SPDX-License-Identifier: MIT
/* One line of the log for many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"

static void what_is_not_logged_is_counted_until_the_pause_is_over(void **state)
{
        struct log_pause pause = {.until_ms = 0};
        int64_t unlogged = -1;

        (void)state;
        assert_true(log_pause_take(&pause, &unlogged));
        assert_int_equal(unlogged, 0);
        assert_true(atomic_load(&pause.until_ms) > clock_steady_ms());
        for (int i = 0; i < 3; i++)
                assert_false(log_pause_take(&pause, &unlogged));
        atomic_store(&pause.until_ms, clock_steady_ms());
        assert_true(log_pause_take(&pause, &unlogged));
        assert_int_equal(unlogged, 3);
        atomic_store(&pause.until_ms, clock_steady_ms());
        assert_true(log_pause_take(&pause, &unlogged));
        assert_int_equal(unlogged, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_not_logged_is_counted_until_the_pause_is_over),
        };

        return cmocka_run_group_tests_name("base.log_pause", tests, NULL, NULL);
}
