// SPDX-License-Identifier: MIT
/* Pictures: JPEG of every kind, orientation, letterbox. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "camera/picture/exif.h"
#include "camera/picture/jpeg.h"
#include "camera/picture/letterbox.h"
#include "camera/picture/mark_up.h"

/* The library of fonts keeps what it knows until the program ends. The name is LeakSanitizer's. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
        return "leak:libfontconfig\n";
}

enum {
        WIDTH = 64,
        HEIGHT = 48
};

/* Left half red, right half blue; BGRX. */
static struct picture two_halves(void)
{
        struct picture picture;

        picture_init(&picture, WIDTH, HEIGHT);
        for (int y = 0; y < HEIGHT; y++) {
                for (int x = 0; x < WIDTH; x++) {
                        uint8_t *pixel = picture_row(&picture, y) + (size_t)x * PICTURE_PIXEL_BYTES;
                        uint8_t red = x < WIDTH / 2 ? 255 : 0;

                        pixel[0] = (uint8_t)(255 - red);
                        pixel[1] = 0;
                        pixel[2] = red;
                        pixel[3] = 0;
                }
        }
        return picture;
}

static bool is_red(const struct picture *picture, int x, int y)
{
        const uint8_t *pixel = picture_row(picture, y) + (size_t)x * PICTURE_PIXEL_BYTES;

        return pixel[2] > 200 && pixel[0] < 60 && pixel[1] < 60;
}

static void encode(struct buf *out, int sampling, int flags)
{
        struct picture picture = two_halves();
        tjhandle handle = tjInitCompress();
        unsigned char *bytes = NULL;
        unsigned long size = 0;

        assert_int_equal(tjCompress2(handle, picture.pixels, WIDTH, 0, HEIGHT, TJPF_BGRX, &bytes,
                                     &size, sampling, 95, flags),
                         0);
        buf_add(out, bytes, size);
        tjFree(bytes);
        tjDestroy(handle);
        picture_deinit(&picture);
}

static void every_kind_of_jpeg_is_read(void **state)
{
        static const struct {
                int sampling;
                int flags;
        } kinds[] = {{TJSAMP_444, 0}, {TJSAMP_422, 0}, {TJSAMP_420, 0},
                     {TJSAMP_440, 0}, {TJSAMP_411, 0}, {TJSAMP_420, TJFLAG_PROGRESSIVE}};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
                CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;
                struct reason reason = REASON_INIT;

                encode(&bytes, kinds[i].sampling, kinds[i].flags);
                if (jpeg_read(bytes.data, bytes.size, &picture, &reason) != 0)
                        fail_msg("%zu: %s", i, reason.text);
                assert_int_equal(picture.width, WIDTH);
                assert_int_equal(picture.height, HEIGHT);
                assert_true(is_red(&picture, 8, 24));
                assert_false(is_red(&picture, 56, 24));
        }
}

static void a_grey_jpeg_is_read(void **state)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;
        struct reason reason = REASON_INIT;

        (void)state;
        encode(&bytes, TJSAMP_GRAY, 0);
        assert_int_equal(jpeg_read(bytes.data, bytes.size, &picture, &reason), 0);
        assert_int_equal(picture.pixels[0], picture.pixels[1]);
        assert_int_equal(picture.pixels[0], picture.pixels[2]);
}

/* As Adobe's programs write it: 255 is no ink. */
static void a_cmyk_jpeg_is_read(void **state)
{
        CLEANUP(mem_cleanup) uint8_t *ink = mem_new((size_t)WIDTH * HEIGHT, 4);
        CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;
        tjhandle handle = tjInitCompress();
        unsigned char *bytes = NULL;
        unsigned long size = 0;
        struct reason reason = REASON_INIT;

        (void)state;
        for (size_t i = 0; i < (size_t)WIDTH * HEIGHT; i++)
                memcpy(ink + 4 * i, (const uint8_t[]){255, 0, 0, 255}, 4); /* magenta, yellow */
        assert_int_equal(tjCompress2(handle, ink, WIDTH, 0, HEIGHT, TJPF_CMYK, &bytes, &size,
                                     TJSAMP_444, 95, 0),
                         0);
        assert_int_equal(jpeg_read(bytes, size, &picture, &reason), 0);
        assert_true(is_red(&picture, 30, 30));
        tjFree(bytes);
        tjDestroy(handle);
}

static void a_jpeg_that_is_cut_off_is_refused_at_every_place(void **state)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

        (void)state;
        encode(&bytes, TJSAMP_420, 0);
        for (size_t size = 0; size + 2 < bytes.size; size += 7) {
                CLEANUP(mem_cleanup) char *part = mem_text_n(bytes.data, size);
                struct picture picture = PICTURE_INIT;
                struct reason reason = REASON_INIT;

                assert_int_equal(jpeg_read(part, size, &picture, &reason), JPEG_E_BAD);
                assert_true(reason.text[0] != '\0');
                assert_true((size == 0) == (strstr(reason.text, "the picture is empty") != NULL));
                assert_null(picture.pixels);
        }
}

/* The header alone says 65,000 x 60,000: nothing of that size is taken from memory. */
static void a_huge_picture_is_refused_before_memory_is_taken(void **state)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        struct picture picture = PICTURE_INIT;
        struct reason reason = REASON_INIT;
        uint8_t *at;

        (void)state;
        encode(&bytes, TJSAMP_420, 0);
        at = memmem(bytes.data, bytes.size, "\xff\xc0", 2);
        assert_non_null(at);
        memcpy(at + 5, "\xea\x60\xfd\xe8", 4);
        assert_int_equal(jpeg_read(bytes.data, bytes.size, &picture, &reason), JPEG_E_BAD);
        assert_non_null(strstr(reason.text, "65000 x 60000"));
}

/* --- orientation --------------------------------------------------------------------------- */

/* Puts an APP1 with that orientation behind the start of the picture. */
static void add_orientation(struct buf *out, const struct buf *jpeg, int orientation, bool little)
{
        static const char big_head[] = "\xff\xe1\x00\x22"
                                       "Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0";
        static const char little_head[] =
                "\xff\xe1\x00\x22"
                "Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0";

        buf_add(out, jpeg->data, 2);
        if (little)
                buf_add(out, little_head, sizeof(little_head) - 1);
        else
                buf_add(out, big_head, sizeof(big_head) - 1);
        buf_add_char(out, (char)orientation);
        buf_add(out, "\0\0\0\0\0\0\0", little ? 7 : 6);
        buf_add(out, jpeg->data + 2, jpeg->size - 2);
}

/* Where the red half lies when the picture is upright. */
static void a_picture_is_turned_upright(void **state)
{
        /* A point that is red, as parts of 4 across and down; left half red as stored. */
        static const int red_at[9][2] = {{0},    {0, 1}, {3, 1}, {3, 1}, {0, 1},
                                         {1, 0}, {1, 0}, {1, 3}, {1, 3}};
        CLEANUP(buf_deinit) struct buf plain = BUF_INIT;

        (void)state;
        encode(&plain, TJSAMP_444, 0);
        for (int orientation = 1; orientation <= 8; orientation++) {
                for (int little = 0; little <= 1; little++) {
                        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
                        CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;
                        struct reason reason = REASON_INIT;
                        int x;
                        int y;

                        add_orientation(&bytes, &plain, orientation, little);
                        assert_int_equal(exif_orientation((const uint8_t *)bytes.data, bytes.size),
                                         orientation);
                        assert_int_equal(jpeg_read(bytes.data, bytes.size, &picture, &reason), 0);
                        assert_int_equal(picture.width, orientation >= 5 ? HEIGHT : WIDTH);
                        x = picture.width * (2 * red_at[orientation][0] + 1) / 8;
                        y = picture.height * (2 * red_at[orientation][1] + 1) / 8;
                        if (!is_red(&picture, x, y) ||
                            is_red(&picture, picture.width - 1 - x, picture.height - 1 - y))
                                fail_msg("orientation %d", orientation);
                }
        }
}

/* Pixel (0, 0) of a 3 x 2 picture, told apart from its neighbours, goes where it belongs. */
static void each_corner_goes_where_the_orientation_says(void **state)
{
        static const int corner[9][2] = {{0},    {0, 0}, {2, 0}, {2, 1}, {0, 1},
                                         {0, 0}, {1, 0}, {1, 2}, {0, 2}};

        (void)state;
        for (int orientation = 1; orientation <= 8; orientation++) {
                struct picture picture;

                picture_init(&picture, 3, 2);
                memset(picture.pixels, 0, (size_t)3 * 2 * PICTURE_PIXEL_BYTES);
                picture.pixels[0] = 255;
                picture_turn_upright(&picture, orientation);
                for (int y = 0; y < picture.height; y++) {
                        for (int x = 0; x < picture.width; x++)
                                assert_int_equal(picture_row(&picture, y)[x * 4] == 255,
                                                 x == corner[orientation][0] &&
                                                         y == corner[orientation][1]);
                }
                picture_deinit(&picture);
        }
}

/* --- letterbox ----------------------------------------------------------------------------- */

static void a_picture_fits_as_yolo_fits_it(void **state)
{
        static const struct {
                int picture[2];
                int input[2];
                int place[4]; /* left, top, width, height */
        } rows[] = {
                {{768, 576}, {640, 640}, {0, 80, 640, 480}},
                {{810, 1080}, {640, 640}, {80, 0, 480, 640}},
                {{640, 640}, {640, 640}, {0, 0, 640, 640}},
                {{1, 1}, {640, 640}, {0, 0, 640, 640}},
                {{1920, 1080}, {640, 384}, {0, 12, 640, 360}},
                {{741, 500}, {640, 640}, {0, 104, 640, 432}},
                {{1200, 798}, {640, 640}, {0, 107, 640, 426}},
                {{1200, 800}, {640, 640}, {0, 106, 640, 427}}, /* the odd row goes below */
                {{2, 4000}, {640, 640}, {319, 0, 1, 640}},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct letterbox box = letterbox_fit(rows[i].picture[0], rows[i].picture[1],
                                                     rows[i].input[0], rows[i].input[1]);
                const int *place = rows[i].place;

                if (box.left != place[0] || box.top != place[1] || box.width != place[2] ||
                    box.height != place[3])
                        fail_msg("row %zu: %d, %d, %d x %d", i, box.left, box.top, box.width,
                                 box.height);
        }
}

static void the_tensor_has_planes_of_red_green_and_blue_in_grey(void **state)
{
        enum {
                SIDE = 64
        };
        struct picture picture = two_halves();
        struct letterbox box = letterbox_fit(WIDTH, HEIGHT, SIDE, SIDE);
        CLEANUP(mem_cleanup) float *tensor = mem_new((size_t)SIDE * SIDE * 3, sizeof(*tensor));
        const float *red = tensor;
        const float *blue = tensor + (size_t)2 * SIDE * SIDE;

        (void)state;
        letterbox_fill(&picture, &box, SIDE, SIDE, tensor);
        assert_float_equal(red[0], 114.0 / 255, 1e-6);
        assert_float_equal(blue[SIDE * SIDE - 1], 114.0 / 255, 1e-6);
        assert_float_equal(red[32 * SIDE + 10], 1, 1e-6);
        assert_float_equal(blue[32 * SIDE + 10], 0, 1e-6);
        assert_float_equal(red[32 * SIDE + 50], 0, 1e-6);
        assert_float_equal(blue[32 * SIDE + 50], 1, 1e-6);
        picture_deinit(&picture);
}

/* Twice as wide: between 0 and 100 lie 25 and 75. */
static void pixels_are_blended_at_half_pixel_centres(void **state)
{
        struct picture picture;
        struct letterbox box = {.scale = 2, .width = 4, .height = 2};
        float tensor[3 * 4 * 2];
        static const float expected[] = {0, 25, 75, 100};

        (void)state;
        picture_init(&picture, 2, 1);
        memset(picture.pixels, 0, (size_t)2 * PICTURE_PIXEL_BYTES);
        picture.pixels[PICTURE_PIXEL_BYTES + 2] = 100;
        letterbox_fill(&picture, &box, 4, 2, tensor);
        for (size_t i = 0; i < 8; i++)
                assert_float_equal(tensor[i], expected[i % 4] / 255, 1e-6);
        picture_deinit(&picture);
}

/* --- marks --------------------------------------------------------------------------------- */

static void marks_are_drawn_at_any_size(void **state)
{
        static const int sizes[][2] = {{1, 1}, {64, 48}, {1920, 1080}};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                static const float corners[][2] = {{0.1F, 0.1F}, {0.9F, 0.1F}, {0.5F, 0.9F}};
                const struct mark_area area = {.points = corners, .count = 3, .text = "gate"};
                struct picture picture;
                struct mark mark = {.text = "person 0.93", .colour = 3};
                CLEANUP(buf_deinit) struct buf jpeg = BUF_INIT;
                struct reason reason = REASON_INIT;
                size_t size = (size_t)sizes[i][0] * (size_t)sizes[i][1] * PICTURE_PIXEL_BYTES;
                CLEANUP(mem_cleanup) uint8_t *before = mem_new(1, size);

                picture_init(&picture, sizes[i][0], sizes[i][1]);
                memset(picture.pixels, 0, size);
                mark.x2 = (float)picture.width;
                mark.y2 = (float)picture.height;
                mark_up(&picture, &area, 1, &mark, 1);
                assert_memory_not_equal(before, picture.pixels, size);
                assert_int_equal(jpeg_write(&picture, 85, &jpeg, &reason), 0);
                assert_true(jpeg.size > 100);
                picture_deinit(&picture);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_kind_of_jpeg_is_read),
                cmocka_unit_test(a_grey_jpeg_is_read),
                cmocka_unit_test(a_cmyk_jpeg_is_read),
                cmocka_unit_test(a_jpeg_that_is_cut_off_is_refused_at_every_place),
                cmocka_unit_test(a_huge_picture_is_refused_before_memory_is_taken),
                cmocka_unit_test(a_picture_is_turned_upright),
                cmocka_unit_test(each_corner_goes_where_the_orientation_says),
                cmocka_unit_test(a_picture_fits_as_yolo_fits_it),
                cmocka_unit_test(the_tensor_has_planes_of_red_green_and_blue_in_grey),
                cmocka_unit_test(pixels_are_blended_at_half_pixel_centres),
                cmocka_unit_test(marks_are_drawn_at_any_size),
        };

        return cmocka_run_group_tests_name("picture", tests, NULL, NULL);
}
