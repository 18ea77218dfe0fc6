// SPDX-License-Identifier: MIT
/* `isthmus formatter test`: tries a payload formatter as the gateway would run it. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/formatter_trial.h"
#include "cli/terminal.h"

static const char help[] =
        "usage: isthmus formatter test FILE.js --fport N --hex H | --base64 B [options]\n"
        "       isthmus formatter test FILE.js --json J [options]\n"
        "       isthmus formatter test FILE.js --examples EXAMPLES.json\n"
        "\n"
        "Runs a payload formatter as the gateway would, and prints its result as JSON.\n"
        "\n"
        "  --fport N        the port, 0 to 255\n"
        "  --hex H          the payload as hex digits\n"
        "  --base64 B       the payload as base64\n"
        "  --json J         `data` of encodeDownlink or normalizeUplink\n"
        "  --function NAME  decodeUplink (default with --hex and --base64), encodeDownlink\n"
        "                   (default with --json), normalizeUplink or decodeDownlink\n"
        "  --device ID      `deviceId` and `terminalId`\n"
        "  --application ID `applicationId`\n"
        "  --method NAME    `method`: of the command or direct method\n"
        "  --time T         `recvTime`, as 2026-07-18T12:30:42Z (default: now)\n"
        "  --examples FILE  runs each example of a JSON list and compares\n"
        "  --timeout MS     processor time of a call (default 100)\n"
        "  --memory MIB     of the worker (default 256)\n"
        "  --help           this text\n"
        "\n"
        "Exit status: 0 good, 1 it failed or an example differs, 2 wrong usage.\n";

struct trial_options {
        struct formatter_options pool;
        struct formatter_input input;
        enum formatter_function function;
        bool function_given;
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

static bool take_bytes(struct trial_options *options, int option, const char *text)
{
        bool good = option == 'x' ? crypto_hex_decode(&options->bytes, text, strlen(text))
                                  : crypto_base64_decode(&options->bytes, text, strlen(text));

        options->input.bytes = (const uint8_t *)buf_text(&options->bytes);
        options->input.size = options->bytes.size;
        return good;
}

static bool take_data(struct trial_options *options, const char *text)
{
        CLEANUP(json_cleanup)
        struct json_object *data = json_parse(text, strlen(text), 64, JSON_STRICT, NULL);

        options->input.data = text;
        return data != NULL;
}

/* False if the value of the option can't be used. */
static bool take_option(struct trial_options *options, int option, const char *text)
{
        int64_t number = 0;
        bool good = true;

        switch (option) {
        case 'x':
        case 'b':
                return take_bytes(options, option, text);
        case 'j':
                return take_data(options, text);
        case 'f':
                options->function_given = true;
                return formatter_function_parse(text, &options->function);
        case 'p':
                good = text_to_int64(text, 0, 255, &number);
                options->input.port = (int)number;
                return good;
        case 't':
                return clock_parse_utc(text, &options->input.time_ns);
        case 'l':
                return text_to_int64(text, 1, 3600000, &options->pool.timeout_ms);
        case 'M':
                good = text_to_int64(text, 1, 1 << 20, &number);
                options->pool.maximum_memory_bytes = number << 20;
                return good;
        case 'd':
                options->input.device = text;
                return true;
        case 'a':
                options->input.application = text;
                return true;
        case 'm':
                options->input.method = text;
                return true;
        default:
                options->examples = text;
                return true;
        }
}

/* What the function needs, and nothing that it has no use for. */
static int check_options(struct trial_options *options)
{
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

static int test(const struct trial_options *options)
{
        struct formatter_trial trial;
        struct reason reason = REASON_INIT;
        int status = CLI_GOOD;
        bool good;

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

static int run(struct trial_options *options, int argc, char **argv)
{
        static const struct option table[] = {
                {"application", required_argument, NULL, 'a'},
                {"base64", required_argument, NULL, 'b'},
                {"device", required_argument, NULL, 'd'},
                {"examples", required_argument, NULL, 'e'},
                {"function", required_argument, NULL, 'f'},
                {"help", no_argument, NULL, 'h'},
                {"json", required_argument, NULL, 'j'},
                {"timeout", required_argument, NULL, 'l'},
                {"method", required_argument, NULL, 'm'},
                {"memory", required_argument, NULL, 'M'},
                {"fport", required_argument, NULL, 'p'},
                {"time", required_argument, NULL, 't'},
                {"hex", required_argument, NULL, 'x'},
                {NULL, 0, NULL, 0},
        };
        int option;
        int status;

        while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
                if (option == 'h') {
                        fputs(help, stdout);
                        return CLI_GOOD;
                }
                if (option == '?')
                        return CLI_USAGE;
                if (!take_option(options, option, optarg))
                        return usage(optarg, "can't be used there");
        }
        if (optind + 2 != argc || strcmp(argv[optind], "test") != 0) {
                fputs(help, stderr);
                return CLI_USAGE;
        }
        options->file = argv[optind + 1];
        status = check_options(options);
        return status == CLI_GOOD ? test(options) : status;
}

int isthmus_formatter(int argc, char **argv)
{
        struct trial_options options = {
                .input = {.time_ns = clock_wall_ns(), .port = FORMATTER_NO_PORT}};
        int status = run(&options, argc, argv);

        buf_deinit(&options.bytes);
        return status;
}
