// SPDX-License-Identifier: MIT
/*
 * `isthmus command`: the commands that a gateway knows. The running gateway is asked; where none
 * runs, its store.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/command_print.h"
#include "cli/data_place.h"
#include "cli/gateway_control.h"
#include "cli/terminal.h"
#include "conf/settings_load.h"
#include "gateway/command/command_record.h"
#include "gateway/command/command_view.h"
#include "gateway/control/control_request.h"

static const char help[] =
        "usage: isthmus command list [--device DEVICE] [--state STATE] [--limit N] [--json]\n"
        "       isthmus command show REFERENCE [--json]\n"
        "       isthmus command cancel REFERENCE [--force]\n"
        "\n"
        "  list    commands on their way to devices, the newest first\n"
        "  show    everything that is known of one\n"
        "  cancel  ends one that the network has not got yet: its message is rejected at the\n"
        "          hub, the caller of a direct method is answered 409\n"
        "\n"
        "REFERENCE may be its beginning, 8 characters or more.\n"
        "\n"
        "  --device DEVICE  its id in the network or in IoT Hub, or network/application/device\n"
        "  --state STATE    pending (default), all, waiting, begun, denied, uncertain, queued,\n"
        "                   sent, finished, or an outcome: delivered, refused, failed,\n"
        "                   superseded, expired, cancelled\n"
        "  --limit N        show at most N (default 1000, most 10000)\n"
        "  --json           for programs: one JSON object on each line\n"
        "  --force          cancel also what the network has or may have: it ends on this side\n"
        "                   alone, and the device may get it nevertheless\n"
        "  --config FILE    the configuration (default " SETTINGS_DEFAULT_FILE ")\n"
        "  --data DIR       the data directory, without a configuration\n"
        "  --help           this text\n"
        "\n"
        "list and show ask the running gateway, or read the store when none runs; cancel needs\n"
        "the running gateway.\n";

struct order {
        struct data_place place;
        const char *action;
        const char *reference;
        const char *device;
        const char *state;
        const char *limit;
        bool json;
        bool force;
        struct command_filter filter;
        size_t maximum;
        struct gateway_control *gateway; /* NULL = the store is read */
        struct buf out;
};

static int fail(const char *text)
{
        return terminal_fail("command", "%s", text);
}

static int print(struct order *order)
{
        return terminal_write(&order->out) && fflush(stdout) == 0 ? CLI_GOOD : CLI_FAILED;
}

/* --- from the store ------------------------------------------------------------------------ */

struct stored {
        const struct command_filter *filter;
        const char *reference; /* or NULL */
        struct command **commands;
        size_t count;
        size_t capacity;
};

static bool is_wanted(const struct stored *stored, const struct command *command)
{
        if (stored->reference)
                return command_has_reference(command, stored->reference);
        return command_filter_matches(stored->filter, command);
}

static bool take_record(void *context, const struct store_record *record)
{
        struct stored *stored = context;
        struct reason reason = REASON_INIT;
        struct command *command = command_decode(record->value, record->value_size, &reason);

        if (!command)
                terminal_fail("command", "a record is left out: %s", reason.text);
        if (!command || !is_wanted(stored, command)) {
                command_free(command);
                return true;
        }
        if (stored->count == stored->capacity) {
                stored->capacity = stored->capacity == 0 ? 64 : stored->capacity * 2;
                stored->commands =
                        mem_resize(stored->commands, stored->capacity, sizeof(stored->commands[0]));
        }
        stored->commands[stored->count++] = command;
        return true;
}

static void stored_deinit(struct stored *stored)
{
        for (size_t i = 0; i < stored->count; i++)
                command_free(stored->commands[i]);
        free(stored->commands);
}

static int read_store(struct order *order, struct stored *stored, struct reason *reason)
{
        struct store *store = NULL;
        int result = store_open_to_read(&order->place.store, &store, reason);

        if (result != 0)
                return result;
        result = store_records_each(store, COMMAND_KIND, take_record, stored);
        store_close(store);
        if (result != 0)
                reason_set(reason, "the store could not be read to its end");
        if (stored->count > 0)
                qsort(stored->commands, stored->count, sizeof(stored->commands[0]),
                      command_newest_first);
        return result;
}

/* As the running gateway answers. */
static struct json_object *list_stored(struct order *order, struct reason *reason)
{
        CLEANUP(stored_deinit) struct stored stored = {.filter = &order->filter};
        struct json_object *answer;
        struct json_object *list;

        if (read_store(order, &stored, reason) != 0)
                return NULL;
        answer = json_object_new_object();
        list = json_object_new_array();
        for (size_t i = 0; i < stored.count && i < order->maximum; i++)
                json_object_array_add(list, command_view(stored.commands[i]));
        json_object_object_add(answer, "matching", json_object_new_int64((int64_t)stored.count));
        json_object_object_add(answer, "commands", list);
        return answer;
}

static struct json_object *show_stored(struct order *order, struct reason *reason)
{
        CLEANUP(stored_deinit) struct stored stored = {.reference = order->reference};

        if (read_store(order, &stored, reason) != 0)
                return NULL;
        if (stored.count == 1)
                return command_view(stored.commands[0]);
        reason_set(reason,
                   stored.count == 0
                           ? "no command has the reference '%.64s'"
                           : "more than one command has a reference that begins with '%.64s'",
                   order->reference);
        return NULL;
}

/* --- from the gateway ---------------------------------------------------------------------- */

static struct json_object *ask(struct order *order, const char *method, const char *path,
                               struct reason *reason)
{
        struct json_object *answer = NULL;

        if (gateway_control_call(order->gateway, method, path, &answer, reason) != 0)
                return NULL;
        return answer;
}

static struct json_object *list_known(struct order *order, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;

        buf_add_text(&path, "/commands");
        gateway_control_argument(&path, "device", order->device);
        gateway_control_argument(&path, "state", order->state);
        gateway_control_argument(&path, "limit", order->limit);
        return ask(order, "GET", buf_text(&path), reason);
}

static void path_of_reference(const struct order *order, struct buf *path)
{
        buf_add_text(path, "/commands/");
        text_url_escape(path, order->reference);
}

/* --- the actions --------------------------------------------------------------------------- */

static int list(struct order *order)
{
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *answer =
                order->gateway ? list_known(order, &reason) : list_stored(order, &reason);
        struct json_object *commands = json_member(answer, "commands");
        int64_t matching = 0;

        if (!commands)
                return fail(reason.text);
        if (order->json) {
                command_print_json_lines(&order->out, commands);
                return print(order);
        }
        json_int_member(answer, "matching", &matching);
        command_print_table(&order->out, commands);
        buf_add_format(&order->out, "%zu of %" PRId64 " commands, %s\n",
                       json_object_array_length(commands), matching,
                       order->gateway ? "of the running gateway" : "of the store: no gateway runs");
        return print(order);
}

static int show(struct order *order)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *command = NULL;
        struct reason reason = REASON_INIT;

        path_of_reference(order, &path);
        command = order->gateway ? ask(order, "GET", buf_text(&path), &reason)
                                 : show_stored(order, &reason);
        if (!command)
                return fail(reason.text);
        if (order->json) {
                terminal_add_json_line(&order->out, command);
        } else {
                command_print_whole(&order->out, command);
        }
        return print(order);
}

static const char *what_follows(struct json_object *command)
{
        if (text_equal(json_text_member(command, "kind"), "method"))
                return "; its caller is answered 409, if it still waits";
        if (json_bool_member(command, "completedEarly", false))
                return "; its message was completed before, as its policy says";
        if (json_bool_member(command, "locked", false))
                return "; its message is rejected";
        return "; its message is rejected when the hub delivers it again";
}

static int cancel(struct order *order)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *command = NULL;
        struct reason reason = REASON_INIT;

        path_of_reference(order, &path);
        buf_add_text(&path, order->force ? "?force=true" : "");
        command = ask(order, "DELETE", buf_text(&path), &reason);
        if (!command)
                return fail(reason.text);
        if (order->json) {
                terminal_add_json_line(&order->out, command);
                return print(order);
        }
        terminal_add(&order->out, json_text_member(command, "reference"));
        buf_add_text(&order->out, " is cancelled");
        buf_add_text(&order->out, what_follows(command));
        buf_add_char(&order->out, '\n');
        return print(order);
}

/* --- the command --------------------------------------------------------------------------- */

static const struct action {
        const char *name;
        int (*run)(struct order *order);
        bool has_reference;
        bool needs_gateway;
} actions[] = {
        {"list", list, false, false},
        {"show", show, true, false},
        {"cancel", cancel, true, true},
};

static int usage(const char *word, const char *mistake)
{
        return terminal_usage("command", "'%s' %s", word, mistake);
}

static bool check(struct order *order, struct reason *reason)
{
        int64_t limit = CONTROL_LIMIT_DEFAULT;

        if (order->limit && !text_to_int64(order->limit, 1, CONTROL_LIMIT_MAX, &limit)) {
                reason_set(reason, "the limit is a number from 1 to %d", CONTROL_LIMIT_MAX);
                return false;
        }
        if (order->reference && strlen(order->reference) < COMMAND_REFERENCE_MIN) {
                reason_set(reason, "at least %d characters of a reference are needed",
                           COMMAND_REFERENCE_MIN);
                return false;
        }
        order->maximum = (size_t)limit;
        order->filter.device = order->device;
        return command_filter_choose(&order->filter, order->state, reason);
}

static int run(struct order *order, const struct action *action)
{
        struct reason reason = REASON_INIT;
        int result;
        int status;

        if (action->has_reference != (order->reference != NULL))
                return usage(action->name,
                             action->has_reference ? "needs one REFERENCE" : "takes no REFERENCE");
        if (!check(order, &reason)) {
                fail(reason.text);
                return CLI_USAGE;
        }
        if (!data_place_find(&order->place))
                return CLI_USAGE;
        log_configure(LOG_LEVEL_WARN, LOG_FORMAT_AUTO);
        result = gateway_control_open(order->place.store.directory, &order->gateway, &reason);
        if (result == GATEWAY_CONTROL_E_ABSENT && action->needs_gateway)
                reason_add(&reason, "only a running gateway can do that");
        if (result != 0 && (result != GATEWAY_CONTROL_E_ABSENT || action->needs_gateway))
                return fail(reason.text);
        status = action->run(order);
        gateway_control_close(order->gateway);
        return status;
}

static int find_and_run(struct order *order)
{
        for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
                if (strcmp(actions[i].name, order->action) == 0)
                        return run(order, &actions[i]);
        }
        return usage(order->action, "is no action");
}

static bool take_option(struct order *order, int option)
{
        switch (option) {
        case 'c':
                order->place.file = optarg;
                return true;
        case 'd':
                order->place.directory = optarg;
                return true;
        case 'D':
                order->device = optarg;
                return true;
        case 's':
                order->state = optarg;
                return true;
        case 'n':
                order->limit = optarg;
                return true;
        case 'j':
                order->json = true;
                return true;
        case 'f':
                order->force = true;
                return true;
        default:
                return false;
        }
}

int isthmus_command(int argc, char **argv)
{
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"data", required_argument, NULL, 'd'},
                {"device", required_argument, NULL, 'D'},
                {"state", required_argument, NULL, 's'},
                {"limit", required_argument, NULL, 'n'},
                {"json", no_argument, NULL, 'j'},
                {"force", no_argument, NULL, 'f'},
                {"help", no_argument, NULL, 'h'},
                {NULL, 0, NULL, 0},
        };
        struct order order = {.out = BUF_INIT};
        int status;
        int option;

        while ((option = getopt_long(argc, argv, "c:d:h", options, NULL)) != -1) {
                if (option == 'h') {
                        fputs(help, stdout);
                        return CLI_GOOD;
                }
                if (!take_option(&order, option))
                        return CLI_USAGE;
        }
        if (optind == argc) {
                fputs(help, stderr);
                return CLI_USAGE;
        }
        order.action = argv[optind];
        order.reference = argv[optind + 1];
        if (order.reference && argv[optind + 2])
                return usage(argv[optind + 2], "is one argument too many");
        status = find_and_run(&order);
        data_place_deinit(&order.place);
        buf_deinit(&order.out);
        return status;
}
