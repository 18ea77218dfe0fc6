// SPDX-License-Identifier: MIT
/* A camera's settings become the rules of counting; and details tell of each thing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"
#include "camera/cloud/cloud_record.h"
#include "camera/watch/details.h"
#include "camera/watch/rules.h"

#define TEXT(text) ((char[]){text})

static char *names[] = {TEXT("person"), TEXT("traffic light"), TEXT("cat")};
static const struct labels labels = {.names = names, .count = 3};

static void labels_are_found_in_any_case(void **state)
{
        char *interest[] = {TEXT("Person"), TEXT("unicorn")};
        char *minimum[] = {TEXT("CAT")};
        struct camera_label own = {
                .name = TEXT("cat"), .threshold = 0.3, .least_area = 0.01, .most_area = 0.5};
        const struct camera_settings camera = {
                .name = TEXT("a"),
                .threshold = 0.5,
                .labels_of_interest = {.texts = interest, .count = 2},
                .has_labels_of_interest = true,
                .labels_minimum = {.texts = minimum, .count = 1},
                .labels = &own,
                .label_count = 1,
        };
        struct rules rules;

        (void)state;
        rules_init(&rules, &camera, &labels);
        assert_true(rules.tally.labels[0].is_of_interest);
        assert_false(rules.tally.labels[1].is_of_interest);
        assert_false(rules.tally.labels[2].is_of_interest);
        assert_true(rules.tally.labels[2].has_minimum);
        assert_true(rules.tally.labels[2].threshold > 0.29F);
        /* The detector must give all that any label's threshold wants. */
        assert_true(rules.boxes.score < 0.3F);
        assert_true(rules.boxes.score > 0.29F);
        rules_deinit(&rules);
}

static void the_first_program_counts_what_its_detector_gave(void **state)
{
        const struct camera_settings camera = {
                .name = TEXT("a"), .threshold = 0.7, .variant = TALLY_FIRST};
        struct rules rules;

        (void)state;
        rules_init(&rules, &camera, &labels);
        assert_true(rules.boxes.score == 0.25F);
        rules_deinit(&rules);
}

static void details_name_label_score_place_and_zones(void **state)
{
        struct camera_area area = {
                .name = TEXT("gate"),
                .polygon = {.points = {{0, 0.5F}, {1, 0.5F}, {1, 1}, {0, 1}}, .count = 4}};
        const struct camera_settings camera = {
                .name = TEXT("a"), .threshold = 0.5, .zones = &area, .zone_count = 1};
        struct box boxes[] = {{.x1 = 0, .y1 = 0, .x2 = 100, .y2 = 150, .score = 0.9F, .label = 1},
                              {.x1 = 0, .y1 = 0, .x2 = 100, .y2 = 50, .score = 0.5F, .label = 0}};
        const struct box_list list = {.boxes = boxes, .count = 2};
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        struct rules rules;

        (void)state;
        rules_init(&rules, &camera, &labels);
        details_write(&rules.tally, 400, 200, &list, &out);
        assert_string_equal(
                buf_text(&out),
                "[{\"label\":\"traffic light\",\"score\":0.9000,\"box\":[0.0000,0.0000,0.2500,"
                "0.7500],\"zones\":[\"gate\"]},{\"label\":\"person\",\"score\":0.5000,\"box\":[0."
                "0000,0.0000,0.2500,0.2500],\"zones\":[]}]");
        rules_deinit(&rules);
}

static void a_record_keeps_time_and_body(void **state)
{
        static const char body[] = "{\"person\":2,\n\"cat\":1}";
        static const struct cloud_clocks clocks = {.boot = "one", .offset_ms = 5000};
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;
        struct cloud_record read;

        (void)state;
        cloud_record_write(&record, INT64_C(1700000000123000000), &clocks, body, strlen(body));
        assert_true(cloud_record_read(record.data, record.size, &clocks, &read));
        assert_string_equal(read.created, "2023-11-14T22:13:20.123Z");
        assert_int_equal(read.body_size, strlen(body));
        assert_memory_equal(read.body, body, strlen(body));
        assert_false(cloud_record_read("no record", 9, &clocks, &read));
        assert_false(cloud_record_read("\nbody", 5, &clocks, &read));
        assert_false(cloud_record_read("", 0, &clocks, &read));
}

/* What is read of a record of 2023-11-14T22:13:20.123Z, boot "one", with an offset of 5 s. */
static const char *created_by(const struct cloud_clocks *now)
{
        static struct cloud_record read;
        static const struct cloud_clocks then = {.boot = "one", .offset_ms = 5000};
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;

        cloud_record_write(&record, INT64_C(1700000000123000000), &then, "{}", 2);
        assert_true(cloud_record_read(record.data, record.size, now, &read));
        assert_int_equal(read.body_size, 2);
        return read.created;
}

static void a_record_of_a_wrong_clock_is_moved_when_it_was_set(void **state)
{
        static const char old[] = "2023-11-14T22:13:20.123Z\n{}";
        static const struct cloud_clocks set = {.boot = "one", .offset_ms = 3605000};
        static const struct cloud_clocks set_back = {.boot = "one", .offset_ms = -3595000};
        static const struct cloud_clocks adjusted = {.boot = "one", .offset_ms = 25000};
        static const struct cloud_clocks later_boot = {.boot = "two", .offset_ms = 3605000};
        static const struct cloud_clocks longer_boot = {.boot = "on", .offset_ms = 3605000};
        static const struct cloud_clocks no_boot = {.boot = "", .offset_ms = 3605000};
        struct cloud_record read;

        (void)state;
        assert_string_equal(created_by(&set), "2023-11-14T23:13:20.123Z");
        assert_string_equal(created_by(&set_back), "2023-11-14T21:13:20.123Z");
        assert_string_equal(created_by(&adjusted), "2023-11-14T22:13:20.123Z");
        assert_string_equal(created_by(&later_boot), "2023-11-14T22:13:20.123Z");
        assert_string_equal(created_by(&longer_boot), "2023-11-14T22:13:20.123Z");
        assert_string_equal(created_by(&no_boot), "2023-11-14T22:13:20.123Z");
        /* As the version before wrote it. */
        assert_true(cloud_record_read(old, strlen(old), &set, &read));
        assert_string_equal(read.created, "2023-11-14T22:13:20.123Z");
        assert_memory_equal(read.body, "{}", 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(labels_are_found_in_any_case),
                cmocka_unit_test(the_first_program_counts_what_its_detector_gave),
                cmocka_unit_test(details_name_label_score_place_and_zones),
                cmocka_unit_test(a_record_keeps_time_and_body),
                cmocka_unit_test(a_record_of_a_wrong_clock_is_moved_when_it_was_set),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
