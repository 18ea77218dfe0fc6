// SPDX-License-Identifier: MIT
/* What a scan hands out of a text; json-c is the oracle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json/json_slice.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "support/mutate_json.h"
#include "support/same_json.h"

#define DEPTH 64

/* In a block of its own size, so that a read behind it is found by sanitizers. */
static void check_same(const char *text, size_t size)
{
        char *block = mem_new(size ? size : 1, 1);

        memcpy(block, text, size);
        if (!same_json(block, size, DEPTH))
                fail_msg("json-c says otherwise of: %.*s", (int)size, text);
        free(block);
}

/* --- the same as json-c ------------------------------------------------------------------- */

static void what_is_written_is_what_json_c_writes(void **state)
{
        static const char *const texts[] = {
                "{}",
                "[]",
                " [ ] ",
                "{ }",
                "5",
                "-0",
                "-0.0",
                "1E5",
                "1e400",
                "12345678901234567890",
                "-9223372036854775808",
                "9223372036854775808",
                "0.10",
                "true",
                "\"\"",
                "\"a\\\"b\\\\c\\/d\\b\\f\\n\\r\\t\\u001f\\u007f\\u00e9\\u20ac\"",
                "\"\\ud83d\\ude00 \\ud83d \\ude00 \\ud83d\\u0041 \\ud83d\\ud83d\\ude00\"",
                "\"\\u0000\"",
                "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
                "{\"a\":1,\"b\":2,\"a\":3}",
                "{\"a\":{\"x\":1,\"x\":2},\"b\":[{\"y\":1,\"y\":null}]}",
                "{\"a\":1,\"\\u0061\":2}",
                "{\"\\ud800\":1,\"\\udfff\":2}",
                "{\"\":1,\"\":2}",
                "{\"a\":\"\",\"b\":[\"\",\"\"]}",
                "[1,[2,[3,[]],{}],\"]\",\"}\",\"\\\"]\"]",
                " { \"a\" : [ 1 , 2 ] , \"b\" : { \"c\" : \"d e\" } } ",
                "{\"a\\u0000b\":1}",
                "nul",
                "[1,]",
                "{\"a\" 1}",
                "",
                " ",
                "\"",
                "\"\\",
                "\"\\u12",
                "-",
                "[",
                "{\"a\":",
                "tru",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                check_same(texts[i], strlen(texts[i]));
}

static void take_same(struct mutate_sink *sink, const char *body, size_t size, bool same)
{
        size_t *count = sink->context;

        (void)same;
        check_same(body, size);
        (*count)++;
}

static void read_whole(const char *path, struct buf *out)
{
        FILE *file = fopen(path, "rb");
        char block[4096];
        size_t got;

        assert_non_null(file);
        while ((got = fread(block, 1, sizeof(block), file)) > 0)
                buf_add(out, block, got);
        fclose(file);
}

static void check_folder(const char *folder, size_t *count)
{
        struct mutate_sink sink = {.take = take_same, .context = count};
        DIR *files = opendir(folder);
        struct dirent *file;

        assert_non_null(files);
        while ((file = readdir(files))) {
                CLEANUP(mem_cleanup) char *path = mem_format("%s/%s", folder, file->d_name);
                CLEANUP(buf_deinit) struct buf body = BUF_INIT;

                if (!strstr(file->d_name, ".json"))
                        continue;
                read_whole(path, &body);
                check_same(buf_text(&body), body.size);
                mutate_truncate(body.data, body.size, 50, &sink);
                mutate_bytes(body.data, body.size, 200, &sink);
                mutate_members(body.data, body.size, &sink);
        }
        closedir(files);
}

static void samples_and_what_breaks_them_are_read_as_json_c_does(void **state)
{
        size_t count = 0;

        (void)state;
        check_folder(TEST_PROJECT "/samples/things-stack", &count);
        check_folder(TEST_PROJECT "/tests/data/things-stack", &count);
        check_folder(TEST_PROJECT "/tests/data/myriota", &count);
        assert_true(count > 10000);
}

/* --- made at random ----------------------------------------------------------------------- */

static unsigned next_random(unsigned *seed, unsigned most)
{
        *seed = *seed * 1103515245U + 12345U;
        return (*seed >> 16) % most;
}

static void add_piece(struct buf *out, unsigned *seed, const char *const *pieces, unsigned count)
{
        buf_add_text(out, pieces[next_random(seed, count)]);
}

static void make_text(struct buf *out, unsigned *seed)
{
        static const char *const pieces[] = {"a",
                                             "b",
                                             "\xc3\xa9",
                                             "\\n",
                                             "\\u00e9",
                                             "\\/",
                                             "\\\"",
                                             "\\ud83d",
                                             "\\ude00",
                                             " ",
                                             "0123456789abcdef",
                                             "\\\\",
                                             "\xf0\x9f\x98\x80",
                                             ""};

        buf_add_char(out, '"');
        for (unsigned i = next_random(seed, 4); i > 0; i--)
                add_piece(out, seed, pieces, ARRAY_SIZE(pieces));
        buf_add_char(out, '"');
}

static void make_blank(struct buf *out, unsigned *seed)
{
        static const char *const pieces[] = {"", "", "", " ", "\n", "\t \r"};

        add_piece(out, seed, pieces, ARRAY_SIZE(pieces));
}

static void make_value(struct buf *out, unsigned *seed, int depth)
{
        static const char *const words[] = {"true", "false", "null", "0",   "-1",   "3.50",
                                            "1e9",  "-0",    "{}",   "[ ]", "1E-3", "123456789012"};
        unsigned kind = next_random(seed, depth > 0 ? 4 : 2);
        const char *brackets = kind == 2 ? "[]" : "{}";

        make_blank(out, seed);
        if (kind == 0)
                add_piece(out, seed, words, ARRAY_SIZE(words));
        else if (kind == 1)
                make_text(out, seed);
        for (unsigned i = 0, count = next_random(seed, 5); kind > 1 && i <= count; i++) {
                buf_add_char(out, i == 0 ? brackets[0] : ',');
                make_blank(out, seed);
                if (kind == 3) {
                        make_text(out, seed);
                        make_blank(out, seed);
                        buf_add_char(out, ':');
                }
                make_value(out, seed, depth - 1);
        }
        if (kind > 1)
                buf_add_char(out, brackets[1]);
        make_blank(out, seed);
}

static void random_texts_are_read_as_json_c_does(void **state)
{
        unsigned seed = 1;

        (void)state;
        for (int i = 0; i < 5000; i++) {
                CLEANUP(buf_deinit) struct buf text = BUF_INIT;

                make_value(&text, &seed, 5);
                check_same(buf_text(&text), text.size);
                if (text.size == 0)
                        continue;
                text.data[next_random(&seed, (unsigned)text.size)] =
                        "\"\\{}[]:,0u \x01\xff"[next_random(&seed, 13)];
                check_same(buf_text(&text), text.size);
        }
}

/* --- what is wanted ----------------------------------------------------------------------- */

enum {
        ROOT,
        A,
        A_B,
        A_B_C,
        D,
        SLOTS
};

static const struct json_want want_b[] = {JSON_WANT("c", A_B_C)};
static const struct json_want want_a[] = {JSON_WANT_OF("b", A_B, want_b)};
static const struct json_want want_root[] = {JSON_WANT_OF("a", A, want_a), JSON_WANT_WHOLE("d", D)};
static const struct json_want want = {.slot = ROOT, .members = want_root, .count = 2};

static void read_wanted(const char *text, struct json_slice slices[SLOTS])
{
        struct json_scan scan = {.text = text,
                                 .size = strlen(text),
                                 .depth = DEPTH,
                                 .values = SIZE_MAX,
                                 .zero_names = true,
                                 .want = &want,
                                 .slices = slices};

        memset(slices, 0, SLOTS * sizeof(*slices));
        if (!json_scan(&scan))
                fail_msg("%s: %s", text, scan.fault);
        buf_deinit(&scan.long_integers);
}

static void assert_slice(const struct json_slice *slice, const char *expected)
{
        if (!expected) {
                assert_int_equal(slice->kind, JSON_ABSENT);
                return;
        }
        assert_int_equal(slice->size, strlen(expected));
        assert_memory_equal(slice->at, expected, slice->size);
}

static void wanted_members_are_found_and_the_last_one_counts(void **state)
{
        static const struct {
                const char *text;
                const char *slices[SLOTS]; /* but ROOT */
        } rows[] = {
                {"{\"a\":{\"b\":{\"c\":1}}}", {NULL, "{\"b\":{\"c\":1}}", "{\"c\":1}", "1", NULL}},
                {"{\"b\":{\"c\":1},\"c\":2}", {NULL}},
                {"{\"d\":[1,2],\"a\":null}", {NULL, "null", NULL, NULL, "[1,2]"}},
                {"{\"\\u0061\":{\"b\":5}}", {NULL, "{\"b\":5}", "5", NULL, NULL}},
                {"{\"a\":{\"b\":{\"c\":1}},\"a\":7}", {NULL, "7", NULL, NULL, NULL}},
                {"{\"a\":{\"b\":{\"c\":1}},\"a\":{\"b\":{}}}",
                 {NULL, "{\"b\":{}}", "{}", NULL, NULL}},
                {"{\"a\":[{\"b\":1}]}", {NULL, "[{\"b\":1}]", NULL, NULL, NULL}},
                {"{\"a\\u0000\":1,\"\":2}", {NULL}},
                {"[{\"a\":1}]", {NULL}},
                {"5", {NULL}},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct json_slice slices[SLOTS];

                read_wanted(rows[i].text, slices);
                assert_slice(&slices[ROOT], rows[i].text);
                for (size_t k = A; k < SLOTS; k++)
                        assert_slice(&slices[k], rows[i].slices[k]);
        }
}

static void what_a_whole_value_needs_is_told(void **state)
{
        static const struct {
                const char *text;
                bool escaped, spaced, repeated;
        } rows[] = {
                {"{\"d\":{\"x\":[1,{\"y\":2}]}}", false, false, false},
                {"{ \"\\u0061\" : 1, \"d\":{\"x\":1}}", false, false, false},
                {"{\"d\":{\"x\":\"\\n\"}}", true, false, false},
                {"{\"d\":{\"x\": 1}}", false, true, false},
                {"{\"d\":{\"x\":1,\"x\":1}}", false, false, true},
                {"{\"d\":{\"x\":{\"x\":1},\"y\":{\"x\":{}}}}", false, false, false},
                {"{\"d\":[{\"z\":1,\"z\":2}]}", false, false, true},
                {"{\"x\":1,\"x\":1,\"d\":0}", false, false, false},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct json_slice slices[SLOTS];

                read_wanted(rows[i].text, slices);
                assert_int_equal(slices[D].escaped, rows[i].escaped);
                assert_int_equal(slices[D].spaced, rows[i].spaced);
                assert_int_equal(slices[D].repeated, rows[i].repeated);
        }
}

static void of_very_many_members_each_last_one_stays(void **state)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        struct json_slice slices[SLOTS];

        (void)state;
        buf_add_text(&text, "{\"d\":{\"m\":0");
        for (int i = 0; i < 1000; i++)
                buf_add_format(&text, ",\"m%d\":%d", i % 900, i);
        buf_add_text(&text, "}}");
        read_wanted(buf_text(&text), slices);
        json_slice_write(&slices[D], &out);
        assert_non_null(strstr(buf_text(&out), "\"m5\":905,"));
        assert_null(strstr(buf_text(&out), "\"m5\":5,"));
        check_same(buf_text(&text), text.size);
}

static void a_name_with_a_zero_character_is_copied(void **state)
{
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        struct json_slice slices[SLOTS];

        (void)state;
        read_wanted("{\"d\": {\"a\\u0000b\": 1, \"x\": 2, \"x\": 3}}", slices);
        json_slice_write(&slices[D], &out);
        assert_string_equal(buf_text(&out), "{\"a\\u0000b\":1,\"x\":2,\"x\":3}");
}

static void texts_fit_or_are_refused(void **state)
{
        static const struct {
                const char *text; /* of the member d */
                const char *copy; /* into 5 bytes; NULL = it can't be */
        } rows[] = {
                {"\"\"", ""},
                {"\"abcd\"", "abcd"},
                {"\"abcde\"", NULL},
                {"\"\\u00e9\\/x\"", "\xc3\xa9/x"},
                {"\"\\u00e9\\u00e9x\"", NULL},
                {"\"a\\u0000\"", NULL},
                {"7", NULL},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(mem_cleanup) char *text = mem_format("{\"d\":%s}", rows[i].text);
                struct json_slice slices[SLOTS];
                char copy[5];

                read_wanted(text, slices);
                assert_int_equal(json_slice_copy(&slices[D], copy, sizeof(copy)),
                                 rows[i].copy != NULL);
                if (rows[i].copy)
                        assert_string_equal(copy, rows[i].copy);
        }
}

static void numbers_are_read_to_their_last_bit(void **state)
{
        static const struct {
                const char *text; /* of the member d */
                double value;     /* NAN = none */
                bool is_whole;
        } rows[] = {
                {"0", 0, true},
                {"-42", -42, true},
                {"9.25", 9.25, false},
                {"-0.1", -0.1, false},
                {"0.3", 0.3, false},
                {"123456.7890123", 123456.7890123, false},
                {"0.0000000000001", 0.0000000000001, false},
                {"99999999999.999", 99999999999.999, false},
                {"999999999999999", 999999999999999, true},
                {"1234567890123456", 1234567890123456, true},
                {"1e3", 1000, true},
                {"2.0", 2, true},
                {"1e999", (double)NAN, false},
                {"\"x\"", (double)NAN, false},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CLEANUP(mem_cleanup) char *text = mem_format("{\"d\":%s}", rows[i].text);
                struct json_slice slices[SLOTS];
                int64_t whole = 0;
                double value;

                read_wanted(text, slices);
                value = json_slice_number(&slices[D]);
                assert_true(isnan(rows[i].value) ? isnan(value) : value == rows[i].value);
                assert_int_equal(json_slice_int(&slices[D], &whole), rows[i].is_whole);
                if (rows[i].is_whole)
                        assert_true((double)whole == rows[i].value);
        }
}

static void plain_characters_are_counted_at_every_place(void **state)
{
        static const char specials[] = "\"\\\x1f\x01\x7f\x80\xff";

        (void)state;
        for (size_t size = 0; size < 40; size++) {
                char *text = mem_new(size + 1, 1);

                memset(text, 'a', size);
                assert_int_equal(utf8_plain_length(text, size), size);
                for (size_t at = 0; at < size; at++) {
                        for (const char *c = specials; *c; c++) {
                                text[at] = *c;
                                assert_int_equal(utf8_plain_length(text, size),
                                                 *c == 0x7f ? size : at);
                        }
                        text[at] = 'a';
                }
                free(text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_written_is_what_json_c_writes),
                cmocka_unit_test(samples_and_what_breaks_them_are_read_as_json_c_does),
                cmocka_unit_test(random_texts_are_read_as_json_c_does),
                cmocka_unit_test(wanted_members_are_found_and_the_last_one_counts),
                cmocka_unit_test(what_a_whole_value_needs_is_told),
                cmocka_unit_test(of_very_many_members_each_last_one_stays),
                cmocka_unit_test(a_name_with_a_zero_character_is_copied),
                cmocka_unit_test(texts_fit_or_are_refused),
                cmocka_unit_test(numbers_are_read_to_their_last_bit),
                cmocka_unit_test(plain_characters_are_counted_at_every_place),
        };

        return cmocka_run_group_tests_name("json_slice", tests, NULL, NULL);
}
