// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/metrics.h"

#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static char *page(void)
{
        struct buf out = BUF_INIT;

        metrics_write(&out);
        return buf_take(&out);
}

/* The value in the line that starts with this name and its labels. */
static double value_of(const char *text, const char *name)
{
        CLEANUP(mem_cleanup) char *start = mem_format("\n%s ", name);
        const char *line = strstr(text, start);

        if (!line)
                fail_msg("no line of %s", name);
        return strtod(line + strlen(start), NULL);
}

static void test_counters_add_up(void **state)
{
        int64_t before = metrics_counter_value(METRIC_WEBHOOK_STORED);
        CLEANUP(mem_cleanup) char *text = NULL;

        (void)state;
        metrics_add(METRIC_WEBHOOK_STORED, 2);
        metrics_add(METRIC_WEBHOOK_STORED, 3);
        assert_int_equal(metrics_counter_value(METRIC_WEBHOOK_STORED), before + 5);
        text = page();
        assert_true(value_of(text, "isthmus_webhooks_total{answer=\"stored\"}") ==
                    (double)before + 5);
}

static void test_gauges_are_set_and_moved(void **state)
{
        (void)state;
        metrics_set(METRIC_DEVICES_CONNECTED, 10);
        metrics_gauge_add(METRIC_DEVICES_CONNECTED, -3);
        assert_int_equal(metrics_gauge_value(METRIC_DEVICES_CONNECTED), 7);
}

static void test_durations_fall_into_their_buckets(void **state)
{
        const char *family = "isthmus_formatter_call_seconds";
        CLEANUP(mem_cleanup) char *text = NULL;
        CLEANUP(mem_cleanup) char *sum = mem_format("%s_sum", family);
        CLEANUP(mem_cleanup) char *count = mem_format("%s_count", family);
        CLEANUP(mem_cleanup) char *smallest = mem_format("%s_bucket{le=\"0.0001\"}", family);
        CLEANUP(mem_cleanup) char *second = mem_format("%s_bucket{le=\"1\"}", family);
        CLEANUP(mem_cleanup) char *largest = mem_format("%s_bucket{le=\"60\"}", family);
        CLEANUP(mem_cleanup) char *all = mem_format("%s_bucket{le=\"+Inf\"}", family);

        (void)state;
        metrics_observe(METRIC_FORMATTER_CALL, -5);
        metrics_observe(METRIC_FORMATTER_CALL, 100000);
        metrics_observe(METRIC_FORMATTER_CALL, 100001);
        metrics_observe(METRIC_FORMATTER_CALL, INT64_C(999000000));
        metrics_observe(METRIC_FORMATTER_CALL, INT64_C(61000000000));
        text = page();
        assert_true(value_of(text, smallest) == 2);
        assert_true(value_of(text, second) == 4);
        assert_true(value_of(text, largest) == 4);
        assert_true(value_of(text, all) == 5);
        assert_true(value_of(text, count) == 5);
        assert_true(value_of(text, sum) > 61.999 && value_of(text, sum) < 62.0);
}

/* Every line by the text format 0.0.4: comment or sample. */
static void check_line(const char *line, const regex_t *sample, const regex_t *comment)
{
        if (regexec(sample, line, 0, NULL, 0) != 0 && regexec(comment, line, 0, NULL, 0) != 0)
                fail_msg("not the Prometheus text format: %s", line);
}

static void test_every_line_is_valid(void **state)
{
        CLEANUP(mem_cleanup) char *text = page();
        regex_t sample;
        regex_t comment;

        (void)state;
        assert_int_equal(regcomp(&sample,
                                 "^[a-z_:][a-z0-9_:]*"
                                 "(\\{[a-z_]+=\"([^\"\\]|\\\\.)*\"(,[a-z_]+=\"[^\"\\]*\")*\\})?"
                                 " (-?[0-9]+(\\.[0-9]+)?|\\+Inf)$",
                                 REG_EXTENDED | REG_NOSUB),
                         0);
        assert_int_equal(regcomp(&comment,
                                 "^# (HELP [a-z_]+ [^ ].*|TYPE [a-z_]+ (counter|gauge|histogram))$",
                                 REG_EXTENDED | REG_NOSUB),
                         0);
        assert_int_equal(text[strlen(text) - 1], '\n');
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
                check_line(line, &sample, &comment);
        regfree(&sample);
        regfree(&comment);
}

static size_t occurrences(const char *text, const char *part)
{
        size_t count = 0;

        for (text = strstr(text, part); text; text = strstr(text + 1, part))
                count++;
        return count;
}

/* A family has one head, right before its first sample, and all its samples together. */
static void test_families_are_whole_and_have_one_head(void **state)
{
        CLEANUP(mem_cleanup) char *whole = page();
        CLEANUP(mem_cleanup) char *text = mem_text(whole);
        char family[128] = "";

        (void)state;
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
                if (strncmp(line, "# TYPE ", 7) == 0) {
                        CLEANUP(mem_cleanup) char *head = NULL;

                        snprintf(family, sizeof(family), "%.*s", (int)strcspn(line + 7, " "),
                                 line + 7);
                        head = mem_format("# TYPE %s ", family);
                        assert_int_equal(occurrences(whole, head), 1);
                } else if (line[0] != '#') {
                        assert_int_equal(strncmp(line, family, strlen(family)), 0);
                }
        }
}

#define THREADS 4
#define ROUNDS  20000

static void test_each_hub_has_a_line(void **state)
{
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;

        (void)state;
        metrics_set_label(METRIC_HUB_CONNECTED, "one.example", true);
        metrics_set_label(METRIC_HUB_CONNECTED, "a \"quoted\\ hub", false);
        metrics_set_label(METRIC_HUB_CONNECTED, "one.example", false);
        metrics_set_label(METRIC_HUB_CONNECTED, "two.example", true);
        metrics_set_label(METRIC_MEMBER, "gw-a", true);
        metrics_write(&out);
        assert_non_null(strstr(buf_text(&out), "\nisthmus_member{name=\"gw-a\"} 1\n"));
        assert_non_null(strstr(buf_text(&out), "\nisthmus_hub_connected{hub=\"one.example\"} 0\n"));
        assert_non_null(strstr(buf_text(&out), "\nisthmus_hub_connected{hub=\"two.example\"} 1\n"));
        assert_non_null(strstr(buf_text(&out),
                               "\nisthmus_hub_connected{hub=\"a \\\"quoted\\\\ hub\"} 0\n"));
}

static void test_extremes_begin_anew(void **state)
{
        struct metrics_times times;

        (void)state;
        metrics_times_read(METRIC_CAMERA_LOOK, true, &times);
        metrics_observe(METRIC_CAMERA_LOOK, 7000);
        metrics_observe(METRIC_CAMERA_LOOK, 3000);
        metrics_times_read(METRIC_CAMERA_LOOK, true, &times);
        assert_int_equal(times.count, 2);
        assert_int_equal(times.sum_ns, 10000);
        assert_int_equal(times.least_ns, 3000);
        assert_int_equal(times.most_ns, 7000);
        metrics_times_read(METRIC_CAMERA_LOOK, true, &times);
        assert_int_equal(times.least_ns, 0);
        assert_int_equal(times.most_ns, 0);
}

static void *add_many(void *context)
{
        (void)context;
        for (int i = 0; i < ROUNDS; i++) {
                metrics_add(METRIC_EVENT_STORED, 1);
                metrics_observe(METRIC_STORED_TO_SENT, 1000);
        }
        return NULL;
}

static void test_threads_lose_nothing(void **state)
{
        pthread_t threads[THREADS];
        int64_t before = metrics_counter_value(METRIC_EVENT_STORED);
        CLEANUP(mem_cleanup) char *text = NULL;

        (void)state;
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
        for (int i = 0; i < 100; i++)
                free(page());
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(metrics_counter_value(METRIC_EVENT_STORED), before + THREADS * ROUNDS);
        text = page();
        assert_true(value_of(text, "isthmus_stored_to_sent_seconds_count") == THREADS * ROUNDS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_counters_add_up),
                cmocka_unit_test(test_gauges_are_set_and_moved),
                cmocka_unit_test(test_each_hub_has_a_line),
                cmocka_unit_test(test_extremes_begin_anew),
                cmocka_unit_test(test_durations_fall_into_their_buckets),
                cmocka_unit_test(test_every_line_is_valid),
                cmocka_unit_test(test_families_are_whole_and_have_one_head),
                cmocka_unit_test(test_threads_lose_nothing),
        };

        return cmocka_run_group_tests_name("base.metrics", tests, NULL, NULL);
}
