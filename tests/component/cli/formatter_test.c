// SPDX-License-Identifier: MIT
/* Every formatter of tests/data/formatters does what its examples say, in a real worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/formatter/formatter_trial.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define FORMATTERS TEST_PROJECT "/tests/data/formatters"
#define EXAMPLES   ".examples.json"

/* Where the limit of time is under test, and where nothing but the other limits is. */
#define SHORT_MS 100
#define LONG_MS  30000

static int64_t timeout_of(const char *path)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct reason reason = REASON_INIT;

        assert_int_equal(file_read(path, (size_t)1 << 20, &text, &reason), 0);
        return strstr(buf_text(&text), "\"timeout\"") ? SHORT_MS : LONG_MS;
}

static void check_examples(const char *folder, const char *name)
{
        CLEANUP(mem_cleanup) char *script = mem_format("%s/%s.js", folder, name);
        CLEANUP(mem_cleanup) char *examples = mem_format("%s/%s" EXAMPLES, folder, name);
        const struct formatter_options options = {.program = TEST_FORMATTER,
                                                  .timeout_ms = timeout_of(examples)};
        struct reason reason = REASON_INIT;
        struct formatter_trial trial;

        assert_int_equal(formatter_trial_init(&trial, script, &options, &reason), 0);
        assert_true(formatter_examples_run(&trial, examples, &reason));
        formatter_trial_deinit(&trial);
}

static void check_folder(const char *folder, int least)
{
        DIR *files = opendir(folder);
        struct dirent *file;
        int count = 0;

        assert_non_null(files);
        while ((file = readdir(files))) {
                char *suffix = strstr(file->d_name, EXAMPLES);
                CLEANUP(mem_cleanup) char *name = NULL;

                if (!suffix)
                        continue;
                name = mem_text_n(file->d_name, (size_t)(suffix - file->d_name));
                printf("%s\n", name);
                check_examples(folder, name);
                count++;
        }
        closedir(files);
        assert_true(count >= least);
}

static void test_good_formatters_do_what_their_examples_say(void **state)
{
        (void)state;
        check_folder(FORMATTERS, 40);
}

static void test_bad_and_hostile_formatters_end_as_their_examples_say(void **state)
{
        (void)state;
        check_folder(FORMATTERS "/broken", 30);
}

static struct json_object *value_of(const char *text)
{
        return json_parse(text, strlen(text), 20, JSON_STRICT, NULL);
}

static void test_a_difference_names_its_place(void **state)
{
        static const struct {
                const char *expected;
                const char *got;
                const char *difference; /* NULL = none */
        } cases[] = {
                {"{\"a\":1,\"b\":[1,2.5]}", "{\"b\":[1.0,2.50],\"a\":1}", NULL},
                {"{\"a\":{\"b\":[1,{\"c\":2}]}}", "{\"a\":{\"b\":[1,{\"c\":3}]}}",
                 "data.a.b[1].c: expected 2, got 3"},
                {"{\"a\":1}", "{}", "data.a: it is missing"},
                {"{}", "{\"a\":1}", "data.a: nobody expected it"},
                {"{\"a\":null}", "{\"a\":0}", "data.a: expected null, got 0"},
                {"{\"a\":[1]}", "{\"a\":[1,2]}", "data.a: expected 1 elements, got 2"},
                {"{\"a\":\"1\"}", "{\"a\":1}", "data.a: expected \"1\", got 1"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                CLEANUP(json_cleanup) struct json_object *expected = value_of(cases[i].expected);
                CLEANUP(json_cleanup) struct json_object *got = value_of(cases[i].got);
                CLEANUP(buf_deinit) struct buf path = BUF_INIT;
                struct reason difference = REASON_INIT;

                buf_add_text(&path, "data");
                assert_int_equal(formatter_json_equal(expected, got, &path, &difference),
                                 !cases[i].difference);
                assert_string_equal(difference.text,
                                    cases[i].difference ? cases[i].difference : "");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good_formatters_do_what_their_examples_say),
                cmocka_unit_test(test_bad_and_hostile_formatters_end_as_their_examples_say),
                cmocka_unit_test(test_a_difference_names_its_place),
        };

        log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
