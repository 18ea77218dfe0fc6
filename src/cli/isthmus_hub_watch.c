// SPDX-License-Identifier: MIT
/* `isthmus hub watch`: telemetry as it arrives, for people or as lines of JSON. */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/hub_control.h"
#include "cli/terminal.h"

#define BATCH        1000
#define WAIT_MS      10000 /* of one request, for the first message */
#define MARGIN_MS    20000
#define RECORD_DEPTH 80

/* Colours of a terminal. */
#define PLAIN  "\033[0m"
#define DIM    "\033[2m"
#define BOLD   "\033[1;36m"
#define YELLOW "\033[33m"

static const char help[] =
        "usage: isthmus hub watch [options]\n"
        "\n"
        "Shows the telemetry that a running local hub takes, as it arrives.\n"
        "\n"
        "  --control URL   control API of the hub, for example http://127.0.0.1:8081\n"
        "  --data DIR      data directory of the hub, whose hub.json names the control API\n"
        "                  (default: ~/.local/state/isthmus-hub)\n"
        "  --from SEQ      begins with this sequence number (default: the oldest kept);\n"
        "                  'latest': only what comes from now on\n"
        "  --count N       ends after N messages with status 0 (default: no end)\n"
        "  --device ID     only this device's\n"
        "  --timeout S     ends with status 1 after S seconds without --count reached\n"
        "  --json          a line of JSON each, as the control API gives it\n"
        "  --help          this text\n";

struct watch {
        const char *control;
        const char *directory;
        const char *device;
        bool latest;
        int64_t count; /* 0 = no end */
        int64_t timeout_ms;
        bool json;
        bool colour;
        int64_t shown;
        uint64_t next; /* sequence number */
};

/* --- one message for people ------------------------------------------------------------------ */

static const char *paint(const struct watch *watch, const char *code)
{
        return watch->colour ? code : "";
}

static void show_properties(const struct watch *watch, struct json_object *record, struct buf *out)
{
        struct json_object *properties = json_object_member(record, "properties");

        if (!properties || json_object_object_length(properties) == 0)
                return;
        buf_add_format(out, "  %s", paint(watch, DIM));
        json_object_object_foreach (properties, name, value) {
                terminal_add(out, name);
                buf_add_char(out, '=');
                terminal_add(out, json_object_get_string(value));
                buf_add_text(out, "  ");
        }
        buf_add_format(out, "%s\n", paint(watch, PLAIN));
}

static void show_body(struct json_object *record, struct buf *out)
{
        struct json_object *body = json_member(record, "body");
        const char *text = json_text_member(record, "bodyText");
        const char *base64 = json_text_member(record, "bodyBase64");

        if (!body && !text && !base64)
                return;
        buf_add_text(out, "  ");
        if (body) {
                terminal_add_json(out, body);
        } else if (text) {
                terminal_add(out, text);
        } else {
                buf_add_text(out, "base64 ");
                terminal_add(out, base64);
        }
        buf_add_char(out, '\n');
}

static void show(const struct watch *watch, struct json_object *record)
{
        const char *device = json_text_member(record, "deviceId");
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        int64_t sequence = 0;

        json_int_member(record, "sequence", &sequence);
        buf_add_format(&out, "%s#%lld ", paint(watch, DIM), (long long)sequence);
        terminal_add(&out, json_text_member(record, "enqueuedTimeUtc"));
        buf_add_text(&out, "  ");
        terminal_add(&out, json_text_member(record, "hub"));
        buf_add_format(&out, "%s  %s", paint(watch, PLAIN), paint(watch, BOLD));
        terminal_add(&out, device ? device : "?");
        buf_add_format(&out, "%s  %s", paint(watch, PLAIN), paint(watch, YELLOW));
        terminal_add(&out, json_text_member(record, "modelId"));
        buf_add_format(&out, "%s\n", paint(watch, PLAIN));
        show_properties(watch, record, &out);
        show_body(record, &out);
        (void)terminal_write(&out);
}

/* --- reading --------------------------------------------------------------------------------- */

static bool is_full(const struct watch *watch)
{
        return watch->count > 0 && watch->shown >= watch->count;
}

static void take_line(struct watch *watch, const char *line, size_t size)
{
        struct reason ignored = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *record = json_parse(line, size, RECORD_DEPTH, JSON_STRICT, &ignored);
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        int64_t sequence;

        if (!json_int_member(record, "sequence", &sequence) || is_full(watch))
                return;
        watch->next = (uint64_t)sequence + 1;
        watch->shown++;
        if (!watch->json) {
                show(watch, record);
                return;
        }
        text_add_printable_json(&out, line, size);
        buf_add_char(&out, '\n');
        (void)terminal_write(&out);
}

static void take_lines(struct watch *watch, const struct buf *answer)
{
        const char *line = buf_text(answer);

        while (*line) {
                size_t size = strcspn(line, "\n");

                if (size > 0)
                        take_line(watch, line, size);
                line += size + (line[size] == '\n');
        }
        fflush(stdout);
}

/* Asks once; the hub answers when there is something, or after `wait_ms`. */
static int ask(struct watch *watch, struct hub_control *control, int64_t wait_ms,
               struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        CLEANUP(buf_deinit) struct buf answer = BUF_INIT;
        int result;

        buf_add_format(&path, "/telemetry?limit=%d&wait=%lld", BATCH, (long long)wait_ms);
        if (watch->next > 0)
                buf_add_format(&path, "&from=%" PRIu64, watch->next);
        if (watch->device) {
                buf_add_text(&path, "&device=");
                text_url_escape(&path, watch->device);
        }
        result = hub_control_call(control,
                                  &(const struct hub_control_request){
                                          .method = "GET",
                                          .path = buf_text(&path),
                                          .timeout_ms = (long)wait_ms + MARGIN_MS,
                                  },
                                  &answer, reason);
        if (result == 0)
                take_lines(watch, &answer);
        return result;
}

/* What comes from now on begins behind the newest message. */
static int skip_to_latest(struct watch *watch, struct hub_control *control, struct reason *reason)
{
        const struct hub_control_request request = {
                .method = "GET",
                .path = "/stats",
                .timeout_ms = MARGIN_MS,
        };
        CLEANUP(buf_deinit) struct buf answer = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *stats = NULL;
        int64_t newest = 0;
        int result = hub_control_call(control, &request, &answer, reason);

        if (result)
                return result;
        stats = json_parse(buf_text(&answer), answer.size, RECORD_DEPTH, JSON_STRICT, reason);
        if (!json_int_member(json_object_member(stats, "telemetry"), "newest", &newest))
                return -EIO;
        watch->next = (uint64_t)newest + 1;
        return 0;
}

static int watch_on(struct watch *watch, struct hub_control *control)
{
        int64_t deadline_ms = clock_steady_ms() + watch->timeout_ms;
        struct reason reason = REASON_INIT;

        if (watch->latest && skip_to_latest(watch, control, &reason) != 0)
                return terminal_fail("hub watch", "%s", reason.text);
        while (!is_full(watch) && !ferror(stdout)) {
                int64_t wait_ms = WAIT_MS;

                if (watch->timeout_ms > 0) {
                        int64_t left_ms = deadline_ms - clock_steady_ms();

                        if (left_ms <= 0)
                                return terminal_fail("hub watch", "%lld messages in time",
                                                     (long long)watch->shown);
                        wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
                }
                if (ask(watch, control, wait_ms, &reason) != 0)
                        return terminal_fail("hub watch", "%s", reason.text);
        }
        return CLI_GOOD;
}

/* --- options --------------------------------------------------------------------------------- */

enum option_id {
        OPTION_CONTROL = 256,
        OPTION_DATA,
        OPTION_FROM,
        OPTION_COUNT,
        OPTION_DEVICE,
        OPTION_TIMEOUT,
        OPTION_JSON,
        OPTION_HELP,
};

static const struct option options[] = {
        {"control", required_argument, NULL, OPTION_CONTROL},
        {"data", required_argument, NULL, OPTION_DATA},
        {"from", required_argument, NULL, OPTION_FROM},
        {"count", required_argument, NULL, OPTION_COUNT},
        {"device", required_argument, NULL, OPTION_DEVICE},
        {"timeout", required_argument, NULL, OPTION_TIMEOUT},
        {"json", no_argument, NULL, OPTION_JSON},
        {"help", no_argument, NULL, OPTION_HELP},
        {NULL, 0, NULL, 0},
};

static bool read_from(struct watch *watch)
{
        int64_t number = 0;

        watch->latest = strcmp(optarg, "latest") == 0;
        if (watch->latest)
                return true;
        if (!text_to_int64(optarg, 0, INT64_MAX, &number))
                return false;
        watch->next = (uint64_t)number;
        return true;
}

static bool read_timeout(struct watch *watch)
{
        int64_t seconds;

        if (!text_to_int64(optarg, 1, 1000000, &seconds))
                return false;
        watch->timeout_ms = seconds * 1000;
        return true;
}

/* False if the value makes no sense. */
static bool read_option(struct watch *watch, int id)
{
        switch (id) {
        case OPTION_CONTROL:
                watch->control = optarg;
                return true;
        case OPTION_DATA:
                watch->directory = optarg;
                return true;
        case OPTION_FROM:
                return read_from(watch);
        case OPTION_COUNT:
                return text_to_int64(optarg, 1, INT64_MAX, &watch->count);
        case OPTION_DEVICE:
                watch->device = optarg;
                return true;
        case OPTION_TIMEOUT:
                return read_timeout(watch);
        case OPTION_JSON:
                watch->json = true;
                return true;
        default:
                return false;
        }
}

static int run(struct watch *watch)
{
        struct hub_control *control = NULL;
        struct reason reason = REASON_INIT;
        int status;

        if (hub_control_open(watch->control, watch->directory, &control, &reason) != 0)
                return terminal_fail("hub watch", "%s", reason.text);
        watch->colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
        status = watch_on(watch, control);
        hub_control_close(control);
        return status;
}

int isthmus_hub_watch(int argc, char **argv)
{
        struct watch watch = {.count = 0};
        int id;

        opterr = 0;
        optind = 1;
        while ((id = getopt_long(argc, argv, ":", options, NULL)) != -1) {
                if (id == OPTION_HELP) {
                        fputs(help, stdout);
                        return CLI_GOOD;
                }
                if (!read_option(&watch, id))
                        return terminal_usage("hub watch", "bad option '%s'", argv[optind - 1]);
        }
        if (optind < argc)
                return terminal_usage("hub watch", "unexpected argument '%s'", argv[optind]);
        return run(&watch);
}
