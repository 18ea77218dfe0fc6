// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formatter/formatter_wire.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static bool read_load(const struct formatter_frame *frame)
{
        struct formatter_load load;

        return formatter_wire_read_load(frame, &load);
}

static bool read_unload(const struct formatter_frame *frame)
{
        uint64_t version;

        return formatter_wire_read_unload(frame, &version);
}

static bool read_call(const struct formatter_frame *frame)
{
        struct formatter_wire_call call;

        return formatter_wire_read_call(frame, &call);
}

static bool read_loaded(const struct formatter_frame *frame)
{
        struct formatter_loaded loaded;

        return formatter_wire_read_loaded(frame, &loaded);
}

static bool read_result(const struct formatter_frame *frame)
{
        struct formatter_wire_result result;

        return formatter_wire_read_result(frame, &result);
}

/* The one frame in `bytes`. */
static struct formatter_frame frame_in(struct buf *bytes)
{
        struct formatter_frame frame;
        size_t taken;

        assert_int_equal(formatter_frame_next(bytes->data, bytes->size, &frame, &taken), 0);
        assert_int_equal(taken, bytes->size);
        return frame;
}

/* Cut anywhere, or with a byte more, it is no such frame. */
static void check_exactness(struct buf *bytes, bool (*read)(const struct formatter_frame *frame))
{
        struct formatter_frame frame = frame_in(bytes);
        struct formatter_frame other;
        size_t taken;
        char *copy = malloc(frame.size + 1);

        assert_true(read(&frame));
        for (size_t size = 0; size < frame.size; size++) {
                memcpy(copy, frame.fields, frame.size);
                other = (struct formatter_frame){frame.type, copy, size};
                assert_false(read(&other));
        }
        memcpy(copy, frame.fields, frame.size);
        copy[frame.size] = '\0';
        other = (struct formatter_frame){frame.type, copy, frame.size + 1};
        assert_false(read(&other));
        free(copy);
        for (size_t size = 0; size < bytes->size; size++)
                assert_int_equal(formatter_frame_next(bytes->data, size, &other, &taken), -EAGAIN);
}

static void test_versions_come_and_go_whole(void **state)
{
        struct formatter_load load = {.version = 1ULL << 40,
                                      .name = "tracker",
                                      .source = "var ä = '\0';",
                                      .source_size = 13};
        struct formatter_loaded loaded = {.version = 7, .good = false};
        struct formatter_load load_read;
        struct formatter_loaded loaded_read;
        struct formatter_frame frame;
        struct buf bytes = BUF_INIT;
        uint64_t version;

        (void)state;
        formatter_wire_add_load(&bytes, &load);
        check_exactness(&bytes, read_load);
        frame = frame_in(&bytes);
        assert_true(formatter_wire_read_load(&frame, &load_read));
        assert_true(load_read.version == load.version);
        assert_string_equal(load_read.name, "tracker");
        assert_int_equal(load_read.source_size, 13);
        assert_memory_equal(load_read.source, load.source, 14);

        buf_clear(&bytes);
        formatter_wire_add_unload(&bytes, 9);
        check_exactness(&bytes, read_unload);
        frame = frame_in(&bytes);
        assert_true(formatter_wire_read_unload(&frame, &version));
        assert_int_equal(version, 9);

        buf_clear(&bytes);
        reason_set(&loaded.reason, "line 3: 100%% wrong");
        formatter_wire_add_loaded(&bytes, &loaded);
        check_exactness(&bytes, read_loaded);
        frame = frame_in(&bytes);
        assert_true(formatter_wire_read_loaded(&frame, &loaded_read));
        assert_false(loaded_read.good);
        assert_string_equal(loaded_read.reason.text, "line 3: 100% wrong");
        buf_deinit(&bytes);
}

static void test_a_call_arrives_as_it_was_made(void **state)
{
        const struct formatter_input input = {.bytes = (const uint8_t *)"\0\xff",
                                              .size = 2,
                                              .port = 223,
                                              .time_ns = -5,
                                              .data = "{}",
                                              .device = "d",
                                              .method = ""};
        struct formatter_wire_call call;
        struct formatter_frame frame;
        struct buf body = BUF_INIT;
        struct buf bytes = BUF_INIT;

        (void)state;
        formatter_wire_add_input(&body, FORMATTER_ENCODE_DOWNLINK, &input);
        formatter_wire_add_call(&bytes, 12, 34, &body);
        check_exactness(&bytes, read_call);
        frame = frame_in(&bytes);
        assert_true(formatter_wire_read_call(&frame, &call));
        assert_int_equal(call.id, 12);
        assert_int_equal(call.version, 34);
        assert_int_equal(call.function, FORMATTER_ENCODE_DOWNLINK);
        assert_int_equal(call.input.size, 2);
        assert_memory_equal(call.input.bytes, "\0\xff", 2);
        assert_int_equal(call.input.port, 223);
        assert_true(call.input.time_ns == -5);
        assert_string_equal(call.input.data, "{}");
        assert_string_equal(call.input.device, "d");
        assert_null(call.input.application);
        assert_string_equal(call.input.method, "");
        buf_deinit(&body);
        buf_deinit(&bytes);
}

static void test_an_input_tells_its_device(void **state)
{
        struct formatter_input input = {.data = "{}", .port = FORMATTER_NO_PORT};
        CLEANUP(mem_cleanup) char *device = NULL;
        struct buf bytes = BUF_INIT;

        (void)state;
        formatter_wire_add_input(&bytes, FORMATTER_DECODE_UPLINK, &input);
        assert_null(formatter_wire_device(&bytes));
        buf_clear(&bytes);
        input.device = "pump-1";
        input.application = "orchard";
        formatter_wire_add_input(&bytes, FORMATTER_DECODE_UPLINK, &input);
        device = formatter_wire_device(&bytes);
        assert_string_equal(device, "orchard/pump-1");
        buf_deinit(&bytes);
}

static void test_no_bytes_and_zero_bytes_are_two_things(void **state)
{
        struct formatter_input input = {.bytes = (const uint8_t *)""};
        struct formatter_wire_call call;
        struct formatter_frame frame;

        (void)state;
        for (int absent = 0; absent < 2; absent++) {
                struct buf body = BUF_INIT;
                struct buf bytes = BUF_INIT;

                if (absent)
                        input.bytes = NULL;
                formatter_wire_add_input(&body, FORMATTER_DECODE_UPLINK, &input);
                formatter_wire_add_call(&bytes, 1, 2, &body);
                frame = frame_in(&bytes);
                assert_true(formatter_wire_read_call(&frame, &call));
                assert_int_equal(call.input.size, 0);
                assert_true((call.input.bytes == NULL) == (absent == 1));
                buf_deinit(&body);
                buf_deinit(&bytes);
        }
}

static void test_a_result_arrives_as_it_was_made(void **state)
{
        static char data[] = "{\"a\":1}";
        static char warnings[] = "[\"w\"]";
        static char bytes_text[] = "\x01\x00";
        static char name[] = "iothub-creation-time-utc";
        static char value[] = "2026";
        struct formatter_wire_result wire = {.id = 5};
        struct formatter_wire_result read;
        struct formatter_frame frame;
        struct buf bytes = BUF_INIT;

        (void)state;
        wire.result = (struct formatter_result){.status = FORMATTER_GOOD,
                                                .data = data,
                                                .warnings = warnings,
                                                .bytes = {.data = bytes_text, .size = 2},
                                                .port = 255,
                                                .properties = wire.properties,
                                                .property_count = 1,
                                                .elapsed_ns = 123456789012,
                                                .memory_bytes = 1LL << 33};
        wire.properties[0] = (struct property){name, value};
        formatter_wire_add_result(&bytes, &wire);
        check_exactness(&bytes, read_result);
        frame = frame_in(&bytes);
        assert_true(formatter_wire_read_result(&frame, &read));
        assert_int_equal(read.id, 5);
        assert_string_equal(read.result.data, data);
        assert_string_equal(read.result.warnings, warnings);
        assert_memory_equal(read.result.bytes.data, bytes_text, 2);
        assert_int_equal(read.result.port, 255);
        assert_int_equal(read.result.property_count, 1);
        assert_string_equal(read.result.properties[0].name, name);
        assert_string_equal(read.result.properties[0].value, value);
        assert_true(read.result.elapsed_ns == 123456789012);
        assert_true(read.result.memory_bytes == 1LL << 33);
        buf_deinit(&bytes);
}

/* Flips each byte once: refused or read, but never more than the frame is touched (ASan). */
static void test_no_byte_of_a_result_is_trusted(void **state)
{
        static char data[] = "{\"a\":1}";
        struct formatter_wire_result wire = {.id = 5};
        struct formatter_wire_result read;
        struct buf bytes = BUF_INIT;

        (void)state;
        wire.result.data = data;
        formatter_wire_add_result(&bytes, &wire);
        for (size_t i = 0; i < bytes.size; i++) {
                char *copy = malloc(bytes.size);
                struct formatter_frame frame;
                size_t taken;

                memcpy(copy, bytes.data, bytes.size);
                copy[i] = (char)~copy[i];
                if (formatter_frame_next(copy, bytes.size, &frame, &taken) == 0)
                        (void)!formatter_wire_read_result(&frame, &read);
                free(copy);
        }
        buf_deinit(&bytes);
}

static void test_a_frame_beyond_the_limit_is_refused_at_once(void **state)
{
        char header[] = "\xff\xff\xff\x7f";
        char empty[] = "\0\0\0\0\1";
        struct formatter_frame frame;
        size_t taken;

        (void)state;
        assert_int_equal(formatter_frame_next(header, 4, &frame, &taken), -EPROTO);
        assert_int_equal(formatter_frame_next(empty, 5, &frame, &taken), -EPROTO);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_versions_come_and_go_whole),
                cmocka_unit_test(test_a_call_arrives_as_it_was_made),
                cmocka_unit_test(test_an_input_tells_its_device),
                cmocka_unit_test(test_no_bytes_and_zero_bytes_are_two_things),
                cmocka_unit_test(test_a_result_arrives_as_it_was_made),
                cmocka_unit_test(test_no_byte_of_a_result_is_trusted),
                cmocka_unit_test(test_a_frame_beyond_the_limit_is_refused_at_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
