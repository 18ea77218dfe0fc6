// SPDX-License-Identifier: MIT
/* T0 is the example of Microsoft's documentation; T1, T2 were computed with Python's hmac. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "azure/device_key.h"

#define K64                                                                                        \
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="

static void assert_derived(const char *group_key, const char *id, const char *expected)
{
        CLEANUP(buf_wipe) struct buf key = BUF_INIT;
        struct reason reason = REASON_INIT;

        assert_true(device_key_derive(&key, group_key, id, &reason));
        assert_string_equal(buf_text(&key), expected);
}

static void t0_the_documented_example(void **state)
{
        (void)state;
        assert_derived(
                "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqI"
                "ChbqOS9Egw==",
                "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6",
                "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=");
}

static void t1_lower_case_id(void **state)
{
        (void)state;
        assert_derived(K64, "dev0001", "+ALK43cotFBHZFwSpkcwTt2XbfO7t/ZBM9DLBqKlOpU=");
}

static void t2_the_case_of_the_id_counts(void **state)
{
        (void)state;
        assert_derived(K64, "Dev0001", "a6gl2v5rIF9Jh8IFkulbBPMOthznGvRCMFC1UK4zaho=");
}

static void a_group_key_that_is_no_base64_is_refused_without_showing_it(void **state)
{
        CLEANUP(buf_wipe) struct buf key = BUF_INIT;
        struct reason reason = REASON_INIT;

        (void)state;
        buf_add_text(&key, "before");
        assert_false(device_key_derive(&key, "not-a-key", "dev0001", &reason));
        assert_string_equal(buf_text(&key), "before");
        assert_non_null(strstr(reason.text, "group's key is not valid base64"));
        assert_null(strstr(reason.text, "not-a-key"));
}

static void keys_are_base64_of_at_least_one_byte(void **state)
{
        (void)state;
        assert_true(device_key_is_valid(K64));
        assert_true(device_key_is_valid("QQ=="));
        assert_false(device_key_is_valid("QQ="));
        assert_false(device_key_is_valid("QQ"));
        assert_false(device_key_is_valid(" QQ=="));
        assert_false(device_key_is_valid(""));
        assert_false(device_key_is_valid(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(t0_the_documented_example),
                cmocka_unit_test(t1_lower_case_id),
                cmocka_unit_test(t2_the_case_of_the_id_counts),
                cmocka_unit_test(a_group_key_that_is_no_base64_is_refused_without_showing_it),
                cmocka_unit_test(keys_are_base64_of_at_least_one_byte),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
