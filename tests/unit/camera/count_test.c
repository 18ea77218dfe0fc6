// SPDX-License-Identifier: MIT
/* What counts: both programs' rules, zones, masks, and things that are followed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "camera/count/tally.h"
#include "camera/count/tally_names.h"
#include "camera/count/tracks.h"

enum {
        PERSON,
        CAR,
        LIGHT
};

static char person[] = "person";
static char car[] = "car";
static char light[] = "traffic light";
static char *names[] = {person, car, light};
static const struct labels labels = {.names = names, .count = 3};

static struct box at(uint32_t label, float x, float y, float score)
{
        return (struct box){
                .x1 = x, .y1 = y, .x2 = x + 10, .y2 = y + 20, .score = score, .label = label};
}

/* The text that is sent of a picture of 100 x 100 with these boxes; "" = it is not worth it. */
static const char *told(const struct tally_rules *rules, const struct box *boxes, size_t count)
{
        static char text[256];
        struct box_list list = BOX_LIST_INIT;
        struct tally tally = TALLY_INIT;
        struct buf out = BUF_INIT;

        for (size_t i = 0; i < count; i++)
                box_list_add(&list, &boxes[i]);
        tally_select(rules, 100, 100, &list);
        tally_count(rules, 100, 100, &list, &tally);
        tally_write(rules, &tally, NULL, &out);
        snprintf(text, sizeof(text), "%s", tally.is_of_interest ? buf_text(&out) : "");
        tally_deinit(&tally);
        box_list_deinit(&list);
        buf_deinit(&out);
        return text;
}

static const struct box street[] = {
        {0, 0, 10, 20, 0.9F, PERSON}, {20, 0, 30, 20, 0.7F, PERSON}, {40, 0, 50, 20, 0.5F, PERSON},
        {60, 0, 70, 20, 0.8F, CAR},   {80, 0, 90, 20, 0.6F, LIGHT},
};

static void the_later_program_counts_from_the_threshold_on(void **state)
{
        struct tally_rules rules;

        (void)state;
        tally_rules_init(&rules, &labels);
        assert_string_equal(told(&rules, street, 5), "{\"person\":2,\"car\":1}");
        rules.threshold = 0.71F;
        assert_string_equal(told(&rules, street, 5), "{\"person\":1,\"car\":1}");
        rules.threshold = 0.95F;
        assert_string_equal(told(&rules, street, 5), "");
        rules.labels[LIGHT].threshold = 0.6F;
        assert_string_equal(told(&rules, street, 5), "{\"traffic_light\":1}");
        tally_rules_deinit(&rules);
}

static void the_first_program_counts_all_if_one_is_above_the_threshold(void **state)
{
        struct tally_rules rules;

        (void)state;
        tally_rules_init(&rules, &labels);
        rules.variant = TALLY_FIRST;
        assert_string_equal(told(&rules, street, 5),
                            "{\"person\":3,\"car\":1,\"traffic_light\":1}");
        rules.threshold = 0.9F; /* the best one is at it, not above it */
        assert_string_equal(told(&rules, street, 5), "");
        rules.threshold = 0.7F;
        rules.labels[PERSON].is_of_interest = false;
        rules.labels[LIGHT].is_of_interest = false;
        assert_string_equal(told(&rules, street, 3), "");
        assert_string_equal(told(&rules, street, 4), "{\"person\":3,\"car\":1}");
        /* It knew no zero counts. */
        rules.labels[LIGHT].has_minimum = true;
        assert_string_equal(told(&rules, street, 4), "{\"person\":3,\"car\":1}");
        tally_rules_deinit(&rules);
}

static void the_later_program_tells_zero_where_a_label_has_a_minimum(void **state)
{
        struct tally_rules rules;

        (void)state;
        tally_rules_init(&rules, &labels);
        rules.labels[LIGHT].has_minimum = true;
        assert_string_equal(told(&rules, street, 4),
                            "{\"person\":2,\"car\":1,\"traffic_light\":0}");
        /* A zero is of interest like any count, unless the label is not. */
        assert_string_equal(told(&rules, NULL, 0), "{\"traffic_light\":0}");
        rules.labels[LIGHT].is_of_interest = false;
        assert_string_equal(told(&rules, NULL, 0), "");
        tally_rules_deinit(&rules);
}

static void areas_that_are_too_small_or_too_large_do_not_count(void **state)
{
        struct tally_rules rules;
        const struct box boxes[] = {{0, 0, 1, 1, 0.9F, PERSON},
                                    {0, 0, 10, 10, 0.9F, PERSON},
                                    {0, 0, 90, 90, 0.9F, PERSON}};

        (void)state;
        tally_rules_init(&rules, &labels);
        rules.labels[PERSON].least_area = 0.001F;
        rules.labels[PERSON].most_area = 0.5F;
        assert_string_equal(told(&rules, boxes, 3), "{\"person\":1}");
        tally_rules_deinit(&rules);
}

static void a_thing_is_in_the_zone_where_its_feet_are(void **state)
{
        bool people_only[] = {true, false, false};
        const struct zone zones[] = {
                {.name = "gate",
                 .polygon = {.points = {{0, 0.5F}, {0.5F, 0.5F}, {0.5F, 1}, {0, 1}}, .count = 4}},
                {.name = "path 2",
                 .polygon = {.points = {{0.5F, 0}, {1, 0}, {1, 1}, {0.5F, 1}}, .count = 4},
                 .labels = people_only},
        };
        struct tally_rules rules;
        const struct box boxes[] = {
                at(PERSON, 10, 35, 0.9F), /* feet at 0.55: in the gate, most of it above */
                at(PERSON, 10, 20, 0.9F), /* feet at 0.40: above the gate */
                at(CAR, 60, 20, 0.9F),
                at(PERSON, 60, 20, 0.9F),
        };

        (void)state;
        tally_rules_init(&rules, &labels);
        rules.zones = zones;
        rules.zone_count = 2;
        assert_string_equal(told(&rules, boxes, 4),
                            "{\"person\":3,\"car\":1,\"gate_person\":1,\"path_2_person\":1}");
        tally_rules_deinit(&rules);
}

static void what_stands_in_a_mask_is_not_there(void **state)
{
        const struct polygon mask = {.points = {{0, 0}, {0.25F, 0}, {0.25F, 1}, {0, 1}},
                                     .count = 4};
        struct tally_rules rules;

        (void)state;
        tally_rules_init(&rules, &labels);
        rules.masks = &mask;
        rules.mask_count = 1;
        assert_string_equal(told(&rules, street, 4), "{\"person\":1,\"car\":1}");
        tally_rules_deinit(&rules);
}

/* An L, whose corner is not in it. */
static void a_polygon_may_be_hollow(void **state)
{
        const struct polygon l = {
                .points = {{0, 0}, {0.3F, 0}, {0.3F, 0.7F}, {1, 0.7F}, {1, 1}, {0, 1}}, .count = 6};

        (void)state;
        assert_true(polygon_holds(&l, 0.1F, 0.1F));
        assert_true(polygon_holds(&l, 0.9F, 0.9F));
        assert_false(polygon_holds(&l, 0.6F, 0.3F));
        assert_false(polygon_holds(&l, 1.1F, 0.9F));
}

static void names_are_valid_in_dtdl(void **state)
{
        static const char *const rows[][3] = {
                {NULL, "person", "person"},
                {NULL, "traffic light", "traffic_light"},
                {NULL, "hair drier ", "hair_drier"},
                {NULL, "  a--b  ", "a_b"},
                {NULL, "2 wheels", "n2_wheels"},
                {NULL, "caf\xc3\xa9", "caf"},
                {NULL, "\xe4\xba\xba", "n"},
                {"gate", "sports ball", "gate_sports_ball"},
                {"1st floor", "cat", "n1st_floor_cat"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct buf name = BUF_INIT;

                tally_name(&name, rows[i][0], rows[i][1]);
                assert_string_equal(buf_text(&name), rows[i][2]);
                buf_deinit(&name);
        }
}

/* The refusal of labels, with one zone named "gate" for `in_gate` of them. */
static const char *refusal(char **called, size_t count, bool *in_gate, const char *reserved)
{
        static struct reason reason;
        const struct labels named = {.names = called, .count = count};
        struct zone zone = {.name = "gate", .labels = in_gate};
        struct tally_rules rules;
        int result;

        reason = REASON_INIT;
        tally_rules_init(&rules, &named);
        rules.zones = &zone;
        rules.zone_count = in_gate ? 1 : 0;
        result = tally_names_check(&rules, reserved, &reason);
        tally_rules_deinit(&rules);
        assert_int_equal(result, reason.text[0] ? TALLY_NAMES_E_TWICE : 0);
        return reason.text;
}

static void no_two_things_are_told_by_one_name(void **state)
{
        char *blanks[] = {light, person, (char[]){"traffic_light"}};
        char *same[] = {car, car};
        char *zones[] = {person, (char[]){"gate person"}};
        char *foreign[] = {(char[]){"\xe4\xba\xba"}, (char[]){"\xe8\xbb\x8a"}};
        char *details[] = {person, (char[]){"details"}};

        (void)state;
        assert_string_equal(refusal(names, 3, (bool[]){true, true, true}, TALLY_NAMES_DETAILS), "");
        assert_non_null(strstr(refusal(blanks, 3, NULL, NULL),
                               "'traffic light' and 'traffic_light' would both be called "
                               "'traffic_light' in telemetry; write"));
        assert_non_null(strstr(refusal(same, 2, NULL, NULL), "'car' and 'car' would both"));
        assert_non_null(strstr(refusal(foreign, 2, NULL, NULL), "would both be called 'n'"));
        assert_non_null(strstr(refusal(zones, 2, (bool[]){true, false}, NULL),
                               "'person' in the zone 'gate'"));
        assert_string_equal(refusal(zones, 2, (bool[]){false, true}, NULL), "");
        assert_string_equal(refusal(details, 2, NULL, NULL), "");
        assert_non_null(strstr(refusal(details, 2, NULL, TALLY_NAMES_DETAILS),
                               "'details' would be called 'details' in telemetry, which is"));
}

/* --- tracks -------------------------------------------------------------------------------- */

struct follower {
        struct tracks tracks;
        struct tracks_rules rules;
        struct box_list present;
};

static size_t follow(struct follower *follower, const struct box *boxes, size_t count)
{
        struct box_list list = BOX_LIST_INIT;

        for (size_t i = 0; i < count; i++)
                box_list_add(&list, &boxes[i]);
        tracks_take(&follower->tracks, &follower->rules, &list, &follower->present);
        box_list_deinit(&list);
        return follower->present.count;
}

static void end(struct follower *follower)
{
        tracks_deinit(&follower->tracks);
        box_list_deinit(&follower->present);
}

static void without_rules_each_picture_counts_alone(void **state)
{
        struct follower follower = {.rules = {.appears_after = 1, .gone_after = 1}};
        const struct box boxes[] = {at(PERSON, 0, 0, 0.9F), at(PERSON, 50, 0, 0.8F)};

        (void)state;
        assert_int_equal(follow(&follower, boxes, 2), 2);
        assert_int_equal(follow(&follower, NULL, 0), 0);
        assert_int_equal(follow(&follower, boxes, 1), 1);
        end(&follower);
}

static void something_appears_after_several_pictures_in_a_row(void **state)
{
        struct follower follower = {.rules = {.appears_after = 3, .gone_after = 1}};
        const struct box someone = at(PERSON, 0, 0, 0.9F);
        const struct box moved = at(PERSON, 3, 3, 0.9F);
        const struct box another = at(CAR, 0, 0, 0.9F);

        (void)state;
        assert_int_equal(follow(&follower, &someone, 1), 0);
        assert_int_equal(follow(&follower, &moved, 1), 0);
        assert_int_equal(follow(&follower, NULL, 0), 0);
        assert_int_equal(follow(&follower, &someone, 1), 0); /* from the beginning */
        assert_int_equal(follow(&follower, &moved, 1), 0);
        assert_int_equal(follow(&follower, &someone, 1), 1);
        assert_int_equal(follow(&follower, &another, 1), 0); /* another thing at that place */
        end(&follower);
}

static void something_is_gone_after_several_pictures_without_it(void **state)
{
        struct follower follower = {.rules = {.appears_after = 1, .gone_after = 3}};
        const struct box someone = at(PERSON, 0, 0, 0.9F);

        (void)state;
        assert_int_equal(follow(&follower, &someone, 1), 1);
        assert_int_equal(follow(&follower, NULL, 0), 1);
        assert_int_equal(follow(&follower, &someone, 1), 1);
        assert_int_equal(follow(&follower, NULL, 0), 1);
        assert_int_equal(follow(&follower, NULL, 0), 1);
        assert_int_equal(follow(&follower, NULL, 0), 0);
        end(&follower);
}

static void what_stands_still_is_told_once(void **state)
{
        struct follower follower = {
                .rules = {.appears_after = 1, .gone_after = 2, .still_once = true}};
        const struct box parked = at(CAR, 0, 0, 0.9F);
        const struct box away = at(CAR, 4, 4, 0.9F);

        (void)state;
        assert_int_equal(follow(&follower, &parked, 1), 1);
        assert_int_equal(follow(&follower, &parked, 1), 1); /* not told yet */
        tracks_tell(&follower.tracks, &follower.rules);
        assert_int_equal(follow(&follower, &parked, 1), 0);
        assert_int_equal(follow(&follower, &away, 1), 1); /* it moved */
        tracks_tell(&follower.tracks, &follower.rules);
        assert_int_equal(follow(&follower, &away, 1), 0);
        end(&follower);
}

static void two_things_side_by_side_stay_two(void **state)
{
        struct follower follower = {.rules = {.appears_after = 2, .gone_after = 1}};
        const struct box before[] = {at(PERSON, 0, 0, 0.9F), at(PERSON, 4, 0, 0.8F)};
        const struct box after[] = {at(PERSON, 5, 0, 0.9F), at(PERSON, 1, 0, 0.8F)};

        (void)state;
        assert_int_equal(follow(&follower, before, 2), 0);
        assert_int_equal(follow(&follower, after, 2), 2);
        end(&follower);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_later_program_counts_from_the_threshold_on),
                cmocka_unit_test(the_first_program_counts_all_if_one_is_above_the_threshold),
                cmocka_unit_test(the_later_program_tells_zero_where_a_label_has_a_minimum),
                cmocka_unit_test(areas_that_are_too_small_or_too_large_do_not_count),
                cmocka_unit_test(a_thing_is_in_the_zone_where_its_feet_are),
                cmocka_unit_test(what_stands_in_a_mask_is_not_there),
                cmocka_unit_test(a_polygon_may_be_hollow),
                cmocka_unit_test(names_are_valid_in_dtdl),
                cmocka_unit_test(no_two_things_are_told_by_one_name),
                cmocka_unit_test(without_rules_each_picture_counts_alone),
                cmocka_unit_test(something_appears_after_several_pictures_in_a_row),
                cmocka_unit_test(something_is_gone_after_several_pictures_without_it),
                cmocka_unit_test(what_stands_still_is_told_once),
                cmocka_unit_test(two_things_side_by_side_stay_two),
        };

        return cmocka_run_group_tests_name("count", tests, NULL, NULL);
}
