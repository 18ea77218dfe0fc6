// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/utf8.h"

static int kept_stderr = -1;
static FILE *caught;

/* What is logged from here on goes to a file. */
static void catch (void)
{
        fflush(stderr);
        kept_stderr = dup(STDERR_FILENO);
        caught = tmpfile();
        assert_non_null(caught);
        assert_int_equal(dup2(fileno(caught), STDERR_FILENO), STDERR_FILENO);
}

static char *caught_text(void)
{
        struct buf text = BUF_INIT;
        char block[4096];
        size_t got;

        dup2(kept_stderr, STDERR_FILENO);
        close(kept_stderr);
        rewind(caught);
        while ((got = fread(block, 1, sizeof(block), caught)) > 0)
                buf_add(&text, block, got);
        fclose(caught);
        return buf_take(&text);
}

static void test_a_json_line_holds_every_field(void **state)
{
        CLEANUP(mem_cleanup) char *line = NULL;
        CLEANUP(json_cleanup) struct json_object *event = NULL;
        int64_t number = 0;
        int64_t time = 0;

        (void)state;
        log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
        catch ();
        log_warn("TEST_EVENT", "Something \"odd\"", LOG_TEXT("device", "d-1"), LOG_INT("port", 223),
                 LOG_INT("least", INT64_MIN), LOG_TEXT("none", NULL), LOG_END);
        line = caught_text();
        event = json_parse(line, strlen(line), 2, JSON_STRICT, NULL);
        assert_non_null(event);
        assert_string_equal(json_text_member(event, "id"), "TEST_EVENT");
        assert_string_equal(json_text_member(event, "level"), "warning");
        assert_string_equal(json_text_member(event, "message"), "Something \"odd\"");
        assert_string_equal(json_text_member(event, "device"), "d-1");
        assert_true(json_int_member(event, "port", &number) && number == 223);
        assert_true(json_int_member(event, "least", &number) && number == INT64_MIN);
        assert_null(json_member(event, "none"));
        assert_non_null(strstr(line, "\"none\":null"));
        assert_true(clock_parse_utc(json_text_member(event, "time"), &time));
}

static const char *const hostile[] = {
        "\n{\"level\":\"error\"}",
        "\"},\"x\":{\"",
        "\x1b[2J\x1b]0;owned\x07",
        "\xff\xfe broken \xc3",
        "\xc2\x9b[31m",
        "back\\slash\\",
        "\r\rover",
        "\x7f\x01\x02",
        "\xe2\x80\xae right to left",
};

static void test_hostile_text_stays_one_json_line(void **state)
{
        (void)state;
        log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
        for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
                CLEANUP(mem_cleanup) char *line = NULL;
                CLEANUP(json_cleanup) struct json_object *event = NULL;

                catch ();
                log_info("TEST_EVENT", "Hostile", LOG_TEXT("text", hostile[i]), LOG_END);
                line = caught_text();
                assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
                event = json_parse(line, strlen(line), 2, JSON_STRICT, NULL);
                assert_non_null(event);
                assert_string_equal(json_text_member(event, "id"), "TEST_EVENT");
                assert_int_equal(json_object_object_length(event), 5);
                assert_null(strstr(line, "\xc2\x9b"));
                assert_null(strstr(line, "\xe2\x80\xae"));
                if (utf8_is_valid(hostile[i], strlen(hostile[i])))
                        assert_string_equal(json_text_member(event, "text"), hostile[i]);
        }
}

static void test_hostile_text_gives_a_terminal_no_orders(void **state)
{
        (void)state;
        log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
        for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
                CLEANUP(mem_cleanup) char *line = NULL;

                catch ();
                log_info("TEST_EVENT", "Hostile", LOG_TEXT("text", hostile[i]), LOG_END);
                line = caught_text();
                assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
                assert_true(utf8_is_valid(line, strlen(line)));
                for (const char *c = line; *c != '\n'; c++)
                        assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
                /* U+0080 to U+009F are controls too. */
                for (const char *c = strchr(line, '\xc2'); c; c = strchr(c + 1, '\xc2'))
                        assert_true((unsigned char)c[1] >= 0xa0);
                assert_null(strstr(line, "\xe2\x80\xae"));
        }
}

static void test_a_text_line_reads_well(void **state)
{
        CLEANUP(mem_cleanup) char *line = NULL;

        (void)state;
        log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
        catch ();
        log_error("TEST_EVENT", "It failed", LOG_TEXT("device", "K\xc3\xa4se"), LOG_INT("n", -1),
                  LOG_TEXT("none", NULL), LOG_END);
        line = caught_text();
        assert_int_equal(line[2], ':');
        assert_int_equal(line[8], '.');
        assert_string_equal(line + 12,
                            " ERROR It failed (TEST_EVENT) device=K\xc3\xa4se n=-1 none=-\n");
}

static int evaluated;

static const char *evaluate(void)
{
        evaluated++;
        return "value";
}

static void test_a_level_that_is_off_costs_nothing(void **state)
{
        CLEANUP(mem_cleanup) char *text = NULL;

        (void)state;
        log_configure(LOG_LEVEL_WARN, LOG_FORMAT_JSON);
        catch ();
        log_info("TEST_EVENT", "Not wanted", LOG_END);
        log_debug("TEST_EVENT", "Not wanted", LOG_TEXT("x", evaluate()), LOG_END);
        text = caught_text();
        assert_string_equal(text, "");
        assert_int_equal(evaluated, 0);
        assert_false(log_is_on(LOG_LEVEL_INFO));
        assert_true(log_is_on(LOG_LEVEL_ERROR));
        log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
        assert_true(log_is_on(LOG_LEVEL_DEBUG));
}

static void test_level_names_in_any_case(void **state)
{
        static const struct {
                const char *name;
                enum log_level level;
        } names[] = {
                {"error", LOG_LEVEL_ERROR},      {"Critical", LOG_LEVEL_ERROR},
                {"WARNING", LOG_LEVEL_WARN},     {"warn", LOG_LEVEL_WARN},
                {"Information", LOG_LEVEL_INFO}, {"info", LOG_LEVEL_INFO},
                {"Debug", LOG_LEVEL_DEBUG},      {"trace", LOG_LEVEL_DEBUG},
        };
        enum log_level level = LOG_LEVEL_ERROR;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                assert_true(log_level_parse(names[i].name, &level));
                assert_int_equal(level, names[i].level);
        }
        assert_false(log_level_parse("loud", &level));
        assert_false(log_level_parse("", &level));
        assert_false(log_level_parse(NULL, &level));
}

#define THREADS 4
#define LINES   200

static void *log_many(void *context)
{
        char text[512];

        memset(text, *(char *)context, sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        for (int i = 0; i < LINES; i++)
                log_info("TEST_EVENT", "From a thread", LOG_TEXT("text", text), LOG_END);
        return NULL;
}

static void test_lines_of_several_threads_stay_whole(void **state)
{
        static char letters[THREADS] = {'a', 'b', 'c', 'd'};
        pthread_t threads[THREADS];
        CLEANUP(mem_cleanup) char *text = NULL;
        int lines = 0;

        (void)state;
        log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
        catch ();
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, log_many, &letters[i]), 0);
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        text = caught_text();
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
                CLEANUP(json_cleanup)
                struct json_object *event = json_parse(line, strlen(line), 2, JSON_STRICT, NULL);
                const char *value = json_text_member(event, "text");

                assert_non_null(value);
                assert_int_equal(strlen(value), 511);
                assert_int_equal(strspn(value, (char[]){value[0], '\0'}), 511);
        }
        assert_int_equal(lines, THREADS * LINES);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_json_line_holds_every_field),
                cmocka_unit_test(test_hostile_text_stays_one_json_line),
                cmocka_unit_test(test_hostile_text_gives_a_terminal_no_orders),
                cmocka_unit_test(test_a_text_line_reads_well),
                cmocka_unit_test(test_a_level_that_is_off_costs_nothing),
                cmocka_unit_test(test_level_names_in_any_case),
                cmocka_unit_test(test_lines_of_several_threads_stay_whole),
        };

        return cmocka_run_group_tests_name("base.log", tests, NULL, NULL);
}
