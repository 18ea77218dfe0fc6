// SPDX-License-Identifier: MIT
/*
 * Payload formatters in real workers: what comes and goes, files that change, workers that die.
 * What a formatter may do and return, formatters of tests/data show (component.cli.formatter).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formatter/formatter.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"
#include "support/directory.h"
#include "support/formatter_calls.h"

/* Room for a test program's processor that is busy with other things. */
#define PATIENCE_MS 60000

static char *folder;
static struct formatter_pool *pool;

static const struct formatter_input one_byte = {
        .bytes = (const uint8_t *)"\x07", .size = 1, .port = 5};

static struct formatter_pool *pool_of(const char *directory, int workers, int64_t timeout_ms)
{
        struct formatter_options options = {.directory = directory,
                                            .program = TEST_FORMATTER,
                                            .workers = workers,
                                            .timeout_ms = timeout_ms};
        struct formatter_pool *made;
        struct reason reason = REASON_INIT;

        assert_int_equal(formatter_pool_new(&options, &made, &reason), 0);
        return made;
}

static int start(void **state)
{
        (void)state;
        log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
        folder = test_directory_new();
        pool = pool_of(folder, 2, 0);
        return 0;
}

static int finish(void **state)
{
        (void)state;
        formatter_pool_free(pool);
        test_directory_remove(folder);
        return 0;
}

/* Replaces a file at once, as an editor does. */
static void put(const char *name, const char *text)
{
        CLEANUP(mem_cleanup) char *from = test_directory_file(folder, "new");
        CLEANUP(mem_cleanup) char *file = mem_format("%s.js", name);
        CLEANUP(mem_cleanup) char *to = test_directory_file(folder, file);

        test_directory_write(folder, "new", text);
        assert_int_equal(rename(from, to), 0);
}

static void call(struct test_formatter_answer *answer, const char *name,
                 enum formatter_function function, const struct formatter_input *input)
{
        test_formatter_answer_init(answer);
        formatter_call(pool, name, function, input, test_formatter_done, answer);
        test_formatter_wait(answer);
        assert_true(answer->on_thread);
}

static void decode(struct test_formatter_answer *answer, const char *name)
{
        call(answer, name, FORMATTER_DECODE_UPLINK, &one_byte);
}

/* Decodes until the data is so: a change is taken up some time after it was made. */
static void wait_for_data(const char *name, const char *data)
{
        int64_t until_ms = clock_steady_ms() + PATIENCE_MS;
        bool good = false;

        while (!good) {
                struct test_formatter_answer answer;

                decode(&answer, name);
                good = text_equal(answer.data, data);
                test_formatter_answer_deinit(&answer);
                assert_true(good || clock_steady_ms() < until_ms);
        }
}

static void wait_for_status(const char *name, enum formatter_status status, const char *part)
{
        int64_t until_ms = clock_steady_ms() + PATIENCE_MS;
        bool good = false;

        while (!good) {
                struct test_formatter_answer answer;

                decode(&answer, name);
                good = answer.status == status && strstr(answer.reason.text, part);
                test_formatter_answer_deinit(&answer);
                assert_true(good || clock_steady_ms() < until_ms);
        }
}

/* --- calls --------------------------------------------------------------------------------- */

static void test_a_call_brings_everything_there_and_back(void **state)
{
        const struct formatter_input input = {.bytes = (const uint8_t *)"\x00\xff",
                                              .size = 2,
                                              .port = 10,
                                              .time_ns = 1700000000123456789,
                                              .data = "{\"n\":1,\"s\":\"ü\"}",
                                              .device = "dev",
                                              .application = "app",
                                              .method = "Set"};
        struct test_formatter_answer answer;

        (void)state;
        put("all", "function encodeDownlink(input) {"
                   "  return { bytes: input.bytes.concat(JSON.stringify(input).length % 256),"
                   "    fPort: input.fPort, warnings: [JSON.stringify(input)],"
                   "    properties: { text: 'é', number: 1.5, yes: true, not: null } };"
                   "}");
        call(&answer, "all", FORMATTER_ENCODE_DOWNLINK, &input);
        assert_string_equal(answer.reason.text, "");
        assert_int_equal(answer.status, FORMATTER_GOOD);
        assert_int_equal(answer.bytes.size, 3);
        assert_memory_equal(answer.bytes.data, "\x00\xff", 2);
        assert_int_equal(answer.port, 10);
        assert_string_equal(
                answer.warnings,
                "[\"{\\\"bytes\\\":[0,255],\\\"fPort\\\":10,\\\"recvTime\\\":"
                "\\\"2023-11-14T22:13:20.123Z\\\",\\\"data\\\":{\\\"n\\\":1,\\\"s\\\":\\\"ü\\\"},"
                "\\\"deviceId\\\":\\\"dev\\\",\\\"terminalId\\\":\\\"dev\\\","
                "\\\"applicationId\\\":\\\"app\\\",\\\"method\\\":\\\"Set\\\"}\"]");
        assert_string_equal(buf_text(&answer.properties), "text=é;number=1.5;yes=true;");
        assert_true(answer.elapsed_ns > 0);
        assert_true(answer.memory_bytes > 0);
        test_formatter_answer_deinit(&answer);
}

static void test_what_is_not_given_is_not_there(void **state)
{
        const struct formatter_input nothing = {.port = FORMATTER_NO_PORT};
        struct test_formatter_answer answer;

        (void)state;
        put("keys", "function decodeUplink(input) { return { data: { k: Object.keys(input) } }; }");
        call(&answer, "keys", FORMATTER_DECODE_UPLINK, &nothing);
        assert_string_equal(answer.data, "{\"k\":[]}");
        test_formatter_answer_deinit(&answer);
}

static void test_names_are_no_paths(void **state)
{
        static const char *const names[] = {"../keys", "/etc/passwd", "", "no-such-thing", ".."};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                struct test_formatter_answer answer;

                decode(&answer, names[i]);
                assert_int_equal(answer.status, FORMATTER_MISSING);
                test_formatter_answer_deinit(&answer);
        }
}

static void test_input_that_can_not_be_sent_is_refused(void **state)
{
        const struct formatter_input broken = {.device = "\xff", .port = FORMATTER_NO_PORT};
        struct formatter_input large = {.bytes = NULL, .size = 1 << 20};
        CLEANUP(mem_cleanup) uint8_t *bytes = mem_new(large.size, 1);
        struct test_formatter_answer answer;

        (void)state;
        call(&answer, "keys", FORMATTER_DECODE_UPLINK, &broken);
        assert_int_equal(answer.status, FORMATTER_FAILED);
        test_formatter_answer_deinit(&answer);
        large.bytes = bytes;
        call(&answer, "keys", FORMATTER_DECODE_UPLINK, &large);
        assert_int_equal(answer.status, FORMATTER_FAILED);
        test_formatter_answer_deinit(&answer);
}

/* The globals of one formatter are not those of another, whatever it does to them. */
static void test_formatters_do_not_see_each_other(void **state)
{
        struct test_formatter_answer answer;

        (void)state;
        put("vandal", "Object.prototype.x = 1; Array.prototype.push = null; JSON.stringify = null;"
                      "Math.floor = () => 42; globalThis.left = 'behind'; secret = 1;"
                      "const shared = 1; class Shared {}"
                      "function decodeUplink() { return { data: { floor: Math.floor(1.5) } }; }");
        put("victim", "const shared = 2; class Shared {}"
                      "function decodeUplink() { const a = []; a.push(typeof left, typeof secret);"
                      "return { data: { a, x: ({}).x === undefined, floor: Math.floor(1.5) } }; }");
        for (int i = 0; i < 4; i++) {
                decode(&answer, "vandal");
                assert_string_equal(answer.data, "{\"floor\":42}");
                test_formatter_answer_deinit(&answer);
                decode(&answer, "victim");
                assert_string_equal(answer.data,
                                    "{\"a\":[\"undefined\",\"undefined\"],\"x\":true,\"floor\":1}");
                test_formatter_answer_deinit(&answer);
        }
}

/* --- files --------------------------------------------------------------------------------- */

static void test_a_changed_file_is_taken_up(void **state)
{
        (void)state;
        put("change", "function decodeUplink() { return { data: { version: 1 } }; }");
        wait_for_data("change", "{\"version\":1}");
        put("change", "var decodeUplink = () => ({ data: { version: 2 } });");
        wait_for_data("change", "{\"version\":2}");
}

static void test_a_broken_change_leaves_the_old_one_in_force(void **state)
{
        struct test_formatter_answer answer;

        (void)state;
        put("change", "function decodeUplink() {\n  return { data: { version: 3 };\n}");
        put("other", "function decodeUplink() { return { data: {} }; }");
        wait_for_data("other", "{}");
        for (int i = 0; i < 20; i++) {
                decode(&answer, "change");
                assert_string_equal(answer.data, "{\"version\":2}");
                test_formatter_answer_deinit(&answer);
        }
        put("change", "function decodeUplink() { return { data: { version: 4 } }; }");
        wait_for_data("change", "{\"version\":4}");
}

static void test_what_never_compiled_says_where(void **state)
{
        struct test_formatter_answer answer;

        (void)state;
        put("broken", "function decodeUplink() {\n  return { data: { version: 3 };\n}");
        decode(&answer, "broken");
        assert_int_equal(answer.status, FORMATTER_NOT_COMPILED);
        assert_non_null(strstr(answer.reason.text, "line 2"));
        assert_non_null(strstr(answer.reason.text, "'broken'"));
        test_formatter_answer_deinit(&answer);
        put("broken", "function decodeUplink() { return { data: { version: 1 } }; }");
        wait_for_data("broken", "{\"version\":1}");
}

static void test_a_file_that_is_no_text_is_refused(void **state)
{
        struct test_formatter_answer answer;

        (void)state;
        put("binary", "function decodeUplink() { return '\xff'; }");
        decode(&answer, "binary");
        assert_int_equal(answer.status, FORMATTER_NOT_COMPILED);
        assert_non_null(strstr(answer.reason.text, "UTF-8"));
        test_formatter_answer_deinit(&answer);
}

static void test_a_removed_file_is_missed(void **state)
{
        CLEANUP(mem_cleanup) char *path = test_directory_file(folder, "other.js");

        (void)state;
        wait_for_data("other", "{}");
        assert_int_equal(unlink(path), 0);
        wait_for_status("other", FORMATTER_MISSING, "other");
        put("other", "function decodeUplink() { return { data: { again: true } }; }");
        wait_for_data("other", "{\"again\":true}");
}

static void test_a_folder_may_come_later(void **state)
{
        CLEANUP(mem_cleanup) char *path = test_directory_file(folder, "later");
        CLEANUP(mem_cleanup) char *file = mem_format("%s/f.js", path);
        struct formatter_pool *before = pool;
        struct test_formatter_answer answer;

        (void)state;
        pool = pool_of(path, 1, 0);
        decode(&answer, "f");
        assert_int_equal(answer.status, FORMATTER_MISSING);
        test_formatter_answer_deinit(&answer);
        assert_int_equal(mkdir(path, 0700), 0);
        test_directory_write(path, "f.js", "function decodeUplink() { return { data: {} }; }");
        wait_for_data("f", "{}");
        test_directory_write(path, "f.js", "function decodeUplink() { return { data: {n: 2} }; }");
        wait_for_data("f", "{\"n\":2}");
        formatter_pool_free(pool);
        pool = before;
        unlink(file);
        rmdir(path);
}

/* --- workers that die ---------------------------------------------------------------------- */

/* Sends a signal to every worker of this program; returns how many there were. */
static int signal_workers(int signal)
{
        DIR *processes = opendir("/proc");
        struct dirent *entry;
        int count = 0;

        while ((entry = readdir(processes))) {
                CLEANUP(mem_cleanup) char *path = mem_format("/proc/%s/stat", entry->d_name);
                FILE *stat = fopen(path, "r");
                int pid;
                int parent;

                if (!stat)
                        continue;
                if (fscanf(stat, "%d (isthmus-formatt) %*c %d", &pid, &parent) == 2 &&
                    parent == getpid() && kill(pid, signal) == 0)
                        count++;
                fclose(stat);
        }
        closedir(processes);
        return count;
}

/* Stopped, they can't end themselves: the pool does it. */
static void test_workers_that_hang_are_replaced(void **state)
{
        struct test_formatter_answer answers[4];

        (void)state;
        put("good", "function decodeUplink() { return { data: { good: true } }; }");
        wait_for_data("good", "{\"good\":true}");
        assert_int_equal(signal_workers(SIGSTOP), 2);
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                test_formatter_answer_init(&answers[i]);
                formatter_call(pool, "good", FORMATTER_DECODE_UPLINK, &one_byte,
                               test_formatter_done, &answers[i]);
        }
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                test_formatter_wait(&answers[i]);
                assert_string_equal(answers[i].data, "{\"good\":true}");
                test_formatter_answer_deinit(&answers[i]);
        }
}

static void test_killed_workers_are_replaced_and_nothing_is_lost(void **state)
{
        enum {
                CALLS = 400
        };
        struct test_formatter_answer *answers = mem_new(CALLS, sizeof(*answers));

        (void)state;
        put("slow", "function decodeUplink() { let n = 0; for (let i = 0; i < 3e4; i++) n += i % 7;"
                    "return { data: { n } }; }");
        wait_for_data("slow", "{\"n\":89995}");
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < CALLS; i++) {
                        test_formatter_answer_init(&answers[i]);
                        formatter_call(pool, "slow", FORMATTER_DECODE_UPLINK, &one_byte,
                                       test_formatter_done, &answers[i]);
                }
                test_formatter_wait(&answers[10]);
                /* The one for probation may be there, too: of the test before. */
                assert_in_range(signal_workers(SIGKILL), 2, 3);
                for (int i = 0; i < CALLS; i++) {
                        test_formatter_wait(&answers[i]);
                        assert_string_equal(answers[i].reason.text, "");
                        assert_string_equal(answers[i].data, "{\"n\":89995}");
                        test_formatter_answer_deinit(&answers[i]);
                }
        }
        free(answers);
}

/* Only the guilty ones fail, and only after a second try. */
static void test_innocent_calls_behind_a_deadly_one_are_run_elsewhere(void **state)
{
        enum {
                CALLS = 60
        };
        struct test_formatter_answer answers[CALLS];

        (void)state;
        /* Not interrupted by the engine: the watchdog ends the worker. */
        put("bomb", "function decodeUplink() { return { data: { m: 'a'.repeat(1 << 28)"
                    ".split('').sort().length } }; }");
        put("good", "function decodeUplink() { return { data: { good: true } }; }");
        for (int i = 0; i < CALLS; i++) {
                test_formatter_answer_init(&answers[i]);
                formatter_call(pool, i % 30 == 5 ? "bomb" : "good", FORMATTER_DECODE_UPLINK,
                               &one_byte, test_formatter_done, &answers[i]);
        }
        for (int i = 0; i < CALLS; i++) {
                test_formatter_wait(&answers[i]);
                if (i % 30 == 5) {
                        assert_true(answers[i].status == FORMATTER_TIMEOUT ||
                                    answers[i].status == FORMATTER_MEMORY);
                        assert_non_null(strstr(answers[i].reason.text, "'bomb'"));
                } else {
                        assert_string_equal(answers[i].reason.text, "");
                        assert_string_equal(answers[i].data, "{\"good\":true}");
                }
                test_formatter_answer_deinit(&answers[i]);
        }
}

static void test_too_much_memory_is_named(void **state)
{
        struct formatter_pool *before = pool;
        struct test_formatter_answer answer;

        (void)state;
        put("greedy", "function decodeUplink() { const a = [];"
                      "for (;;) a.push(new Uint8Array(1 << 22).fill(1)); }");
        pool = pool_of(folder, 1, 20000);
        decode(&answer, "greedy");
        assert_int_equal(answer.status, FORMATTER_MEMORY);
        test_formatter_answer_deinit(&answer);
        decode(&answer, "good");
        assert_int_equal(answer.status, FORMATTER_GOOD);
        test_formatter_answer_deinit(&answer);
        formatter_pool_free(pool);
        pool = before;
}

static void test_what_is_under_way_is_answered_when_the_pool_ends(void **state)
{
        enum {
                CALLS = 300
        };
        struct test_formatter_answer *answers = mem_new(CALLS, sizeof(*answers));
        struct formatter_pool *ending = pool_of(folder, 1, 0);

        (void)state;
        for (int i = 0; i < CALLS; i++) {
                test_formatter_answer_init(&answers[i]);
                formatter_call(ending, "slow", FORMATTER_DECODE_UPLINK, &one_byte,
                               test_formatter_done, &answers[i]);
        }
        formatter_pool_free(ending);
        for (int i = 0; i < CALLS; i++) {
                assert_true(answers[i].done);
                assert_true(answers[i].status == FORMATTER_STOPPED ||
                            answers[i].status == FORMATTER_GOOD);
                test_formatter_answer_deinit(&answers[i]);
        }
        free(answers);
}

static void test_a_program_that_is_none_is_said(void **state)
{
        struct formatter_options options = {.directory = folder, .program = "/nowhere/at/all"};
        struct formatter_pool *none;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(formatter_pool_new(&options, &none, &reason), -ENOENT);
        assert_non_null(strstr(reason.text, "/nowhere/at/all"));
}

/* Who does not want to wait is told, and the pool does not start it again and again. */
static void check_useless_program(const char *program)
{
        struct formatter_options options = {
                .directory = folder, .program = program, .workers = 1, .impatient = true};
        struct formatter_pool *before = pool;
        struct test_formatter_answer answer;
        struct reason reason = REASON_INIT;

        assert_int_equal(formatter_pool_new(&options, &pool, &reason), 0);
        decode(&answer, "good");
        assert_int_equal(answer.status, FORMATTER_UNAVAILABLE);
        assert_true(formatter_status_is_ours(answer.status));
        test_formatter_answer_deinit(&answer);
        formatter_pool_free(pool);
        pool = before;
}

static void test_a_program_that_ends_at_once_is_given_up(void **state)
{
        (void)state;
        check_useless_program("/bin/false");
}

static void test_a_program_that_talks_nonsense_is_given_up(void **state)
{
        CLEANUP(mem_cleanup) char *path = test_directory_file(folder, "nonsense");

        (void)state;
        test_directory_write(folder, "nonsense", "#!/bin/sh\necho nonsense >&3\nread line <&3\n");
        assert_int_equal(chmod(path, 0700), 0);
        check_useless_program(path);
}

static size_t size_of_file(const char *path)
{
        struct stat status;

        return stat(path, &status) == 0 ? (size_t)status.st_size : 0;
}

/* An upgrade under way, no memory for a process: not the formatter's fault, and it passes. */
static void test_calls_wait_until_workers_can_be_started(void **state)
{
        CLEANUP(mem_cleanup) char *program = test_directory_file(folder, "late");
        CLEANUP(mem_cleanup) char *attempts = test_directory_file(folder, "attempts");
        CLEANUP(mem_cleanup) char *ready = test_directory_file(folder, "ready");
        CLEANUP(mem_cleanup)
        char *script = mem_format("#!/bin/sh\necho >>%s\n[ -e %s ] && exec %s \"$@\"\nexit 1\n",
                                  attempts, ready, TEST_FORMATTER);
        struct formatter_options options = {.directory = folder, .program = program, .workers = 1};
        int64_t until_ms = clock_steady_ms() + PATIENCE_MS;
        struct formatter_pool *late;
        struct test_formatter_answer answer;
        struct reason reason = REASON_INIT;

        (void)state;
        test_directory_write(folder, "late", script);
        assert_int_equal(chmod(program, 0700), 0);
        put("good", "function decodeUplink() { return { data: { good: true } }; }");
        assert_int_equal(formatter_pool_new(&options, &late, &reason), 0);
        test_formatter_answer_init(&answer);
        formatter_call(late, "good", FORMATTER_DECODE_UPLINK, &one_byte, test_formatter_done,
                       &answer);
        while (size_of_file(attempts) < 4) {
                assert_true(clock_steady_ms() < until_ms);
                usleep(10000);
        }
        assert_false(test_formatter_is_done(&answer));
        test_directory_write(folder, "ready", "");
        test_formatter_wait(&answer);
        assert_string_equal(answer.data, "{\"good\":true}");
        test_formatter_answer_deinit(&answer);
        formatter_pool_free(late);
}

/* --- no shared fate ------------------------------------------------------------------------ */

static void ask_for_device(struct test_formatter_answer *answer, const char *name,
                           const char *device, int port)
{
        struct formatter_input input = one_byte;

        input.device = device;
        input.port = port;
        test_formatter_answer_init(answer);
        formatter_call(pool, name, FORMATTER_DECODE_UPLINK, &input, test_formatter_done, answer);
}

/* The engine does not look while a regular expression runs: the worker must be ended. */
static const char two_faced[] = "function decodeUplink(i) { if (i.fPort === 66) {"
                                "  return { data: { m: /^(a+)+$/.test('a'.repeat(60) + 'b') } }; }"
                                "  return { data: { good: true } }; }";

/* They are in the same workers, behind them, with the same formatter. */
static void test_more_deadly_devices_than_tries_harm_no_innocent_one(void **state)
{
        enum {
                DEADLY = 13,
                CALLS = DEADLY + 10
        };
        struct test_formatter_answer answers[CALLS];
        struct formatter_pool *before = pool;

        (void)state;
        pool = pool_of(folder, 2, 20);
        put("two-faced", two_faced);
        for (int i = 0; i < CALLS; i++) {
                CLEANUP(mem_cleanup) char *device = mem_format("device-%d", i);

                ask_for_device(&answers[i], "two-faced", device, i < DEADLY ? 66 : 1);
        }
        for (int i = 0; i < CALLS; i++) {
                test_formatter_wait(&answers[i]);
                if (i < DEADLY)
                        assert_int_equal(answers[i].status, FORMATTER_TIMEOUT);
                else
                        assert_string_equal(answers[i].data, "{\"good\":true}");
                test_formatter_answer_deinit(&answers[i]);
        }
        formatter_pool_free(pool);
        pool = before;
}

/* One after the other, each ends its worker; in between, others are answered. */
static void test_a_deadly_device_costs_the_others_one_worker(void **state)
{
        enum {
                CALLS = 3
        };
        struct formatter_pool *before = pool;
        struct test_formatter_answer deadly[CALLS];
        struct test_formatter_answer answer;

        (void)state;
        pool = pool_of(folder, 1, 20);
        decode(&answer, "good");
        test_formatter_answer_deinit(&answer);
        for (int i = 0; i < CALLS; i++)
                ask_for_device(&deadly[i], "two-faced", "bad", 66);
        for (int i = 0; i < CALLS; i++) {
                test_formatter_wait(&deadly[i]);
                assert_int_equal(deadly[i].status, FORMATTER_TIMEOUT);
                test_formatter_answer_deinit(&deadly[i]);
                ask_for_device(&answer, "good", "other", 1);
                test_formatter_wait(&answer);
                assert_string_equal(answer.data, "{\"good\":true}");
                test_formatter_answer_deinit(&answer);
        }
        formatter_pool_free(pool);
        pool = before;
}

/* --- what a text and a result may hold ----------------------------------------------------- */

static void test_a_result_that_can_not_be_sent_costs_no_worker(void **state)
{
        int64_t restarts = metrics_counter_value(METRIC_FORMATTER_RESTARTS);
        struct test_formatter_answer answer;

        (void)state;
        put("zero", "function decodeUplink() { return { data: { ['a\\u0000b']: 1 } }; }");
        for (int i = 0; i < 10; i++) {
                decode(&answer, "zero");
                assert_int_equal(answer.status, FORMATTER_FAILED);
                assert_non_null(strstr(answer.reason.text, "'zero'"));
                test_formatter_answer_deinit(&answer);
        }
        assert_int_equal(metrics_counter_value(METRIC_FORMATTER_RESTARTS), restarts);
}

/* Its one function is long, as generators make them; the engine compiles it at the first call. */
static void test_compiling_does_not_count_as_the_first_calls_time(void **state)
{
        struct formatter_pool *before = pool;
        struct test_formatter_answer answer;
        struct buf text = BUF_INIT;

        (void)state;
        buf_add_text(&text, "function decodeUplink(i) { var v = {}, b = i.bytes, n = 0;\n");
        for (int i = 0; i < 6000; i++)
                buf_add_format(&text,
                               "if (b[0] === %d) { v.k%d = (b[1] << 8 | b[2]) / %d; n++; }\n", i, i,
                               i + 1);
        buf_add_text(&text, "return { data: { n: n } }; }\n");
        put("long", buf_text(&text));
        buf_deinit(&text);
        pool = pool_of(folder, 1, 5);
        for (int i = 0; i < 5; i++) {
                decode(&answer, "long");
                assert_string_equal(answer.reason.text, "");
                assert_string_equal(answer.data, "{\"n\":1}");
                test_formatter_answer_deinit(&answer);
        }
        formatter_pool_free(pool);
        pool = before;
}

/* Its text runs, then its function, then its error's: the engine counts anew for each of them. */
static void test_a_call_that_goes_on_elsewhere_has_no_more_time(void **state)
{
        static const char *const texts[] = {
                "globalThis.end = Date.now() + 900; while (Date.now() < end);"
                "function decodeUplink() { for (;;); }",
                "function decodeUplink() { const end = Date.now() + 900; while (Date.now() < end);"
                "throw { toString() { for (;;); } }; }",
        };
        int64_t restarts = metrics_counter_value(METRIC_FORMATTER_RESTARTS);
        struct formatter_pool *before = pool;
        struct test_formatter_answer answer;

        (void)state;
        pool = pool_of(folder, 1, 1000);
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                CLEANUP(mem_cleanup) char *name = mem_format("onward%zu", i);

                put(name, texts[i]);
                decode(&answer, name);
                assert_int_equal(answer.status, FORMATTER_TIMEOUT);
                assert_non_null(strstr(answer.reason.text, "more than 1000 ms"));
                test_formatter_answer_deinit(&answer);
        }
        assert_int_equal(metrics_counter_value(METRIC_FORMATTER_RESTARTS), restarts);
        formatter_pool_free(pool);
        pool = before;
}

static void test_names_are_written_with_or_without_their_ending(void **state)
{
        struct test_formatter_answer answer;

        (void)state;
        decode(&answer, "good.js");
        assert_string_equal(answer.data, "{\"good\":true}");
        test_formatter_answer_deinit(&answer);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_call_brings_everything_there_and_back),
                cmocka_unit_test(test_what_is_not_given_is_not_there),
                cmocka_unit_test(test_names_are_no_paths),
                cmocka_unit_test(test_input_that_can_not_be_sent_is_refused),
                cmocka_unit_test(test_formatters_do_not_see_each_other),
                cmocka_unit_test(test_a_changed_file_is_taken_up),
                cmocka_unit_test(test_a_broken_change_leaves_the_old_one_in_force),
                cmocka_unit_test(test_what_never_compiled_says_where),
                cmocka_unit_test(test_a_file_that_is_no_text_is_refused),
                cmocka_unit_test(test_a_removed_file_is_missed),
                cmocka_unit_test(test_a_folder_may_come_later),
                cmocka_unit_test(test_workers_that_hang_are_replaced),
                cmocka_unit_test(test_killed_workers_are_replaced_and_nothing_is_lost),
                cmocka_unit_test(test_innocent_calls_behind_a_deadly_one_are_run_elsewhere),
                cmocka_unit_test(test_too_much_memory_is_named),
                cmocka_unit_test(test_what_is_under_way_is_answered_when_the_pool_ends),
                cmocka_unit_test(test_a_program_that_is_none_is_said),
                cmocka_unit_test(test_a_program_that_ends_at_once_is_given_up),
                cmocka_unit_test(test_a_program_that_talks_nonsense_is_given_up),
                cmocka_unit_test(test_calls_wait_until_workers_can_be_started),
                cmocka_unit_test(test_more_deadly_devices_than_tries_harm_no_innocent_one),
                cmocka_unit_test(test_a_deadly_device_costs_the_others_one_worker),
                cmocka_unit_test(test_a_result_that_can_not_be_sent_costs_no_worker),
                cmocka_unit_test(test_compiling_does_not_count_as_the_first_calls_time),
                cmocka_unit_test(test_a_call_that_goes_on_elsewhere_has_no_more_time),
                cmocka_unit_test(test_names_are_written_with_or_without_their_ending),
        };

        return cmocka_run_group_tests(tests, start, finish);
}
