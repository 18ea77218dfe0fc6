// SPDX-License-Identifier: MIT
/*
 * Real models on real pictures, with the detections that other implementations found: NAME.jpg and
 * NAME.expect.json in the folder `camera` of ISTHMUS_TEST_DATA. Skipped without that folder.
 */
#include <math.h>

#include "base/file.h"
#include "base/json/json.h"
#include "camera/picture/jpeg.h"
#include "component/camera/models.h"

static const struct box_rules rules = {.score = 0.25F, .overlap = 0.45F};

/* How near a detection must be: nearer where the model's arithmetic is the same everywhere. */
struct gate {
        float score;
        float overlap;
};

struct world {
        const char *folder;
        struct onnx_runtime *runtime;
};

static int setup(void **state)
{
        struct world *world = mem_new(1, sizeof(*world));
        const char *data = getenv("ISTHMUS_TEST_DATA");

        if (data && data[0]) {
                world->folder = mem_format("%s/camera", data);
                world->runtime = models_runtime();
        }
        *state = world;
        return 0;
}

static int teardown(void **state)
{
        struct world *world = *state;

        if (world->runtime)
                onnx_runtime_close(world->runtime);
        free((void *)(uintptr_t)world->folder);
        free(world);
        return 0;
}

static const char *label_of(const struct detector *detector, const struct box *box)
{
        return detector_labels(detector)->names[box->label];
}

static struct box box_of(struct json_object *detection)
{
        struct json_object *corners = json_object_object_get(detection, "box");
        float numbers[4];

        for (size_t i = 0; i < 4; i++)
                numbers[i] = (float)json_object_get_double(json_object_array_get_idx(corners, i));
        return (struct box){
                .x1 = numbers[0],
                .y1 = numbers[1],
                .x2 = numbers[2],
                .y2 = numbers[3],
                .score = (float)json_object_get_double(json_object_object_get(detection, "score"))};
}

static bool is_same(const struct detector *detector, const struct box *box,
                    struct json_object *detection, float overlap)
{
        struct box expected = box_of(detection);

        return strcmp(label_of(detector, box), json_text_member(detection, "label")) == 0 &&
               box_overlap(box, &expected) >= overlap;
}

static void check_required(const struct detector *detector, const struct box_list *found,
                           struct json_object *detection, const struct gate *gate)
{
        struct box expected = box_of(detection);

        for (size_t i = 0; i < found->count; i++) {
                if (is_same(detector, &found->boxes[i], detection, gate->overlap) &&
                    fabsf(found->boxes[i].score - expected.score) <= gate->score)
                        return;
        }
        if (json_bool_member(detection, "required", false))
                fail_msg("not found: %s", json_object_to_json_string(detection));
}

static bool is_in(const struct detector *detector, const struct box *box, struct json_object *list)
{
        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                if (is_same(detector, box, json_object_array_get_idx(list, i), 0.5F))
                        return true;
        }
        return false;
}

static void check_tallies(const struct detector *detector, const struct box_list *found,
                          struct json_object *tallies)
{
        json_object_object_foreach (tallies, threshold, tally) {
                json_object_object_foreach (tally, label, count) {
                        int64_t counted = 0;

                        for (size_t i = 0; i < found->count; i++)
                                counted += found->boxes[i].score > strtof(threshold, NULL) &&
                                           strcmp(label_of(detector, &found->boxes[i]), label) == 0;
                        if (counted != json_object_get_int64(count))
                                fail_msg("%lld %s above %s", (long long)counted, label, threshold);
                }
        }
}

static void check_expectation(const struct detector *detector, const struct box_list *found,
                              struct json_object *expected, const struct gate *gate)
{
        struct json_object *detections = json_object_object_get(expected, "detections");

        for (size_t i = 0; i < json_object_array_length(detections); i++)
                check_required(detector, found, json_object_array_get_idx(detections, i), gate);
        for (size_t i = 0; i < found->count; i++) {
                const struct box *box = &found->boxes[i];

                if (box->score >= 0.3F && !is_in(detector, box, detections) &&
                    !is_in(detector, box, json_object_object_get(expected, "optional")))
                        fail_msg("nobody else sees a %s of score %.3f", label_of(detector, box),
                                 (double)box->score);
        }
        check_tallies(detector, found, json_object_object_get(expected, "tally_safe"));
}

static struct json_object *read_expectation(const char *folder, const char *picture)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/%s.expect.json", folder, picture);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct reason reason = REASON_INIT;
        struct json_object *expectation;

        assert_int_equal(file_read(path, 1 << 20, &text, &reason), 0);
        expectation = json_parse(text.data, text.size, 20, JSON_STRICT, &reason);
        assert_non_null(expectation);
        return expectation;
}

static void check_picture(const char *folder, const char *name, struct detector *detector,
                          const char *key, const struct gate *gate)
{
        struct json_object *expectation = read_expectation(folder, name);
        struct json_object *expected =
                json_object_object_get(json_object_object_get(expectation, "models"), key);
        CLEANUP(mem_cleanup) char *path = mem_format("%s/%s.jpg", folder, name);
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;
        CLEANUP(box_list_deinit) struct box_list found = BOX_LIST_INIT;
        struct reason reason = REASON_INIT;

        print_message("%s, %s\n", name, key);
        assert_non_null(expected);
        assert_int_equal(file_read(path, 1 << 24, &bytes, &reason), 0);
        if (jpeg_read(bytes.data, bytes.size, &picture, &reason) != 0 ||
            detector_look(detector, &picture, &rules, &found, &reason) != 0)
                fail_msg("%s", reason.text);
        check_expectation(detector, &found, expected, gate);
        json_object_put(expectation);
}

static void check_model(const struct world *world, const char *model, int size,
                        const struct gate *gate)
{
        static const char *const pictures[] = {"bus", "dog", "sports", "zidane"};
        CLEANUP(mem_cleanup) char *path = NULL;
        CLEANUP(mem_cleanup) char *key = mem_format("%s@%d", model, size);
        struct detector *detector = NULL;
        struct reason reason = REASON_INIT;

        path = mem_format("%s/%s.onnx", world->folder, model);
        if (detector_new(&(struct detector_options){.runtime = world->runtime,
                                                    .model = path,
                                                    .size = size},
                         &detector, &reason) != 0)
                fail_msg("%s", reason.text);
        for (size_t i = 0; i < ARRAY_SIZE(pictures); i++)
                check_picture(world->folder, pictures[i], detector, key, gate);
        detector_free(detector);
}

/* Jumps away if they are not there; nothing may be held yet. */
static const struct world *need_models(void **state)
{
        const struct world *world = *state;

        if (!world->folder) {
                print_message("skipped: the models are where ISTHMUS_TEST_DATA says\n");
                skip();
        }
        return world;
}

static void v5_agrees_with_others(void **state)
{
        check_model(need_models(state), "yolov5n", 640,
                    &(struct gate){.score = 0.02F, .overlap = 0.95F});
}

static void v5_with_free_dimensions_agrees_with_others(void **state)
{
        check_model(need_models(state), "yolov5n-dyn", 320,
                    &(struct gate){.score = 0.02F, .overlap = 0.95F});
}

static void v8_agrees_with_others(void **state)
{
        check_model(need_models(state), "yolov8n-uint8", 640,
                    &(struct gate){.score = 0.06F, .overlap = 0.90F});
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(v5_agrees_with_others),
                cmocka_unit_test(v5_with_free_dimensions_agrees_with_others),
                cmocka_unit_test(v8_agrees_with_others),
        };

        return cmocka_run_group_tests_name("expected", tests, setup, teardown);
}
