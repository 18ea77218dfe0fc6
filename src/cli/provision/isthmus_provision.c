// SPDX-License-Identifier: MIT
/*
 * `isthmus provision`: registers many devices. The running gateway does it, told at its control
 * socket; where none runs, one that does nothing else is started in this process and told the same.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json/json.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/gateway/gateway_control.h"
#include "cli/options.h"
#include "cli/provision/provision_file.h"
#include "conf/settings.h"
#include "conf/settings_load.h"
#include "gateway/control/control_request.h"
#include "gateway/gateway.h"

#define FILE_MAX ((size_t)256 * 1024 * 1024)

/* So many devices are named in one request, and at most so many bytes. */
#define BATCH_MOST  1000
#define BATCH_BYTES ((size_t)200 * 1024)

#define LOOK_MS 100

/* So many failures are shown on a terminal; the report has all. */
#define SHOWN_MOST 20

#define COMMAND "provision"

struct order {
        const char *config;
        const char *devices;
        const char *network;
        const char *application;
        const char *report;
        int64_t limit;
        bool dry_run;
        bool again;
        bool json;
};

struct run {
        const struct order *order;
        struct settings settings;
        struct gateway *own; /* of this process; NULL = another one runs */
        struct http_client *gateway;
        FILE *report;
        bool lines; /* JSON lines on standard output, no progress */
        bool stopped;
        sigset_t signals;
        int64_t started_ms;
        int64_t next;                 /* outcome */
        struct json_object *counts;   /* as told last; or NULL */
        struct json_object *failures; /* the first ones */
        int64_t quota;
        struct buf out;
};

static int64_t count_of(const struct run *run, const char *name)
{
        return json_number_member(run->counts, name, 0);
}

/* --- progress and report ------------------------------------------------------------------- */

static double seconds(const struct run *run)
{
        return (double)(clock_steady_ms() - run->started_ms) / 1000;
}

static int64_t done_of(const struct run *run)
{
        return count_of(run, "assigned") + count_of(run, "confirmed") + count_of(run, "moved");
}

/* Takes the place of the line before. */
static void show_progress(const struct run *run)
{
        double rate = (double)done_of(run) / (seconds(run) > 0.1 ? seconds(run) : 0.1);
        double per_second = run->quota > 0 ? (double)run->quota / 60 : rate;
        int64_t waiting = count_of(run, "waiting");

        fprintf(stderr,
                "\r\033[K%" PRId64 " registered, %" PRId64 " wait, %" PRId64 " failed, %.0f/s",
                done_of(run), waiting, count_of(run, "failed"), rate);
        if (run->quota > 0)
                fprintf(stderr, ", quota %" PRId64 " a minute", run->quota);
        if (waiting > 0 && per_second > 0)
                fprintf(stderr, ", %.0f s left", (double)waiting / per_second);
        fflush(stderr);
}

static void write_line(struct run *run, struct json_object *object)
{
        terminal_add_json_line(&run->out, object);
        if (run->report)
                fputs(buf_text(&run->out), run->report);
        if (run->lines)
                (void)terminal_write(&run->out);
        buf_clear(&run->out);
}

static void take_outcomes(struct run *run, struct json_object *outcomes)
{
        for (size_t i = 0; outcomes && i < json_object_array_length(outcomes); i++) {
                struct json_object *outcome = json_object_array_get_idx(outcomes, i);

                write_line(run, outcome);
                if (text_equal(json_text_member(outcome, "result"), "failed") &&
                    json_object_array_length(run->failures) < SHOWN_MOST)
                        json_object_array_add(run->failures, json_object_get(outcome));
        }
}

static void write_summary(struct run *run)
{
        CLEANUP(json_cleanup) struct json_object *line = json_object_new_object();
        struct json_object *summary = json_object_new_object();

        json_object_object_foreach (run->counts, name, count) {
                json_object_object_add(summary, name, json_object_get(count));
        }
        json_add_int(summary, "milliseconds", clock_steady_ms() - run->started_ms);
        json_add_int(summary, "quota", run->quota);
        json_add_bool(summary, "interrupted", run->stopped);
        json_object_object_add(line, "summary", summary);
        write_line(run, line);
}

static void show_summary(struct run *run)
{
        struct buf *out = &run->out;
        const char *separator = "";

        for (size_t i = 0; i < json_object_array_length(run->failures); i++) {
                struct json_object *failure = json_object_array_get_idx(run->failures, i);

                terminal_add(out, json_text_member(failure, "device"));
                buf_add_text(out, ": ");
                terminal_add(out, json_text_member(failure, "reason"));
                buf_add_char(out, '\n');
        }
        json_object_object_foreach (run->counts, name, count) {
                if (json_object_get_int64(count) == 0)
                        continue;
                buf_add_format(out, "%s%" PRId64 " %s", separator, json_object_get_int64(count),
                               name);
                separator = ", ";
        }
        buf_add_format(out, "%s in %.1f s%s\n", separator[0] ? "" : "no devices", seconds(run),
                       run->stopped ? ", interrupted" : "");
        (void)terminal_write(out);
}

/* --- the gateway --------------------------------------------------------------------------- */

/* Takes up how the bulk stands; what is told of devices is written. */
static void take_view(struct run *run, struct json_object *view, bool *running, bool *more)
{
        struct json_object *counts = json_member(view, "counts");

        json_object_put(run->counts);
        run->counts = json_object_get(counts);
        run->quota = json_number_member(view, "quota", run->quota);
        run->next = json_number_member(view, "next", run->next);
        *running = text_equal(json_text_member(view, "state"), "running");
        *more = json_object_get_boolean(json_member(view, "more"));
        take_outcomes(run, json_member(view, "outcomes"));
}

static int start(struct run *run, struct reason *reason)
{
        const struct order *order = run->order;
        CLEANUP(json_cleanup) struct json_object *answer = NULL;
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;

        buf_add_text(&path, "/provision");
        gateway_control_argument(&path, "lists", order->devices ? "false" : "true");
        gateway_control_argument(&path, "again", order->again ? "true" : NULL);
        gateway_control_argument(&path, "dryRun", order->dry_run ? "true" : NULL);
        gateway_control_argument(&path, "application", order->application);
        gateway_control_number(&path, "limit", order->limit);
        answer = gateway_control_call(run->gateway, "POST", buf_text(&path), reason);
        return answer ? 0 : -EIO;
}

static int send_batch(struct run *run, struct json_object *batch, bool more, struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *answer = NULL;
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;

        json_write(&body, batch);
        answer = gateway_control_send(run->gateway,
                                      more ? "/provision/devices?more=true" : "/provision/devices",
                                      &body, reason);
        return answer ? 0 : -EIO;
}

/* Names the devices of the file, some at a time. */
static int name_devices(struct run *run, struct json_object *devices, struct reason *reason)
{
        size_t count = json_object_array_length(devices);
        size_t at = 0;
        int result = 0;

        do {
                CLEANUP(json_cleanup) struct json_object *batch = json_object_new_array();
                size_t bytes = 0;

                while (at < count && json_object_array_length(batch) < BATCH_MOST &&
                       bytes < BATCH_BYTES) {
                        struct json_object *device = json_object_array_get_idx(devices, at++);

                        bytes += strlen(json_object_to_json_string(device));
                        json_object_array_add(batch, json_object_get(device));
                }
                result = send_batch(run, batch, at < count, reason);
        } while (result == 0 && at < count);
        return result;
}

/* Waits a moment, or until the user wants no more: then the gateway is told. */
static void wait_a_moment(struct run *run)
{
        static const struct timespec moment = {.tv_nsec = LOOK_MS * 1000000L};
        CLEANUP(json_cleanup) struct json_object *answer = NULL;
        struct reason reason = REASON_INIT;

        if (sigtimedwait(&run->signals, NULL, &moment) <= 0)
                return;
        run->stopped = true;
        answer = gateway_control_call(run->gateway, "DELETE", "/provision", &reason);
        if (!answer)
                terminal_fail(COMMAND, "%s", reason.text);
}

static int follow(struct run *run, struct reason *reason)
{
        bool running = true;
        bool more = false;

        while ((running || more) && !run->stopped) {
                CLEANUP(json_cleanup) struct json_object *view = NULL;
                CLEANUP(buf_deinit) struct buf path = BUF_INIT;

                if (!more)
                        wait_a_moment(run);
                buf_add_format(&path, "/provision?after=%" PRId64, run->next);
                view = gateway_control_call(run->gateway, "GET", buf_text(&path), reason);
                if (!view)
                        return -EIO;
                take_view(run, view, &running, &more);
                fflush(stdout);
                if (!run->lines)
                        show_progress(run);
        }
        return 0;
}

/* The gateway that runs, else one of our own. */
static int find_gateway(struct run *run, struct reason *reason)
{
        const char *directory = run->settings.data_directory;
        int result = gateway_control_open(directory, &run->gateway, reason);

        if (result != GATEWAY_CONTROL_E_ABSENT)
                return result;
        *reason = REASON_INIT;
        result = gateway_start_to_provision(&run->settings, &run->own, reason);
        return result == 0 ? gateway_control_open(directory, &run->gateway, reason) : result;
}

/* --- the command --------------------------------------------------------------------------- */

static struct json_object *read_devices(const struct order *order, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        const struct provision_defaults defaults = {order->network, order->application};
        struct json_object *devices;

        if (file_read(order->devices, FILE_MAX, &text, reason) != 0)
                return NULL;
        devices = provision_file_read(buf_text(&text), text.size, &defaults, reason);
        if (!devices)
                reason_prefix(reason, "%s", order->devices);
        return devices;
}

static int provision(struct run *run, struct json_object *devices)
{
        struct reason reason = REASON_INIT;
        int result = find_gateway(run, &reason);

        if (result == 0)
                result = start(run, &reason);
        if (result == 0 && devices)
                result = name_devices(run, devices, &reason);
        if (result == 0)
                result = follow(run, &reason);
        if (!run->lines && run->counts)
                fputs("\r\033[K", stderr);
        if (run->counts)
                write_summary(run);
        if (run->counts && !run->lines)
                show_summary(run);
        if (result != 0)
                return terminal_fail(COMMAND, "%s", reason.text);
        return count_of(run, "failed") > 0 || run->stopped ? CLI_FAILED : CLI_GOOD;
}

static void block_signals(struct run *run)
{
        sigemptyset(&run->signals);
        sigaddset(&run->signals, SIGTERM);
        sigaddset(&run->signals, SIGINT);
        sigprocmask(SIG_BLOCK, &run->signals, NULL);
        signal(SIGPIPE, SIG_IGN);
}

/* Before anything is asked of anybody: what is not in order ends it. */
static int prepare(struct run *run, struct json_object **devices)
{
        const struct order *order = run->order;
        struct reason reason = REASON_INIT;

        if (!settings_load_or_complain(&run->settings, order->config))
                return CLI_USAGE;
        if (order->devices) {
                *devices = read_devices(order, &reason);
                if (!*devices)
                        return terminal_fail(COMMAND, "%s", reason.text);
        }
        if (order->report) {
                run->report = fopen(order->report, "w");
                if (!run->report)
                        return terminal_fail(COMMAND, "%s: %s", order->report, strerror(errno));
        }
        return CLI_GOOD;
}

static int run_order(const struct order *order)
{
        CLEANUP(json_cleanup) struct json_object *devices = NULL;
        struct run run = {.order = order, .started_ms = clock_steady_ms()};
        int status;

        process_keep_files_private();
        process_keep_memory_private();
        block_signals(&run);
        log_configure(LOG_LEVEL_WARN, LOG_FORMAT_AUTO);
        settings_init(&run.settings);
        run.lines = order->json || !isatty(STDOUT_FILENO) || !isatty(STDERR_FILENO);
        run.failures = json_object_new_array();
        status = prepare(&run, &devices);
        if (status == CLI_GOOD)
                status = provision(&run, devices);
        http_client_free(run.gateway);
        if (run.own)
                gateway_stop(run.own);
        if (run.report && fclose(run.report) != 0)
                status = terminal_fail(COMMAND, "%s: %s", order->report, strerror(errno));
        json_object_put(run.counts);
        json_object_put(run.failures);
        settings_deinit(&run.settings);
        buf_deinit(&run.out);
        return status;
}

static const struct options_row rows[] = {
        OPTION_CONFIG(struct order, config,
                      "the configuration (default " SETTINGS_DEFAULT_FILE ")"),
        OPTION_TEXT(struct order, devices, "devices", "FILE",
                    "the devices: one id a line, CSV with a header, or JSON lines (default: those "
                    "that the networks list)"),
        OPTION_TEXT(struct order, network, "network", "NAME",
                    "the network of those devices of FILE that name none"),
        OPTION_TEXT(struct order, application, "application", "APP",
                    "only devices of this application; it is also that of those that name none"),
        OPTION_NUMBER(struct order, limit, "limit", "N", 1, CONTROL_BULK_MAX,
                      "asks about N devices at most"),
        OPTION_SWITCH(struct order, dry_run, "dry-run",
                      "says what would be done, and does nothing"),
        OPTION_SWITCH(struct order, again, "again",
                      "asks also about devices whose hub is known: they may have moved"),
        OPTION_TEXT(struct order, report, "report", "FILE", "also writes the JSON lines to FILE"),
        OPTION_SWITCH(struct order, json, "json",
                      "JSON lines also on a terminal: a device each, then a summary"),
        {.name = NULL},
};

const struct options isthmus_provision_options = {
        .command = COMMAND,
        .synopsis = "[--devices FILE] [options]",
        .summary =
                "Registers many devices with the provisioning service, as fast as it takes them. "
                "What is known asks nothing, so that a run that was interrupted goes on.",
        .rows = rows,
        .notes = "The running gateway does it; where none runs, this program does. Exit status: 0 "
                 "if no device failed, 1 if one did, 2 for wrong usage.",
};

int isthmus_provision(int argc, char **argv)
{
        struct order order = {.config = SETTINGS_DEFAULT_FILE};
        struct options_found found;
        int status;

        if (!options_read(&isthmus_provision_options, argc, argv, &order, &found, &status))
                return status;
        return run_order(&order);
}
