// SPDX-License-Identifier: MIT
/* Rule S10: how often a storage queue is asked. The test is the queue, the store and the clock. */
#include "gateway/intake/queue_inside.h"
#include "gateway/intake/queue_intake.h"
#include "gateway/uplink/uplink_hold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "azure/storage/storage_queue.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "gateway/intake/delivery.h"
#include "monitor/monitor_call.h"
#include "support/load_settings.h"

#define CALLS_MAX 128

/* What was sent and is not answered yet, and what is to be called later. */
static struct {
        struct {
                char *method;
                char *url;
                http_done *done;
                void *context;
        } sent[CALLS_MAX];
        size_t sent_count;
        size_t sent_in_all;
        struct {
                int64_t delay_ms;
                void (*run)(void *context);
                void *context;
        } later[CALLS_MAX];
        size_t later_count;
        size_t deliveries;
        bool full;
        int64_t spilled;
        size_t looks; /* for what other gateways have sent */
} world;

void http_client_send(struct http_client *client, const struct http_request *request,
                      http_done *done, void *context)
{
        (void)client;
        assert_true(world.sent_count < CALLS_MAX);
        world.sent[world.sent_count].method = mem_text(request->method);
        world.sent[world.sent_count].url = mem_text(request->url);
        world.sent[world.sent_count].done = done;
        world.sent[world.sent_count++].context = context;
        world.sent_in_all++;
}

void http_client_after(struct http_client *client, int64_t delay_ms, void (*run)(void *context),
                       void *context)
{
        (void)client;
        assert_true(world.later_count < CALLS_MAX);
        world.later[world.later_count].delay_ms = delay_ms;
        world.later[world.later_count].run = run;
        world.later[world.later_count++].context = context;
}

const char *http_client_thread(const struct http_client *client)
{
        (void)client;
        return HTTP_CLIENT_THREAD;
}

/* Nobody is told. */
struct http_watch monitor_call_watch(struct monitor *monitor, const char *type)
{
        assert_true(!monitor && type);
        return (struct http_watch){.ended = NULL};
}

/* What other gateways have sent is the subject of uplink_hold_test.c. */
void uplink_holds_look(struct uplink_holds *holds)
{
        (void)holds;
        world.looks++;
}

void store_get_state(struct store *store, struct store_state *state)
{
        (void)store;
        *state = (struct store_state){.full = world.full, .spilled = world.spilled};
}

/* What is delivered is stored at once. */
static struct {
        delivery_done *done;
        void *context;
} delivery;

struct delivery *delivery_new(const struct delivery_means *means,
                              const struct delivery_source *source, delivery_done *done,
                              void *context)
{
        assert_non_null(means);
        assert_non_null(source->network);
        delivery.done = done;
        delivery.context = context;
        return (struct delivery *)(void *)&delivery;
}

void delivery_take(struct delivery *taken)
{
        static const struct reason none = {.text = ""};
        struct buf not_stored = BUF_INIT;

        (void)taken;
        world.deliveries++;
        delivery.done(delivery.context, &(struct delivery_result){.fate = DELIVERY_STORED,
                                                                  .reason = &none,
                                                                  .not_stored = &not_stored});
}

/* Calls what is due at once; what is not stays. The longest pause that is asked for; 0 = none. */
static int64_t settle(void)
{
        int64_t longest_ms = 0;

        for (size_t i = 0; i < world.later_count; i++) {
                if (world.later[i].delay_ms == 0)
                        world.later[i].run(world.later[i].context);
                else if (world.later[i].delay_ms > longest_ms)
                        longest_ms = world.later[i].delay_ms;
        }
        return longest_ms;
}

static void forget_later(void)
{
        world.later_count = 0;
}

/* Answers the request at the place, and takes it out. */
static void answer(size_t place, int status, const char *body)
{
        struct http_answer made = {.status = status, .retry_after_ms = -1};
        http_done *done = world.sent[place].done;
        void *context = world.sent[place].context;

        free(world.sent[place].method);
        free(world.sent[place].url);
        world.sent_count--;
        memmove(&world.sent[place], &world.sent[place + 1],
                (world.sent_count - place) * sizeof(world.sent[0]));
        buf_add_text(&made.body, body);
        done(context, &made);
        buf_deinit(&made.body);
}

static void assert_sent(size_t place, const char *method, const char *part)
{
        assert_true(place < world.sent_count);
        assert_string_equal(world.sent[place].method, method);
        assert_non_null(strstr(world.sent[place].url, part));
}

static struct {
        struct settings settings;
        struct conf_report report;
        struct delivery_means means;
        struct queue_intake *intake;
} site;

static int set_up(void **state)
{
        static const char text[] =
                "{\"WebhookKeys\": [\"0123456789abcdef0123456789abcdef\"],"
                "\"AzureIoT\": {\"AzureIoTHub\": {\"DeviceProvisioningService\": {\"IdScope\": "
                "\"0ne00123ABC\", \"GroupEnrollmentKey\": "
                "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}}},"
                "\"ConnectionStrings\": {\"UplinkQueueStorage\": "
                "\"DefaultEndpointsProtocol=https;AccountName=account;AccountKey=a2V5\"},"
                "\"UplinkQueueName\": \"uplink\"}";

        (void)state;
        memset(&world, 0, sizeof(world));
        memset(&site, 0, sizeof(site));
        settings_init(&site.settings);
        assert_int_equal(load_settings_text(&(struct conf_source){.file = "test.json"}, text,
                                            sizeof(text) - 1, &site.settings, &site.report),
                         0);
        site.means.settings = &site.settings;
        site.intake = queue_intake_start(&(struct queue_intake_options){.means = &site.means});
        /* How many there are is counted beside it, once a minute. */
        settle();
        forget_later();
        assert_int_equal(world.sent_count, 2);
        assert_sent(0, "GET", "/uplink/messages?");
        assert_sent(1, "GET", "/uplink?comp=metadata");
        answer(1, 200, "");
        assert_int_equal(world.later_count, 1);
        assert_int_equal(world.later[0].delay_ms, 60000);
        forget_later();
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        for (size_t i = 0; i < world.sent_count; i++) {
                free(world.sent[i].method);
                free(world.sent[i].url);
        }
        queue_intake_stop(site.intake);
        queue_intake_free(site.intake);
        conf_report_deinit(&site.report);
        settings_deinit(&site.settings);
        return 0;
}

static void add_message(struct buf *xml, size_t number)
{
        buf_add_format(xml,
                       "<QueueMessage><MessageId>m-%zu</MessageId><PopReceipt>r</PopReceipt>"
                       "<DequeueCount>1</DequeueCount><MessageText>"
                       "{\"end_device_ids\":{\"device_id\":\"d\",\"application_ids\":"
                       "{\"application_id\":\"a\"}},\"uplink_message\":{\"f_port\":1,\"f_cnt\":%zu,"
                       "\"frm_payload\":\"AQ==\",\"received_at\":\"2026-03-14T08:00:00Z\"}}"
                       "</MessageText></QueueMessage>",
                       number, number);
}

/* Answers the get with a full batch, whose messages are then stored. */
static void give_batch(void)
{
        CLEANUP(buf_deinit) struct buf xml = BUF_INIT;

        buf_add_text(&xml, "<QueueMessagesList>");
        for (size_t i = 0; i < STORAGE_QUEUE_GET_MAX; i++)
                add_message(&xml, i);
        buf_add_text(&xml, "</QueueMessagesList>");
        answer(0, 200, buf_text(&xml));
        settle();
        forget_later();
}

static void s10_an_idle_queue_is_asked_ever_less(void **state)
{
        int64_t waited_ms = 0;
        int64_t pause_ms = 0;

        (void)state;
        for (int asked = 0; pause_ms < 10000; asked++) {
                int64_t before_ms = pause_ms;

                assert_true(asked < 12);
                answer(0, 200, "<QueueMessagesList/>");
                assert_int_equal(world.sent_count, 0);
                assert_int_equal(world.later_count, 1);
                pause_ms = world.later[0].delay_ms;
                assert_true(pause_ms > before_ms);
                waited_ms += pause_ms;
                world.later_count = 0;
                world.later[0].run(world.later[0].context);
                assert_sent(0, "GET", "/uplink/messages?");
        }
        assert_int_equal(pause_ms, 10000);
        /* From then on so, at most one request in ten seconds. */
        for (int i = 0; i < 3; i++) {
                answer(0, 200, "<QueueMessagesList/>");
                assert_int_equal(world.later[0].delay_ms, 10000);
                world.later_count = 0;
                world.later[0].run(world.later[0].context);
                assert_int_equal(world.sent_count, 1);
        }
        assert_true(waited_ms >= 10000);
}

/* All of a batch are deleted at the same time, and the next one is got without a pause. */
static void s10_draining_waits_for_nothing_but_the_queue(void **state)
{
        size_t before = world.sent_in_all;

        (void)state;
        for (int batch = 0; batch < 3; batch++) {
                give_batch();
                assert_int_equal(world.sent_count, STORAGE_QUEUE_GET_MAX);
                for (size_t i = 0; i < STORAGE_QUEUE_GET_MAX; i++)
                        assert_sent(i, "DELETE", "/uplink/messages/m-");
                for (size_t i = 0; i < STORAGE_QUEUE_GET_MAX; i++)
                        answer(0, 204, "");
                assert_int_equal(world.later_count, 0);
                assert_int_equal(world.sent_count, 1);
                assert_sent(0, "GET", "numofmessages=32");
        }
        assert_int_equal(world.deliveries, 3 * STORAGE_QUEUE_GET_MAX);
        assert_int_equal(world.sent_in_all - before, 3 * (STORAGE_QUEUE_GET_MAX + 1));
}

static void s10_after_messages_an_empty_queue_is_asked_soon_again(void **state)
{
        (void)state;
        for (int i = 0; i < 5; i++) {
                answer(0, 200, "<QueueMessagesList/>");
                world.later_count = 0;
                world.later[0].run(world.later[0].context);
        }
        give_batch();
        for (size_t i = 0; i < STORAGE_QUEUE_GET_MAX; i++)
                answer(0, 204, "");
        answer(0, 200, "<QueueMessagesList/>");
        assert_int_equal(world.later[0].delay_ms, 100);
}

static void s7_a_full_store_asks_for_nothing(void **state)
{
        (void)state;
        world.full = true;
        answer(0, 200, "<QueueMessagesList/>");
        for (int i = 0; i < 3; i++) {
                world.later_count = 0;
                world.later[0].run(world.later[0].context);
                assert_int_equal(world.sent_count, 0);
                assert_int_equal(world.later_count, 1);
        }
        world.full = false;
        world.later_count = 0;
        world.later[0].run(world.later[0].context);
        assert_sent(0, "GET", "/uplink/messages?");
}

static void s8_what_is_spilled_is_not_looked_for_where_it_is_not(void **state)
{
        struct drain drain = {.intake = site.intake};

        (void)state;
        queue_look_up_held(&drain);
        assert_int_equal(world.looks, 1);
        world.spilled = 1;
        queue_look_up_held(&drain);
        assert_int_equal(world.looks, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(s10_an_idle_queue_is_asked_ever_less, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(s10_draining_waits_for_nothing_but_the_queue,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        s10_after_messages_an_empty_queue_is_asked_soon_again, set_up, tear_down),
                cmocka_unit_test_setup_teardown(s7_a_full_store_asks_for_nothing, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(
                        s8_what_is_spilled_is_not_looked_for_where_it_is_not, set_up, tear_down),
        };

        thread_enter(HTTP_CLIENT_THREAD);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
