// SPDX-License-Identifier: MIT
/* What storage queues hold: webhooks and the earlier connectors' entries, in base64 or plain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "gateway/intake/queue_message.h"

#define NOW_NS (INT64_C(1700000000) * CLOCK_NS_PER_S)

#define PACKET(terminal, time, value)                                                              \
        "{\"TerminalId\":\"" terminal "\",\"Timestamp\":\"" time "\",\"Value\":\"" value "\"}"
#define ENTRY_OF(application, packets)                                                             \
        "{" application "\"EndpointRef\":\"ref\",\"PayloadReceivedAtUtc\":"                        \
        "\"2023-12-05T23:38:41Z\",\"PayloadArrivedAtUtc\":\"2023-12-05T23:38:43.1234567Z\","       \
        "\"Data\":{\"Packets\":[" packets "]},\"Id\":\"a5c1\\u002B\",\"Signature\":\"q2A=\"}"
#define PACKET_1 PACKET("0001020304", "2023-12-05T23:38:36.521Z", "01aB")
#define WEBHOOK                                                                                    \
        "{\"EndpointRef\":\"ref\",\"Timestamp\":1701819521,\"Data\":\"{\\\"Packets\\\":[{"         \
        "\\\"TerminalId\\\":\\\"0001020304\\\",\\\"Timestamp\\\":1701819516521,\\\"Value\\\":"     \
        "\\\"01aB\\\"}]}\",\"Id\":\"a5c1+\"}"
#define UPLINK                                                                                     \
        "{\"end_device_ids\":{\"device_id\":\"d\",\"application_ids\":{\"application_id\":\"a\"}}" \
        ","                                                                                        \
        "\"received_at\":\"2023-12-05T23:38:36Z\",\"uplink_message\":{\"f_port\":1,"               \
        "\"frm_payload\":\"AQ==\",\"received_at\":\"2023-12-05T23:38:36Z\"}}"

static const struct queue_message_rules any = {.maximum_values = 1000};

static void read(const struct queue_message_rules *rules, const char *text,
                 struct queue_message *message)
{
        struct reason reason = REASON_INIT;

        *message = QUEUE_MESSAGE_INIT;
        if (!queue_message_read(rules, text, strlen(text), NOW_NS, message, &reason))
                fail_msg("%s: %s", text, reason.text);
}

/* The events as they would be stored. */
static void parse(const struct queue_message_rules *rules, const struct queue_message *message,
                  struct event_list *events)
{
        struct webhook webhook = queue_message_webhook(rules, message, NOW_NS);
        struct reason reason = REASON_INIT;

        *events = EVENT_LIST_INIT;
        assert_int_equal(message->network->parse(&webhook, events, &reason), 0);
        assert_string_equal(reason.text, "");
}

static void S3_plain_text_and_base64_are_told_apart_by_content(void **state)
{
        CLEANUP(buf_deinit) struct buf base64 = BUF_INIT;
        CLEANUP(queue_message_deinit) struct queue_message plain;
        CLEANUP(queue_message_deinit) struct queue_message encoded;

        (void)state;
        read(&any, "\r\n " UPLINK "\n", &plain);
        assert_string_equal(plain.network->name, "things-stack");
        assert_false(plain.is_entry);
        assert_true(plain.first_ns == INT64_C(1701819516) * CLOCK_NS_PER_S);
        crypto_base64_encode(&base64, UPLINK, strlen(UPLINK));
        buf_add_text(&base64, "\n");
        read(&any, buf_text(&base64), &encoded);
        assert_string_equal(buf_text(&encoded.text), UPLINK);
}

static void S3_an_entry_gives_the_events_of_its_webhook(void **state)
{
        CLEANUP(queue_message_deinit) struct queue_message entry;
        CLEANUP(queue_message_deinit) struct queue_message webhook;
        CLEANUP(event_list_deinit) struct event_list of_entry = EVENT_LIST_INIT;
        CLEANUP(event_list_deinit) struct event_list of_webhook = EVENT_LIST_INIT;

        (void)state;
        read(&any, ENTRY_OF("", PACKET_1), &entry);
        read(&any, WEBHOOK, &webhook);
        assert_true(entry.is_entry);
        assert_false(webhook.is_entry);
        parse(&any, &entry, &of_entry);
        parse(&any, &webhook, &of_webhook);
        assert_int_equal(of_entry.count, 1);
        assert_int_equal(of_webhook.count, 1);
        /* Rule S12: one message in the hub, whichever way came first. */
        assert_string_equal(of_entry.events[0].message_id, of_webhook.events[0].message_id);
        assert_string_equal(of_entry.events[0].application, "ref");
        assert_string_equal(of_entry.events[0].payload, "01aB");
        assert_string_equal(of_entry.events[0].details,
                            "{\"PayloadId\":\"a5c1+\",\"EndpointReference\":\"ref\","
                            "\"PayloadReceivedAtUtc\":\"2023-12-05T23:38:41.000Z\","
                            "\"PayloadArrivedAtUtc\":\"2023-12-05T23:38:43.1234567Z\"}");
        assert_true(entry.first_ns == of_entry.events[0].time_ns);
}

static void S3_the_application_is_the_entry_s_before_the_queue_s(void **state)
{
        static const struct queue_message_rules rules = {.maximum_values = 1000,
                                                         .application = "herd"};
        CLEANUP(queue_message_deinit) struct queue_message own;
        CLEANUP(queue_message_deinit) struct queue_message none;
        CLEANUP(event_list_deinit) struct event_list of_own = EVENT_LIST_INIT;
        CLEANUP(event_list_deinit) struct event_list of_none = EVENT_LIST_INIT;

        (void)state;
        read(&rules, ENTRY_OF("\"Application\":\"tracker\",", PACKET_1), &own);
        parse(&rules, &own, &of_own);
        assert_string_equal(of_own.events[0].application, "tracker");
        read(&rules, ENTRY_OF("", PACKET_1), &none);
        parse(&rules, &none, &of_none);
        assert_string_equal(of_none.events[0].application, "herd");
}

static void an_entry_s_bad_packets_are_refused_and_its_good_ones_taken(void **state)
{
        CLEANUP(queue_message_deinit) struct queue_message entry;
        CLEANUP(event_list_deinit) struct event_list events = EVENT_LIST_INIT;

        (void)state;
        read(&any,
             ENTRY_OF("", PACKET("0001020305", "2023-12-05T23:38:39Z",
                                 "") "," PACKET_1 "," PACKET("0001020306", "yesterday", "01") ",7"),
             &entry);
        parse(&any, &entry, &events);
        assert_int_equal(events.count, 2);
        assert_int_equal(events.refusal_count, 2);
        assert_true(entry.first_ns == events.events[1].time_ns);
}

/* What was refused of `text`, as a message. */
static void set_aside(const char *text, struct buf *rest)
{
        CLEANUP(queue_message_deinit) struct queue_message message;
        CLEANUP(event_list_deinit) struct event_list events = EVENT_LIST_INIT;

        read(&any, text, &message);
        parse(&any, &message, &events);
        queue_message_set_aside(&any, &message, text, &events, rest);
}

static void S6_only_what_was_refused_is_set_aside(void **state)
{
        static const char text[] =
                ENTRY_OF("", "{\"TerminalId\":\"0001020306\",\"Odd\":1.50}," PACKET_1 ",7");
        CLEANUP(buf_deinit) struct buf base64 = BUF_INIT;
        CLEANUP(buf_deinit) struct buf plain = BUF_INIT;
        CLEANUP(buf_deinit) struct buf encoded = BUF_INIT;
        CLEANUP(buf_deinit) struct buf decoded = BUF_INIT;

        (void)state;
        set_aside(text, &plain);
        assert_string_equal(buf_text(&plain),
                            "{\"EndpointRef\":\"ref\",\"PayloadReceivedAtUtc\":"
                            "\"2023-12-05T23:38:41Z\",\"PayloadArrivedAtUtc\":"
                            "\"2023-12-05T23:38:43.1234567Z\",\"Data\":{\"Packets\":["
                            "{\"TerminalId\":\"0001020306\",\"Odd\":1.50},7]},\"Id\":\"a5c1+\","
                            "\"NotTaken\":[\"packet 1 of terminal 0001020306: Timestamp is missing "
                            "or no whole number\",\"packet 3 of terminal ?: TerminalId is missing "
                            "or no text\"]}");
        crypto_base64_encode(&base64, text, strlen(text));
        set_aside(buf_text(&base64), &encoded);
        assert_true(crypto_base64_decode(&decoded, encoded.data, encoded.size));
        assert_string_equal(buf_text(&decoded), buf_text(&plain));
}

static void S6_what_is_put_back_after_a_fix_may_have_the_times_of_a_webhook(void **state)
{
        static const char text[] =
                "{\"EndpointRef\":\"ref\",\"Timestamp\":1701819521,\"Data\":{\"Packets\":[{"
                "\"TerminalId\":\"0001020304\",\"Timestamp\":1701819516521,\"Value\":\"01aB\"}]},"
                "\"Id\":\"a5c1+\",\"NotTaken\":[\"why\"]}";
        CLEANUP(queue_message_deinit) struct queue_message entry;
        CLEANUP(queue_message_deinit) struct queue_message webhook;
        CLEANUP(event_list_deinit) struct event_list of_entry = EVENT_LIST_INIT;
        CLEANUP(event_list_deinit) struct event_list of_webhook = EVENT_LIST_INIT;

        (void)state;
        read(&any, text, &entry);
        assert_true(entry.is_entry);
        read(&any, WEBHOOK, &webhook);
        parse(&any, &entry, &of_entry);
        parse(&any, &webhook, &of_webhook);
        assert_string_equal(of_entry.events[0].message_id, of_webhook.events[0].message_id);
        assert_string_equal(of_entry.events[0].details, of_webhook.events[0].details);
}

static void S6_what_no_network_understands_says_why(void **state)
{
        static const struct queue_message_rules myriota_only = {.maximum_values = 1000};
        static const struct {
                const char *text;
                const char *said;
        } cases[] = {
                {"", "it is empty"},
                {" \n", "it is empty"},
                {"hello", "neither JSON nor base64"},
                {"aGVsbG8=", "neither JSON nor base64"},
                {"{\"a\":1}", "as a webhook of things-stack: "},
                {"{\"a\":1}", "as a webhook of myriota: "},
                {"{\"Data\":{\"Packets\":7}}", "Data has no list Packets"},
                {"{\"Data\":", "as a webhook of myriota: "},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(queue_message_deinit) struct queue_message message = QUEUE_MESSAGE_INIT;
                struct reason reason = REASON_INIT;

                assert_false(queue_message_read(&myriota_only, cases[i].text, strlen(cases[i].text),
                                                NOW_NS, &message, &reason));
                if (!strstr(reason.text, cases[i].said))
                        fail_msg("'%s' gave: %s", cases[i].text, reason.text);
        }
}

static void a_queue_of_one_network_takes_no_other_one_s(void **state)
{
        const struct queue_message_rules rules = {.maximum_values = 1000,
                                                  .network = network_by_name("things-stack")};
        CLEANUP(queue_message_deinit) struct queue_message message = QUEUE_MESSAGE_INIT;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_false(
                queue_message_read(&rules, WEBHOOK, strlen(WEBHOOK), NOW_NS, &message, &reason));
}

/* A network may ask a message what only a request has. */
static void a_message_has_neither_headers_nor_a_query(void **state)
{
        CLEANUP(queue_message_deinit) struct queue_message message = QUEUE_MESSAGE_INIT;
        const struct queue_message_rules rules = {.maximum_values = 1000};
        struct webhook webhook;

        (void)state;
        webhook = queue_message_webhook(&rules, &message, NOW_NS);
        assert_null(webhook_header(&webhook, "X-Downlink-Push"));
        assert_null(webhook_query(&webhook, "event"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(S3_plain_text_and_base64_are_told_apart_by_content),
                cmocka_unit_test(S3_an_entry_gives_the_events_of_its_webhook),
                cmocka_unit_test(S3_the_application_is_the_entry_s_before_the_queue_s),
                cmocka_unit_test(an_entry_s_bad_packets_are_refused_and_its_good_ones_taken),
                cmocka_unit_test(S6_only_what_was_refused_is_set_aside),
                cmocka_unit_test(S6_what_is_put_back_after_a_fix_may_have_the_times_of_a_webhook),
                cmocka_unit_test(S6_what_no_network_understands_says_why),
                cmocka_unit_test(a_queue_of_one_network_takes_no_other_one_s),
                cmocka_unit_test(a_message_has_neither_headers_nor_a_query),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
