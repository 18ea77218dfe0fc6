// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "camera/picture/obscure.h"

/* Every pixel has another colour. */
static void fill(struct picture *picture, int width, int height)
{
        picture_init(picture, width, height);
        for (int y = 0; y < height; y++) {
                for (int x = 0; x < width; x++) {
                        uint8_t *pixel = picture_row(picture, y) + x * PICTURE_PIXEL_BYTES;

                        pixel[0] = (uint8_t)(x * 255 / width);
                        pixel[1] = (uint8_t)(y * 255 / height);
                        pixel[2] = (uint8_t)(x * 7 + y * 13);
                        pixel[3] = 0;
                }
        }
}

static const uint8_t *at(const struct picture *picture, int x, int y)
{
        return picture_row(picture, y) + x * PICTURE_PIXEL_BYTES;
}

static bool is_as_before(const struct picture *picture, int x, int y)
{
        const uint8_t *pixel = at(picture, x, y);

        return pixel[0] == (uint8_t)(x * 255 / picture->width) &&
               pixel[1] == (uint8_t)(y * 255 / picture->height) &&
               pixel[2] == (uint8_t)(x * 7 + y * 13);
}

static void blanked_is_black_and_the_rest_is_left(void **state)
{
        static const float points[][2] = {{0.25F, 0.5F}, {0.75F, 0.5F}, {0.75F, 1}, {0.25F, 1}};
        CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;

        (void)state;
        fill(&picture, 100, 60);
        obscure(&picture, points, 4, OBSCURE_BLANK);
        for (int y = 0; y < 60; y++) {
                for (int x = 0; x < 100; x++) {
                        bool inside = x >= 25 && x < 75 && y >= 30;

                        if (inside)
                                assert_memory_equal(at(&picture, x, y), "\0\0\0", 3);
                        else
                                assert_true(is_as_before(&picture, x, y));
                }
        }
}

/* A face of any size keeps at most eight times eight colours. */
static void blurred_has_few_blocks(void **state)
{
        static const float points[][2] = {{0.1F, 0.1F}, {0.9F, 0.1F}, {0.9F, 0.9F}, {0.1F, 0.9F}};
        CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;
        int changes = 0;

        (void)state;
        fill(&picture, 200, 200);
        obscure(&picture, points, 4, OBSCURE_BLUR);
        for (int x = 21; x < 180; x++)
                changes += memcmp(at(&picture, x, 100), at(&picture, x - 1, 100), 3) != 0;
        assert_in_range(changes, 1, 7);
        changes = 0;
        for (int y = 21; y < 180; y++)
                changes += memcmp(at(&picture, 100, y), at(&picture, 100, y - 1), 3) != 0;
        assert_in_range(changes, 1, 7);
        assert_true(is_as_before(&picture, 10, 10));
        assert_true(is_as_before(&picture, 190, 100));
}

static void a_polygon_of_any_shape_is_followed(void **state)
{
        static const float triangle[][2] = {{0, 0}, {1, 0}, {0, 1}};
        CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;

        (void)state;
        fill(&picture, 100, 100);
        obscure(&picture, triangle, 3, OBSCURE_BLANK);
        assert_memory_equal(at(&picture, 10, 10), "\0\0\0", 3);
        assert_memory_equal(at(&picture, 48, 48), "\0\0\0", 3);
        assert_true(is_as_before(&picture, 60, 60));
        assert_true(is_as_before(&picture, 99, 99));
}

static void what_reaches_out_is_cut(void **state)
{
        static const float points[][2] = {{-1, -1}, {3, -1}, {3, 0.5F}, {-1, 0.5F}};
        static const float outside[][2] = {{2, 2}, {3, 2}, {3, 3}};
        static const enum obscure_manner manners[] = {OBSCURE_BLANK, OBSCURE_BLUR};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(manners); i++) {
                CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;

                fill(&picture, 33, 10);
                obscure(&picture, outside, 3, manners[i]);
                assert_true(is_as_before(&picture, 32, 0));
                obscure(&picture, points, 4, manners[i]);
                assert_false(is_as_before(&picture, 32, 0));
                assert_true(is_as_before(&picture, 32, 9));
        }
}

static void a_tiny_area_and_no_area_are_allowed(void **state)
{
        static const float points[][2] = {{0.5F, 0.5F}, {0.51F, 0.5F}, {0.51F, 0.51F}};
        CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;

        (void)state;
        fill(&picture, 1, 1);
        obscure(&picture, points, 3, OBSCURE_BLUR);
        obscure(&picture, points, 2, OBSCURE_BLANK);
        obscure(&picture, points, 0, OBSCURE_BLANK);
        assert_true(is_as_before(&picture, 0, 0));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(blanked_is_black_and_the_rest_is_left),
                cmocka_unit_test(blurred_has_few_blocks),
                cmocka_unit_test(a_polygon_of_any_shape_is_followed),
                cmocka_unit_test(what_reaches_out_is_cut),
                cmocka_unit_test(a_tiny_area_and_no_area_are_allowed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
