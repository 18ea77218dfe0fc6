// SPDX-License-Identifier: MIT
/* The law of uplink_hold.h: who waits is told once, when nothing of what it brought waits any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gateway/device/uplink_event.h"
#include "gateway/uplink/uplink_hold.h"

#define MOST 8

/* --- the store ------------------------------------------------------------------------------- */

static struct {
        struct store_take *takes[MOST];
        size_t take_count;
        const char *waiting[MOST]; /* message ids; NULL = none, or gone. The ids are 1, 2, ... */
        int result;
} stored;

void store_take(struct store *store, struct store_take *take)
{
        (void)store;
        assert_false(take->keeps);
        stored.takes[stored.take_count++] = take;
}

/* What the thread "store-read" does, until nobody asks any more. */
static void answer_takes(void)
{
        while (stored.take_count > 0) {
                struct store_take *take = stored.takes[--stored.take_count];
                struct store_event found[MOST];
                size_t count = 0;

                for (int64_t id = take->after_id + 1; id <= MOST && count < take->maximum; id++) {
                        if (stored.waiting[id - 1])
                                found[count++] = (struct store_event){
                                        .id = id, .message_id = stored.waiting[id - 1]};
                }
                take->done(take, stored.result, found, count);
        }
}

/* --- who waits ------------------------------------------------------------------------------- */

static int told;

static void note_done(void *context)
{
        (void)context;
        told++;
}

static struct uplink_hold *begin(struct uplink_holds *holds, const char *first, const char *second)
{
        const char *const ids[] = {first, second};
        struct uplink_event events[2] = {{.id = 0}};
        struct uplink_hold *hold;
        struct list list;

        list_init(&list);
        for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
                events[i].device_key = mem_text("n/a/d");
                snprintf(events[i].event.message_id, sizeof(events[i].event.message_id), "%s",
                         ids[i]);
                list_push_back(&list, &events[i].node);
        }
        told = 0;
        for (size_t i = 0; i < ARRAY_SIZE(stored.waiting); i++)
                stored.waiting[i] = i < ARRAY_SIZE(ids) ? ids[i] : NULL;
        hold = uplink_hold_begin(holds, &list, note_done, NULL);
        for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
                free(events[i].device_key);
        return hold;
}

static int setup(void **state)
{
        memset(&stored, 0, sizeof(stored));
        *state = uplink_holds_new(NULL, true);
        return 0;
}

static int teardown(void **state)
{
        uplink_holds_free(*state);
        return 0;
}

static void what_leaves_at_another_gateway_is_found_out(void **state)
{
        struct uplink_holds *holds = *state;

        uplink_hold_stored(begin(holds, "m1", "m2"), false);
        uplink_holds_look(holds);
        answer_takes();
        assert_int_equal(told, 0);
        stored.waiting[0] = NULL;
        uplink_holds_look(holds);
        answer_takes();
        assert_int_equal(told, 0);
        /* It is known where the other one is: no more is read than that. */
        uplink_holds_look(holds);
        assert_int_equal(stored.take_count, 1);
        assert_int_equal(stored.takes[0]->after_id, 1);
        assert_int_equal(stored.takes[0]->maximum, 1);
        stored.waiting[1] = NULL;
        stored.waiting[4] = "m5";
        answer_takes();
        assert_int_equal(told, 1);
        uplink_holds_look(holds);
        assert_int_equal(stored.take_count, 0);
}

static void what_leaves_here_needs_no_look(void **state)
{
        struct uplink_holds *holds = *state;

        uplink_hold_stored(begin(holds, "m1", "m2"), true);
        assert_int_equal(stored.take_count, 0);
        uplink_holds_left(holds, "m2");
        uplink_holds_left(holds, "m1");
        assert_int_equal(told, 1);
}

static void what_leaves_during_a_look_is_told_of_once(void **state)
{
        struct uplink_holds *holds = *state;

        uplink_hold_stored(begin(holds, "m1", "m2"), false);
        uplink_holds_look(holds);
        uplink_holds_look(holds);
        assert_int_equal(stored.take_count, 2);
        uplink_holds_left(holds, "m1");
        uplink_holds_left(holds, "m2");
        assert_int_equal(told, 0);
        stored.waiting[0] = stored.waiting[1] = NULL;
        answer_takes();
        assert_int_equal(told, 1);
}

static void what_cannot_be_read_waits(void **state)
{
        struct uplink_holds *holds = *state;

        uplink_hold_stored(begin(holds, "m1", "m2"), false);
        stored.waiting[0] = stored.waiting[1] = NULL;
        stored.result = STORE_E_AWAY;
        uplink_holds_look(holds);
        answer_takes();
        assert_int_equal(told, 0);
        stored.result = 0;
        uplink_holds_look(holds);
        answer_takes();
        assert_int_equal(told, 1);
}

/* Of one gateway alone each event's end is heard of; what was stored before is looked up once. */
static void who_shares_nothing_looks_only_for_what_was_known(void **state)
{
        struct uplink_holds *alone = uplink_holds_new(NULL, false);

        (void)state;
        uplink_hold_stored(begin(alone, "m1", "m2"), true);
        stored.waiting[0] = NULL;
        answer_takes();
        uplink_holds_look(alone);
        assert_int_equal(stored.take_count, 0);
        assert_int_equal(told, 0);
        uplink_holds_left(alone, "m2");
        assert_int_equal(told, 1);
        uplink_holds_free(alone);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                TEST(what_leaves_at_another_gateway_is_found_out),
                TEST(what_leaves_here_needs_no_look),
                TEST(what_leaves_during_a_look_is_told_of_once),
                TEST(what_cannot_be_read_waits),
                TEST(who_shares_nothing_looks_only_for_what_was_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
