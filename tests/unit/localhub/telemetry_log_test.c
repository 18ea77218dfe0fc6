// SPDX-License-Identifier: MIT
/* The ring of telemetry: numbers, limits, waiting readers, the file, the lines of JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "localhub/messages/telemetry_log.h"
#include "support/directory.h"

#define PATIENCE_MS 30000

static struct telemetry_log *open_log(size_t max_messages, size_t max_bytes, const char *file)
{
        const struct telemetry_log_options options = {
                .max_messages = max_messages, .max_bytes = max_bytes, .record_file = file};
        struct telemetry_log *log = NULL;
        struct reason reason = REASON_INIT;

        if (telemetry_log_new(&options, &log, &reason))
                fail_msg("%s", reason.text);
        return log;
}

static uint64_t append(struct telemetry_log *log, const char *message_id, const char *body)
{
        const struct telemetry_record record = {.hub = "hub1",
                                                .device_id = "dev1",
                                                .connection = "c",
                                                .message_id = message_id,
                                                .body = body,
                                                .body_size = strlen(body)};

        return telemetry_log_append(log, &record);
}

/* --- the ring -------------------------------------------------------------------------------- */

static void records_are_numbered_without_gaps_and_do_not_change(void **state)
{
        struct telemetry_log *log = open_log(0, 0, NULL);
        const struct telemetry_record *record;
        char id[16] = "m1";

        (void)state;
        assert_int_equal(telemetry_log_newest(log), 0);
        assert_null(telemetry_log_next(log, 0, 0));
        assert_int_equal(append(log, id, "one"), 1);
        snprintf(id, sizeof(id), "m2");
        assert_int_equal(append(log, id, "two"), 2);
        record = telemetry_log_next(log, 0, 0);
        assert_int_equal(record->sequence, 1);
        assert_string_equal(record->message_id, "m1");
        assert_memory_equal(record->body, "one", 3);
        assert_string_equal(record->content_type, "");
        telemetry_record_release(record);
        record = telemetry_log_next(log, 1, 0);
        assert_string_equal(record->message_id, "m2");
        telemetry_record_release(record);
        assert_null(telemetry_log_next(log, 2, 0));
        telemetry_log_free(log);
}

static void all_parts_of_a_record_are_kept(void **state)
{
        static const struct property properties[] = {{"a", "1"}, {"b", ""}};
        const struct telemetry_record record = {
                .enqueued_ms = 7,
                .hub = "hub1",
                .device_id = "dev1",
                .connection = "connection-1",
                .model_id = "dtmi:x;1",
                .message_id = "m",
                .correlation_id = "c",
                .content_type = "application/json",
                .content_encoding = "utf-8",
                .component = "comp1",
                .properties = properties,
                .property_count = 2,
                .body = "\0\1\2",
                .body_size = 3,
        };
        struct telemetry_log *log = open_log(0, 0, NULL);
        const struct telemetry_record *got;

        (void)state;
        telemetry_log_append(log, &record);
        got = telemetry_log_next(log, 0, 0);
        assert_int_equal(got->enqueued_ms, 7);
        assert_string_equal(got->model_id, "dtmi:x;1");
        assert_string_equal(got->correlation_id, "c");
        assert_string_equal(got->content_encoding, "utf-8");
        assert_string_equal(got->component, "comp1");
        assert_int_equal(got->property_count, 2);
        assert_string_equal(got->properties[0].name, "a");
        assert_string_equal(got->properties[0].value, "1");
        assert_string_equal(got->properties[1].value, "");
        assert_int_equal(got->body_size, 3);
        assert_memory_equal(got->body, "\0\1\2", 3);
        telemetry_record_release(got);
        telemetry_log_free(log);
}

static void the_oldest_go_when_there_are_too_many(void **state)
{
        struct telemetry_log *log = open_log(10, 0, NULL);
        const struct telemetry_record *held;
        const struct telemetry_record *record;

        (void)state;
        append(log, "m1", "1");
        held = telemetry_log_next(log, 0, 0);
        for (int i = 0; i < 24; i++)
                append(log, "m", "x");
        assert_int_equal(telemetry_log_newest(log), 25);
        assert_int_equal(telemetry_log_oldest(log), 16);
        record = telemetry_log_next(log, 3, 0);
        assert_int_equal(record->sequence, 16);
        telemetry_record_release(record);
        /* Who holds one may go on reading it. */
        assert_string_equal(held->message_id, "m1");
        telemetry_record_release(held);
        telemetry_log_free(log);
}

static void the_oldest_go_when_they_are_too_large(void **state)
{
        struct telemetry_log *log = open_log(1000, 10000, NULL);
        CLEANUP(mem_cleanup) char *body = mem_new(3001, 1);

        (void)state;
        memset(body, 'x', 3000);
        for (int i = 0; i < 10; i++)
                append(log, "m", body);
        assert_int_equal(telemetry_log_newest(log), 10);
        assert_in_range(telemetry_log_oldest(log), 7, 9);
        /* One that is larger than the limit is kept alone. */
        telemetry_log_free(log);
        log = open_log(1000, 100, NULL);
        append(log, "m", body);
        append(log, "m", body);
        assert_int_equal(telemetry_log_oldest(log), 2);
        telemetry_log_free(log);
}

/* --- waiting --------------------------------------------------------------------------------- */

struct reader {
        struct telemetry_log *log;
        uint64_t want;
        uint64_t got;
};

static void *read_on(void *context)
{
        struct reader *reader = context;

        while (reader->got < reader->want) {
                const struct telemetry_record *record =
                        telemetry_log_next(reader->log, reader->got, PATIENCE_MS);

                if (!record)
                        break;
                reader->got = record->sequence;
                telemetry_record_release(record);
        }
        return NULL;
}

static void readers_wait_for_what_comes(void **state)
{
        struct reader readers[3];
        pthread_t threads[3];

        (void)state;
        readers[0].log = open_log(100, 0, NULL);
        for (int i = 0; i < 3; i++) {
                readers[i] = (struct reader){.log = readers[0].log, .want = 5000};
                assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
        }
        for (int i = 0; i < 5000; i++)
                append(readers[0].log, "m", "x");
        for (int i = 0; i < 3; i++) {
                pthread_join(threads[i], NULL);
                assert_int_equal(readers[i].got, 5000);
        }
        telemetry_log_free(readers[0].log);
}

static void closing_lets_readers_go(void **state)
{
        struct reader reader = {.log = open_log(0, 0, NULL), .want = 1};
        pthread_t thread;

        (void)state;
        assert_int_equal(pthread_create(&thread, NULL, read_on, &reader), 0);
        telemetry_log_close(reader.log);
        pthread_join(thread, NULL);
        assert_int_equal(reader.got, 0);
        assert_null(telemetry_log_next(reader.log, 0, PATIENCE_MS));
        telemetry_log_free(reader.log);
}

/* --- the file -------------------------------------------------------------------------------- */

static size_t count_lines(const char *path)
{
        FILE *file = fopen(path, "r");
        char line[512];
        size_t count = 0;

        assert_non_null(file);
        while (fgets(line, sizeof(line), file)) {
                char wanted[64];

                snprintf(wanted, sizeof(wanted), "{\"sequence\":%zu,", ++count);
                assert_memory_equal(line, wanted, strlen(wanted));
        }
        fclose(file);
        return count;
}

/* The ring is far too small: appending waits for the file. */
static void every_record_reaches_the_file(void **state)
{
        char *directory = test_directory_new();
        CLEANUP(mem_cleanup) char *path = test_directory_file(directory, "telemetry.jsonl");
        struct telemetry_log *log = open_log(8, 0, path);

        (void)state;
        for (int i = 0; i < 5000; i++)
                append(log, "m", "{\"t\":1}");
        telemetry_log_free(log);
        assert_int_equal(count_lines(path), 5000);
        test_directory_remove(directory);
}

/* The connections of devices end after the readers were let go. */
static void what_comes_after_closing_reaches_the_file_too(void **state)
{
        char *directory = test_directory_new();
        CLEANUP(mem_cleanup) char *path = test_directory_file(directory, "telemetry.jsonl");
        struct telemetry_log *log = open_log(0, 0, path);

        (void)state;
        telemetry_log_close(log);
        usleep(20000); /* the recorder has time to do the wrong thing */
        append(log, "m", "{\"t\":1}");
        telemetry_log_free(log);
        assert_int_equal(count_lines(path), 1);
        test_directory_remove(directory);
}

static void a_file_that_fails_stops_nobody(void **state)
{
        struct telemetry_log *log = open_log(8, 0, "/dev/full");

        (void)state;
        for (int i = 0; i < 1000; i++)
                append(log, "m", "x");
        assert_int_equal(telemetry_log_newest(log), 1000);
        telemetry_log_free(log);
}

static void a_file_that_can_not_be_opened_is_an_error(void **state)
{
        const struct telemetry_log_options options = {.record_file = "/nowhere/file"};
        struct telemetry_log *log;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(telemetry_log_new(&options, &log, &reason), -ENOENT);
        assert_non_null(strstr(reason.text, "/nowhere/file"));
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void assert_line(const struct telemetry_record *record, const char *wanted)
{
        CLEANUP(buf_deinit) struct buf line = BUF_INIT;
        struct telemetry_log *log = open_log(0, 0, NULL);
        const struct telemetry_record *got;

        telemetry_log_append(log, record);
        got = telemetry_log_next(log, 0, 0);
        telemetry_record_write(&line, got);
        telemetry_record_release(got);
        telemetry_log_free(log);
        assert_string_equal(buf_text(&line), wanted);
}

#define START                                                                                      \
        "{\"sequence\":1,\"enqueuedTimeUtc\":\"1970-01-01T00:00:00.007Z\",\"hub\":\"hub1\","       \
        "\"deviceId\":\"dev1\",\"connection\":\"c\""

static void assert_body(const char *body, size_t size, const char *wanted)
{
        const struct telemetry_record record = {.enqueued_ms = 7,
                                                .hub = "hub1",
                                                .device_id = "dev1",
                                                .connection = "c",
                                                .body = body,
                                                .body_size = size};
        CLEANUP(mem_cleanup) char *line = mem_format(START ",\"properties\":{},%s}", wanted);

        assert_line(&record, line);
}

static void a_body_is_shown_as_what_it_is(void **state)
{
        (void)state;
        assert_body("{\"t\":1.50}", 10, "\"body\":{\"t\":1.50}");
        assert_body("[1,\n 2]\r\n", 9, "\"body\":[1,  2]  ");
        assert_body("21.5", 4, "\"body\":21.5");
        assert_body("", 0, "\"bodyText\":\"\"");
        assert_body("no \"json\"", 9, "\"bodyText\":\"no \\\"json\\\"\"");
        assert_body("{\"t\":1}x", 8, "\"bodyText\":\"{\\\"t\\\":1}x\"");
        assert_body("\xff\x00", 2, "\"bodyBase64\":\"/wA=\"");
        assert_body("12345678901234567890123", 23, "\"body\":12345678901234567890123");
}

static void a_deep_body_is_shown_as_text(void **state)
{
        char body[201];
        CLEANUP(mem_cleanup) char *wanted = NULL;

        (void)state;
        memset(body, '[', 100);
        memset(body + 100, ']', 100);
        body[200] = '\0';
        wanted = mem_format("\"bodyText\":\"%s\"", body);
        assert_body(body, 200, wanted);
}

static void present_parts_are_shown(void **state)
{
        static const struct property properties[] = {{"a", "1\n"}, {"b", "\xff"}};
        const struct telemetry_record record = {
                .enqueued_ms = 7,
                .hub = "hub1",
                .device_id = "dev1",
                .connection = "c",
                .model_id = "dtmi:x;1",
                .message_id = "m",
                .correlation_id = "cc",
                .content_type = "application/json",
                .content_encoding = "utf-8",
                .component = "comp1",
                .properties = properties,
                .property_count = 2,
                .body = "1",
                .body_size = 1,
        };

        (void)state;
        assert_line(&record,
                    START ",\"modelId\":\"dtmi:x;1\",\"messageId\":\"m\",\"correlationId\":\"cc\","
                          "\"contentType\":\"application/json\",\"contentEncoding\":\"utf-8\","
                          "\"component\":\"comp1\",\"properties\":{\"a\":\"1\\u000a\","
                          "\"b\":\"\xef\xbf\xbd\"},\"body\":1}");
}

/* --- partitions ------------------------------------------------------------------------------ */

static void a_devices_records_are_numbered_within_its_partition(void **state)
{
        const struct telemetry_log_options options = {
                .max_messages = 5, .partitions = 2, .first_number = 100};
        const struct telemetry_record *record;
        struct telemetry_partition before;
        struct telemetry_partition now;
        struct telemetry_log *log;
        uint64_t after = 0;
        int partition;

        (void)state;
        assert_int_equal(telemetry_log_new(&options, &log, NULL), 0);
        for (int i = 0; i < 3; i++)
                append(log, "m", "x");
        record = telemetry_log_next(log, 0, 0);
        partition = record->partition;
        assert_int_equal(record->number, 100);
        assert_int_equal(record->offset, 101);
        telemetry_record_release(record);
        telemetry_log_partition(log, "hub1", 1 - partition, &before);
        assert_int_equal(before.first, 100);
        assert_int_equal(before.last, 99);
        assert_int_equal(before.offset, -1);

        /* The other hub's do not count, and what has left the ring is gone from here, too. */
        for (int i = 0; i < 3; i++) {
                const struct telemetry_record other = {.hub = "hub2", .device_id = "dev1"};

                (void)telemetry_log_append(log, &other);
        }
        telemetry_log_partition(log, "hub1", partition, &now);
        assert_int_equal(now.first, 101);
        assert_int_equal(now.last, 102);
        assert_int_equal(now.offset, 103);
        record = telemetry_log_next_of(log, "hub1", partition, &after);
        assert_int_equal(record->number, 101);
        telemetry_record_release(record);
        record = telemetry_log_next_of(log, "hub1", partition, &after);
        assert_int_equal(record->number, 102);
        telemetry_record_release(record);
        assert_null(telemetry_log_next_of(log, "hub1", partition, &after));
        assert_int_equal(after, telemetry_log_newest(log));
        telemetry_log_free(log);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(records_are_numbered_without_gaps_and_do_not_change),
                cmocka_unit_test(all_parts_of_a_record_are_kept),
                cmocka_unit_test(the_oldest_go_when_there_are_too_many),
                cmocka_unit_test(the_oldest_go_when_they_are_too_large),
                cmocka_unit_test(readers_wait_for_what_comes),
                cmocka_unit_test(closing_lets_readers_go),
                cmocka_unit_test(every_record_reaches_the_file),
                cmocka_unit_test(what_comes_after_closing_reaches_the_file_too),
                cmocka_unit_test(a_file_that_fails_stops_nobody),
                cmocka_unit_test(a_file_that_can_not_be_opened_is_an_error),
                cmocka_unit_test(a_body_is_shown_as_what_it_is),
                cmocka_unit_test(a_deep_body_is_shown_as_text),
                cmocka_unit_test(present_parts_are_shown),
                cmocka_unit_test(a_devices_records_are_numbered_within_its_partition),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
