// SPDX-License-Identifier: MIT
/* `isthmus formatter test`: tries a payload formatter as the gateway would run it. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/formatter/formatter_trial.h"
#include "cli/options.h"

struct trial_options {
        struct formatter_options pool;
        struct formatter_input input;
        enum formatter_function function;
        bool function_given;
        int64_t memory_mib;
        bool bytes_given;
        struct buf bytes;
        const char *examples;
        const char *file;
};

static int usage(const char *word, const char *mistake)
{
        return terminal_usage("formatter", "'%s' %s", word, mistake);
}

static int complain(const struct reason *reason)
{
        return terminal_fail("formatter", "%s", reason->text);
}

/* --- options ------------------------------------------------------------------------------- */

static bool read_hex(void *target, const char *text, struct reason *reason)
{
        struct trial_options *options = target;

        (void)reason;
        options->bytes_given = true;
        return crypto_hex_decode(&options->bytes, text, strlen(text));
}

static bool read_base64(void *target, const char *text, struct reason *reason)
{
        struct trial_options *options = target;

        (void)reason;
        options->bytes_given = true;
        return crypto_base64_decode(&options->bytes, text, strlen(text));
}

static bool read_data(void *target, const char *text, struct reason *reason)
{
        struct trial_options *options = target;
        CLEANUP(json_cleanup)
        struct json_object *data = json_parse(text, strlen(text), 64, JSON_STRICT, reason);

        options->input.data = text;
        return data != NULL;
}

static bool read_function(void *target, const char *text, struct reason *reason)
{
        struct trial_options *options = target;

        (void)reason;
        options->function_given = true;
        return formatter_function_parse(text, &options->function);
}

static bool read_port(void *target, const char *text, struct reason *reason)
{
        struct trial_options *options = target;
        int64_t number = 0;

        (void)reason;
        if (!text_to_int64(text, 0, 255, &number))
                return false;
        options->input.port = (int)number;
        return true;
}

static bool read_time(void *target, const char *text, struct reason *reason)
{
        struct trial_options *options = target;

        (void)reason;
        return clock_parse_utc(text, &options->input.time_ns);
}

static const struct options_row rows[] = {
        OPTION_READ("fport", "N", "the port, 0 to 255", read_port),
        OPTION_READ("hex", "H", "the payload as hex digits", read_hex),
        OPTION_READ("base64", "B", "the payload as base64", read_base64),
        OPTION_READ("json", "J", "`data` of encodeDownlink or normalizeUplink", read_data),
        OPTION_READ("function", "NAME",
                    "decodeUplink (default with --hex and --base64), encodeDownlink (default with "
                    "--json), normalizeUplink or decodeDownlink",
                    read_function),
        OPTION_TEXT(struct trial_options, input.device, "device", "ID",
                    "`deviceId` and `terminalId`"),
        OPTION_TEXT(struct trial_options, input.application, "application", "ID",
                    "`applicationId`"),
        OPTION_TEXT(struct trial_options, input.method, "method", "NAME",
                    "`method`: of the command or direct method"),
        OPTION_READ("time", "T", "`recvTime`, as 2026-07-18T12:30:42Z (default: now)", read_time),
        OPTION_TEXT(struct trial_options, examples, "examples", "FILE",
                    "runs each example of a JSON list and compares"),
        OPTION_NUMBER(struct trial_options, pool.timeout_ms, "timeout", "MS", 1, 3600000,
                      "processor time of a call (default 100)"),
        OPTION_NUMBER(struct trial_options, memory_mib, "memory", "MIB", 1, 1 << 20,
                      "of the worker (default 256)"),
        {.name = NULL},
};

/* What the function needs, and nothing that it has no use for. */
static int check_options(struct trial_options *options)
{
        options->pool.maximum_memory_bytes = options->memory_mib << 20;
        if (options->bytes_given) {
                options->input.bytes = (const uint8_t *)buf_text(&options->bytes);
                options->input.size = options->bytes.size;
        }
        if (options->examples)
                return CLI_GOOD;
        if (!options->input.bytes && !options->input.data)
                return usage("test", "needs --hex, --base64, --json or --examples");
        if (!options->function_given && options->input.data)
                options->function = FORMATTER_ENCODE_DOWNLINK;
        if ((options->function == FORMATTER_ENCODE_DOWNLINK ||
             options->function == FORMATTER_NORMALIZE_UPLINK) &&
            !options->input.data)
                return usage(formatter_function_name(options->function), "needs --json");
        if ((options->function == FORMATTER_DECODE_UPLINK ||
             options->function == FORMATTER_DECODE_DOWNLINK) &&
            !options->input.bytes)
                return usage(formatter_function_name(options->function), "needs --hex or --base64");
        return CLI_GOOD;
}

/* --- the command --------------------------------------------------------------------------- */

static int call_once(struct formatter_trial *trial, const struct trial_options *options)
{
        const struct formatter_result *result =
                formatter_trial_call(trial, options->function, &options->input);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;

        if (result->status != FORMATTER_GOOD)
                return terminal_fail("formatter", "%s (%s)", result->reason.text,
                                     formatter_status_name(result->status));
        formatter_result_write(&text, options->function, result);
        text_add_printable_json(&out, buf_text(&text), text.size);
        buf_add_char(&out, '\n');
        (void)terminal_write(&out);
        fprintf(stderr, "%.3f ms, the worker has %.1f MiB\n", (double)result->elapsed_ns / 1e6,
                (double)result->memory_bytes / (1 << 20));
        return CLI_GOOD;
}

static int test(void *context)
{
        struct trial_options *options = context;
        struct formatter_trial trial;
        struct reason reason = REASON_INIT;
        int status = check_options(options);
        bool good;

        if (status != CLI_GOOD)
                return status;
        /* What goes wrong is said here, once. */
        log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_AUTO);
        good = formatter_trial_init(&trial, options->file, &options->pool, &reason) == 0;
        if (good && options->examples)
                good = formatter_examples_run(&trial, options->examples, &reason);
        else if (good)
                status = call_once(&trial, options);
        if (!good)
                status = complain(&reason);
        formatter_trial_deinit(&trial);
        return status;
}

static const struct options_action actions[] = {
        {"test",
         "FILE.js --fport N --hex H | --base64 B [options]\n"
         "FILE.js --json J [options]\n"
         "FILE.js --examples EXAMPLES.json",
         NULL, 1, 1, test},
        {.name = NULL},
};

const struct options isthmus_formatter_options = {
        .command = "formatter",
        .summary = "Runs a payload formatter as the gateway would, and prints its result as JSON.",
        .actions = actions,
        .rows = rows,
        .notes = "Exit status: 0 good, 1 it failed or an example differs, 2 wrong usage.",
};

int isthmus_formatter(int argc, char **argv)
{
        struct trial_options options = {
                .input = {.time_ns = clock_wall_ns(), .port = FORMATTER_NO_PORT}};
        struct options_found found;
        int status;

        if (options_read(&isthmus_formatter_options, argc, argv, &options, &found, &status)) {
                options.file = found.arguments[0];
                status = found.action->run(&options);
        }
        buf_deinit(&options.bytes);
        return status;
}
