// SPDX-License-Identifier: MIT
/* Reading and writing AMQP messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <proton/message.h>
#include <string.h>

#include "azure/hub/amqp_message.h"

struct bytes {
        const char *bytes;
        size_t size;
};

#define BYTES(text)                                                                                \
        {                                                                                          \
                (text), sizeof(text) - 1                                                           \
        }

static int setup(void **state)
{
        static struct amqp_inbox inbox;

        inbox = (struct amqp_inbox){.bytes = BUF_INIT};
        *state = &inbox;
        return 0;
}

static int teardown(void **state)
{
        amqp_inbox_deinit(*state);
        return 0;
}

static void what_is_no_message_is_refused(void **state)
{
        static const struct bytes cases[] = {
                BYTES(""),
                BYTES("\x00"),
                BYTES("\x00\x53"),
                BYTES("\x00\x53\x75"),                     /* no value */
                BYTES("\x00\x53\x75\xa0\x05hell"),         /* one byte short */
                BYTES("\x00\x53\x75\xa0\x05hello\x00"),    /* one byte more */
                BYTES("\xa0\x05hello"),                    /* no descriptor */
                BYTES("\x00\x53\x10\x45"),                 /* an OPEN */
                BYTES("\x00\xa3\x01x\x45"),                /* an unknown descriptor */
                BYTES("\x00\x53\x75\xb0\xff\xff\xff\xff"), /* a length beyond the end */
                BYTES("\xff\xff\xff\xff"),
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                assert_false(amqp_inbox_read(*state, cases[i].bytes, cases[i].size));
}

static void data_sections_are_joined(void **state)
{
        static const char two[] = "\x00\x53\x75\xa0\x03one\x00\x53\x75\xa0\x04 two";
        struct amqp_inbox *inbox = *state;

        assert_true(amqp_inbox_read(inbox, two, sizeof(two) - 1));
        assert_int_equal(inbox->body.size, 7);
        assert_memory_equal(inbox->body.data, "one two", 7);
        assert_false(inbox->odd_body);
}

static void other_bodies_are_odd(void **state)
{
        static const struct bytes cases[] = {
                BYTES("\x00\x53\x77\x45"),         /* an empty list */
                BYTES("\x00\x53\x77\xc1\x01\x00"), /* an empty map */
                BYTES("\x00\x53\x77\x54\x07"),     /* an int */
                BYTES("\x00\x53\x76\x45"),         /* a sequence */
        };
        struct amqp_inbox *inbox = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_true(amqp_inbox_read(inbox, cases[i].bytes, cases[i].size));
                assert_true(inbox->odd_body);
        }
        assert_true(amqp_inbox_read(inbox, "\x00\x53\x77\x40", 4)); /* null is an empty body */
        assert_false(inbox->odd_body);
        assert_int_equal(inbox->body.size, 0);
}

static void a_reader_forgets_the_message_before(void **state)
{
        static const char first[] = "\x00\x53\x73\xc0\x05\x01\xa1\x02id"
                                    "\x00\x53\x74\xc1\x07\x02\xa1\x01k\xa1\x01v";
        struct amqp_inbox *inbox = *state;

        assert_true(amqp_inbox_read(inbox, first, sizeof(first) - 1));
        assert_int_equal(inbox->message.message_id.kind, AMQP_WIRE_STRING);
        assert_int_equal(amqp_inbox_property(inbox, "k").kind, AMQP_WIRE_STRING);
        assert_int_equal(amqp_inbox_property(inbox, "kk").kind, AMQP_WIRE_NULL);
        assert_true(amqp_inbox_read(inbox, "\x00\x53\x75\xa0\x00", 5));
        assert_int_equal(inbox->message.message_id.kind, AMQP_WIRE_NULL);
        assert_int_equal(amqp_inbox_property(inbox, "k").kind, AMQP_WIRE_NULL);
        assert_int_equal(amqp_inbox_annotation(inbox, "k").kind, AMQP_WIRE_NULL);
}

static void zero_bytes_end_a_text(void **state)
{
        static const char message[] = "\x00\x53\x74\xc1\x0b\x02\xa1\x03k\x00z\xa1\x03v\x00w";
        struct amqp_inbox *inbox = *state;
        struct amqp_properties properties;

        assert_true(amqp_inbox_read(inbox, message, sizeof(message) - 1));
        amqp_properties_read(&properties, inbox);
        assert_int_equal(properties.count, 1);
        assert_string_equal(properties.list[0].name, "k");
        assert_string_equal(properties.list[0].value, "v");
        amqp_properties_deinit(&properties);
}

static void large_messages_are_encoded_whole(void **state)
{
        static char body[300000];
        CLEANUP(buf_deinit) struct buf encoded = BUF_INIT;
        struct amqp_inbox *inbox = *state;
        const struct hub_message message = {
                .message_id = "m", .body = body, .body_size = sizeof(body)};
        size_t capacity;

        memset(body, 'x', sizeof(body));
        amqp_message_event(&encoded, &message);
        assert_true(amqp_inbox_read(inbox, encoded.data, encoded.size));
        assert_int_equal(inbox->body.size, sizeof(body));
        assert_memory_equal(inbox->body.data, body, sizeof(body));
        capacity = encoded.capacity;
        for (int i = 0; i < 10; i++) {
                buf_clear(&encoded);
                amqp_message_event(&encoded, &message);
        }
        assert_int_equal(encoded.capacity, capacity); /* the buffer is reused */
}

/* A hub's own decoder reads what is sent. */
static void proton_reads_a_message_as_it_was_meant(void **state)
{
        static const struct property properties[] = {{"a", "1"}, {"b", ""}};
        CLEANUP(buf_deinit) struct buf encoded = BUF_INIT;
        pn_message_t *message = pn_message();
        pn_data_t *body = pn_message_body(message);

        (void)state;
        amqp_message_event(&encoded, &(struct hub_message){
                                             .message_id = "m",
                                             .correlation_id = "c",
                                             .content_type = "application/json",
                                             .content_encoding = "utf-8",
                                             .properties = properties,
                                             .property_count = 2,
                                             .body = "{}",
                                             .body_size = 2,
                                     });
        assert_int_equal(pn_message_decode(message, encoded.data, encoded.size), 0);
        assert_memory_equal(pn_message_get_id(message).u.as_bytes.start, "m", 1);
        assert_memory_equal(pn_message_get_correlation_id(message).u.as_bytes.start, "c", 1);
        assert_string_equal(pn_message_get_content_type(message), "application/json");
        assert_string_equal(pn_message_get_content_encoding(message), "utf-8");
        assert_null(pn_message_get_subject(message));
        pn_data_rewind(pn_message_properties(message));
        pn_data_next(pn_message_properties(message));
        assert_int_equal(pn_data_get_map(pn_message_properties(message)), 4);
        pn_data_rewind(body);
        assert_true(pn_data_next(body));
        assert_int_equal(pn_data_get_binary(body).size, 2);
        pn_message_free(message);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(what_is_no_message_is_refused),
                TEST(data_sections_are_joined),
                TEST(other_bodies_are_odd),
                TEST(a_reader_forgets_the_message_before),
                TEST(zero_bytes_end_a_text),
                TEST(large_messages_are_encoded_whole),
                TEST(proton_reads_a_message_as_it_was_meant),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
