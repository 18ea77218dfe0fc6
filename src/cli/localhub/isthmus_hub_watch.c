// SPDX-License-Identifier: MIT
/* `isthmus hub watch`: telemetry as it arrives, for people or as lines of JSON. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/localhub/hub_control.h"
#include "cli/options.h"

#define BATCH        1000
#define WAIT_MS      10000 /* of one request, for the first message */
#define MARGIN_MS    20000
#define RECORD_DEPTH 80

/* Colours of a terminal. */
#define PLAIN  "\033[0m"
#define DIM    "\033[2m"
#define BOLD   "\033[1;36m"
#define YELLOW "\033[33m"

struct watch {
        const char *control;
        const char *directory;
        const char *device;
        bool latest;
        int64_t count;     /* 0 = no end */
        int64_t timeout_s; /* 0 = none */
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

/* What differs from the device's model. */
static void show_warnings(const struct watch *watch, struct json_object *record, struct buf *out)
{
        struct json_object *warnings = json_member(record, "warnings");

        for (size_t i = 0; json_object_is_type(warnings, json_type_array) &&
                           i < json_object_array_length(warnings);
             i++) {
                buf_add_format(out, "  %s! ", paint(watch, YELLOW));
                terminal_add(out, json_object_get_string(json_object_array_get_idx(warnings, i)));
                buf_add_format(out, "%s\n", paint(watch, PLAIN));
        }
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
        show_warnings(watch, record, &out);
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
        int64_t deadline_ms = clock_steady_ms() + watch->timeout_s * 1000;
        struct reason reason = REASON_INIT;

        if (watch->latest && skip_to_latest(watch, control, &reason) != 0)
                return terminal_fail("hub watch", "%s", reason.text);
        while (!is_full(watch) && !ferror(stdout)) {
                int64_t wait_ms = WAIT_MS;

                if (watch->timeout_s > 0) {
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

static bool read_from(void *target, const char *text, struct reason *reason)
{
        struct watch *watch = target;
        int64_t number = 0;

        (void)reason;
        watch->latest = strcmp(text, "latest") == 0;
        if (!watch->latest && !text_to_int64(text, 0, INT64_MAX, &number))
                return false;
        watch->next = (uint64_t)number;
        return true;
}

static const struct options_row rows[] = {
        HUB_CONTROL_ROWS(struct watch),
        OPTION_READ("from", "SEQ",
                    "begins with this sequence number (default: the oldest kept); 'latest': only "
                    "what comes from now on",
                    read_from),
        OPTION_NUMBER(struct watch, count, "count", "N", 1, INT64_MAX,
                      "ends after N messages with status 0 (default: no end)"),
        OPTION_TEXT(struct watch, device, "device", "ID", "only this device's"),
        OPTION_NUMBER(struct watch, timeout_s, "timeout", "S", 1, 1000000,
                      "ends with status 1 after S seconds without --count reached"),
        OPTION_SWITCH(struct watch, json, "json",
                      "a line of JSON each, as the control API gives it"),
        {.name = NULL},
};

const struct options isthmus_hub_watch_options = {
        .command = "hub watch",
        .synopsis = "[options]",
        .summary = "Shows the telemetry that a running local hub takes, as it arrives.",
        .rows = rows,
};

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
        struct options_found found;
        int status;

        return options_read(&isthmus_hub_watch_options, argc, argv, &watch, &found, &status)
                       ? run(&watch)
                       : status;
}
