// SPDX-License-Identifier: MIT
/* Rules O1 and O2: the bytes of OTLP. */
#include "monitor/otlp_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "monitor/otlp_write.h"

static void assert_bytes(const struct buf *out, const char *bytes, size_t size)
{
        assert_int_equal(out->size, size);
        assert_memory_equal(out->data, bytes, size);
}

#define ASSERT_BYTES(out, text) assert_bytes((out), (text), sizeof(text) - 1)

static void test_o1_fields(void **state)
{
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;

        (void)state;
        otlp_varint(&out, 1, 150);
        otlp_text(&out, 2, "testing");
        otlp_text(&out, 3, "");
        otlp_text(&out, 3, NULL);
        otlp_fixed64(&out, 7, 0x0102030405060708);
        otlp_varint(&out, 16, 257);
        otlp_double(&out, 4, 1.0);
        ASSERT_BYTES(&out, "\x08\x96\x01\x12\x07testing\x39\x08\x07\x06\x05\x04\x03\x02\x01"
                           "\x80\x01\x81\x02\x21\x00\x00\x00\x00\x00\x00\xf0\x3f");
}

/* The length of a message is written in five bytes, of which a reader sees the value alone. */
static void test_o1_messages(void **state)
{
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        size_t outer;
        size_t inner;

        (void)state;
        outer = otlp_open(&out, 1);
        inner = otlp_open(&out, 2);
        otlp_text(&out, 1, "x");
        otlp_close(&out, inner);
        otlp_close(&out, outer);
        ASSERT_BYTES(&out, "\x0a\x89\x80\x80\x80\x00\x12\x83\x80\x80\x80\x00\x0a\x01x");
}

static void test_o2_refused_parts(void **state)
{
        static const struct {
                const char *bytes;
                size_t size;
                uint64_t rejected;
                const char *message;
        } rows[] = {
                {"", 0, 0, ""},
                {"\x0a\x0b\x08\x01\x12\x07too old", 13, 1, "too old"},
                {"\x0a\x0c\x08\xac\x02\x12\x07too old", 14, 300, "too old"},
                {"\x10\x05\x0a\x02\x08\x02", 6, 2, ""},
                {"\x0a\x7f\x08\x02", 4, 0, ""},
                {"\x0a\x04\x08\x07\x0a\x00", 6, 0, ""}, /* a count that is no number */
                {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11, 0, ""},
        };
        char message[16];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                assert_int_equal(
                        otlp_read_rejected(rows[i].bytes, rows[i].size, message, sizeof(message)),
                        rows[i].rejected);
                assert_string_equal(message, rows[i].message);
        }
}

static void note_pair(void *context, const char *name, const char *value)
{
        buf_add_format(context, "[%s|%s]", name, value);
}

static void test_o2_lists_of_pairs(void **state)
{
        CLEANUP(buf_deinit) struct buf seen = BUF_INIT;

        (void)state;
        otlp_pairs_each(" a = one%20two ,b=c=d,,=x,nothing, e=", note_pair, &seen);
        otlp_pairs_each(NULL, note_pair, &seen);
        assert_string_equal(buf_text(&seen), "[a|one two][b|c=d][e|]");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_o1_fields),
                cmocka_unit_test(test_o1_messages),
                cmocka_unit_test(test_o2_refused_parts),
                cmocka_unit_test(test_o2_lists_of_pairs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
