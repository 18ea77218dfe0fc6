// SPDX-License-Identifier: MIT
/* `isthmus uplink test`: what a webhook would become, or why not; nothing is sent or stored. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/formatter/formatter_trial.h"
#include "cli/options.h"
#include "conf/settings_load.h"
#include "gateway/device/device.h"
#include "gateway/device/device_identity.h"
#include "gateway/device/network_settings.h"
#include "gateway/uplink/uplink_format.h"
#include "gateway/uplink/uplink_message.h"
#include "gateway/uplink/uplink_store.h"
#include "networks/network.h"

struct dry_run {
        const char *file;
        const char *network; /* NULL = not said */
        const char *path;
        const char *config;
        struct settings settings;
        struct buf body;
        struct buf out;
        bool incomplete; /* something would not be sent */
};

static void add_row(struct dry_run *run, const char *name, const char *value)
{
        buf_add_format(&run->out, "  %-12s ", name);
        terminal_add(&run->out, value);
        buf_add_char(&run->out, '\n');
}

static void add_failure(struct dry_run *run, const char *why)
{
        add_row(run, "not sent", why);
        run->incomplete = true;
}

/* --- the formatter -------------------------------------------------------------------------- */

static char *formatter_file(const struct settings *settings, const char *name)
{
        return mem_format("%s/%s", settings->payload_formatters.directory, name);
}

static int call_formatter(struct formatter_trial *trial, const struct event *event,
                          struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        const struct formatter_result *result;

        if (network_by_name(event->network)->payload(event, &bytes, reason) != 0)
                return 1;
        result = formatter_trial_call(trial, FORMATTER_DECODE_UPLINK,
                                      &(struct formatter_input){
                                              .bytes = (const uint8_t *)buf_text(&bytes),
                                              .size = bytes.size,
                                              .port = event->port,
                                              .time_ns = event->time_ns,
                                              .device = event->device,
                                              .application = event->application,
                                      });
        if (result->status == FORMATTER_GOOD)
                return 0;
        *reason = result->reason;
        return 1;
}

/* The message, of what the trial's formatter has made if there is one. */
static int translate(const struct dry_run *run, const struct event *event,
                     const struct formatter_result *made, struct telemetry *telemetry,
                     struct reason *reason)
{
        const struct formatted formatted = {.data = made ? made->data : NULL,
                                            .properties = made ? made->properties : NULL,
                                            .property_count = made ? made->property_count : 0};

        return uplink_message(&run->settings, event, &formatted, telemetry, reason);
}

static int format_and_translate(struct dry_run *run, const struct event *event, const char *name,
                                struct telemetry *telemetry, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *file = formatter_file(&run->settings, name);
        const struct formatter_options options = {
                .timeout_ms = run->settings.payload_formatters.timeout_ms,
                .maximum_memory_bytes = run->settings.payload_formatters.maximum_memory_bytes,
        };
        struct formatter_trial trial;
        int result = formatter_trial_init(&trial, file, &options, reason);

        if (result == 0)
                result = call_formatter(&trial, event, reason);
        if (result == 0 && trial.result.warnings)
                add_row(run, "warnings", trial.result.warnings);
        if (result == 0)
                result = translate(run, event, &trial.result, telemetry, reason);
        formatter_trial_deinit(&trial);
        return result;
}

/* --- an event ------------------------------------------------------------------------------- */

static void add_telemetry(struct dry_run *run, const struct event *event)
{
        const struct device unlisted = {.key = NULL};
        const char *formatter = uplink_format_choose(&run->settings, &unlisted, event);
        CLEANUP(telemetry_deinit) struct telemetry telemetry = TELEMETRY_INIT;
        struct reason reason = REASON_INIT;
        int result;

        if (formatter)
                add_row(run, "formatter", formatter);
        result = formatter ? format_and_translate(run, event, formatter, &telemetry, &reason)
                           : translate(run, event, NULL, &telemetry, &reason);
        if (result != 0) {
                add_failure(run, reason.text);
                return;
        }
        add_row(run, "message id", event->message_id);
        for (size_t i = 0; i < telemetry.property_count; i++) {
                CLEANUP(mem_cleanup)
                char *row = mem_format("%s = %s", telemetry.properties[i].name,
                                       telemetry.properties[i].value);

                add_row(run, "property", row);
        }
        buf_add_format(&run->out, "  %-12s ", "body");
        text_add_printable_json(&run->out, buf_text(&telemetry.body), telemetry.body.size);
        buf_add_char(&run->out, '\n');
}

/* Where it would go. */
static void add_place(struct dry_run *run, const struct event *event)
{
        CLEANUP(buf_deinit) struct buf id = BUF_INIT;
        CLEANUP(mem_cleanup)
        char *scope = device_identity_scope(&run->settings, event->application);
        struct settings_azure azure;
        const char *near_miss;
        const char *model = settings_model_id(&run->settings, event->application, &near_miss);

        if (device_identity_make(&run->settings, event, &id, NULL))
                add_row(run, "hub device", buf_text(&id));
        if (!settings_azure_for(&run->settings, event->application, &azure))
                add_row(run, "hub", "none is configured for this application");
        else if (azure.connection_type == SETTINGS_DEVICE_PROVISIONING_SERVICE)
                add_row(run, "ID scope", scope);
        else
                add_row(run, "hub", scope);
        add_row(run, "model", text_is_empty(model) ? "none" : model);
        if (near_miss)
                add_row(run, "near miss", near_miss);
}

static void add_event(struct dry_run *run, const struct event *event)
{
        struct reason reason = REASON_INIT;
        CLEANUP(mem_cleanup)
        char *title = mem_format("%s of device '%s' of application '%s' of %s",
                                 event_kind_name(event->kind), event->device, event->application,
                                 event->network);

        terminal_add(&run->out, title);
        buf_add_char(&run->out, '\n');
        add_place(run, event);
        if (!uplink_store_wants(&run->settings, event->kind))
                add_failure(run, "Telemetry.Events does not name this kind of message");
        else if (!network_settings_integrates(&run->settings, event->network, event->application))
                add_failure(run, "DeviceIntegrationDefault is false: only devices whose attribute "
                                 "azureintegration is true are connected");
        else if (!device_identity_check(&run->settings, event, &reason))
                add_failure(run, reason.text);
        else
                add_telemetry(run, event);
        (void)terminal_write(&run->out);
}

/* --- the webhook ---------------------------------------------------------------------------- */

/* The driver's own answer. */
static int parse(const struct dry_run *run, const struct network *network,
                 struct event_list *events, struct reason *reason)
{
        const struct webhook webhook = {
                .path = run->path ? run->path : "",
                .body = buf_text(&run->body),
                .body_size = run->body.size,
                .maximum_values = (size_t)run->settings.limits.json_values,
                .arrived_ns = clock_wall_ns(),
        };

        return network->parse(&webhook, events, reason);
}

static int show(struct dry_run *run, const struct event_list *events, const struct reason *reason)
{
        bool is_remark = reason->text[0] != '\0' && events->count > 0;

        if (is_remark)
                add_row(run, "remark", reason->text);
        for (size_t i = 0; i < events->count; i++)
                add_event(run, &events->events[i]);
        for (size_t i = 0; i < events->refusal_count; i++)
                add_failure(run, events->refusals[i].why);
        if (events->count == 0)
                add_failure(run, reason->text[0] ? reason->text : "nothing is to be done");
        (void)terminal_write(&run->out);
        return run->incomplete ? CLI_FAILED : CLI_GOOD;
}

/* Shows it if this network understands it; else false, with its reason. */
static bool try_network(struct dry_run *run, const struct network *network, int *status)
{
        CLEANUP(event_list_deinit) struct event_list events = EVENT_LIST_INIT;
        struct reason reason = REASON_INIT;

        if (parse(run, network, &events, &reason) == NETWORK_E_MALFORMED) {
                *status = terminal_fail("uplink", "as a webhook of %s it is refused: %s",
                                        network->name, reason.text);
                return false;
        }
        *status = show(run, &events, &reason);
        return true;
}

/* Of the two reasons for no network, only the reader knows which one counts. */
static int try_networks(struct dry_run *run)
{
        int status = CLI_FAILED;

        for (size_t i = 0; networks[i]; i++) {
                CLEANUP(event_list_deinit) struct event_list events = EVENT_LIST_INIT;

                if (parse(run, networks[i], &events, &(struct reason){.text = ""}) !=
                    NETWORK_E_MALFORMED) {
                        try_network(run, networks[i], &status);
                        return status;
                }
        }
        for (size_t i = 0; networks[i]; i++)
                try_network(run, networks[i], &status);
        return status;
}

static bool read_input(struct buf *body, size_t limit, struct reason *reason)
{
        char block[4096];
        size_t got;

        while ((got = fread(block, 1, sizeof(block), stdin)) > 0) {
                buf_add(body, block, got);
                if (body->size > limit) {
                        reason_set(reason, "standard input has more than %zu bytes", limit);
                        return false;
                }
        }
        return true;
}

static bool read_body(struct dry_run *run, struct reason *reason)
{
        size_t limit = (size_t)run->settings.limits.body_bytes;

        if (strcmp(run->file, "-") == 0)
                return read_input(&run->body, limit, reason);
        return file_read(run->file, limit, &run->body, reason) == 0;
}

/* Without settings of its own a machine can still be asked: the defaults count then. */
static bool load_settings(struct dry_run *run)
{
        if (run->config)
                return settings_load_or_complain(&run->settings, run->config);
        if (access(SETTINGS_DEFAULT_FILE, F_OK) == 0)
                return settings_load_or_complain(&run->settings, SETTINGS_DEFAULT_FILE);
        fputs("isthmus uplink: there is no " SETTINGS_DEFAULT_FILE "; the defaults count\n",
              stderr);
        return true;
}

static int load_and_test(void *context)
{
        struct dry_run *run = context;
        const struct network *network = NULL;
        struct reason reason = REASON_INIT;
        int status;

        if (run->network && !(network = network_by_name(run->network)))
                return terminal_usage("uplink", "there is no network '%s'", run->network);
        if (!load_settings(run))
                return CLI_USAGE;
        /* What goes wrong is said here, once. */
        log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_AUTO);
        if (!read_body(run, &reason))
                return terminal_usage("uplink", "%s", reason.text);
        if (network)
                try_network(run, network, &status);
        else
                status = try_networks(run);
        return status;
}

static const struct options_action actions[] = {
        {"test", "FILE [--network NAME] [--path REST] [--config FILE]", NULL, 1, 1, load_and_test},
        {.name = NULL},
};

static const struct options_row rows[] = {
        OPTION_TEXT(struct dry_run, network, "network", "NAME",
                    "as in the address of its webhooks (default: the one that understands it)"),
        OPTION_TEXT(struct dry_run, path, "path", "REST",
                    "what the webhook's address has behind the network's part: tracker of "
                    "/NETWORK/tracker"),
        OPTION_CONFIG(struct dry_run, config,
                      "settings (default " SETTINGS_DEFAULT_FILE
                      ", or the defaults if that is not there)"),
        {.name = NULL},
};

const struct options isthmus_uplink_options = {
        .command = "uplink",
        .summary =
                "Shows what the body of a webhook would become: the device, its id in the hub, its "
                "model, the properties and the body of each message; or why there would be none. "
                "Nothing is sent or stored. FILE may be -, standard input.",
        .actions = actions,
        .rows = rows,
        .notes =
                "The configured payload formatter is run. Keys and signatures are not looked at, "
                "and "
                "what only a network's list of devices or the store says (a model, a formatter, a "
                "device id that another device has) is not known here.\n\n"
                "Exit status: 0 all of it would be sent, 1 it would not, or not all of it, 2 wrong "
                "usage or wrong settings.",
};

int isthmus_uplink(int argc, char **argv)
{
        struct dry_run run = {.config = NULL};
        struct options_found found;
        int status;

        if (!options_read(&isthmus_uplink_options, argc, argv, &run, &found, &status))
                return status;
        run.file = found.arguments[0];
        settings_init(&run.settings);
        status = found.action->run(&run);
        settings_deinit(&run.settings);
        buf_deinit(&run.body);
        buf_deinit(&run.out);
        return status;
}
