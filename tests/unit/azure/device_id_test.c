// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "azure/device_id.h"

#define TEN       "0123456789"
#define ID_OF_120 TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

typedef bool check(const char *id, struct reason *reason);

static void assert_refused(check *is_valid, const char *id, const char *explanation)
{
        struct reason reason = REASON_INIT;

        assert_false(is_valid(id, &reason));
        if (!strstr(reason.text, explanation))
                fail_msg("'%s' is not in '%s'", explanation, reason.text);
}

static void a_device_id_takes_all_documented_characters(void **state)
{
        (void)state;
        assert_true(device_id_is_valid("aZ09-:.+%_#*?!(),=@$'", NULL));
        assert_true(device_id_is_valid("$", NULL));
        assert_true(device_id_is_valid(ID_OF_120 "12345678", NULL));
}

static void a_bad_character_is_named_with_its_position(void **state)
{
        (void)state;
        assert_refused(device_id_is_valid, "dev 1", "character 4, ' ', is not allowed");
        assert_refused(device_id_is_valid, "/dev", "character 1, '/', is not allowed");
        assert_refused(device_id_is_valid, "dev1;", "character 5, ';', is not allowed");
        assert_refused(device_id_is_valid, "temp\xc3\xa9rature", "character 5, '\xc3\xa9', is");
}

static void an_unprintable_character_is_named_by_its_number(void **state)
{
        (void)state;
        assert_refused(device_id_is_valid, "dev\n1", "byte 4, 0x0a, is not allowed");
        assert_refused(device_id_is_valid, "dev\xff", "byte 4, 0xff, is not allowed");
        assert_refused(device_id_is_valid, "\x7f", "byte 1, 0x7f, is not allowed");
}

static void lengths_are_bounded(void **state)
{
        (void)state;
        assert_refused(device_id_is_valid, "", "empty");
        assert_refused(device_id_is_valid, NULL, "empty");
        assert_refused(device_id_is_valid, ID_OF_120 "123456789",
                       "129 characters, the most is 128");
        assert_refused(device_id_is_registration_id, ID_OF_120 "123456789", "129 characters");
}

static void a_registration_id_takes_fewer_characters(void **state)
{
        (void)state;
        assert_true(device_id_is_registration_id("sn-007_a.b:C", NULL));
        assert_true(device_id_is_registration_id("trailing-", NULL));
        assert_refused(device_id_is_registration_id, "a+b", "character 2, '+', is not allowed");
        assert_refused(device_id_is_registration_id, "", "empty");
}

static void a_registration_id_ends_with_letter_digit_or_dash(void **state)
{
        (void)state;
        assert_refused(device_id_is_registration_id, "dev.", "the last character, '.', must be");
        assert_refused(device_id_is_registration_id, "dev_", "the last character, '_', must be");
        assert_refused(device_id_is_registration_id, ":", "the last character, ':', must be");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_device_id_takes_all_documented_characters),
                cmocka_unit_test(a_bad_character_is_named_with_its_position),
                cmocka_unit_test(an_unprintable_character_is_named_by_its_number),
                cmocka_unit_test(lengths_are_bounded),
                cmocka_unit_test(a_registration_id_takes_fewer_characters),
                cmocka_unit_test(a_registration_id_ends_with_letter_digit_or_dash),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
