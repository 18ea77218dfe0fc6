// SPDX-License-Identifier: MIT
/* Requests to a storage queue, and reading what it answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "azure/storage/storage_queue.h"
#include "base/mem.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
#define MESSAGE(text)                                                                              \
        "<QueueMessage><MessageId>4c6ba32d</MessageId><InsertionTime>Mon, 02 Jan 2023 03:04:05 "   \
        "GMT</InsertionTime><PopReceipt>AgAA+/8=</PopReceipt><DequeueCount>3</DequeueCount>"       \
        "<MessageText>" text "</MessageText></QueueMessage>"

static void read(const char *xml, struct storage_messages *messages)
{
        struct reason reason = REASON_INIT;

        *messages = (struct storage_messages){.count = 0};
        if (!storage_messages_read(xml, strlen(xml), messages, &reason))
                fail_msg("%s", reason.text);
}

static void S15_members_entities_and_empty_texts_are_read(void **state)
{
        CLEANUP(storage_messages_deinit) struct storage_messages messages;

        (void)state;
        read("\xef\xbb\xbf" HEAD
             "<QueueMessagesList>" MESSAGE("{&quot;a&quot;:&apos;&lt;&amp;&gt;&#65;&#x1F600;"
                                           "\xf0\x9f\x98\x80&#xD;\n") "<QueueMessage><MessageText/"
                                                                      "><Other><Deep>x</Deep></"
                                                                      "Other><PopReceipt>r</"
                                                                      "PopReceipt>"
                                                                      "<MessageId>i</MessageId></"
                                                                      "QueueMessage></"
                                                                      "QueueMessagesList>",
             &messages);
        assert_int_equal(messages.count, 2);
        assert_string_equal(messages.items[0].id, "4c6ba32d");
        assert_string_equal(messages.items[0].receipt, "AgAA+/8=");
        assert_int_equal(messages.items[0].dequeue_count, 3);
        assert_string_equal(messages.items[0].text,
                            "{\"a\":'<&>A\xf0\x9f\x98\x80\xf0\x9f\x98\x80\r\n");
        assert_int_equal(messages.items[0].size, strlen(messages.items[0].text));
        assert_string_equal(messages.items[1].id, "i");
        assert_int_equal(messages.items[1].size, 0);
        assert_int_equal(messages.items[1].dequeue_count, 0);
}

static void S15_messages_of_the_largest_size_are_read(void **state)
{
        CLEANUP(buf_deinit) struct buf xml = BUF_INIT;
        CLEANUP(storage_messages_deinit) struct storage_messages messages;

        (void)state;
        buf_add_text(&xml, HEAD "<QueueMessagesList>");
        for (int i = 0; i < STORAGE_QUEUE_GET_MAX; i++) {
                buf_add_text(&xml,
                             "<QueueMessage><MessageId>1</MessageId><PopReceipt>2</PopReceipt>"
                             "<MessageText>");
                for (int j = 0; j < 65536; j++)
                        buf_add_char(&xml, 'x');
                buf_add_text(&xml, "</MessageText></QueueMessage>");
        }
        buf_add_text(&xml, "</QueueMessagesList>");
        read(buf_text(&xml), &messages);
        assert_int_equal(messages.count, STORAGE_QUEUE_GET_MAX);
        assert_int_equal(messages.items[31].size, 65536);
}

static void an_empty_queue_s_answer_holds_nothing(void **state)
{
        CLEANUP(storage_messages_deinit) struct storage_messages messages;

        (void)state;
        read(HEAD "<QueueMessagesList/>", &messages);
        assert_int_equal(messages.count, 0);
        read(HEAD "<QueueMessagesList></QueueMessagesList>\n", &messages);
        assert_int_equal(messages.count, 0);
}

static void what_is_no_answer_is_refused_with_the_reason(void **state)
{
        static const struct {
                const char *xml;
                const char *said;
        } cases[] = {
                {"", "no element"},
                {"{}", "not well-formed"},
                {"<Error><Code>x</Code></Error>", "no list of messages"},
                {"<QueueMessagesList>", "no element found"},
                {"<QueueMessagesList><QueueMessage/></QueueMessagesList>", "has no MessageId"},
                {"<QueueMessagesList><QueueMessage><MessageId>1</MessageId><MessageId>1</MessageId>"
                 "</QueueMessage></QueueMessagesList>",
                 "same member twice"},
                {"<QueueMessagesList><QueueMessage><DequeueCount>x</DequeueCount></QueueMessage>"
                 "</QueueMessagesList>",
                 "DequeueCount"},
                {"<!DOCTYPE a [<!ENTITY b \"c\">]><QueueMessagesList/>", "document type"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(storage_messages_deinit) struct storage_messages messages = {.count = 0};
                struct reason reason = REASON_INIT;

                assert_false(storage_messages_read(cases[i].xml, strlen(cases[i].xml), &messages,
                                                   &reason));
                if (!strstr(reason.text, cases[i].said))
                        fail_msg("%s gave: %s", cases[i].xml, reason.text);
        }
}

static void more_messages_than_were_asked_for_are_refused(void **state)
{
        CLEANUP(buf_deinit) struct buf xml = BUF_INIT;
        CLEANUP(storage_messages_deinit) struct storage_messages messages = {.count = 0};
        struct reason reason = REASON_INIT;

        (void)state;
        buf_add_text(&xml, "<QueueMessagesList>");
        for (int i = 0; i <= STORAGE_QUEUE_GET_MAX; i++)
                buf_add_text(&xml, MESSAGE("x"));
        buf_add_text(&xml, "</QueueMessagesList>");
        assert_false(storage_messages_read(xml.data, xml.size, &messages, &reason));
        assert_non_null(strstr(reason.text, "more messages"));
}

static void assert_request(struct storage_queue_request *made, const char *method, const char *path,
                           const char *query, const char *body)
{
        assert_string_equal(made->request.method, method);
        assert_string_equal(made->request.path, path);
        assert_string_equal(made->request.query, query);
        if (body)
                assert_string_equal(made->request.body, body);
        else
                assert_null(made->request.body);
        storage_queue_request_deinit(made);
        *made = STORAGE_QUEUE_REQUEST_INIT;
}

static void each_request_is_the_documented_one(void **state)
{
        struct storage_queue_request made = STORAGE_QUEUE_REQUEST_INIT;

        (void)state;
        storage_queue_create("uplink-poison", &made);
        assert_request(&made, "PUT", "/uplink-poison", "", "");
        storage_queue_get("uplink", 300, &made);
        assert_request(&made, "GET", "/uplink/messages", "numofmessages=32&visibilitytimeout=300",
                       NULL);
        storage_queue_put("uplink", "a<b>&\r\n\"", 8, &made);
        assert_request(&made, "POST", "/uplink/messages", "messagettl=-1",
                       "<QueueMessage><MessageText>a&lt;b&gt;&amp;&#xD;\n\"</MessageText>"
                       "</QueueMessage>");
        storage_queue_extend("uplink", "a/b", "Ag+/=", 86400, &made);
        assert_request(&made, "PUT", "/uplink/messages/a%2Fb",
                       "popreceipt=Ag%2B%2F%3D&visibilitytimeout=86400", "");
        storage_queue_delete("uplink", "id", "r=", &made);
        assert_request(&made, "DELETE", "/uplink/messages/id", "popreceipt=r%3D", NULL);
}

static void names_of_queues_are_checked(void **state)
{
        static const char *const good[] = {"uplink", "a-b", "123", "a1-b2-c3"};
        static const char *const bad[] = {"",
                                          "ab",
                                          "Uplink",
                                          "up_link",
                                          "-up",
                                          "up-",
                                          "a--b",
                                          "../x",
                                          "a/b",
                                          ("a123456789012345678901234567890123456789012345678901234"
                                           "567890123")};

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                assert_true(storage_queue_name_is_valid(good[i]));
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_false(storage_queue_name_is_valid(bad[i]));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(S15_members_entities_and_empty_texts_are_read),
                cmocka_unit_test(S15_messages_of_the_largest_size_are_read),
                cmocka_unit_test(an_empty_queue_s_answer_holds_nothing),
                cmocka_unit_test(what_is_no_answer_is_refused_with_the_reason),
                cmocka_unit_test(more_messages_than_were_asked_for_are_refused),
                cmocka_unit_test(each_request_is_the_documented_one),
                cmocka_unit_test(names_of_queues_are_checked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
