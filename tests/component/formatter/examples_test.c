// SPDX-License-Identifier: MIT
/*
 * Every example of tests/data/formatters through real workers (the README there explains the
 * files), and every broken and hostile formatter with what must be said about it; none of them may
 * harm the next call of another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json/json.h"
#include "base/text.h"
#include "base/utf8.h"
#include "support/formatter_calls.h"

#define DATA   TEST_PROJECT "/tests/data/formatters"
#define SUFFIX ".examples.json"

/* Where the limit of time is under test, and where nothing but the other limits is. */
#define SHORT_MS 100
#define LONG_MS  30000

static struct formatter_pool *hasty;
static struct formatter_pool *patient;

/* One example, and what came of it. */
struct trial {
        const char *formatter;
        struct json_object *example;
        struct json_object *output; /* what is expected */
        struct buf bytes;
        struct formatter_input input;
        struct test_formatter_answer answer;
};

static size_t wrong;

/* Says what is wrong with an example and goes on to the next. */
static void PRINTF_LIKE(2, 3) say(const struct trial *trial, const char *format, ...)
{
        va_list values;

        wrong++;
        print_error("%s, %s: ", trial->formatter, json_text_member(trial->example, "description"));
        va_start(values, format);
        vprint_error(format, values);
        va_end(values);
        print_error("\n");
}

/* --- the call ------------------------------------------------------------------------------- */

static enum formatter_function function_of(const struct trial *trial)
{
        static const char *const names[] = {
                [FORMATTER_DECODE_UPLINK] = "decodeUplink",
                [FORMATTER_NORMALIZE_UPLINK] = "normalizeUplink",
                [FORMATTER_ENCODE_DOWNLINK] = "encodeDownlink",
                [FORMATTER_DECODE_DOWNLINK] = "decodeDownlink",
        };
        const char *name = json_text_member(trial->example, "function");

        if (!name)
                return FORMATTER_DECODE_UPLINK;
        for (int i = 0; i < (int)ARRAY_SIZE(names); i++) {
                if (strcmp(names[i], name) == 0)
                        return (enum formatter_function)i;
        }
        say(trial, "there is no function %s", name);
        return FORMATTER_DECODE_UPLINK;
}

static void read_bytes(struct trial *trial, const char *hex)
{
        CLEANUP(buf_deinit) struct buf digits = BUF_INIT;

        for (const char *digit = hex; *digit; digit++) {
                if (*digit != ' ')
                        buf_add_char(&digits, *digit);
        }
        assert_true(crypto_hex_decode(&trial->bytes, buf_text(&digits), digits.size));
        trial->input.bytes = (const uint8_t *)buf_text(&trial->bytes);
        trial->input.size = trial->bytes.size;
}

static void read_input(struct trial *trial)
{
        struct json_object *input = json_member(trial->example, "input");
        struct json_object *data = json_member(input, "data");
        const char *hex = json_text_member(input, "hex");
        const char *time = json_text_member(input, "recvTime");
        int64_t port = 0;

        if (hex)
                read_bytes(trial, hex);
        if (data)
                trial->input.data = json_object_to_json_string_ext(data, 0);
        if (time)
                assert_true(clock_parse_utc(time, &trial->input.time_ns));
        if (json_int_member(input, "fPort", &port))
                trial->input.port = (int)port;
        trial->input.device = json_text_member(input, "deviceId");
        trial->input.application = json_text_member(input, "applicationId");
        trial->input.method = json_text_member(input, "method");
}

/* Is the text `text`, or one of a list? */
static bool allows(struct json_object *allowed, const char *text)
{
        if (!json_object_is_type(allowed, json_type_array))
                return text_equal(json_object_get_string(allowed), text);
        for (size_t i = 0; i < json_object_array_length(allowed); i++) {
                if (allows(json_object_array_get_idx(allowed, i), text))
                        return true;
        }
        return false;
}

static void call(struct trial *trial)
{
        struct formatter_pool *pool =
                allows(json_member(trial->output, "status"), "timeout") ? hasty : patient;

        read_input(trial);
        test_formatter_answer_init(&trial->answer);
        formatter_call(pool, trial->formatter, function_of(trial), &trial->input,
                       test_formatter_done, &trial->answer);
        test_formatter_wait(&trial->answer);
        assert_true(trial->answer.on_thread);
}

/* --- the result ----------------------------------------------------------------------------- */

static const char *status_name(enum formatter_status status)
{
        static const char *const names[] = {
                [FORMATTER_GOOD] = "good",       [FORMATTER_MISSING] = "missing",
                [FORMATTER_FAILED] = "failed",   [FORMATTER_NOT_COMPILED] = "not-compiled",
                [FORMATTER_TIMEOUT] = "timeout", [FORMATTER_MEMORY] = "memory",
                [FORMATTER_CRASHED] = "crashed", [FORMATTER_UNAVAILABLE] = "unavailable",
                [FORMATTER_STOPPED] = "stopped",
        };

        return names[status];
}

static void check_failure(const struct trial *trial, struct json_object *errors)
{
        struct json_object *allowed = json_member(trial->output, "status");
        const char *status = status_name(trial->answer.status);
        const char *reason = trial->answer.reason.text;

        if (allowed ? !allows(allowed, status) : trial->answer.status != FORMATTER_FAILED)
                say(trial, "ended as %s: %s", status, reason);
        if (!strstr(reason, trial->formatter))
                say(trial, "the reason does not name the formatter: %s", reason);
        if (!utf8_is_valid(reason, strlen(reason)))
                say(trial, "the reason is no text: %s", reason);
        for (size_t i = 0; i < json_object_array_length(errors); i++) {
                const char *part = json_object_get_string(json_object_array_get_idx(errors, i));

                if (!strstr(reason, part))
                        say(trial, "'%s' is not in: %s", part, reason);
        }
}

/* `found` is JSON text or NULL. */
static void check_json(const struct trial *trial, const char *member, const char *found)
{
        struct json_object *expected = json_member(trial->output, member);
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *object =
                found ? json_parse(found, strlen(found), 80, JSON_STRICT, &reason) : NULL;

        if (found && !object)
                say(trial, "%s: %s: %s", member, reason.text, found);
        if (!json_object_equal(expected, object))
                say(trial, "%s: expected %s, found %s", member,
                    json_object_to_json_string_ext(expected, 0), found ? found : "nothing");
}

static void check_bytes(const struct trial *trial)
{
        CLEANUP(buf_deinit) struct buf found = BUF_INIT;
        int64_t port = 0;

        if (!json_member(trial->output, "bytes"))
                return;
        buf_add_char(&found, '[');
        for (size_t i = 0; i < trial->answer.bytes.size; i++)
                buf_add_format(&found, "%s%d", i > 0 ? "," : "",
                               (unsigned char)trial->answer.bytes.data[i]);
        buf_add_char(&found, ']');
        check_json(trial, "bytes", buf_text(&found));
        (void)json_int_member(trial->output, "fPort", &port);
        if (trial->answer.port != port)
                say(trial, "fPort is %d", trial->answer.port);
}

static void check_properties(const struct trial *trial)
{
        struct json_object *properties = json_member(trial->output, "properties");
        CLEANUP(buf_deinit) struct buf expected = BUF_INIT;

        if (properties) {
                json_object_object_foreach (properties, name, value)
                        buf_add_format(&expected, "%s=%s;", name, json_object_get_string(value));
        }
        if (strcmp(buf_text(&expected), buf_text(&trial->answer.properties)) != 0)
                say(trial, "properties: %s", buf_text(&trial->answer.properties));
}

/* An empty list says the same as none at all. */
static void drop_empty(struct json_object *output, const char *member)
{
        struct json_object *list = json_member(output, member);

        if (json_object_is_type(list, json_type_array) && json_object_array_length(list) == 0)
                json_object_object_del(output, member);
}

static void check(const struct trial *trial)
{
        struct json_object *errors;

        drop_empty(trial->output, "errors");
        drop_empty(trial->output, "warnings");
        errors = json_member(trial->output, "errors");

        if (errors) {
                check_failure(trial, errors);
                return;
        }
        if (trial->answer.status != FORMATTER_GOOD)
                say(trial, "ended as %s: %s", status_name(trial->answer.status),
                    trial->answer.reason.text);
        if (json_member(trial->output, "data"))
                check_json(trial, "data", trial->answer.data);
        check_bytes(trial);
        check_properties(trial);
        check_json(trial, "warnings", trial->answer.warnings);
}

/* --- all of them ---------------------------------------------------------------------------- */

static void try_example(const char *formatter, struct json_object *example)
{
        struct trial trial = {.formatter = formatter,
                              .example = example,
                              .output = json_member(example, "output"),
                              .input = {.port = FORMATTER_NO_PORT},
                              .bytes = BUF_INIT};

        assert_non_null(trial.output);
        call(&trial);
        check(&trial);
        test_formatter_answer_deinit(&trial.answer);
        buf_deinit(&trial.bytes);
}

static struct json_object *read_examples(const char *folder, const char *file)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/%s", folder, file);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct reason reason = REASON_INIT;
        struct json_object *examples = NULL;

        if (file_read(path, (size_t)1 << 20, &text, &reason) == 0)
                examples = json_parse(text.data, text.size, 80, JSON_STRICT, &reason);
        if (!json_object_is_type(examples, json_type_array))
                fail_msg("%s: %s", path, reason.text);
        return examples;
}

/* Calls `after` (or nothing) behind each example. */
static void try_file(const char *folder, const char *file, void (*after)(void))
{
        CLEANUP(mem_cleanup)
        char *formatter = mem_text_n(file, strlen(file) - strlen(SUFFIX));
        CLEANUP(json_cleanup) struct json_object *examples = read_examples(folder, file);

        assert_true(json_object_array_length(examples) > 0);
        for (size_t i = 0; i < json_object_array_length(examples); i++) {
                try_example(formatter, json_object_array_get_idx(examples, i));
                if (after)
                        after();
        }
}

static int is_examples(const struct dirent *entry)
{
        size_t length = strlen(entry->d_name);

        return length > strlen(SUFFIX) &&
               strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX) == 0;
}

static int is_formatter(const struct dirent *entry)
{
        size_t length = strlen(entry->d_name);

        return length > 3 && strcmp(entry->d_name + length - 3, ".js") == 0;
}

static int count_entries(const char *folder, int (*filter)(const struct dirent *entry))
{
        struct dirent **entries = NULL;
        int count = scandir(folder, &entries, filter, alphasort);

        for (int i = 0; i < count; i++)
                free(entries[i]);
        free(entries);
        return count;
}

static struct formatter_pool *pool_of(const char *folder, int64_t timeout_ms)
{
        struct formatter_options options = {
                .directory = folder, .program = TEST_FORMATTER, .timeout_ms = timeout_ms};
        struct formatter_pool *pool;
        struct reason reason = REASON_INIT;

        if (formatter_pool_new(&options, &pool, &reason) != 0)
                fail_msg("%s", reason.text);
        return pool;
}

static void try_folder(const char *folder, void (*after)(void))
{
        struct dirent **entries = NULL;
        int count = scandir(folder, &entries, is_examples, alphasort);

        wrong = 0;
        assert_true(count >= 30);
        assert_int_equal(count, count_entries(folder, is_formatter));
        hasty = pool_of(folder, SHORT_MS);
        patient = pool_of(folder, LONG_MS);
        for (int i = 0; i < count; i++) {
                try_file(folder, entries[i]->d_name, after);
                free(entries[i]);
        }
        free(entries);
        formatter_pool_free(hasty);
        formatter_pool_free(patient);
        assert_int_equal(wrong, 0);
}

static void every_formatter_gives_what_its_examples_say(void **state)
{
        (void)state;
        try_folder(DATA, NULL);
}

static void one_of_others_still_works(void)
{
        try_file(DATA "/broken", "duplicate-properties" SUFFIX, NULL);
}

static void every_broken_formatter_is_told_why_and_harms_no_other(void **state)
{
        (void)state;
        try_folder(DATA "/broken", one_of_others_still_works);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_formatter_gives_what_its_examples_say),
                cmocka_unit_test(every_broken_formatter_is_told_why_and_harms_no_other),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
