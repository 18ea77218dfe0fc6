// SPDX-License-Identifier: MIT
/* AMQP encodings against frames captured from Microsoft's SDKs (rule W7), and broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/amqp/amqp_wire.h"
#include "base/crypto.h"
#include "base/mem.h"

/* Node's telemetry: annotation dt-subject, properties, k=v, {"t":1}. */
#define TELEMETRY                                                                                  \
        "00537045005372d10000001700000002a30a64742d7375626a656374a105636f6d7031005373d00000004500" \
        "00"                                                                                       \
        "0008a10361626340a11d2f646576696365732f646576312f6d657373616765732f6576656e7473404040a310" \
        "61"                                                                                       \
        "70706c69636174696f6e2f6a736f6ea3057574662d38005374d10000000a00000002a1016ba10176005375a0" \
        "07"                                                                                       \
        "7b2274223a317d"

/* IoT Hub's batch of two messages. */
#define BATCH                                                                                      \
        "005375a023005373c00501a1026d31005374c10802a1016ba1027631005375a0077b2274223a317d005375a0" \
        "23"                                                                                       \
        "005373c00501a1026d32005374c10802a1016ba1027632005375a0077b2274223a327d"

/* Method request with a uuid, as the hub sends it. */
#define METHOD                                                                                     \
        "00537045005373d00000001a000000064040404040983f2504e04f8941d39a0c0305e82c3301005374d10000" \
        "00"                                                                                       \
        "1f00000002a111496f546875622d6d6574686f646e616d65a1067265626f6f74005375a0077b2261223a317d"

static void unhex(const char *hex, struct buf *bytes)
{
        assert_true(crypto_hex_decode(bytes, hex, strlen(hex)));
}

static void assert_text(const struct amqp_wire_value *value, const char *wanted)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        amqp_wire_add_text(&text, value);
        assert_string_equal(buf_text(&text), wanted);
}

static void assert_bytes(struct amqp_wire_bytes bytes, const char *wanted)
{
        assert_int_equal(bytes.size, strlen(wanted));
        assert_memory_equal(bytes.data, wanted, bytes.size);
}

/* --- messages -------------------------------------------------------------------------------- */

static void captured_telemetry_is_taken_apart(void **state)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        struct amqp_wire_message message;
        struct amqp_wire_value value;

        (void)state;
        unhex(TELEMETRY, &bytes);
        assert_true(amqp_wire_message_read(bytes.data, bytes.size, &message));
        assert_text(&message.message_id, "abc");
        assert_text(&message.to, "/devices/dev1/messages/events");
        assert_int_equal(message.correlation_id.kind, AMQP_WIRE_NULL);
        assert_int_equal(message.content_type.kind, AMQP_WIRE_SYMBOL);
        assert_text(&message.content_type, "application/json");
        assert_text(&message.content_encoding, "utf-8");
        assert_int_equal(message.expiry.kind, AMQP_WIRE_NULL);
        value = amqp_wire_map_find(message.annotations, message.annotation_count, "dt-subject");
        assert_text(&value, "comp1");
        value = amqp_wire_map_find(message.properties, message.property_count, "k");
        assert_text(&value, "v");
        value = amqp_wire_map_find(message.properties, message.property_count, "v");
        assert_int_equal(value.kind, AMQP_WIRE_NULL);
        assert_int_equal(message.data_count, 1);
        assert_bytes(message.data, "{\"t\":1}");
        assert_false(amqp_wire_is_batch(bytes.data, bytes.size, &message));
}

static void a_correlation_id_keeps_its_type(void **state)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        struct amqp_wire_message message;

        (void)state;
        unhex(METHOD, &bytes);
        assert_true(amqp_wire_message_read(bytes.data, bytes.size, &message));
        assert_int_equal(message.correlation_id.kind, AMQP_WIRE_UUID);
        assert_text(&message.correlation_id, "3f2504e0-4f89-41d3-9a0c-0305e82c3301");
        assert_int_equal(message.correlation_id.encoded.size, 17);
        assert_int_equal(message.correlation_id.encoded.data[0], 0x98);
}

static void a_batch_is_recognised_by_its_content(void **state)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        struct amqp_wire_message message;
        struct amqp_wire_bytes from;
        struct amqp_wire_bytes part;
        struct amqp_wire_message inner;

        (void)state;
        unhex(BATCH, &bytes);
        assert_true(amqp_wire_message_read(bytes.data, bytes.size, &message));
        assert_true(amqp_wire_is_batch(bytes.data, bytes.size, &message));
        assert_int_equal(message.data_count, 2);
        from = (struct amqp_wire_bytes){.data = (const uint8_t *)bytes.data, .size = bytes.size};
        assert_true(amqp_wire_next_data(&from, &part));
        assert_true(amqp_wire_message_read(part.data, part.size, &inner));
        assert_text(&inner.message_id, "m1");
        assert_true(amqp_wire_next_data(&from, &part));
        assert_true(amqp_wire_message_read(part.data, part.size, &inner));
        assert_text(&inner.message_id, "m2");
        assert_bytes(inner.data, "{\"t\":2}");
        assert_false(amqp_wire_next_data(&from, &part));
}

static void plain_bodies_are_no_batches(void **state)
{
        static const char *const bodies[] = {
                "005375a0077b2274223a317d",                   /* JSON */
                "005375a000",                                 /* nothing */
                "005375a003005375",                           /* begins like a section */
                "005375a00a005373c00501a1026d31005375a0017b", /* one that is a message, one not */
                "005377a10161",                               /* amqp-value */
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
                CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
                struct amqp_wire_message message;

                unhex(bodies[i], &bytes);
                assert_true(amqp_wire_message_read(bytes.data, bytes.size, &message));
                assert_false(amqp_wire_is_batch(bytes.data, bytes.size, &message));
        }
}

/* The C SDK writes annotations behind application-properties. */
static void sections_may_come_in_any_order(void **state)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        struct amqp_wire_message message;
        struct amqp_wire_value value;

        (void)state;
        unhex("005375a00162005374c10702a1016ba10176005372c10702a3016ba10177005373c00501a1026d31",
              &bytes);
        assert_true(amqp_wire_message_read(bytes.data, bytes.size, &message));
        assert_text(&message.message_id, "m1");
        value = amqp_wire_map_find(message.annotations, message.annotation_count, "k");
        assert_text(&value, "w");
        value = amqp_wire_map_find(message.properties, message.property_count, "k");
        assert_text(&value, "v");
}

/* --- values ---------------------------------------------------------------------------------- */

static void values_of_all_types_become_text(void **state)
{
        static const struct {
                const char *hex;
                enum amqp_wire_kind kind;
                const char *text;
        } values[] = {
                {"40", AMQP_WIRE_NULL, ""},
                {"41", AMQP_WIRE_BOOL, "true"},
                {"42", AMQP_WIRE_BOOL, "false"},
                {"5601", AMQP_WIRE_BOOL, "true"},
                {"5600", AMQP_WIRE_BOOL, "false"},
                {"43", AMQP_WIRE_UNSIGNED, "0"},
                {"44", AMQP_WIRE_UNSIGNED, "0"},
                {"50ff", AMQP_WIRE_UNSIGNED, "255"},
                {"52ff", AMQP_WIRE_UNSIGNED, "255"},
                {"5307", AMQP_WIRE_UNSIGNED, "7"},
                {"60ffff", AMQP_WIRE_UNSIGNED, "65535"},
                {"70ffffffff", AMQP_WIRE_UNSIGNED, "4294967295"},
                {"80ffffffffffffffff", AMQP_WIRE_UNSIGNED, "18446744073709551615"},
                {"51ff", AMQP_WIRE_SIGNED, "-1"},
                {"5480", AMQP_WIRE_SIGNED, "-128"},
                {"557f", AMQP_WIRE_SIGNED, "127"},
                {"61fffe", AMQP_WIRE_SIGNED, "-2"},
                {"71fffffffd", AMQP_WIRE_SIGNED, "-3"},
                {"818000000000000000", AMQP_WIRE_SIGNED, "-9223372036854775808"},
                {"83000001a20732a233", AMQP_WIRE_TIMESTAMP, "1795417088563"},
                {"723fc00000", AMQP_WIRE_FLOAT, "1.5"},
                {"823ff8000000000000", AMQP_WIRE_DOUBLE, "1.5"},
                {"a0020001", AMQP_WIRE_BINARY, "AAE="},
                {"b00000000161", AMQP_WIRE_BINARY, "YQ=="},
                {"a10161", AMQP_WIRE_STRING, "a"},
                {"b10000000161", AMQP_WIRE_STRING, "a"},
                {"a30161", AMQP_WIRE_SYMBOL, "a"},
                {"b30000000161", AMQP_WIRE_SYMBOL, "a"},
                {"45", AMQP_WIRE_LIST, ""},
                {"c0020140", AMQP_WIRE_LIST, ""},
                {"c103024041", AMQP_WIRE_MAP, ""},
                {"7300000041", AMQP_WIRE_OTHER, ""},
                {"94000102030405060708090a0b0c0d0e0f", AMQP_WIRE_OTHER, ""},
                {"e00301a10161", AMQP_WIRE_OTHER, ""},
                {"00532445", AMQP_WIRE_OTHER, ""},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
                struct amqp_wire_bytes from;
                struct amqp_wire_value value;

                unhex(values[i].hex, &bytes);
                from = (struct amqp_wire_bytes){.data = (const uint8_t *)bytes.data,
                                                .size = bytes.size};
                if (strcmp(values[i].hex, "e00301a10161") == 0)
                        from.size = 5; /* size byte 3: count, code, one byte */
                assert_true(amqp_wire_read(&from, &value));
                assert_int_equal(from.size, 0);
                assert_int_equal(value.kind, values[i].kind);
                assert_text(&value, values[i].text);
        }
}

static void whole_numbers_of_every_width_are_numbers(void **state)
{
        static const char *const sevens[] = {"5007",
                                             "600007",
                                             "7000000007",
                                             "800000000000000007",
                                             "5107",
                                             "610007",
                                             "7100000007",
                                             "810000000000000007",
                                             "5207",
                                             "5307",
                                             "5407",
                                             "5507",
                                             "830000000000000007"};
        static const char *const none[] = {"40", "80ffffffffffffffff", "a10137",
                                           "820000000000000000"};
        struct amqp_wire_value value;
        int64_t number;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(sevens) + ARRAY_SIZE(none); i++) {
                CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
                bool good = i < ARRAY_SIZE(sevens);
                struct amqp_wire_bytes from;

                unhex(good ? sevens[i] : none[i - ARRAY_SIZE(sevens)], &bytes);
                from = amqp_wire_bytes_of(&bytes);
                assert_true(amqp_wire_read(&from, &value));
                assert_int_equal(amqp_wire_int(&value, &number), good);
                if (good)
                        assert_int_equal(number, 7);
        }
}

static void broken_values_are_refused(void **state)
{
        static const char *const values[] = {
                "",       "50",       "60ff",       "a1",       "a105616263", "b1ffffffff61",
                "10",     "3f",       "c0",         "c000",     "c00105",     "d0000000040000ffff",
                "c10101", "c1020140", "0000534040", "00a10161", "000053",     "00",
                "98ff",   "e0",       "f0ffffffff",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
                struct amqp_wire_bytes from;
                struct amqp_wire_value value;

                unhex(values[i], &bytes);
                from = (struct amqp_wire_bytes){.data = (const uint8_t *)buf_text(&bytes),
                                                .size = bytes.size};
                assert_false(amqp_wire_read(&from, &value));
        }
}

/* Exactly so much memory, so that a read behind it is seen by the sanitizer. */
static void a_cut_message_is_refused_or_lacks_its_end(void **state)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

        (void)state;
        unhex(TELEMETRY, &bytes);
        for (size_t size = 0; size < bytes.size; size++) {
                char *part = mem_new(size, 1);
                struct amqp_wire_message message;

                memcpy(part, bytes.data, size);
                if (amqp_wire_message_read(part, size, &message))
                        assert_int_equal(message.data_count, 0);
                free(part);
        }
}

static void messages_with_wrong_sections_are_refused(void **state)
{
        static const char *const messages[] = {
                "005379a10161",           /* no section */
                "00536fa10161",           /* no section */
                "005373a10161",           /* properties that are no list */
                "005374a10161",           /* application-properties that are no map */
                "005372c0020140",         /* annotations that are a list */
                "005375a10161",           /* data that is a string */
                "0080000000000000007545", /* a descriptor in another encoding */
                "7b2274223a317d",         /* JSON */
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
                CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
                struct amqp_wire_message message;

                unhex(messages[i], &bytes);
                assert_false(amqp_wire_message_read(bytes.data, bytes.size, &message));
        }
}

/* --- writing --------------------------------------------------------------------------------- */

static void what_is_written_is_read_again(void **state)
{
        static const uint8_t uuid[16] = {0x3f, 0x25, 0x04, 0xe0, 0x4f, 0x89, 0x41, 0xd3,
                                         0x9a, 0x0c, 0x03, 0x05, 0xe8, 0x2c, 0x33, 0x01};
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        struct amqp_wire_message message;
        struct amqp_wire_value value;
        char long_text[400];
        size_t begin;

        (void)state;
        memset(long_text, 'x', sizeof(long_text) - 1);
        long_text[sizeof(long_text) - 1] = '\0';
        amqp_wire_put_section(&out, AMQP_WIRE_SECTION_MESSAGE_ANNOTATIONS);
        begin = amqp_wire_begin_map(&out);
        amqp_wire_put_symbol(&out, "sequence");
        amqp_wire_put_ulong(&out, UINT64_MAX);
        amqp_wire_put_symbol(&out, "count");
        amqp_wire_put_ubyte(&out, 200);
        amqp_wire_put_symbol(&out, "time");
        amqp_wire_put_timestamp(&out, INT64_C(1795420856883));
        amqp_wire_put_symbol(&out, "version");
        amqp_wire_put_long(&out, -5);
        amqp_wire_end(&out, begin, 8);
        amqp_wire_put_section(&out, AMQP_WIRE_SECTION_PROPERTIES);
        begin = amqp_wire_begin_list(&out);
        amqp_wire_put_string(&out, long_text);
        amqp_wire_put_binary(&out, "\0\1", 2);
        amqp_wire_put_string(&out, NULL);
        amqp_wire_put_symbol(&out, NULL);
        amqp_wire_put_null(&out);
        amqp_wire_put_uuid(&out, uuid);
        amqp_wire_end(&out, begin, 6);
        amqp_wire_put_section(&out, AMQP_WIRE_SECTION_APPLICATION_PROPERTIES);
        begin = amqp_wire_begin_map(&out);
        amqp_wire_put_string(&out, "status");
        amqp_wire_put_int(&out, -404);
        amqp_wire_end(&out, begin, 2);
        amqp_wire_put_data(&out, "body", 4);
        assert_true(amqp_wire_message_read(out.data, out.size, &message));
        assert_text(&message.message_id, long_text);
        assert_text(&message.user_id, "AAE=");
        assert_int_equal(message.to.kind, AMQP_WIRE_NULL);
        assert_text(&message.correlation_id, "3f2504e0-4f89-41d3-9a0c-0305e82c3301");
        value = amqp_wire_map_find(message.annotations, message.annotation_count, "sequence");
        assert_text(&value, "18446744073709551615");
        assert_int_equal(value.encoded.data[0], 0x80); /* ulong */
        value = amqp_wire_map_find(message.annotations, message.annotation_count, "count");
        assert_int_equal(value.encoded.data[0], 0x50); /* ubyte */
        value = amqp_wire_map_find(message.annotations, message.annotation_count, "version");
        assert_int_equal(value.encoded.data[0], 0x81); /* long */
        value = amqp_wire_map_find(message.properties, message.property_count, "status");
        assert_int_equal(value.encoded.data[0], 0x71); /* int */
        assert_int_equal(value.number, -404);
        assert_bytes(message.data, "body");
}

static void an_encoded_value_is_echoed_as_it_came(void **state)
{
        CLEANUP(buf_deinit) struct buf in = BUF_INIT;
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        struct amqp_wire_bytes from;
        struct amqp_wire_value value;

        (void)state;
        unhex("5307", &in); /* smallulong 7 */
        from = (struct amqp_wire_bytes){.data = (const uint8_t *)in.data, .size = in.size};
        assert_true(amqp_wire_read(&from, &value));
        amqp_wire_put_encoded(&out, value.encoded);
        amqp_wire_put_encoded(&out, (struct amqp_wire_bytes){.size = 0});
        assert_int_equal(out.size, 3);
        assert_memory_equal(out.data, "\x53\x07\x40", 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(captured_telemetry_is_taken_apart),
                cmocka_unit_test(a_correlation_id_keeps_its_type),
                cmocka_unit_test(a_batch_is_recognised_by_its_content),
                cmocka_unit_test(plain_bodies_are_no_batches),
                cmocka_unit_test(sections_may_come_in_any_order),
                cmocka_unit_test(values_of_all_types_become_text),
                cmocka_unit_test(whole_numbers_of_every_width_are_numbers),
                cmocka_unit_test(broken_values_are_refused),
                cmocka_unit_test(a_cut_message_is_refused_or_lacks_its_end),
                cmocka_unit_test(messages_with_wrong_sections_are_refused),
                cmocka_unit_test(what_is_written_is_read_again),
                cmocka_unit_test(an_encoded_value_is_echoed_as_it_came),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
