// SPDX-License-Identifier: MIT
/*
 * `isthmus command`: the commands that a gateway knows. The running gateway is asked; where none
 * runs, its store.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/gateway/command_print.h"
#include "cli/gateway/data_place.h"
#include "cli/gateway/gateway_control.h"
#include "cli/options.h"
#include "gateway/command/command_record.h"
#include "gateway/command/command_view.h"
#include "gateway/control/control_request.h"

struct order {
        struct data_place place;
        const char *reference;
        const char *device;
        const char *state;
        int64_t limit; /* 0 = not said */
        bool json;
        bool force;
        struct command_filter filter;
        size_t maximum;
        struct http_client *gateway; /* NULL = the store is read */
        struct buf out;
};

static int fail(const char *text)
{
        return terminal_fail("command", "%s", text);
}

/* --- from the store ------------------------------------------------------------------------ */

struct stored {
        const struct command_filter *filter;
        const char *reference; /* or NULL */
        struct command **commands;
        size_t count;
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
        stored->commands = mem_grow(stored->commands, stored->count, sizeof(stored->commands[0]));
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
        result = store_records_each(store, COMMAND_KIND, NULL, take_record, stored);
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

static struct json_object *list_known(struct order *order, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;

        buf_add_text(&path, "/commands");
        gateway_control_argument(&path, "device", order->device);
        gateway_control_argument(&path, "state", order->state);
        gateway_control_number(&path, "limit", order->limit);
        return gateway_control_call(order->gateway, "GET", buf_text(&path), reason);
}

static void path_of_reference(const struct order *order, struct buf *path)
{
        buf_add_text(path, "/commands/");
        text_url_escape(path, order->reference);
}

/* --- the actions --------------------------------------------------------------------------- */

static int list(void *context)
{
        struct order *order = context;
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *answer =
                order->gateway ? list_known(order, &reason) : list_stored(order, &reason);
        struct json_object *commands = json_member(answer, "commands");

        if (!commands)
                return fail(reason.text);
        if (order->json) {
                command_print_json_lines(&order->out, commands);
                return terminal_print(&order->out);
        }
        command_print_table(&order->out, commands);
        buf_add_format(&order->out, "%zu of %" PRId64 " commands, %s\n",
                       json_object_array_length(commands),
                       json_number_member(answer, "matching", 0),
                       order->gateway ? "of the running gateway" : "of the store: no gateway runs");
        return terminal_print(&order->out);
}

static int show(void *context)
{
        struct order *order = context;
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *command = NULL;
        struct reason reason = REASON_INIT;

        path_of_reference(order, &path);
        command = order->gateway
                          ? gateway_control_call(order->gateway, "GET", buf_text(&path), &reason)
                          : show_stored(order, &reason);
        if (!command)
                return fail(reason.text);
        if (order->json)
                terminal_add_json_line(&order->out, command);
        else
                command_print_whole(&order->out, command);
        return terminal_print(&order->out);
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

static int cancel(void *context)
{
        struct order *order = context;
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *command = NULL;
        struct reason reason = REASON_INIT;

        path_of_reference(order, &path);
        buf_add_text(&path, order->force ? "?force=true" : "");
        command = gateway_control_call(order->gateway, "DELETE", buf_text(&path), &reason);
        if (!command)
                return fail(reason.text);
        if (order->json) {
                terminal_add_json_line(&order->out, command);
                return terminal_print(&order->out);
        }
        terminal_add(&order->out, json_text_member(command, "reference"));
        buf_add_format(&order->out, " is cancelled%s\n", what_follows(command));
        return terminal_print(&order->out);
}

/* --- the command --------------------------------------------------------------------------- */

static bool check(struct order *order, struct reason *reason)
{
        if (order->reference && strlen(order->reference) < COMMAND_REFERENCE_MIN) {
                reason_set(reason, "at least %d characters of a reference are needed",
                           COMMAND_REFERENCE_MIN);
                return false;
        }
        order->maximum = order->limit ? (size_t)order->limit : CONTROL_LIMIT_DEFAULT;
        order->filter.device = order->device;
        return command_filter_choose(&order->filter, order->state, reason);
}

static int run(struct order *order, const struct options_action *action)
{
        bool needs_gateway = action->run == cancel;
        struct reason reason = REASON_INIT;
        int result;
        int status;

        if (!check(order, &reason)) {
                fail(reason.text);
                return CLI_USAGE;
        }
        if (!data_place_find(&order->place))
                return CLI_USAGE;
        result = gateway_control_open(order->place.store.directory, &order->gateway, &reason);
        if (result == GATEWAY_CONTROL_E_ABSENT && needs_gateway)
                reason_add(&reason, "only a running gateway can do that");
        if (result != 0 && (result != GATEWAY_CONTROL_E_ABSENT || needs_gateway))
                return fail(reason.text);
        status = action->run(order);
        http_client_free(order->gateway);
        return status;
}

static const struct options_action actions[] = {
        {"list", "[--device DEVICE] [--state STATE] [--limit N] [--json]",
         "commands on their way to devices, the newest first", 0, 0, list},
        {"show", "REFERENCE [--json]", "everything that is known of one", 1, 1, show},
        {"cancel", "REFERENCE [--force] [--json]",
         "ends one that the network has not got yet: its message is rejected at the hub, the "
         "caller of a direct method is answered 409",
         1, 1, cancel},
        {.name = NULL},
};

static const struct options_row rows[] = {
        OPTION_TEXT(struct order, device, "device", "DEVICE",
                    "its id in the network or in IoT Hub, or network/application/device"),
        OPTION_TEXT(struct order, state, "state", "STATE",
                    "pending (default), all, held, resting, waiting, begun, denied, uncertain, "
                    "queued, sent, requeued, finished, or an outcome: delivered, refused, failed, "
                    "superseded, expired, cancelled"),
        OPTION_NUMBER(struct order, limit, "limit", "N", 1, CONTROL_LIMIT_MAX,
                      "show at most N (default 1000, most 10000)"),
        OPTION_SWITCH(struct order, json, "json", "for programs: one JSON object on each line"),
        OPTION_SWITCH(struct order, force, "force",
                      "cancel also what the network has or may have: it ends on this side alone, "
                      "and the device may get it nevertheless"),
        DATA_PLACE_ROWS(struct order, place),
        {.name = NULL},
};

const struct options isthmus_command_options = {
        .command = "command",
        .summary =
                "The commands that a gateway knows. REFERENCE may be its beginning, 8 characters "
                "or more.",
        .actions = actions,
        .rows = rows,
        .notes = "list and show ask the running gateway, or read the store when none runs; cancel "
                 "needs the running gateway.",
};

int isthmus_command(int argc, char **argv)
{
        struct order order = {.out = BUF_INIT};
        struct options_found found;
        int status;

        if (!options_read(&isthmus_command_options, argc, argv, &order, &found, &status))
                return status;
        order.reference = found.count > 0 ? found.arguments[0] : NULL;
        status = run(&order, found.action);
        data_place_deinit(&order.place);
        buf_deinit(&order.out);
        return status;
}
