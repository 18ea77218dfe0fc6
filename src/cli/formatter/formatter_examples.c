// SPDX-License-Identifier: MIT
/*
 * Examples of a formatter: what it makes of which input. docs/formatters.md describes the file.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/formatter/formatter_trial.h"
#include "cli/terminal.h"

#define FILE_LIMIT    ((size_t)16 << 20)
#define EXAMPLE_DEPTH 64

struct example {
        struct json_object *entry;
        struct json_object *output;
        enum formatter_function function;
        struct formatter_input input;
        struct buf bytes;
        struct buf data;
};

static void example_deinit(struct example *example)
{
        buf_deinit(&example->bytes);
        buf_deinit(&example->data);
}

/* --- reading an entry ---------------------------------------------------------------------- */

/* Hex digits, with spaces between bytes or without. */
static bool read_hex(const char *text, struct buf *bytes)
{
        CLEANUP(buf_deinit) struct buf digits = BUF_INIT;

        for (; *text; text++) {
                if (*text != ' ')
                        buf_add_char(&digits, *text);
        }
        return crypto_hex_decode(bytes, buf_text(&digits), digits.size);
}

static bool read_list(struct json_object *list, struct buf *bytes)
{
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *item = json_object_array_get_idx(list, i);

                if (!json_object_is_type(item, json_type_int) || json_object_get_int64(item) < 0 ||
                    json_object_get_int64(item) > 255)
                        return false;
                buf_add_char(bytes, (char)(unsigned char)json_object_get_int64(item));
        }
        return true;
}

static bool read_bytes(struct json_object *input, struct example *example, struct reason *reason)
{
        struct json_object *list = json_member(input, "bytes");
        const char *hex = json_text_member(input, "hex");
        bool good = true;

        if (list)
                good = json_object_is_type(list, json_type_array) &&
                       read_list(list, &example->bytes);
        else if (hex)
                good = read_hex(hex, &example->bytes);
        else
                return true;
        example->input.bytes = (const uint8_t *)buf_text(&example->bytes);
        example->input.size = example->bytes.size;
        if (!good)
                reason_set(reason, "`input` needs `bytes`, a list of 0..255, or `hex`");
        return good;
}

static bool read_time(struct json_object *input, struct example *example, struct reason *reason)
{
        const char *text = json_text_member(input, "recvTime");

        if (!text || clock_parse_utc(text, &example->input.time_ns))
                return true;
        reason_set(reason, "`recvTime` is no time: %s", text);
        return false;
}

static bool read_input(struct example *example, struct reason *reason)
{
        struct json_object *input = json_object_member(example->entry, "input");
        struct json_object *data = json_member(input, "data");
        int64_t port = FORMATTER_NO_PORT;

        if (!input) {
                reason_set(reason, "it has no `input`");
                return false;
        }
        if (json_member(input, "fPort") &&
            (!json_int_member(input, "fPort", &port) || port < 0 || port > 255)) {
                reason_set(reason, "`fPort` is no number from 0 to 255");
                return false;
        }
        example->input.port = (int)port;
        example->input.device = json_text_member(input, "deviceId");
        example->input.application = json_text_member(input, "applicationId");
        example->input.method = json_text_member(input, "method");
        if (data) {
                json_write(&example->data, data);
                example->input.data = buf_text(&example->data);
        }
        return read_bytes(input, example, reason) && read_time(input, example, reason);
}

static bool read_example(struct json_object *entry, struct example *example, struct reason *reason)
{
        const char *name = json_text_member(entry, "function");

        *example = (struct example){.entry = entry, .output = json_object_member(entry, "output")};
        if (name && !formatter_function_parse(name, &example->function)) {
                reason_set(reason, "there is no function '%s'", name);
                return false;
        }
        if (!example->output) {
                reason_set(reason, "it has no `output`");
                return false;
        }
        return read_input(example, reason);
}

/* --- comparing ----------------------------------------------------------------------------- */

/* A list of the expected output; NULL if it is empty, which says the same as none at all. */
static struct json_object *list_of(const struct example *example, const char *name)
{
        struct json_object *list = json_member(example->output, name);

        if (json_object_is_type(list, json_type_array) && json_object_array_length(list) == 0)
                return NULL;
        return list;
}

/* `status` is one name or a list of those that are allowed; absent = as `errors` says. */
static bool status_fits(const struct example *example, enum formatter_status status,
                        struct reason *difference)
{
        struct json_object *wanted = json_member(example->output, "status");
        const char *name = formatter_status_name(status);
        bool fits = false;

        if (!wanted)
                fits = list_of(example, "errors") ? status == FORMATTER_FAILED
                                                  : status == FORMATTER_GOOD;
        else if (json_object_is_type(wanted, json_type_string))
                fits = strcmp(json_object_get_string(wanted), name) == 0;
        for (size_t i = 0;
             json_object_is_type(wanted, json_type_array) && i < json_object_array_length(wanted);
             i++)
                fits |= text_equal(json_object_get_string(json_object_array_get_idx(wanted, i)),
                                   name);
        if (!fits)
                reason_set(difference, "it ended as '%s'", name);
        return fits;
}

/* Each expected error is part of what was said. */
static bool errors_fit(const struct example *example, const struct formatter_result *result,
                       struct reason *difference)
{
        struct json_object *errors = list_of(example, "errors");

        for (size_t i = 0;
             json_object_is_type(errors, json_type_array) && i < json_object_array_length(errors);
             i++) {
                const char *part = json_object_get_string(json_object_array_get_idx(errors, i));

                if (part && strstr(result->reason.text, part))
                        continue;
                reason_set(difference, "expected an error with '%s'", part ? part : "");
                return false;
        }
        return true;
}

/* A member that is expected and not there differs, and the other way round. */
static bool member_fits(const struct example *example, struct json_object *got, const char *name,
                        struct reason *difference)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        struct json_object *a = strcmp(name, "warnings") == 0 ? list_of(example, name)
                                                              : json_member(example->output, name);
        struct json_object *b = json_member(got, name);

        if (!a && !b)
                return true;
        buf_add_text(&path, name);
        return formatter_json_equal(a, b, &path, difference);
}

static bool result_fits(const struct example *example, const struct formatter_result *result,
                        struct reason *difference)
{
        static const char *const members[] = {"data", "bytes", "fPort", "warnings"};
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *got = NULL;

        formatter_result_write(&text, example->function, result);
        got = json_parse(buf_text(&text), text.size, EXAMPLE_DEPTH, JSON_STRICT, difference);
        if (!got)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                if (!member_fits(example, got, members[i], difference))
                        return false;
        }
        return !json_member(example->output, "properties") ||
               member_fits(example, got, "properties", difference);
}

static bool fits(const struct example *example, const struct formatter_result *result,
                 struct reason *difference)
{
        if (!status_fits(example, result->status, difference) ||
            !errors_fit(example, result, difference)) {
                if (result->reason.text[0])
                        reason_add(difference, "%s", result->reason.text);
                return false;
        }
        return result->status != FORMATTER_GOOD || result_fits(example, result, difference);
}

/* --- the run ------------------------------------------------------------------------------- */

static bool run(struct formatter_trial *trial, struct json_object *entry, size_t number)
{
        const char *description = json_text_member(entry, "description");
        struct reason difference = REASON_INIT;
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        struct example example;
        bool good = read_example(entry, &example, &difference);

        if (good)
                good = fits(&example, formatter_trial_call(trial, example.function, &example.input),
                            &difference);
        example_deinit(&example);
        buf_add_format(&out, "%s  %zu  ", good ? "good  " : "FAILED", number);
        terminal_add(&out, description);
        if (!good) {
                buf_add_text(&out, "\n           ");
                terminal_add(&out, difference.text);
        }
        buf_add_char(&out, '\n');
        (void)terminal_write(&out);
        return good;
}

bool formatter_examples_run(struct formatter_trial *trial, const char *file, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *list = NULL;
        size_t failed = 0;
        size_t count;

        if (file_read(file, FILE_LIMIT, &text, reason) != 0)
                return false;
        list = json_parse(buf_text(&text), text.size, EXAMPLE_DEPTH, JSON_RELAXED, reason);
        if (!list || !json_object_is_type(list, json_type_array)) {
                if (list)
                        reason_set(reason, "it is not a list of examples");
                reason_prefix(reason, "%s", file);
                return false;
        }
        count = json_object_array_length(list);
        for (size_t i = 0; i < count; i++)
                failed += run(trial, json_object_array_get_idx(list, i), i + 1) ? 0 : 1;
        printf("%zu of %zu examples are good\n", count - failed, count);
        if (failed > 0)
                reason_set(reason, "%zu examples of '%s' failed", failed, file);
        return failed == 0;
}
