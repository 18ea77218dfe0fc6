// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "camera/detect/labels.h"
#include "support/directory.h"

static void a_dictionary_of_python_is_read(void **state)
{
        CLEANUP(labels_deinit) struct labels labels = LABELS_INIT;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(
                labels_read_metadata("{0: 'person', 1: \"judge's desk\", 2: 'caf\xc3\xa9', "
                                     "3:'a\\'b', 4: 'traffic light'}",
                                     &labels, &reason),
                0);
        assert_int_equal(labels.count, 5);
        assert_string_equal(labels.names[0], "person");
        assert_string_equal(labels.names[1], "judge's desk");
        assert_string_equal(labels.names[2], "caf\xc3\xa9");
        assert_string_equal(labels.names[3], "a'b");
        assert_string_equal(labels.names[4], "traffic light");
}

static void a_list_of_python_is_read(void **state)
{
        CLEANUP(labels_deinit) struct labels labels = LABELS_INIT;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(labels_read_metadata(" ['red', 'green',] ", &labels, &reason), 0);
        assert_int_equal(labels.count, 2);
        assert_string_equal(labels.names[1], "green");
}

static void what_is_neither_is_refused_with_the_place(void **state)
{
        static const char *const texts[] = {
                "",
                "person",
                "{}",
                "{0: 'person'",
                "{0 'person'}",
                "{1: 'person'}",
                "{0: 'a', 2: 'b'}",
                "{0: 'a' 1: 'b'}",
                "{0: 'a'} more",
                "{0: ''}",
                "{0: 'a",
                "{0: 5}",
                "{0: '\xff'}",
                "{99999999999999999999: 'a'}",
                "[0: 'a']",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                CLEANUP(labels_deinit) struct labels labels = LABELS_INIT;
                struct reason reason = REASON_INIT;

                if (labels_read_metadata(texts[i], &labels, &reason) != LABELS_E_BAD)
                        fail_msg("this was taken: %s", texts[i]);
                assert_true(reason.text[0] != '\0');
        }
}

static void a_file_has_a_label_a_line(void **state)
{
        char *folder = test_directory_new();
        CLEANUP(mem_cleanup) char *path = test_directory_file(folder, "labels.txt");
        CLEANUP(labels_deinit) struct labels labels = LABELS_INIT;
        struct reason reason = REASON_INIT;

        (void)state;
        test_directory_write(folder, "labels.txt", "red ball\r\ngreen\n\n");
        assert_int_equal(labels_read_file(path, &labels, &reason), 0);
        assert_int_equal(labels.count, 2);
        assert_string_equal(labels.names[0], "red ball");
        assert_string_equal(labels.names[1], "green");
        labels_deinit(&labels);

        test_directory_write(folder, "labels.txt", "red\n\ngreen\n");
        assert_int_equal(labels_read_file(path, &labels, &reason), LABELS_E_BAD);
        assert_non_null(strstr(reason.text, "labels.txt: label 1 is empty"));
        test_directory_remove(folder);
}

static void coco_has_eighty(void **state)
{
        CLEANUP(labels_deinit) struct labels labels = LABELS_INIT;

        (void)state;
        labels_coco(&labels);
        assert_int_equal(labels.count, 80);
        assert_string_equal(labels.names[0], "person");
        assert_string_equal(labels.names[9], "traffic light");
        assert_string_equal(labels.names[79], "toothbrush");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_dictionary_of_python_is_read),
                cmocka_unit_test(a_list_of_python_is_read),
                cmocka_unit_test(what_is_neither_is_refused_with_the_place),
                cmocka_unit_test(a_file_has_a_label_a_line),
                cmocka_unit_test(coco_has_eighty),
        };

        return cmocka_run_group_tests_name("labels", tests, NULL, NULL);
}
