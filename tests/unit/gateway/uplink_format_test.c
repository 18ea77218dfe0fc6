// SPDX-License-Identifier: MIT
/*
 * The laws of gateway/uplink/uplink_format.h and what becomes of a formatter's result (rules U8 to
 * U12, U18, M2, M4), with a pool and a thread "loop" that the test plays itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json/json.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/thread.h"
#include "gateway/uplink/uplink_format.h"
#include "gateway/uplink/uplink_message.h"

#define DEVICES   3
#define MAX_CALLS (UPLINK_FORMAT_MANY + 16)

#define EVENT_TIME_NS (INT64_C(1700000000) * CLOCK_NS_PER_S)

/* --- the pool and the thread that the test plays -------------------------------------------- */

struct asked {
        char *name;
        struct buf bytes;
        struct formatter_input input;
        formatter_done *done;
        void *context;
};

static struct asked asked[MAX_CALLS];
static size_t asked_count;

static struct {
        void (*run)(void *context);
        void *context;
} posts[MAX_CALLS];
static size_t post_count;

void formatter_call(struct formatter_pool *pool, const char *name, enum formatter_function function,
                    const struct formatter_input *input, formatter_done *done, void *context)
{
        struct asked *call = &asked[asked_count++];

        (void)pool;
        assert_true(asked_count <= MAX_CALLS);
        assert_int_equal(function, FORMATTER_DECODE_UPLINK);
        assert_non_null(input->bytes);
        *call = (struct asked){.name = mem_text(name),
                               .bytes = BUF_INIT,
                               .input = *input,
                               .done = done,
                               .context = context};
        buf_add(&call->bytes, input->bytes, input->size);
}

void loop_post(struct loop *loop, void (*run)(void *context), void *context)
{
        (void)loop;
        assert_true(post_count < MAX_CALLS);
        posts[post_count].run = run;
        posts[post_count++].context = context;
}

void loop_post_warm(struct loop *loop, void (*warm)(const void *context),
                    void (*run)(void *context), void *context)
{
        if (warm)
                warm(context);
        loop_post(loop, run, context);
}

void device_warm(const struct device *device)
{
        assert_non_null(device);
}

/* The queue beside it has timers; here it has nothing to do. */
void loop_timer_start(struct loop *loop, struct timer *timer, int64_t delay_ms)
{
        (void)loop;
        (void)timer;
        (void)delay_ms;
        fail();
}

static void run_posts(void)
{
        for (size_t i = 0; i < post_count; i++)
                posts[i].run(posts[i].context);
        post_count = 0;
}

static void answer(size_t call, const struct formatter_result *result)
{
        thread_enter(FORMATTER_THREAD);
        asked[call].done(asked[call].context, result);
        thread_enter(LOOP_THREAD);
}

static void answer_data(size_t call, const char *data)
{
        struct formatter_result result = {.status = FORMATTER_GOOD, .data = mem_text(data)};

        answer(call, &result);
        free(result.data);
}

static void answer_failure(size_t call, enum formatter_status status, const char *reason)
{
        struct formatter_result result = {.status = status};

        reason_set(&result.reason, "%s", reason);
        answer(call, &result);
}

/* --- devices and events --------------------------------------------------------------------- */

struct fixture {
        struct settings settings;
        struct uplink_format *format;
        struct device_keeper keeper;
        struct device devices[DEVICES];
        struct uplink_event *events[DEVICES]; /* the first one of each */
        int ready[DEVICES];
        struct reason reason;
        char crowded[8]; /* a letter for each word of it: crowded, free */
};

static void wake(struct device *device)
{
        struct fixture *fixture = list_entry(device->keeper, struct fixture, keeper);

        fixture->ready[device - fixture->devices]++;
}

static void note_crowd(void *context, bool crowded)
{
        struct fixture *fixture = context;
        size_t said = strlen(fixture->crowded);

        assert_true(said + 1 < sizeof(fixture->crowded));
        fixture->crowded[said] = crowded ? 'c' : 'f';
}

static struct uplink_event *make_event(const char *network, const char *payload)
{
        struct uplink_event *event = mem_new(1, sizeof(*event));

        event->event.network = network;
        event->event.kind = EVENT_UPLINK;
        event->event.application = mem_text("herd");
        event->event.device = mem_text("d1");
        event->event.time_ns = EVENT_TIME_NS;
        event->event.port = strcmp(network, "myriota") == 0 ? 0 : 7;
        event->event.payload = mem_text(payload);
        return event;
}

static void new_format(struct fixture *fixture, struct formatter_pool *pool)
{
        fixture->format = uplink_format_new(&(struct uplink_format_options){
                .settings = &fixture->settings,
                .pool = pool,
                .crowded = note_crowd,
                .context = fixture,
        });
}

/* The first one of the device's queue. */
static void set_event(struct fixture *fixture, int device, struct uplink_event *event)
{
        fixture->events[device] = event;
        list_push_back(&fixture->devices[device].backlog.events, &event->node);
}

static void forget_event(struct fixture *fixture, int device)
{
        uplink_events_free(&fixture->devices[device].backlog.events);
}

static int set_up(void **state)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));

        asked_count = post_count = 0;
        thread_enter(LOOP_THREAD);
        settings_init(&fixture->settings);
        fixture->settings.payload_formatters.uplink_default = mem_text("usual");
        fixture->keeper.wake = wake;
        for (int i = 0; i < DEVICES; i++) {
                fixture->devices[i].keeper = &fixture->keeper;
                fixture->devices[i].lane = &fixture->devices[i];
                uplink_backlog_init(&fixture->devices[i].backlog);
                set_event(fixture, i, make_event("things-stack", "AQID"));
        }
        /* A pool is only handed on: any address will do. */
        new_format(fixture, (struct formatter_pool *)fixture);
        *state = fixture;
        return 0;
}

static int tear_down(void **state)
{
        struct fixture *fixture = *state;

        for (int i = 0; i < DEVICES; i++)
                forget_event(fixture, i);
        for (size_t i = 0; i < asked_count; i++) {
                free(asked[i].name);
                buf_deinit(&asked[i].bytes);
        }
        uplink_format_free(fixture->format);
        settings_deinit(&fixture->settings);
        free(fixture);
        return 0;
}

static enum uplink_format_state ask(struct fixture *fixture, int device)
{
        return uplink_format(fixture->format, &fixture->devices[device], fixture->events[device],
                             &fixture->reason);
}

/* Replaces the first device's event. */
static void replace_event(struct fixture *fixture, const char *network, const char *payload)
{
        forget_event(fixture, 0);
        set_event(fixture, 0, make_event(network, payload));
}

/* What the pool makes of the next call. */
struct made {
        char *data;
        struct property properties[2];
        size_t count;
};

static void made_deinit(struct made *made)
{
        free(made->data);
        properties_deinit(made->properties, made->count);
}

static void made_property(struct made *made, const char *name, const char *value)
{
        made->properties[made->count++] =
                (struct property){.name = mem_text(name), .value = mem_text(value)};
}

/* Asks for the first device's event, answers with this, makes the message; its body as JSON. */
static struct json_object *message_of(struct fixture *fixture, struct made *made,
                                      struct telemetry *telemetry)
{
        struct formatter_result result = {.status = FORMATTER_GOOD,
                                          .data = made->data,
                                          .properties = made->properties,
                                          .property_count = made->count};
        struct formatted formatted;

        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
        answer(asked_count - 1, &result);
        run_posts();
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_DONE);
        formatted = uplink_format_result(fixture->events[0]);
        assert_int_equal(uplink_message(&fixture->settings, &fixture->events[0]->event, &formatted,
                                        telemetry, &fixture->reason),
                         0);
        return json_parse(telemetry->body.data, telemetry->body.size, 80, JSON_STRICT,
                          &fixture->reason);
}

static const char *property(const struct telemetry *telemetry, const char *name)
{
        for (size_t i = 0; i < telemetry->property_count; i++) {
                if (strcmp(telemetry->properties[i].name, name) == 0)
                        return telemetry->properties[i].value;
        }
        return NULL;
}

/* --- which formatter ------------------------------------------------------------------------ */

static const char *chosen(struct fixture *fixture)
{
        return uplink_format_choose(&fixture->settings, &fixture->devices[0],
                                    &fixture->events[0]->event);
}

static void the_nearest_choice_wins(void **state)
{
        struct fixture *fixture = *state;
        struct settings *settings = &fixture->settings;
        struct settings_application *own = mem_new(1, sizeof(*own));
        struct device_attributes *attributes = &fixture->devices[0].attributes;

        assert_string_equal(chosen(fixture), "usual");
        settings->applications = own;
        settings->application_count = 1;
        own->name = mem_text("herd");
        own->uplink_formatter = mem_text("of-application");
        assert_string_equal(chosen(fixture), "of-application");
        own->port_formatters = mem_new(1, sizeof(*own->port_formatters));
        own->port_formatter_count = 1;
        own->port_formatters[0].name = mem_text("7");
        own->port_formatters[0].port = 7;
        own->port_formatters[0].formatter = mem_text("of-port");
        assert_string_equal(chosen(fixture), "of-port");
        attributes->uplink_formatter = mem_text("of-device");
        assert_string_equal(chosen(fixture), "of-device");
        attributes->uplink_formatter[0] = '\0';
        assert_string_equal(chosen(fixture), "of-port");
        free(attributes->uplink_formatter);
}

static void only_uplinks_are_formatted(void **state)
{
        struct fixture *fixture = *state;

        for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
                fixture->events[0]->event.kind = (enum event_kind)kind;
                if (kind == EVENT_UPLINK)
                        assert_non_null(chosen(fixture));
                else
                        assert_null(chosen(fixture));
        }
}

static void u12_what_the_network_decoded_is_not_formatted(void **state)
{
        struct fixture *fixture = *state;

        fixture->events[0]->event.decoded = mem_text("{}");
        assert_null(chosen(fixture));
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_DONE);
        assert_null(uplink_format_result(fixture->events[0]).data);
        assert_int_equal(asked_count, 0);
}

static void u18_an_encrypted_payload_is_not_formatted(void **state)
{
        struct fixture *fixture = *state;

        fixture->events[0]->event.encrypted = true;
        assert_null(chosen(fixture));
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_DONE);
        assert_int_equal(asked_count, 0);
}

static void without_a_formatter_nothing_is_asked(void **state)
{
        struct fixture *fixture = *state;

        free(fixture->settings.payload_formatters.uplink_default);
        fixture->settings.payload_formatters.uplink_default = NULL;
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_DONE);
        assert_int_equal(asked_count, 0);
}

static void without_a_pool_what_needs_a_formatter_waits_for_one(void **state)
{
        struct fixture *fixture = *state;

        uplink_format_free(fixture->format);
        new_format(fixture, NULL);
        for (int i = 0; i < 2; i++)
                assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
        /* As it comes back from the disk in a gateway that has formatters. */
        uplink_format_free(fixture->format);
        new_format(fixture, (struct formatter_pool *)fixture);
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
        answer_data(0, "{}");
        run_posts();
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_DONE);
}

/* --- what it is given ----------------------------------------------------------------------- */

static void a_formatter_gets_the_bytes_of_base64(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
        assert_int_equal(asked_count, 1);
        assert_string_equal(asked[0].name, "usual");
        assert_int_equal(asked[0].bytes.size, 3);
        assert_memory_equal(asked[0].bytes.data, "\1\2\3", 3);
        assert_int_equal(asked[0].input.port, 7);
        assert_true(asked[0].input.time_ns == EVENT_TIME_NS);
        assert_string_equal(asked[0].input.device, "d1");
        assert_string_equal(asked[0].input.application, "herd");
        answer_data(0, "{}");
        run_posts();
}

static void m6_a_formatter_gets_the_bytes_of_hex(void **state)
{
        struct fixture *fixture = *state;

        replace_event(fixture, "myriota", "00fFcc");
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
        assert_int_equal(asked[0].bytes.size, 3);
        assert_memory_equal(asked[0].bytes.data, "\0\xff\xcc", 3);
        assert_int_equal(asked[0].input.port, FORMATTER_NO_PORT);
        answer_data(0, "{}");
        run_posts();
}

static void an_absent_payload_is_an_empty_one(void **state)
{
        struct fixture *fixture = *state;

        replace_event(fixture, "things-stack", NULL);
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
        assert_int_equal(asked[0].bytes.size, 0);
        answer_data(0, "{}");
        run_posts();
}

static void a_payload_that_cannot_be_read_is_a_failure(void **state)
{
        struct fixture *fixture = *state;

        replace_event(fixture, "things-stack", "%%");
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_FAILED);
        assert_non_null(strstr(fixture->reason.text, "base64"));
        replace_event(fixture, "myriota", "0g");
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_FAILED);
        assert_non_null(strstr(fixture->reason.text, "hexadecimal"));
        assert_int_equal(asked_count, 0);
}

/* --- waiting -------------------------------------------------------------------------------- */

static void it_is_asked_once_and_the_result_stays(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
        answer_data(0, "{\"a\":1}");
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
        run_posts();
        for (int i = 0; i < 3; i++) {
                assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_DONE);
                assert_string_equal(uplink_format_result(fixture->events[0]).data, "{\"a\":1}");
        }
        assert_int_equal(asked_count, 1);
        assert_int_equal(fixture->ready[0], 1);
}

static void each_device_gets_its_own_result(void **state)
{
        struct fixture *fixture = *state;

        for (int i = 0; i < DEVICES; i++)
                assert_int_equal(ask(fixture, i), UPLINK_FORMAT_WAITING);
        answer_data(2, "{\"n\":2}");
        answer_data(0, "{\"n\":0}");
        run_posts();
        assert_int_equal(fixture->ready[0], 1);
        assert_int_equal(fixture->ready[1], 0);
        assert_int_equal(fixture->ready[2], 1);
        assert_int_equal(ask(fixture, 1), UPLINK_FORMAT_WAITING);
        assert_string_equal(uplink_format_result(fixture->events[2]).data, "{\"n\":2}");
        answer_data(1, "{\"n\":1}");
        run_posts();
        assert_int_equal(fixture->ready[1], 1);
        assert_string_equal(uplink_format_result(fixture->events[1]).data, "{\"n\":1}");
}

static void every_failure_keeps_its_reason(void **state)
{
        static const enum formatter_status failures[] = {
                FORMATTER_MISSING, FORMATTER_NOT_COMPILED, FORMATTER_FAILED,
                FORMATTER_TIMEOUT, FORMATTER_MEMORY,       FORMATTER_CRASHED,
        };
        struct fixture *fixture = *state;

        for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
                replace_event(fixture, "things-stack", "AQID");
                assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
                answer_failure(i, failures[i], "what was wrong");
                run_posts();
                fixture->reason = REASON_INIT;
                assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_FAILED);
                assert_non_null(strstr(fixture->reason.text, "what was wrong"));
                assert_int_equal(fixture->ready[0], (int)i + 1);
        }
}

static void what_is_no_formatters_fault_decides_nothing(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
        assert_int_equal(ask(fixture, 1), UPLINK_FORMAT_WAITING);
        answer_failure(0, FORMATTER_STOPPED, "the gateway stops");
        answer_failure(1, FORMATTER_UNAVAILABLE, "no memory for a process");
        run_posts();
        for (int i = 0; i < 2; i++) {
                assert_int_equal(fixture->ready[i], 0);
                assert_int_equal(ask(fixture, i), UPLINK_FORMAT_WAITING);
        }
}

/* It left, or came back and asked again: what was asked first is of no use any more. */
static void a_late_result_does_nothing_to_a_device_that_left(void **state)
{
        struct fixture *fixture = *state;

        fixture->events[0]->id = 1;
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
        forget_event(fixture, 0);
        answer_data(0, "{\"n\":1}");
        run_posts();
        assert_int_equal(fixture->ready[0], 0);
        set_event(fixture, 0, make_event("things-stack", "AQID"));
        fixture->events[0]->id = 2;
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
        forget_event(fixture, 0);
        set_event(fixture, 0, make_event("things-stack", "AQID"));
        fixture->events[0]->id = 3;
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
        answer_data(1, "{\"n\":2}");
        run_posts();
        assert_true(uplink_format_is_waiting(fixture->events[0]));
        answer_data(2, "{\"n\":3}");
        run_posts();
        assert_string_equal(uplink_format_result(fixture->events[0]).data, "{\"n\":3}");
        assert_int_equal(fixture->ready[0], 1);
}

static void nothing_is_posted_after_the_stop(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
        assert_int_equal(ask(fixture, 1), UPLINK_FORMAT_WAITING);
        uplink_format_stop(fixture->format);
        answer_data(0, "{}");
        answer_failure(1, FORMATTER_STOPPED, "");
        assert_int_equal(post_count, 0);
}

/* --- what is sent --------------------------------------------------------------------------- */

static void u8_u9_u10_u11_hold_for_a_formatters_members(void **state)
{
        struct fixture *fixture = *state;
        CLEANUP(telemetry_deinit) struct telemetry telemetry = TELEMETRY_INIT;
        CLEANUP(json_cleanup) struct json_object *body = NULL;
        CLEANUP(made_deinit)
        struct made made = {
                .data = mem_text("{\"list\":[1,{\"a\":null}],\"gps_1\":{\"latitude\":-43.5},"
                                 "\"Port\":\"harbour\",\"twice\":1,\"twice\":2}")};

        made_property(&made, "alarm", "yes");
        made_property(&made, "port", "mine");
        body = message_of(fixture, &made, &telemetry);
        assert_non_null(body);
        assert_string_equal(json_object_to_json_string_ext(json_member(body, "list"), 0),
                            "[1,{\"a\":null}]");
        assert_true(json_object_get_double(json_member(json_member(body, "gps_1"), "lat")) ==
                    -43.5);
        assert_int_equal(json_object_get_int(json_member(body, "Port")), 7);
        assert_string_equal(json_text_member(body, "Decoded_Port"), "harbour");
        assert_int_equal(json_object_get_int(json_member(body, "twice")), 2);
        assert_string_equal(json_text_member(body, "PayloadRaw"), "AQID");
        assert_string_equal(property(&telemetry, "alarm"), "yes");
        assert_string_equal(property(&telemetry, "port"), "mine");
}

static void m2_m4_a_formatter_may_set_members_and_the_time_of_myriota(void **state)
{
        struct fixture *fixture = *state;
        CLEANUP(telemetry_deinit) struct telemetry telemetry = TELEMETRY_INIT;
        CLEANUP(json_cleanup) struct json_object *body = NULL;
        CLEANUP(made_deinit)
        struct made made = {
                .data = mem_text("{\"SequenceNumber\":1,\"PacketArrivedAtUtc\":\"earlier\"}")};

        made_property(&made, "iothub-creation-time-utc", "2023-08-24T20:16:45.000Z");
        replace_event(fixture, "myriota", "0102");
        body = message_of(fixture, &made, &telemetry);
        assert_non_null(body);
        assert_int_equal(json_object_get_int(json_member(body, "SequenceNumber")), 1);
        assert_string_equal(json_text_member(body, "PacketArrivedAtUtc"), "earlier");
        assert_string_equal(json_text_member(body, "TerminalId"), "d1");
        assert_null(json_member(body, "PayloadBytes"));
        assert_string_equal(property(&telemetry, "iothub-creation-time-utc"),
                            "2023-08-24T20:16:45.000Z");
        assert_string_equal(property(&telemetry, "TerminalId"), "d1");
}

/* --- many that wait ------------------------------------------------------------------------ */

static void it_says_when_many_wait_and_when_few_do_again(void **state)
{
        struct fixture *fixture = *state;
        struct uplink_event *events[UPLINK_FORMAT_MANY];

        for (size_t i = 0; i < UPLINK_FORMAT_MANY; i++) {
                assert_string_equal(fixture->crowded, "");
                events[i] = make_event("things-stack", "AQID");
                assert_int_equal(uplink_format(fixture->format, &fixture->devices[0], events[i],
                                               &fixture->reason),
                                 UPLINK_FORMAT_WAITING);
        }
        for (size_t i = 0; i < UPLINK_FORMAT_MANY; i++) {
                size_t left = UPLINK_FORMAT_MANY - i;

                assert_string_equal(fixture->crowded, left > UPLINK_FORMAT_FEW ? "c" : "cf");
                answer_data(i, "{}");
                run_posts();
        }
        /* Less than many do not matter. */
        assert_int_equal(ask(fixture, 0), UPLINK_FORMAT_WAITING);
        answer_data(UPLINK_FORMAT_MANY, "{}");
        run_posts();
        assert_string_equal(fixture->crowded, "cf");
        for (size_t i = 0; i < UPLINK_FORMAT_MANY; i++)
                uplink_event_free(events[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_nearest_choice_wins),
                TEST(only_uplinks_are_formatted),
                TEST(u12_what_the_network_decoded_is_not_formatted),
                TEST(u18_an_encrypted_payload_is_not_formatted),
                TEST(without_a_formatter_nothing_is_asked),
                TEST(without_a_pool_what_needs_a_formatter_waits_for_one),
                TEST(a_formatter_gets_the_bytes_of_base64),
                TEST(m6_a_formatter_gets_the_bytes_of_hex),
                TEST(an_absent_payload_is_an_empty_one),
                TEST(a_payload_that_cannot_be_read_is_a_failure),
                TEST(it_is_asked_once_and_the_result_stays),
                TEST(each_device_gets_its_own_result),
                TEST(every_failure_keeps_its_reason),
                TEST(what_is_no_formatters_fault_decides_nothing),
                TEST(a_late_result_does_nothing_to_a_device_that_left),
                TEST(nothing_is_posted_after_the_stop),
                TEST(it_says_when_many_wait_and_when_few_do_again),
                TEST(u8_u9_u10_u11_hold_for_a_formatters_members),
                TEST(m2_m4_a_formatter_may_set_members_and_the_time_of_myriota),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
