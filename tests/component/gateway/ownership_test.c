// SPDX-License-Identifier: MIT
/*
 * The laws of gateway/ownership.h. The store, the devices, their links and queues are the test's
 * own; it drives the thread "loop" itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/thread.h"
#include "gateway/ownership.h"

#define PATIENCE_MS 30000

static struct {
        struct ownership *ownership;
        struct loop *loop;
        pthread_t thread;
        atomic_bool ends;
        struct store_shards fed;      /* of the thread `takeover` */
        bool is_told;                 /* the same */
        struct store_shards at_start; /* what is gained before ownership_start returns */
        /* What the devices' side has heard, in order. Of the thread "loop", then of the test's. */
        struct buf said;
        atomic_int said_count;
        atomic_int news;      /* that were told */
        atomic_int recovered; /* devices whose events wait */
        atomic_int failures;  /* so many readings fail */
        atomic_bool is_held;  /* a reading stands still */
        atomic_bool is_stuck; /* and has come there */
        atomic_bool is_away;  /* the store's feed can't begin */
        atomic_bool is_cancelled;
        atomic_bool is_busy; /* something is in flight */
        atomic_size_t closing;
        bool asks_links; /* whether they are closed; of the thread "loop" */
} site;

static void say(const char *word)
{
        buf_add_text(&site.said, word);
        buf_add_char(&site.said, ' ');
        atomic_fetch_add(&site.said_count, 1);
}

static void sleep_a_little(void)
{
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* --- the store ------------------------------------------------------------------------------ */

void store_share_start(struct store *store)
{
        struct store_share_ear ear = ownership_ear(site.ownership);

        (void)store;
        if (store_shards_count(&site.at_start) > 0)
                ear.gained(ear.context, &site.at_start);
}

void store_share_released(struct store *store, const struct store_shards *shards)
{
        (void)store;
        if (!site.asks_links)
                say("unasked");
        say(store_shards_count(shards) > 0 ? "released" : "nothing-released");
}

bool store_may_act(const struct store *store, int shard)
{
        (void)store;
        (void)shard;
        return true;
}

bool store_is_shared(const struct store *store)
{
        (void)store;
        return false;
}

void store_share_leave(struct store *store)
{
        (void)store;
        fail();
}

int store_feed_begin(struct store *store, const struct store_shards *shards)
{
        int64_t until_ms = clock_steady_ms() + PATIENCE_MS;

        (void)store;
        store_shards_add_all(&site.fed, shards);
        site.is_told = false;
        atomic_store(&site.is_stuck, atomic_load(&site.is_away));
        while (atomic_load(&site.is_away) && !atomic_load(&site.is_cancelled)) {
                if (clock_steady_ms() > until_ms)
                        return 0;
                sleep_a_little();
        }
        return atomic_load(&site.is_away) ? STORE_E_CLOSED : 0;
}

void store_feed_cancel(struct store *store)
{
        (void)store;
        atomic_store(&site.is_cancelled, true);
}

void store_feed_tell(struct store *store, const struct store_shards *shards)
{
        (void)store;
        (void)shards;
        site.is_told = true;
}

void store_feed_end(struct store *store, const struct store_shards *shards)
{
        (void)store;
        store_shards_remove_all(&site.fed, shards);
}

int store_records_each(struct store *store, const char *kind, const struct store_shards *shards,
                       bool (*visit)(void *context, const struct store_record *record),
                       void *context)
{
        (void)store;
        assert_int_equal(store_shards_count(shards), store_shards_count(&site.fed));
        assert_false(site.is_told);
        if (atomic_load(&site.failures) > 0) {
                atomic_fetch_sub(&site.failures, 1);
                return -EIO;
        }
        for (int i = 0; i < 300; i++) {
                CLEANUP(mem_cleanup) char *key = mem_format("%s%d", kind, i);

                if (!visit(context,
                           &(struct store_record){
                                   .kind = kind, .key = key, .value = "v", .value_size = 1}))
                        return 0;
        }
        atomic_store(&site.is_stuck, true);
        while (atomic_load(&site.is_held))
                sleep_a_little();
        return 0;
}

int store_devices_each(struct store *store, const struct store_shards *shards,
                       bool (*visit)(void *context, const char *device, int64_t waiting),
                       void *context)
{
        (void)store;
        assert_int_equal(store_shards_count(shards), store_shards_count(&site.fed));
        assert_false(site.is_told);
        visit(context, "n/a/d", 1);
        return 0;
}

/* What was told of downlinks, when the commands are there and before anything becomes of them. */
int store_events_each(struct store *store, const struct store_selection *selection,
                      bool (*visit)(void *context, const struct store_event *event), void *context)
{
        (void)store;
        assert_true(selection->news);
        assert_int_equal(store_shards_count(selection->shards), store_shards_count(&site.fed));
        assert_false(site.is_told);
        visit(context, &(struct store_event){.id = 1, .purpose = STORE_DOWNLINK_NEWS});
        return 0;
}

void device_table_take_listed(struct device_table *table, const struct store_shards *shards)
{
        (void)table;
        (void)shards;
}

bool uplink_queue_recover_news(void *queue, const struct store_event *stored)
{
        (void)queue;
        assert_int_equal(stored->purpose, STORE_DOWNLINK_NEWS);
        atomic_fetch_add(&site.news, 1);
        return true;
}

/* --- devices, links, queues ----------------------------------------------------------------- */

void device_table_gain(struct device_table *table, const struct store_shards *shards,
                       int64_t since_ms)
{
        (void)since_ms;
        (void)table;
        (void)shards;
        say("owns");
}

void device_table_lose(struct device_table *table, const struct store_shards *shards)
{
        (void)table;
        (void)shards;
}

void device_link_gain(struct device_link *links, const struct store_shards *shards)
{
        (void)links;
        (void)shards;
        say("connect");
}

void device_link_lose(struct device_link *links, const struct store_shards *shards)
{
        (void)links;
        (void)shards;
        say("park");
}

void device_link_prepare_to_lose(struct device_link *links, const struct store_shards *shards)
{
        (void)links;
        (void)shards;
        say("begin-nothing");
}

bool device_link_is_quiet(struct device_link *links, const struct store_shards *shards)
{
        (void)links;
        (void)shards;
        return !atomic_load(&site.is_busy);
}

size_t hub_client_closing(struct hub_client *client)
{
        (void)client;
        site.asks_links = true;
        return atomic_load(&site.closing);
}

void uplink_queue_forget(struct uplink_queue *queue, const struct store_shards *shards)
{
        (void)queue;
        (void)shards;
}

void uplink_queue_recover(struct uplink_queue *queue, const char *device_key)
{
        (void)queue;
        assert_string_equal(device_key, "n/a/d");
        atomic_fetch_add(&site.recovered, 1);
}

static void take(void *context, const struct store_record *record)
{
        static int count;

        THREAD_ASSERT(LOOP_THREAD);
        (void)context;
        assert_int_equal(record->value_size, 1);
        count = strcmp(record->key, "k0") == 0 ? 1 : count + 1;
        if (count == 300)
                say("took-all");
}

static void taken(void *context)
{
        (void)context;
        say("taken");
}

static void forget(void *context, const struct store_shards *shards)
{
        (void)context;
        (void)shards;
        say("forget");
}

/* --- the thread "loop" ---------------------------------------------------------------------- */

static void *drive(void *context)
{
        (void)context;
        thread_enter(LOOP_THREAD);
        while (!atomic_load(&site.ends)) {
                loop_set_time(site.loop, clock_steady_ms());
                loop_run_posts(site.loop);
                loop_run_timers(site.loop);
                sleep_a_little();
        }
        return NULL;
}

static int start(struct reason *reason)
{
        const struct ownership_options options = {
                .loop = site.loop,
                .parts = {{"k", take, taken, forget, NULL}},
        };

        return ownership_start(site.ownership, &options, reason);
}

static struct store_shards some(int first)
{
        struct store_shards shards = store_shards_none();

        store_shards_add(&shards, first);
        store_shards_add(&shards, first + 1);
        return shards;
}

static int set_up(void **state)
{
        (void)state;
        memset(&site, 0, sizeof(site));
        site.said = BUF_INIT;
        site.loop = loop_new();
        site.ownership = ownership_new();
        thread_start(&site.thread, drive, NULL);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        atomic_store(&site.is_held, false);
        ownership_stop(site.ownership);
        assert_true(site.is_told || store_shards_count(&site.fed) == 0);
        atomic_store(&site.ends, true);
        pthread_join(site.thread, NULL);
        ownership_free(site.ownership);
        loop_free(site.loop);
        buf_deinit(&site.said);
        return 0;
}

/* Waits for so many words, and has no more of them come than these. */
static void expect(int count, const char *words)
{
        int64_t until_ms = clock_steady_ms() + PATIENCE_MS;

        while (atomic_load(&site.said_count) < count && clock_steady_ms() < until_ms)
                sleep_a_little();
        assert_string_equal(buf_text(&site.said), words);
}

static void stand_still(void)
{
        int64_t until_ms = clock_steady_ms() + PATIENCE_MS;

        while (!atomic_load(&site.is_stuck) && clock_steady_ms() < until_ms)
                sleep_a_little();
}

/* --- tests ---------------------------------------------------------------------------------- */

static void the_start_waits_until_all_is_loaded(void **state)
{
        struct reason reason = REASON_INIT;

        (void)state;
        site.at_start = store_shards_all();
        assert_int_equal(start(&reason), 0);
        expect(4, "took-all taken owns connect ");
        assert_int_equal(atomic_load(&site.news), 1);
        assert_int_equal(atomic_load(&site.recovered), 1);
}

static void a_start_that_cannot_read_fails_and_says_why(void **state)
{
        struct reason reason = REASON_INIT;

        (void)state;
        site.at_start = store_shards_all();
        atomic_store(&site.failures, 1);
        assert_int_equal(start(&reason), -EIO);
        assert_non_null(strstr(reason.text, "'k'"));
}

static void what_comes_later_is_read_again_until_it_can_be(void **state)
{
        struct store_share_ear ear = ownership_ear(site.ownership);
        struct store_shards shards = some(3);
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(start(&reason), 0);
        atomic_store(&site.failures, 1);
        ear.gained(ear.context, &shards);
        expect(6, "park forget took-all taken owns connect ");
}

static void what_is_lost_while_it_is_loaded_is_not_opened(void **state)
{
        struct store_share_ear ear = ownership_ear(site.ownership);
        struct store_shards shards = some(3);
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(start(&reason), 0);
        atomic_store(&site.is_held, true);
        ear.gained(ear.context, &shards);
        stand_still();
        ear.lost(ear.context, &shards);
        expect(2, "park forget ");
        atomic_store(&site.is_held, false);
        expect(6, "park forget took-all taken park forget ");
}

/* One of two shards is lost meanwhile: the other one is loaded anew, and opened. */
static void what_is_left_of_an_order_is_loaded_anew(void **state)
{
        struct store_share_ear ear = ownership_ear(site.ownership);
        struct store_shards shards = some(3);
        struct store_shards one = store_shards_none();
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(start(&reason), 0);
        store_shards_add(&one, 3);
        atomic_store(&site.is_held, true);
        ear.gained(ear.context, &shards);
        stand_still();
        ear.lost(ear.context, &one);
        expect(2, "park forget ");
        atomic_store(&site.is_held, false);
        expect(10, "park forget took-all taken park forget took-all taken owns connect ");
}

static void a_release_awaits_outcomes_and_then_the_end_of_links(void **state)
{
        struct store_share_ear ear = ownership_ear(site.ownership);
        struct reason reason = REASON_INIT;

        (void)state;
        site.at_start = store_shards_all();
        assert_int_equal(start(&reason), 0);
        atomic_store(&site.is_busy, true);
        atomic_store(&site.closing, 1);
        ear.release(ear.context, &site.at_start);
        expect(5, "took-all taken owns connect begin-nothing ");
        atomic_store(&site.is_busy, false);
        expect(7, "took-all taken owns connect begin-nothing park forget ");
        atomic_store(&site.closing, 0);
        expect(8, "took-all taken owns connect begin-nothing park forget released ");
}

static void what_is_lost_while_it_is_released_is_not_given_back(void **state)
{
        struct store_share_ear ear = ownership_ear(site.ownership);
        struct reason reason = REASON_INIT;

        (void)state;
        site.at_start = store_shards_all();
        assert_int_equal(start(&reason), 0);
        atomic_store(&site.is_busy, true);
        ear.release(ear.context, &site.at_start);
        ear.lost(ear.context, &site.at_start);
        expect(7, "took-all taken owns connect begin-nothing park forget ");
        atomic_store(&site.is_busy, false);
        expect(10, "took-all taken owns connect begin-nothing park forget park forget "
                   "nothing-released ");
}

/* Not even the feed has begun: nothing is read, and the end does not wait for the store. */
static void the_end_waits_for_no_store_that_is_away(void **state)
{
        struct store_share_ear ear = ownership_ear(site.ownership);
        struct store_shards shards = some(3);
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(start(&reason), 0);
        atomic_store(&site.is_away, true);
        ear.gained(ear.context, &shards);
        stand_still();
        ownership_stop(site.ownership);
        expect(2, "park forget ");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(the_start_waits_until_all_is_loaded),
                TEST(a_start_that_cannot_read_fails_and_says_why),
                TEST(what_comes_later_is_read_again_until_it_can_be),
                TEST(what_is_lost_while_it_is_loaded_is_not_opened),
                TEST(what_is_left_of_an_order_is_loaded_anew),
                TEST(a_release_awaits_outcomes_and_then_the_end_of_links),
                TEST(what_is_lost_while_it_is_released_is_not_given_back),
                TEST(the_end_waits_for_no_store_that_is_away),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
