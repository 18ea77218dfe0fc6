// SPDX-License-Identifier: MIT
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "camera/detect/boxes.h"

static const struct box_rules rules = {.score = 0.25F, .overlap = 0.45F};

static struct box_list read_all(enum layout layout, const float *values, int64_t rows,
                                int64_t columns)
{
        struct box_list list = BOX_LIST_INIT;
        const int64_t dimensions[] = {1, rows, columns};

        assert_int_equal(boxes_read(layout, values, dimensions, &rules, &list), 0);
        return list;
}

static void a_v5_score_is_objectness_times_probability(void **state)
{
        static const float values[] = {
                100, 100, 40, 20, 0.9F, 0.1F, 0.8F, /* 0.72 of class 1 */
                300, 300, 10, 10, 0.5F, 0.5F, 0.1F, /* 0.25: not above the threshold */
                500, 500, 10, 10, 0.2F, 1.0F, 0.0F, /* objectness too small */
        };
        struct box_list list = read_all(LAYOUT_OBJECTNESS, values, 3, 7);

        (void)state;
        assert_int_equal(list.count, 1);
        assert_int_equal(list.boxes[0].label, 1);
        assert_float_equal(list.boxes[0].score, 0.72F, 1e-6);
        assert_float_equal(list.boxes[0].x1, 80, 1e-6);
        assert_float_equal(list.boxes[0].y1, 90, 1e-6);
        assert_float_equal(list.boxes[0].x2, 120, 1e-6);
        assert_float_equal(list.boxes[0].y2, 110, 1e-6);
        box_list_deinit(&list);
}

/* More candidates than one block, so that the last one lies in the second. */
static void v8_columns_are_read_plane_by_plane(void **state)
{
        enum {
                CELLS = 1500,
                CLASSES = 3
        };
        CLEANUP(mem_cleanup) float *values = mem_new((4 + CLASSES) * CELLS, sizeof(*values));
        struct box_list list;

        (void)state;
        values[0 * CELLS + 1499] = 50;
        values[1 * CELLS + 1499] = 60;
        values[2 * CELLS + 1499] = 20;
        values[3 * CELLS + 1499] = 10;
        values[(4 + 2) * CELLS + 1499] = 0.75F;
        values[(4 + 1) * CELLS + 1499] = 0.5F;
        list = read_all(LAYOUT_COLUMNS, values, 4 + CLASSES, CELLS);
        assert_int_equal(list.count, 1);
        assert_int_equal(list.boxes[0].label, 2);
        assert_float_equal(list.boxes[0].score, 0.75F, 1e-6);
        assert_float_equal(list.boxes[0].x1, 40, 1e-6);
        assert_float_equal(list.boxes[0].y2, 65, 1e-6);
        box_list_deinit(&list);
}

static void end_to_end_rows_are_taken_as_they_are(void **state)
{
        static const float values[] = {
                10, 20, 30, 40, 0.9F, 2, 11, 21, 31, 41, 0.8F, 2, 0, 0, 0, 0, 0.1F, 0,
        };
        struct box_list list = read_all(LAYOUT_END_TO_END, values, 3, 6);

        (void)state;
        assert_int_equal(list.count, 2); /* the model has removed doubles itself */
        assert_int_equal(list.boxes[0].label, 2);
        assert_float_equal(list.boxes[1].x2, 31, 1e-6);
        box_list_deinit(&list);
}

static void of_one_class_in_one_place_the_best_stays(void **state)
{
        static const float values[] = {/* a rider and the bicycle below: two classes, both stay */
                                       100, 100, 40, 40, 1, 0.8F, 0, 102, 100, 40, 40, 1, 0, 0.7F,
                                       /* the rider once more, a little aside */
                                       104, 100, 40, 40, 1, 0.9F, 0,
                                       /* equal scores in two places */
                                       300, 300, 40, 40, 1, 0.9F, 0, 500, 300, 40, 40, 1, 0.9F, 0,
                                       /* one within another, with little in common */
                                       500, 300, 10, 10, 1, 0.5F, 0,
                                       /* without an area */
                                       500, 300, 0, 0, 1, 0.4F, 0};
        struct box_list list = read_all(LAYOUT_OBJECTNESS, values, 7, 7);

        (void)state;
        assert_int_equal(list.count, 6);
        assert_float_equal(list.boxes[0].x1, 84, 1e-6);
        assert_float_equal(list.boxes[1].x1, 280, 1e-6);
        assert_float_equal(list.boxes[2].x1, 480, 1e-6);
        assert_int_equal(list.boxes[3].label, 1);
        box_list_deinit(&list);
}

static void what_is_no_number_is_counted_and_left_out(void **state)
{
        const float values[] = {
                100,  100,      40,   40,   NAN, 0.8F, NAN,  40,  40,   40,
                0.9F, 0.8F,     100,  100,  40,  40,   0.9F, NAN, 100,  100,
                40,   INFINITY, 0.9F, 0.8F, 200, 100,  40,   40,  0.9F, 0.8F,
        };
        struct box_list list = BOX_LIST_INIT;
        const int64_t dimensions[] = {1, 5, 6};
        const float end_to_end[] = {1, 2, 3, 4, 0.9F, NAN, 1, 2, 3, 4, 0.9F, -1};

        (void)state;
        assert_int_equal(boxes_read(LAYOUT_OBJECTNESS, values, dimensions, &rules, &list), 4);
        assert_int_equal(list.count, 1);
        assert_float_equal(list.boxes[0].x1, 180, 1e-6);
        assert_int_equal(boxes_read(LAYOUT_END_TO_END, end_to_end, (const int64_t[]){1, 2, 6},
                                    &rules, &list),
                         2);
        assert_int_equal(list.count, 0);
        box_list_deinit(&list);
}

/* Each number is one, the corner that they make is none. */
static void a_box_that_ends_beyond_all_numbers_is_left_out(void **state)
{
        static const float values[] = {3e38F, 100, 3e38F, 40, 0.9F, 0.8F};
        struct box_list list = BOX_LIST_INIT;

        (void)state;
        assert_int_equal(
                boxes_read(LAYOUT_OBJECTNESS, values, (const int64_t[]){1, 1, 6}, &rules, &list),
                1);
        assert_int_equal(list.count, 0);
        box_list_deinit(&list);
}

/* All 25,200 candidates above the threshold, none over another: work stays bounded. */
static void no_more_than_three_hundred_are_kept(void **state)
{
        enum {
                ROWS = 25200
        };
        CLEANUP(mem_cleanup) float *values = mem_new((size_t)ROWS * 6, sizeof(*values));
        struct box_list list;

        (void)state;
        for (int i = 0; i < ROWS; i++) {
                float *row = values + (size_t)i * 6;

                row[0] = (float)(i % 160) * 4;
                row[1] = (float)i / 160 * 4;
                row[2] = row[3] = 2;
                row[4] = 0.9F;
                row[5] = 0.5F + (float)i / ROWS / 4;
        }
        list = read_all(LAYOUT_OBJECTNESS, values, ROWS, 6);
        assert_int_equal(list.count, BOXES_MAX);
        assert_true(list.boxes[0].score >= list.boxes[BOXES_MAX - 1].score);
        box_list_deinit(&list);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_v5_score_is_objectness_times_probability),
                cmocka_unit_test(v8_columns_are_read_plane_by_plane),
                cmocka_unit_test(end_to_end_rows_are_taken_as_they_are),
                cmocka_unit_test(of_one_class_in_one_place_the_best_stays),
                cmocka_unit_test(what_is_no_number_is_counted_and_left_out),
                cmocka_unit_test(a_box_that_ends_beyond_all_numbers_is_left_out),
                cmocka_unit_test(no_more_than_three_hundred_are_kept),
        };

        return cmocka_run_group_tests_name("boxes", tests, NULL, NULL);
}
