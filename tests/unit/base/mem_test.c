// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_new_memory_is_zero_and_never_null(void **state)
{
        CLEANUP(mem_cleanup) unsigned char *bytes = mem_new(1000, 3);
        CLEANUP(mem_cleanup) char *none = mem_new(0, 0);

        (void)state;
        assert_non_null(none);
        for (int i = 0; i < 3000; i++)
                assert_int_equal(bytes[i], 0);
}

static void test_resize_keeps_the_contents(void **state)
{
        CLEANUP(mem_cleanup) char *text = mem_text("0123456789");

        (void)state;
        text = mem_resize(text, 100000, 1);
        assert_string_equal(text, "0123456789");
        text = mem_resize(text, 4, 1);
        assert_memory_equal(text, "0123", 4);
        text = mem_resize(text, 0, 1);
        assert_non_null(text);
}

static void test_texts_are_copies(void **state)
{
        char original[] = "text";
        CLEANUP(mem_cleanup) char *copy = mem_text(original);
        CLEANUP(mem_cleanup) char *part = mem_text_n("te\0xt", 4);
        CLEANUP(mem_cleanup) char *empty = mem_text_n(NULL, 0);

        (void)state;
        original[0] = 'X';
        assert_string_equal(copy, "text");
        assert_memory_equal(part, "te\0x\0", 5);
        assert_string_equal(empty, "");
        assert_null(mem_text(NULL));
}

static void test_format_makes_a_text_of_any_length(void **state)
{
        CLEANUP(mem_cleanup) char *text = mem_format("%05d|%*s|", 42, 3000, "x");

        (void)state;
        assert_int_equal(strlen(text), 5 + 1 + 3000 + 1);
        assert_memory_equal(text, "00042|", 6);
}

static void test_cleanup_frees_null_too(void **state)
{
        char *nothing = NULL;

        (void)state;
        mem_cleanup(&nothing);
        assert_null(nothing);
}

static void test_wipe_leaves_only_zeros(void **state)
{
        char secret[16] = "very secret";

        (void)state;
        mem_wipe(secret, sizeof(secret));
        for (size_t i = 0; i < sizeof(secret); i++)
                assert_int_equal(secret[i], 0);
        mem_wipe(NULL, 5);
}

/* Status of a child that asks for more memory than there can be. */
static int end_of_greedy_child(void)
{
        int status = 0;
        pid_t child = fork();

        if (child == 0) {
                volatile size_t all = SIZE_MAX / 2;

                close(STDERR_FILENO);
                free(mem_new(all, 3));
                _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        return status;
}

static void test_without_memory_the_program_ends(void **state)
{
        int status = end_of_greedy_child();

        (void)state;
        assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_new_memory_is_zero_and_never_null),
                cmocka_unit_test(test_resize_keeps_the_contents),
                cmocka_unit_test(test_texts_are_copies),
                cmocka_unit_test(test_format_makes_a_text_of_any_length),
                cmocka_unit_test(test_cleanup_frees_null_too),
                cmocka_unit_test(test_wipe_leaves_only_zeros),
                cmocka_unit_test(test_without_memory_the_program_ends),
        };

        return cmocka_run_group_tests_name("base.mem", tests, NULL, NULL);
}
