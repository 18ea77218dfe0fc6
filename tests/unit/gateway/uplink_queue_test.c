// SPDX-License-Identifier: MIT
/* The laws of gateway/uplink/uplink_queue.h, with a store and a thread "loop" that the test plays
 * itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/thread.h"
#include "gateway/device/device.h"
#include "gateway/uplink/uplink_queue.h"
#include "networks/event_record.h"

#define DEVICES    4
#define MAX_EVENTS 2048
#define MAX_POSTS  4096

/* --- the store and the thread that the test plays ------------------------------------------ */

static struct {
        struct stored_event {
                int64_t id;
                char *device;
                struct buf record;
                enum store_purpose purpose;
                bool gone;
        } events[MAX_EVENTS];
        size_t count;
        struct store_take *takes[64];
        size_t take_count;
        int take_result; /* of the next take */
        int64_t dead;    /* the last dead letter */
} stored;

static struct posted {
        void (*run)(void *context);
        void *context;
} posts[MAX_POSTS];
static size_t post_count;
static struct timer *timer_started;

void store_take(struct store *store, struct store_take *take)
{
        (void)store;
        stored.takes[stored.take_count++] = take;
}

void store_dead(struct store *store, int64_t id, const char *reason)
{
        (void)store;
        assert_non_null(reason);
        stored.dead = id;
        for (size_t i = 0; i < stored.count; i++) {
                if (stored.events[i].id == id)
                        stored.events[i].gone = true;
        }
}

void loop_post_warm(struct loop *loop, void (*warm)(const void *context),
                    void (*run)(void *context), void *context)
{
        assert_true(!loop && post_count < MAX_POSTS);
        if (warm)
                warm(context);
        posts[post_count++] = (struct posted){run, context};
}

void loop_timer_start(struct loop *loop, struct timer *timer, int64_t delay_ms)
{
        assert_true(!loop && delay_ms > 0);
        timer_started = timer;
}

/* What the thread "loop" does. */
static void run_posts(void)
{
        for (size_t i = 0; i < post_count; i++)
                posts[i].run(posts[i].context);
        post_count = 0;
}

/* What the thread "store-read" does: answers the oldest take. */
static void answer_take(void)
{
        struct store_take *take = stored.takes[0];
        struct store_event found[128];
        size_t count = 0;
        int result = stored.take_result;

        memmove(stored.takes, stored.takes + 1, --stored.take_count * sizeof(*stored.takes));
        stored.take_result = 0;
        for (size_t i = 0; i < stored.count && count < take->maximum && result == 0; i++) {
                if (stored.events[i].gone || stored.events[i].id <= take->after_id ||
                    strcmp(stored.events[i].device, take->device) != 0)
                        continue;
                found[count++] = (struct store_event){
                        .id = stored.events[i].id,
                        .device = take->device,
                        .purpose = stored.events[i].purpose,
                        .record = stored.events[i].record.data,
                        .record_size = stored.events[i].record.size,
                };
        }
        take->done(take, result, found, count);
}

/* --- devices ------------------------------------------------------------------------------- */

struct fixture {
        struct uplink_queue *queue;
        struct device_keeper keeper;
        struct device devices[DEVICES];
        int arrived[DEVICES];
        int ready[DEVICES];
        struct store_shards shards;
        int64_t news[16]; /* ids of the events that told of a downlink, in order */
        size_t news_count;
};

static const char *device_key(int number)
{
        static const char *const keys[DEVICES] = {"n/a/d0", "n/a/d1", "n/a/d2", "n/a/d3"};

        return keys[number];
}

static int device_number(const char *key)
{
        return key[strlen(key) - 1] - '0';
}

/* A table of devices is only handed on; here it is the fixture. */
#define fixture_of(table) ((struct fixture *)(uintptr_t)(table))

struct device *device_table_get(struct device_table *table, const struct uplink_event *event)
{
        return &fixture_of(table)->devices[device_number(event->device_key)];
}

int64_t device_table_since(const struct device_table *table, int shard)
{
        (void)table;
        (void)shard;
        return 1234;
}

struct device *device_table_find(const struct device_table *table, const char *device_key)
{
        return &fixture_of(table)->devices[device_number(device_key)];
}

void device_warm(const struct device *device)
{
        assert_non_null(device);
}

void device_table_each(struct device_table *table,
                       bool (*visit)(void *context, struct device *device), void *context)
{
        for (int i = 0; i < DEVICES; i++)
                visit(context, &fixture_of(table)->devices[i]);
}

bool device_table_owns(const struct device_table *table, int shard)
{
        return store_shards_has(&fixture_of(table)->shards, shard);
}

bool device_table_owns_all(const struct device_table *table)
{
        const struct fixture *fixture = (const void *)table;

        return store_shards_count(&fixture->shards) == STORE_SHARDS;
}

static void arrived(struct device *device, const struct uplink_event *event)
{
        struct fixture *fixture = list_entry(device->keeper, struct fixture, keeper);

        (void)event;
        fixture->arrived[device - fixture->devices]++;
}

static void wake(struct device *device)
{
        struct fixture *fixture = list_entry(device->keeper, struct fixture, keeper);

        fixture->ready[device - fixture->devices]++;
}

static void note_news(void *context, const struct uplink_event *event)
{
        struct fixture *fixture = context;

        assert_true(fixture->news_count < ARRAY_SIZE(fixture->news));
        fixture->news[fixture->news_count++] = event->id;
}

static struct uplink_event *make_event(int device, int64_t id)
{
        struct uplink_event *event = mem_new(1, sizeof(*event));

        event->id = id;
        event->purpose = STORE_UPLINK;
        event->device_key = mem_text(device_key(device));
        event->event.network = "things-stack";
        event->event.kind = EVENT_UPLINK;
        crypto_uuid_of(&id, sizeof(id), event->event.message_id);
        event->event.application = mem_text("a");
        event->event.device = mem_format("d%d", device);
        event->size = 100;
        return event;
}

/* Makes an event durable without telling the queue. */
static struct uplink_event *put(int device, int64_t id)
{
        struct uplink_event *event = make_event(device, id);
        size_t at = stored.count++;

        assert_true(stored.count <= MAX_EVENTS);
        stored.events[at] = (struct stored_event){.id = id,
                                                  .device = mem_text(device_key(device)),
                                                  .record = BUF_INIT,
                                                  .purpose = STORE_UPLINK};
        event_encode(&event->event, &stored.events[at].record);
        return event;
}

static void arrive(struct fixture *fixture, int device, int64_t id)
{
        struct list events;

        list_init(&events);
        list_push_back(&events, &put(device, id)->node);
        uplink_queue_add(fixture->queue, &events);
}

/* Takes the first event off as the next stage does. Its id; 0 if none is in memory. */
static int64_t pop(struct fixture *fixture, int device)
{
        struct uplink_event *event = uplink_queue_first(fixture->queue, &fixture->devices[device]);
        int64_t id = event ? event->id : 0;

        if (!event)
                return 0;
        for (size_t i = 0; i < stored.count; i++) {
                if (stored.events[i].id == id)
                        stored.events[i].gone = true;
        }
        uplink_queue_pop(fixture->queue, &fixture->devices[device]);
        return id;
}

static int set_up_with(void **state, size_t maximum_memory, size_t maximum_per_device)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));

        memset(&stored, 0, sizeof(stored));
        post_count = 0;
        timer_started = NULL;
        thread_enter(LOOP_THREAD);
        for (int i = 0; i < DEVICES; i++) {
                fixture->devices[i].key = mem_text(device_key(i));
                fixture->devices[i].shard = store_shard_of(device_key(i));
                uplink_backlog_init(&fixture->devices[i].backlog);
                fixture->devices[i].keeper = &fixture->keeper;
        }
        fixture->shards = store_shards_all();
        fixture->keeper = (struct device_keeper){.arrived = arrived, .wake = wake};
        fixture->queue = uplink_queue_new(&(struct uplink_queue_options){
                .maximum_memory = maximum_memory,
                .maximum_per_device = maximum_per_device,
                .devices = (struct device_table *)(void *)fixture,
        });
        uplink_queue_join(fixture->queue, note_news, fixture);
        *state = fixture;
        return 0;
}

static int set_up(void **state)
{
        return set_up_with(state, 0, 4);
}

static int set_up_small(void **state)
{
        return set_up_with(state, 250, 64);
}

static int tear_down(void **state)
{
        struct fixture *fixture = *state;

        uplink_queue_stop(fixture->queue);
        while (stored.take_count > 0)
                answer_take();
        for (int i = 0; i < DEVICES; i++) {
                uplink_backlog_deinit(&fixture->devices[i].backlog);
                free(fixture->devices[i].key);
        }
        for (size_t i = 0; i < stored.count; i++) {
                free(stored.events[i].device);
                buf_deinit(&stored.events[i].record);
        }
        uplink_queue_free(fixture->queue);
        free(fixture);
        return 0;
}

/* --- tests --------------------------------------------------------------------------------- */

/* What the store holds at this index is told of, by the feed or as a replayed dead letter. */
static void tell_of(struct fixture *fixture, size_t at, bool is_fed)
{
        uplink_queue_add_stored(fixture->queue,
                                &(struct store_event){
                                        .id = stored.events[at].id,
                                        .device = stored.events[at].device,
                                        .record = stored.events[at].record.data,
                                        .record_size = stored.events[at].record.size,
                                },
                                is_fed);
}

/* A dead letter of the device that was replayed: it waits again, with a new id. */
static void replay(struct fixture *fixture, int device, int64_t id)
{
        uplink_event_free(put(device, id));
        tell_of(fixture, stored.count - 1, false);
}

/* Somebody has put it, and the feed brings it. */
static void feed(struct fixture *fixture, int device, int64_t id)
{
        uplink_event_free(put(device, id));
        tell_of(fixture, stored.count - 1, true);
}

static void replayed_events_come_behind_what_waits_and_before_what_comes_later(void **state)
{
        struct fixture *fixture = *state;

        arrive(fixture, 0, 1);
        run_posts();
        for (int64_t id = 2; id <= 9; id++)
                replay(fixture, 0, id);
        arrive(fixture, 0, 10);
        replay(fixture, 1, 11);
        run_posts();
        assert_int_equal(fixture->ready[0], 1);
        assert_int_equal(fixture->ready[1], 1);
        /* More than may be in memory: they are read in between. */
        for (int64_t id = 1; id <= 10; id++) {
                int64_t found = pop(fixture, 0);

                if (found == 0) {
                        answer_take();
                        run_posts();
                        found = pop(fixture, 0);
                }
                assert_int_equal(found, id);
        }
        assert_int_equal(pop(fixture, 1), 11);
}

static void hands_out_in_order(void **state)
{
        struct fixture *fixture = *state;

        arrive(fixture, 0, 1);
        arrive(fixture, 1, 2);
        arrive(fixture, 0, 3);
        run_posts();
        assert_int_equal(fixture->ready[0], 1);
        assert_int_equal(fixture->ready[1], 1);
        assert_int_equal(fixture->arrived[0], 2);
        assert_int_equal(pop(fixture, 0), 1);
        assert_int_equal(pop(fixture, 0), 3);
        assert_int_equal(pop(fixture, 0), 0);
        assert_int_equal(pop(fixture, 1), 2);
        assert_int_equal(stored.take_count, 0);
}

/* It is in the store, and comes at the next start. */
static void nothing_is_posted_after_the_stop(void **state)
{
        struct fixture *fixture = *state;

        arrive(fixture, 0, 1);
        uplink_queue_stop(fixture->queue);
        arrive(fixture, 0, 2);
        assert_int_equal(post_count, 1);
        run_posts();
        assert_int_equal(pop(fixture, 0), 1);
        assert_int_equal(pop(fixture, 0), 0);
}

static void reads_back_what_did_not_fit(void **state)
{
        struct fixture *fixture = *state;

        for (int i = 1; i <= 11; i++)
                arrive(fixture, 0, i);
        run_posts();
        for (int i = 1; i <= 11; i++) {
                if (stored.take_count > 0) {
                        assert_int_equal(pop(fixture, 0), 0);
                        answer_take();
                        run_posts();
                }
                assert_int_equal(pop(fixture, 0), i);
        }
        assert_int_equal(pop(fixture, 0), 0);
}

static void an_arrival_while_reading_comes_once_and_in_its_place(void **state)
{
        struct fixture *fixture = *state;

        for (int i = 1; i <= 6; i++)
                arrive(fixture, 0, i);
        run_posts();
        for (int i = 1; i <= 4; i++)
                assert_int_equal(pop(fixture, 0), i);
        assert_int_equal(stored.take_count, 1);
        arrive(fixture, 0, 7); /* the reading sees it too */
        arrive(fixture, 0, 8);
        stored.events[stored.count - 1].gone = true; /* the reading does not see it */
        answer_take();
        stored.events[stored.count - 1].gone = false;
        run_posts();
        for (int i = 5; i <= 7; i++)
                assert_int_equal(pop(fixture, 0), i);
        answer_take();
        run_posts();
        assert_int_equal(pop(fixture, 0), 8);
        assert_int_equal(pop(fixture, 0), 0);
        assert_int_equal(stored.take_count, 0);
}

static void what_was_left_by_the_last_run_comes_before_what_arrives(void **state)
{
        struct fixture *fixture = *state;

        uplink_event_free(put(0, 1));
        uplink_event_free(put(0, 2));
        uplink_queue_recover(fixture->queue, device_key(0));
        run_posts();
        arrive(fixture, 0, 3);
        run_posts();
        assert_int_equal(pop(fixture, 0), 0);
        answer_take();
        run_posts();
        assert_true(fixture->ready[0] >= 1);
        assert_int_equal(fixture->devices[0].taken_over_ms, 1234);
        assert_int_equal(pop(fixture, 0), 1);
        assert_int_equal(pop(fixture, 0), 2);
        if (stored.take_count > 0) {
                answer_take();
                run_posts();
        }
        assert_int_equal(pop(fixture, 0), 3);
        assert_int_equal(pop(fixture, 0), 0);
}

static void full_memory_leaves_every_device_its_next_event(void **state)
{
        struct fixture *fixture = *state;

        for (int i = 1; i <= 40; i++)
                arrive(fixture, i % DEVICES, i);
        run_posts();
        for (int round = 0; round < 40; round++) {
                while (stored.take_count > 0)
                        answer_take();
                run_posts();
                assert_int_equal(pop(fixture, (round + 1) % DEVICES), round + 1);
        }
}

static void an_unreadable_record_is_set_aside_and_the_next_one_comes(void **state)
{
        struct fixture *fixture = *state;

        uplink_event_free(put(0, 1));
        uplink_event_free(put(0, 2));
        buf_clear(&stored.events[0].record);
        buf_add_text(&stored.events[0].record, "rubbish");
        uplink_queue_recover(fixture->queue, device_key(0));
        run_posts();
        answer_take();
        run_posts();
        assert_int_equal(stored.dead, 1);
        assert_int_equal(pop(fixture, 0), 2);
}

static void a_failed_reading_is_repeated_later(void **state)
{
        struct fixture *fixture = *state;

        uplink_event_free(put(0, 1));
        uplink_queue_recover(fixture->queue, device_key(0));
        run_posts();
        stored.take_result = -EIO;
        answer_take();
        run_posts();
        assert_int_equal(pop(fixture, 0), 0);
        assert_non_null(timer_started);
        timer_started->run(timer_started);
        answer_take();
        run_posts();
        assert_int_equal(pop(fixture, 0), 1);
}

/* Two put at the same time: the one with the lower id became visible last. */
static void a_late_id_comes_although_higher_ones_were_seen(void **state)
{
        struct fixture *fixture = *state;

        feed(fixture, 0, 2);
        feed(fixture, 0, 1);
        run_posts();
        assert_int_equal(pop(fixture, 0), 2);
        feed(fixture, 0, 4);
        run_posts();
        assert_int_equal(pop(fixture, 0), 1);
        assert_int_equal(pop(fixture, 0), 4);
        feed(fixture, 0, 3);
        run_posts();
        assert_int_equal(fixture->ready[0], 2);
        assert_int_equal(pop(fixture, 0), 3);
        assert_int_equal(stored.take_count, 0);
}

/* No reading would bring it: they all begin above what was seen. */
static void a_late_id_has_room_in_a_full_queue_and_while_it_is_read(void **state)
{
        struct fixture *fixture = *state;

        for (int64_t id = 2; id <= 9; id++)
                feed(fixture, 0, id);
        feed(fixture, 0, 1);
        run_posts();
        for (int64_t id = 2; id <= 5; id++)
                assert_int_equal(pop(fixture, 0), id);
        assert_int_equal(pop(fixture, 0), 1);
        assert_int_equal(stored.take_count, 1);
        uplink_event_free(put(0, 0));
        stored.events[stored.count - 1].id = 5; /* taken before it was visible */
        tell_of(fixture, stored.count - 1, true);
        run_posts();
        assert_int_equal(pop(fixture, 0), 5);
        answer_take();
        run_posts();
        for (int64_t id = 6; id <= 9; id++)
                assert_int_equal(pop(fixture, 0), id);
}

static struct store_shards shards_of(int device)
{
        struct store_shards shards = store_shards_none();

        store_shards_add(&shards, store_shard_of(device_key(device)));
        return shards;
}

static void what_is_forgotten_comes_again_when_it_is_recovered(void **state)
{
        struct fixture *fixture = *state;
        struct store_shards left = shards_of(0);

        for (int64_t id = 1; id <= 3; id++)
                feed(fixture, 0, id);
        feed(fixture, 1, 4);
        run_posts();
        assert_int_equal(pop(fixture, 0), 1);
        store_shards_remove(&fixture->shards, store_shard_of(device_key(0)));
        uplink_queue_forget(fixture->queue, &left);
        assert_int_equal(pop(fixture, 0), 0);
        feed(fixture, 0, 5);   /* told before the feed was ended */
        arrive(fixture, 0, 6); /* put here, as anywhere */
        run_posts();
        assert_int_equal(pop(fixture, 0), 0);
        assert_int_equal(pop(fixture, 1), 4);
        fixture->shards = store_shards_all();
        uplink_queue_recover(fixture->queue, device_key(0));
        run_posts();
        answer_take();
        run_posts();
        assert_int_equal(pop(fixture, 0), 2);
        assert_int_equal(pop(fixture, 0), 3);
        assert_int_equal(pop(fixture, 0), 5);
        assert_int_equal(pop(fixture, 0), 6);
}

static void a_reading_under_way_brings_nothing_to_a_device_that_left(void **state)
{
        struct fixture *fixture = *state;
        struct store_shards left = shards_of(0);
        int ready;

        for (int64_t id = 1; id <= 6; id++)
                feed(fixture, 0, id);
        uplink_event_free(put(1, 7));
        uplink_queue_recover(fixture->queue, device_key(1));
        run_posts();
        for (int64_t id = 1; id <= 4; id++)
                assert_int_equal(pop(fixture, 0), id);
        assert_int_equal(stored.take_count, 2);
        store_shards_add(&left, store_shard_of(device_key(1)));
        uplink_queue_forget(fixture->queue, &left);
        ready = fixture->ready[0];
        /* It has come back, and is read anew, while the first reading is still under way. */
        uplink_queue_recover(fixture->queue, device_key(0));
        run_posts();
        answer_take();
        answer_take();
        run_posts();
        assert_int_equal(fixture->ready[0], ready);
        assert_int_equal(pop(fixture, 0), 0);
        assert_int_equal(pop(fixture, 1), 0);
        answer_take();
        run_posts();
        assert_int_equal(pop(fixture, 0), 5);
        assert_int_equal(pop(fixture, 0), 6);
        assert_int_equal(pop(fixture, 0), 0);
}

static void a_failed_reading_of_a_device_that_left_is_not_repeated(void **state)
{
        struct fixture *fixture = *state;
        struct store_shards left = shards_of(0);

        uplink_event_free(put(0, 1));
        uplink_queue_recover(fixture->queue, device_key(0));
        run_posts();
        stored.take_result = -EIO;
        answer_take();
        run_posts();
        uplink_queue_forget(fixture->queue, &left);
        assert_non_null(timer_started);
        timer_started->run(timer_started);
        assert_int_equal(stored.take_count, 0);
}

/* Any interleaving of arrivals, readings and sends: each event once, in order. */
static void keeps_order_in_any_interleaving(void **state)
{
        struct fixture *fixture = *state;
        int64_t last[DEVICES] = {0};
        int64_t next_id = 1;
        size_t popped = 0;

        srandom(20240506);
        for (int step = 0; step < 20000 && popped < 1000; step++) {
                int device = (int)(random() % DEVICES);
                int64_t id;

                switch (random() % 4) {
                case 0:
                        if (next_id <= 1000)
                                arrive(fixture, device, next_id++);
                        break;
                case 1:
                        run_posts();
                        break;
                case 2:
                        if (stored.take_count > 0)
                                answer_take();
                        break;
                default:
                        id = pop(fixture, device);
                        if (id == 0)
                                break;
                        assert_true(id > last[device]);
                        last[device] = id;
                        popped++;
                        break;
                }
        }
        assert_int_equal(popped, 1000);
}

/* --- news of downlinks --------------------------------------------------------------------- */

static struct uplink_event *put_for(int device, int64_t id, enum store_purpose purpose)
{
        struct uplink_event *event = put(device, id);

        event->purpose = purpose;
        stored.events[stored.count - 1].purpose = purpose;
        return event;
}

static void arrive_for(struct fixture *fixture, int device, int64_t id, enum store_purpose purpose)
{
        struct list events;

        list_init(&events);
        list_push_back(&events, &put_for(device, id, purpose)->node);
        uplink_queue_add(fixture->queue, &events);
}

static void law_news_are_handed_on_when_they_arrive_whatever_waits(void **state)
{
        struct fixture *fixture = *state;

        arrive(fixture, 0, 1);
        arrive_for(fixture, 0, 2, STORE_DOWNLINK_NEWS);
        arrive_for(fixture, 0, 3, STORE_BOTH);
        arrive(fixture, 0, 4);
        run_posts();
        assert_int_equal(fixture->news_count, 2);
        assert_int_equal(fixture->news[0], 2);
        assert_int_equal(fixture->news[1], 3);
        /* What is telemetry, too, has its turn; news alone make no device and are never sent. */
        assert_int_equal(fixture->arrived[0], 3);
        assert_int_equal(pop(fixture, 0), 1);
        assert_int_equal(pop(fixture, 0), 3);
        assert_int_equal(pop(fixture, 0), 4);
        assert_int_equal(pop(fixture, 0), 0);
        assert_int_equal(fixture->news_count, 2);
}

static void news_in_the_store_are_told_at_a_takeover_and_not_read_as_telemetry(void **state)
{
        struct fixture *fixture = *state;

        for (int64_t id = 1; id <= 12; id++)
                uplink_event_free(put_for(1, id,
                                          id <= 9    ? STORE_DOWNLINK_NEWS
                                          : id == 10 ? STORE_BOTH
                                                     : STORE_UPLINK));
        for (size_t i = 0; i < stored.count; i++) {
                if (stored.events[i].purpose != STORE_UPLINK)
                        uplink_queue_recover_news(
                                fixture->queue, &(struct store_event){
                                                        .id = stored.events[i].id,
                                                        .device = stored.events[i].device,
                                                        .record = stored.events[i].record.data,
                                                        .record_size = stored.events[i].record.size,
                                                        .purpose = stored.events[i].purpose,
                                                });
        }
        run_posts();
        assert_int_equal(fixture->news_count, 10);
        uplink_queue_recover(fixture->queue, device_key(1));
        run_posts();
        for (int64_t id = 10; id <= 12; id++) {
                while (stored.take_count > 0) {
                        answer_take();
                        run_posts();
                }
                assert_int_equal(pop(fixture, 1), id);
        }
        assert_int_equal(fixture->news_count, 10);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                FRESH(hands_out_in_order),
                FRESH(replayed_events_come_behind_what_waits_and_before_what_comes_later),
                FRESH(nothing_is_posted_after_the_stop),
                FRESH(reads_back_what_did_not_fit),
                FRESH(an_arrival_while_reading_comes_once_and_in_its_place),
                FRESH(what_was_left_by_the_last_run_comes_before_what_arrives),
                cmocka_unit_test_setup_teardown(full_memory_leaves_every_device_its_next_event,
                                                set_up_small, tear_down),
                FRESH(an_unreadable_record_is_set_aside_and_the_next_one_comes),
                FRESH(a_failed_reading_is_repeated_later),
                FRESH(a_late_id_comes_although_higher_ones_were_seen),
                FRESH(a_late_id_has_room_in_a_full_queue_and_while_it_is_read),
                FRESH(what_is_forgotten_comes_again_when_it_is_recovered),
                FRESH(a_reading_under_way_brings_nothing_to_a_device_that_left),
                FRESH(a_failed_reading_of_a_device_that_left_is_not_repeated),
                FRESH(keeps_order_in_any_interleaving),
                FRESH(law_news_are_handed_on_when_they_arrive_whatever_waits),
                FRESH(news_in_the_store_are_told_at_a_takeover_and_not_read_as_telemetry),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
