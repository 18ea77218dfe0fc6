// SPDX-License-Identifier: MIT
/* The whole way from pixels to boxes, in ONNX Runtime, with models of the project's own. */
#include <math.h>

#include "component/camera/models.h"
#include "support/directory.h"

static const uint8_t red[] = {20, 20, 230};
static const uint8_t green[] = {20, 200, 20};
static const uint8_t blue[] = {230, 20, 20};

static const struct box_rules rules = {.score = 0.25F, .overlap = 0.45F};

static struct onnx_runtime *runtime;
static char *folder;

static int setup(void **state)
{
        (void)state;
        folder = test_directory_new();
        runtime = models_runtime();
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        onnx_runtime_close(runtime);
        test_directory_remove(folder);
        return 0;
}

static struct detector *load(const char *layout, const char *size)
{
        CLEANUP(mem_cleanup) char *path = test_directory_file(folder, "model.onnx");
        struct detector *detector = NULL;
        struct reason reason = REASON_INIT;

        models_make(path, layout, size);
        if (detector_new(&(struct detector_options){.runtime = runtime, .model = path}, &detector,
                         &reason) != 0)
                fail_msg("%s", reason.text);
        return detector;
}

static const struct box *find(const struct detector *detector, const struct box_list *list,
                              const char *label, float x1, float y1)
{
        for (size_t i = 0; i < list->count; i++) {
                const struct box *box = &list->boxes[i];

                if (strcmp(detector_labels(detector)->names[box->label], label) == 0 &&
                    fabsf(box->x1 - x1) <= 3 && fabsf(box->y1 - y1) <= 3)
                        return box;
        }
        fail_msg("no %s at %g, %g", label, (double)x1, (double)y1);
        return NULL;
}

static void find_shapes(const char *layout, const char *size)
{
        struct detector *detector = load(layout, size);
        CLEANUP(box_list_deinit) struct box_list list = BOX_LIST_INIT;
        struct picture picture;
        struct reason reason = REASON_INIT;
        const struct box *box;

        models_grey(&picture, 640, 360);
        models_paint(&picture, 40, 100, 90, 60, red);
        models_paint(&picture, 400, 120, 50, 110, red);
        models_paint(&picture, 250, 200, 70, 70, green);
        if (detector_look(detector, &picture, &rules, &list, &reason) != 0)
                fail_msg("%s", reason.text);
        assert_int_equal(list.count, 3);
        box = find(detector, &list, "red", 40, 100);
        assert_true(fabsf(box->x2 - 130) <= 3 && fabsf(box->y2 - 160) <= 3);
        box = find(detector, &list, "red", 400, 120);
        assert_true(fabsf(box->x2 - 450) <= 3 && fabsf(box->y2 - 230) <= 3);
        find(detector, &list, "green", 250, 200);

        /* The same memory again, for another picture of another size. */
        picture_deinit(&picture);
        models_grey(&picture, 200, 300);
        models_paint(&picture, 60, 200, 60, 60, blue);
        assert_int_equal(detector_look(detector, &picture, &rules, &list, &reason), 0);
        assert_int_equal(list.count, 1);
        find(detector, &list, "blue", 60, 200);
        picture_deinit(&picture);
        detector_free(detector);
}

static void shapes_are_found_in_every_layout(void **state)
{
        (void)state;
        find_shapes("v5", "320");
        find_shapes("v8", "320");
        find_shapes("end-to-end", "320");
        find_shapes("v8", "256");
}

static void an_empty_picture_of_any_size_has_nothing_in_it(void **state)
{
        static const int sizes[][2] = {{1, 1}, {2, 4000}, {741, 500}, {320, 320}, {1920, 1080}};
        struct detector *detector = load("v8", "320");
        CLEANUP(box_list_deinit) struct box_list list = BOX_LIST_INIT;
        struct reason reason = REASON_INIT;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                struct picture picture;

                models_grey(&picture, sizes[i][0], sizes[i][1]);
                assert_int_equal(detector_look(detector, &picture, &rules, &list, &reason), 0);
                assert_int_equal(list.count, 0);
                picture_deinit(&picture);
        }
        detector_free(detector);
}

/* --- what can't be used -------------------------------------------------------------------- */

static void assert_refused(const char *path, const char *labels, const char *within)
{
        struct detector *detector = NULL;
        struct reason reason = REASON_INIT;
        int result = detector_new(
                &(struct detector_options){.runtime = runtime, .model = path, .labels = labels},
                &detector, &reason);

        if (result != DETECTOR_E_MODEL || !strstr(reason.text, within))
                fail_msg("%d, \"%s\" is not in: %s", result, within, reason.text);
}

static void a_model_that_can_not_be_used_is_refused_with_the_reason(void **state)
{
        CLEANUP(mem_cleanup) char *path = test_directory_file(folder, "model.onnx");
        CLEANUP(mem_cleanup) char *labels = test_directory_file(folder, "labels.txt");

        (void)state;
        assert_refused("/nowhere/model.onnx", NULL, "No such file");
        test_directory_write(folder, "model.onnx", "this is no model");
        assert_refused(path, NULL,
                       "can't be used: it can't be loaded as an ONNX model; docs/camera.md says "
                       "under 'Models' which can: ONNX Runtime says");
        test_directory_write(folder, "model.onnx", "");
        assert_refused(path, NULL, "can't be used");
        models_make(path, "v8", "320");
        test_directory_write(folder, "labels.txt", "red\ngreen\n");
        assert_refused(path, labels, "must be [1, 6300, 7] (v5), [1, 6, 2100] (v8 and later)");
}

static void a_library_that_is_none_is_refused(void **state)
{
        struct onnx_runtime *other = NULL;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(onnx_runtime_open("/nowhere/lib.so", &other, &reason), ONNX_E_LIBRARY);
        assert_non_null(strstr(reason.text, "/nowhere/lib.so"));
        assert_non_null(strstr(reason.text, "docs/camera.md"));
        assert_int_equal(onnx_runtime_open("libm.so.6", &other, &reason), ONNX_E_LIBRARY);
        assert_non_null(strstr(reason.text, "OrtGetApiBase"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(shapes_are_found_in_every_layout),
                cmocka_unit_test(an_empty_picture_of_any_size_has_nothing_in_it),
                cmocka_unit_test(a_model_that_can_not_be_used_is_refused_with_the_reason),
                cmocka_unit_test(a_library_that_is_none_is_refused),
        };

        return cmocka_run_group_tests_name("detector", tests, setup, teardown);
}
