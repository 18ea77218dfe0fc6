// SPDX-License-Identifier: MIT
#include "support.h"

#include "base/mem.h"
#include "conf/engine/document.h"

struct read {
        bool good;
        struct conf_entries entries;
        struct conf_report report;
};

static void read_free(struct read *read)
{
        conf_entries_deinit(&read->entries);
        conf_report_deinit(&read->report);
}

static void read_sized(struct read *read, const char *text, size_t size)
{
        read->entries = CONF_ENTRIES_INIT;
        read->report = CONF_REPORT_INIT;
        read->good = conf_document_read(text, size, &read->entries, &read->report);
        assert_int_equal(read->good, read->report.mistakes == 0);
}

static void read_text(struct read *read, const char *text)
{
        read_sized(read, text, strlen(text));
}

static const struct conf_entry *find(const struct read *read, const char *path)
{
        for (size_t i = 0; i < read->entries.count; i++) {
                CLEANUP(buf_deinit) struct buf name = BUF_INIT;

                conf_names_write(&read->entries.items[i].written, &name);
                if (strcmp(buf_text(&name), path) == 0)
                        return &read->entries.items[i];
        }
        fail_msg("there is no entry '%s'", path);
        return NULL;
}

static void assert_entry(const struct read *read, const char *path, const char *text, int line,
                         int column)
{
        const struct conf_entry *entry = find(read, path);

        assert_text(entry->text, text);
        assert_int_equal(entry->place.line, line);
        assert_int_equal(entry->place.column, column);
        assert_null(entry->place.variable);
}

static void every_value_has_its_line_and_column(void **state)
{
        CLEANUP(read_free) struct read read;

        (void)state;
        read_text(&read, "{\n"
                         "  \"A\": {\"b\": \"text\", \"c\": 12.50,\n"
                         "\t\"d\" : true },\n"
                         "  \"e\": [ null, [ ], \"x\" ]\n"
                         "}\n");
        assert_true(read.good);
        assert_entry(&read, "A", "{\"b\": \"text\", \"c\": 12.50,\n\t\"d\" : true }", 2, 8);
        assert_entry(&read, "A.b", "text", 2, 14);
        assert_entry(&read, "A.c", "12.50", 2, 27);
        assert_entry(&read, "A.d", "true", 3, 8);
        assert_entry(&read, "e", "[ null, [ ], \"x\" ]", 4, 8);
        assert_entry(&read, "e.0", NULL, 4, 10);
        assert_entry(&read, "e.1", "[ ]", 4, 16);
        assert_entry(&read, "e.2", "x", 4, 21);
        assert_int_equal(find(&read, "e.0")->shape, CONF_VALUE);
        assert_int_equal(find(&read, "e.1")->shape, CONF_LIST);
        assert_int_equal(find(&read, "A")->shape, CONF_OBJECT);
        assert_int_equal(read.entries.count, 9);
}

static void comments_and_trailing_commas_are_allowed(void **state)
{
        CLEANUP(read_free) struct read read;

        (void)state;
        read_text(&read, "// first \"quote\n{ /* a */ \"a\": 1, // b\n /* \n */ \"l\": [1,2,], }");
        assert_true(read.good);
        assert_entry(&read, "a", "1", 2, 16);
        assert_entry(&read, "l.1", "2", 4, 13);
        assert_int_equal(read.entries.count, 5);
}

static void a_byte_order_mark_is_skipped_and_not_counted(void **state)
{
        CLEANUP(read_free) struct read read;

        (void)state;
        read_text(&read, "\xef\xbb\xbf{\"a\": 1}");
        assert_entry(&read, "a", "1", 1, 7);
}

static void escapes_are_resolved_in_names_and_texts(void **state)
{
        CLEANUP(read_free) struct read read;

        (void)state;
        read_text(&read, "{\"\\u0041\\\"b\": \"C:\\\\x\\n\\u00e9\", \"n\": \"}\\\\\"}");
        assert_entry(&read, "A\"b", "C:\\x\n\xc3\xa9", 1, 15);
        assert_entry(&read, "n", "}\\", 1, 37);
}

struct bad_document {
        const char *text;
        int line;
        int column;
        const char *words;
};

static void mistakes_in_the_json_are_reported_with_their_place(void **state)
{
        static const struct bad_document cases[] = {
                {"", 0, 0, "empty"},
                {" \n ", 0, 0, "empty"},
                {"{\n \"a\": 1\n \"b\": 2}", 3, 2, "comma"},
                {"{\"a\" 1}", 1, 6, "colon"},
                {"{\"a\": }", 1, 7, "value"},
                {"{\"a\": 'b'}", 1, 7, "value"},
                {"{a: 1}", 1, 2, "name"},
                {"{\"a\": 1", 1, 8, "ends too early"},
                {"{\"a\": [1, 2", 1, 12, "ends too early"},
                {"{\"a\": \"b\n\"}", 1, 9, "quote"},
                {"{\"a\": \"\\x\"}", 1, 9, "escape"},
                {"{\"a\": 01}", 1, 9, "zero"},
                {"{\"a\": NaN}", 1, 7, "value"},
                {"{\"a\": 1}}", 1, 9, "behind"},
                {"{\"a\": 1} x", 1, 10, "behind"},
                {"{\"a\": \"\xff\"}", 1, 8, "UTF-8"},
                {"/* no end", 1, 1, "comment"},
                {"12", 1, 1, "one object in { }"},
                {"\"text\"", 1, 1, "one object in { }"},
                {"{\"a\": \"\\u0000\"}", 1, 7, "zero character"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                CLEANUP(read_free) struct read read;
                const struct conf_finding *finding;

                read_text(&read, cases[i].text);
                assert_false(read.good);
                assert_int_equal(read.report.count, 1);
                finding = &read.report.findings[0];
                if (finding->line != cases[i].line || finding->column != cases[i].column ||
                    !strstr(finding->sentence, cases[i].words))
                        fail_msg("%s: %d:%d: %s", cases[i].text, finding->line, finding->column,
                                 finding->sentence);
        }
}

static void other_encodings_are_named(void **state)
{
        CLEANUP(read_free) struct read read;

        (void)state;
        read_sized(&read, "{\0}\0", 4);
        assert_non_null(strstr(read.report.findings[0].sentence, "UTF-16"));
}

static void size_depth_and_number_are_bounded(void **state)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(read_free) struct read read;

        (void)state;
        for (int i = 0; i < CONF_DOCUMENT_DEPTH + 1; i++)
                buf_add_text(&text, "[");
        read_text(&read, buf_text(&text));
        assert_non_null(strstr(read.report.findings[0].sentence, "too deep"));
        read_free(&read);

        buf_clear(&text);
        while (text.size <= CONF_DOCUMENT_MAX)
                buf_add_text(&text, "                                                ");
        read_sized(&read, text.data, text.size);
        assert_non_null(strstr(read.report.findings[0].sentence, "too long"));
        read_free(&read);

        buf_clear(&text);
        buf_add_text(&text, "[0");
        for (int i = 0; i < CONF_ENTRIES_MAX + 100; i++)
                buf_add_text(&text, ",0");
        buf_add_text(&text, "]");
        read_text(&read, buf_text(&text));
        assert_int_equal(read.report.count, 1);
        assert_non_null(strstr(read.report.findings[0].sentence, "too many values"));
        assert_int_equal(read.entries.count, CONF_ENTRIES_MAX);
}

/* Levels that no setting has have no entries, and don't confuse those behind them. */
static void deep_levels_are_passed_over(void **state)
{
        CLEANUP(read_free) struct read read;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        (void)state;
        buf_add_text(&text, "{\"deep\": ");
        for (int i = 0; i < CONF_DEPTH_MAX + 8; i++)
                buf_add_text(&text, "{\"x\": ");
        buf_add_text(&text, "1");
        for (int i = 0; i < CONF_DEPTH_MAX + 8; i++)
                buf_add_text(&text, "}");
        buf_add_text(&text, ", \"b\": 2}");
        read_text(&read, buf_text(&text));
        assert_true(read.good);
        assert_text(find(&read, "b")->text, "2");
        assert_int_equal(read.entries.count, 1 + CONF_DEPTH_MAX + 1);
}

static void flat_names_and_values_are_unfolded(void **state)
{
        CLEANUP(read_free) struct read read;

        (void)state;
        read_text(&read, "{\"A:b__C\": 1, \"Values\": {\"X__y\": \"2\", \"Z\": \"3\"}, \"L:\": 4,"
                         " \"D\": {\"e:f\": 5}}");
        conf_entries_unfold(&read.entries);
        assert_text(find(&read, "A.b.C")->text, "1");
        assert_text(find(&read, "X.y")->text, "2");
        assert_text(find(&read, "Z")->text, "3");
        /* Deeper names are the user's own and may hold anything. */
        assert_text(find(&read, "D.e:f")->text, "5");
        assert_text(find(&read, "L:")->text, "4");
}

static void a_list_of_names_and_values_is_unfolded(void **state)
{
        CLEANUP(read_free) struct read read;

        (void)state;
        read_text(&read, "[{\"name\": \"A:b\", \"value\": \"1\", \"slotSetting\": false},\n"
                         " {\"value\": \"2\", \"name\": \"C\"}, {\"name\": \"no value\"}, 7]");
        conf_entries_unfold(&read.entries);
        assert_int_equal(read.entries.count, 2);
        assert_entry(&read, "A.b", "1", 1, 11);
        assert_entry(&read, "C", "2", 2, 25);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_value_has_its_line_and_column),
                cmocka_unit_test(comments_and_trailing_commas_are_allowed),
                cmocka_unit_test(a_byte_order_mark_is_skipped_and_not_counted),
                cmocka_unit_test(escapes_are_resolved_in_names_and_texts),
                cmocka_unit_test(mistakes_in_the_json_are_reported_with_their_place),
                cmocka_unit_test(other_encodings_are_named),
                cmocka_unit_test(size_depth_and_number_are_bounded),
                cmocka_unit_test(deep_levels_are_passed_over),
                cmocka_unit_test(flat_names_and_values_are_unfolded),
                cmocka_unit_test(a_list_of_names_and_values_is_unfolded),
        };

        return cmocka_run_group_tests_name("conf.document", tests, NULL, NULL);
}
