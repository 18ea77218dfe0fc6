// SPDX-License-Identifier: MIT
/* Reading and writing AMQP messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "azure/hub/amqp_message.h"
#include "azure/hub/amqp_read.h"

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
        static struct amqp_reader reader;

        amqp_reader_init(&reader);
        *state = &reader;
        return 0;
}

static int teardown(void **state)
{
        amqp_reader_deinit(*state);
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
                assert_false(amqp_read(*state, cases[i].bytes, cases[i].size));
}

static void data_sections_are_joined(void **state)
{
        static const char two[] = "\x00\x53\x75\xa0\x03one\x00\x53\x75\xa0\x04 two";
        struct amqp_reader *reader = *state;

        assert_true(amqp_read(reader, two, sizeof(two) - 1));
        assert_string_equal(buf_text(&reader->body), "one two");
        assert_false(reader->odd_body);
}

static void other_bodies_are_odd(void **state)
{
        static const struct bytes cases[] = {
                BYTES("\x00\x53\x77\x45"),         /* an empty list */
                BYTES("\x00\x53\x77\xc1\x01\x00"), /* an empty map */
                BYTES("\x00\x53\x77\x54\x07"),     /* an int */
                BYTES("\x00\x53\x76\x45"),         /* a sequence */
        };
        struct amqp_reader *reader = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_true(amqp_read(reader, cases[i].bytes, cases[i].size));
                assert_true(reader->odd_body);
        }
        assert_true(amqp_read(reader, "\x00\x53\x77\x40", 4)); /* null is an empty body */
        assert_false(reader->odd_body);
        assert_int_equal(reader->body.size, 0);
}

static void a_reader_forgets_the_message_before(void **state)
{
        static const char first[] = "\x00\x53\x73\xc0\x05\x01\xa1\x02id"
                                    "\x00\x53\x74\xc1\x07\x02\xa1\x01k\xa1\x01v";
        struct amqp_reader *reader = *state;
        pn_atom_t atom;

        assert_true(amqp_read(reader, first, sizeof(first) - 1));
        assert_true(amqp_read_field(reader, AMQP_MESSAGE_ID, &atom));
        assert_true(amqp_read_application(reader, "k", &atom));
        assert_false(amqp_read_application(reader, "kk", &atom));
        assert_true(amqp_read(reader, "\x00\x53\x75\xa0\x00", 5));
        assert_false(amqp_read_field(reader, AMQP_MESSAGE_ID, &atom));
        assert_int_equal(atom.type, PN_NULL);
        assert_false(amqp_read_application(reader, "k", &atom));
        assert_false(amqp_read_annotation(reader, "k", &atom));
}

static void zero_bytes_end_a_text(void **state)
{
        static const char message[] = "\x00\x53\x74\xc1\x0b\x02\xa1\x03k\x00z\xa1\x03v\x00w";
        struct amqp_reader *reader = *state;
        struct amqp_properties properties;

        assert_true(amqp_read(reader, message, sizeof(message) - 1));
        amqp_properties_read(&properties, reader);
        assert_int_equal(properties.count, 1);
        assert_string_equal(properties.list[0].name, "k");
        assert_string_equal(properties.list[0].value, "v");
        amqp_properties_deinit(&properties);
}

static void numbers_of_every_width_are_read(void **state)
{
        static const pn_atom_t small[] = {
                {.type = PN_UBYTE, .u.as_ubyte = 7},         {.type = PN_BYTE, .u.as_byte = 7},
                {.type = PN_USHORT, .u.as_ushort = 7},       {.type = PN_SHORT, .u.as_short = 7},
                {.type = PN_UINT, .u.as_uint = 7},           {.type = PN_INT, .u.as_int = 7},
                {.type = PN_ULONG, .u.as_ulong = 7},         {.type = PN_LONG, .u.as_long = 7},
                {.type = PN_TIMESTAMP, .u.as_timestamp = 7},
        };
        const pn_atom_t large = {.type = PN_ULONG, .u.as_ulong = UINT64_MAX};
        const pn_atom_t none = {.type = PN_NULL};
        int64_t number;

        (void)state;
        for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
                number = 0;
                assert_true(amqp_atom_int(&small[i], &number));
                assert_int_equal(number, 7);
        }
        assert_false(amqp_atom_int(&large, &number));
        assert_false(amqp_atom_int(&none, &number));
}

static void large_messages_are_encoded_whole(void **state)
{
        static char body[300000];
        CLEANUP(buf_deinit) struct buf encoded = BUF_INIT;
        pn_message_t *message = pn_message();
        struct amqp_reader *reader = *state;
        size_t capacity;

        memset(body, 'x', sizeof(body));
        amqp_message_event(
                message,
                &(struct hub_message){.message_id = "m", .body = body, .body_size = sizeof(body)});
        assert_true(amqp_message_encode(message, &encoded));
        assert_true(amqp_read(reader, encoded.data, encoded.size));
        assert_int_equal(reader->body.size, sizeof(body));
        assert_memory_equal(reader->body.data, body, sizeof(body));
        capacity = encoded.capacity;
        for (int i = 0; i < 10; i++)
                assert_true(amqp_message_encode(message, &encoded));
        assert_int_equal(encoded.capacity, capacity); /* the buffer is reused */
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
                TEST(numbers_of_every_width_are_read),
                TEST(large_messages_are_encoded_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
