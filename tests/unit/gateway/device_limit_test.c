// SPDX-License-Identifier: MIT
/* What is known is never refused; beyond the limit nothing new becomes known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/device/device_limit.h"

#define MANY 100

static void known_devices_are_never_refused(void **state)
{
        struct device_limit *limit = device_limit_new(2);
        struct table_entry entry = {.key = "network//stored"};
        struct table_entry over = {.key = "network//stored-too"};

        (void)state;
        device_limit_add(limit, &entry);
        assert_true(device_limit_admit(limit, "network//new", NULL));
        assert_false(device_limit_admit(limit, "network//refused", NULL));
        device_limit_add(limit, &over);
        assert_true(device_limit_admit(limit, "network//stored", NULL));
        assert_true(device_limit_admit(limit, "network//stored-too", NULL));
        assert_true(device_limit_admit(limit, "network//new", NULL));
        assert_false(device_limit_admit(limit, "network//refused", NULL));
        device_limit_free(limit);
}

static void a_device_counts_once_however_it_became_known(void **state)
{
        struct device_limit *limit = device_limit_new(2);
        struct table_entry entry = {.key = "network//a"};
        struct reason reason = REASON_INIT;

        (void)state;
        assert_true(device_limit_admit(limit, "network//a", NULL));
        device_limit_add(limit, &entry);
        device_limit_add(limit, &entry);
        assert_true(device_limit_admit(limit, "network//b", NULL));
        assert_false(device_limit_admit(limit, "network//c", &reason));
        assert_non_null(strstr(reason.text, "knows 2 devices"));
        device_limit_free(limit);
}

static void a_place_that_is_given_back_is_another_ones(void **state)
{
        struct device_limit *limit = device_limit_new(1);
        struct table_entry entry = {.key = "network//a"};

        (void)state;
        assert_true(device_limit_admit(limit, "network//a", NULL));
        device_limit_add(limit, &entry);
        device_limit_remove(limit, &entry);
        device_limit_remove(limit, &entry);
        assert_true(device_limit_admit(limit, "network//b", NULL));
        assert_false(device_limit_admit(limit, "network//a", NULL));
        device_limit_free(limit);
}

/* Each new one looks at some that came before it, and at those that never got an entry as well. */
static void all_that_were_admitted_stay_known(void **state)
{
        struct device_limit *limit = device_limit_new(MANY);
        static struct table_entry entries[MANY];
        static char keys[MANY][32];

        (void)state;
        for (int i = 0; i < MANY; i++) {
                snprintf(keys[i], sizeof(keys[i]), "network//device-%d", i);
                entries[i] = (struct table_entry){.key = keys[i]};
                assert_true(device_limit_admit(limit, keys[i], NULL));
                if (i % 3 != 0)
                        device_limit_add(limit, &entries[i]);
        }
        for (int i = 0; i < MANY; i++)
                assert_true(device_limit_admit(limit, keys[i], NULL));
        assert_false(device_limit_admit(limit, "network//one-more", NULL));
        device_limit_remove(limit, &entries[1]);
        assert_true(device_limit_admit(limit, "network//one-more", NULL));
        assert_false(device_limit_admit(limit, keys[1], NULL));
        device_limit_free(limit);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(known_devices_are_never_refused),
                cmocka_unit_test(a_device_counts_once_however_it_became_known),
                cmocka_unit_test(a_place_that_is_given_back_is_another_ones),
                cmocka_unit_test(all_that_were_admitted_stay_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
