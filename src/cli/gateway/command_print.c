// SPDX-License-Identifier: MIT
#include "cli/gateway/command_print.h"

#include <inttypes.h>
#include <string.h>

#include "base/json/json.h"
#include "base/text.h"
#include "cli/terminal.h"

#define NAME_WIDTH 14

static const char *text_of(struct json_object *object, const char *name)
{
        const char *text = json_text_member(object, name);

        return text ? text : "";
}

static int64_t number_of(struct json_object *object, const char *name)
{
        return json_number_member(object, name, 0);
}

void command_print_json_lines(struct buf *out, struct json_object *array)
{
        size_t count = array ? json_object_array_length(array) : 0;

        for (size_t i = 0; i < count; i++)
                terminal_add_json_line(out, json_object_array_get_idx(array, i));
}

/* --- commands ------------------------------------------------------------------------------ */

static void print_command(struct buf *out, struct json_object *command)
{
        const char *outcome = json_text_member(command, "outcome");
        const char *name = json_text_member(command, "name");

        terminal_add_column(out, 36, text_of(command, "reference"));
        terminal_add_column(out, 10, outcome ? outcome : text_of(command, "state"));
        terminal_add_column(out, 24, text_of(command, "received"));
        buf_add_format(out, "%3" PRId64 "  ", number_of(command, "attempt"));
        terminal_add_column(out, 32, text_of(command, "device"));
        terminal_add_column(out, 10, name ? name : text_of(command, "kind"));
        terminal_add(out, text_of(command, "reason"));
        terminal_end_row(out);
}

void command_print_table(struct buf *out, struct json_object *commands)
{
        size_t count = json_object_array_length(commands);

        if (count > 0)
                buf_add_format(out, "%-36s  %-10s  %-24s  %3s  %-32s  %-10s  %s\n", "reference",
                               "state", "received", "try", "device", "what", "reason");
        for (size_t i = 0; i < count; i++)
                print_command(out, json_object_array_get_idx(commands, i));
}

void command_print_whole(struct buf *out, struct json_object *object)
{
        json_object_object_foreach (object, name, value) {
                terminal_add_column(out, NAME_WIDTH - 2, name);
                if (json_object_is_type(value, json_type_string))
                        text_add_printable(out, json_object_get_string(value),
                                           (size_t)json_object_get_string_len(value));
                else
                        terminal_add_json(out, value);
                buf_add_char(out, '\n');
        }
}

/* --- devices ------------------------------------------------------------------------------- */

static void print_device(struct buf *out, struct json_object *device)
{
        bool integrated = json_bool_member(device, "integrated", true);
        const char *why = integrated ? text_of(device, "clash") : "not to be in Azure";
        int64_t waiting;

        terminal_add_column(out, 11, text_of(device, "state"));
        if (json_int_member(device, "waitingEvents", &waiting))
                buf_add_format(out, "%6" PRId64 " ", waiting);
        else
                buf_add_format(out, "%6" PRId64 "%s", number_of(device, "eventsInMemory"),
                               json_bool_member(device, "moreInStore", false) ? "+" : " ");
        buf_add_format(out, "  %8" PRId64 "  ", number_of(device, "commands"));
        terminal_add_column(out, 36, text_of(device, "device"));
        terminal_add_column(out, 24, text_of(device, "hubDeviceId"));
        terminal_add(out, why[0] ? why : text_of(device, "heldBecause"));
        terminal_end_row(out);
}

void command_print_devices(struct buf *out, struct json_object *devices)
{
        size_t count = json_object_array_length(devices);

        if (count > 0)
                buf_add_format(out, "%-11s  %6s   %8s  %-36s  %-24s  %s\n", "state", "events",
                               "commands", "device", "id in IoT Hub", "why");
        for (size_t i = 0; i < count; i++)
                print_device(out, json_object_array_get_idx(devices, i));
}

/* --- the whole ----------------------------------------------------------------------------- */

/* "3 waiting, 1 sent", without those that are none. */
static void add_counts(struct buf *out, struct json_object *counts, const char *but)
{
        const char *between = "";

        json_object_object_foreach (counts, name, value) {
                int64_t count = json_object_get_int64(value);

                if (count == 0 || strcmp(name, but) == 0)
                        continue;
                buf_add_format(out, "%s%" PRId64 " %s", between, count, name);
                between = ", ";
        }
        buf_add_text(out, between[0] ? "\n" : "none\n");
}

void command_print_states(struct buf *out, struct json_object *states)
{
        buf_add_text(out, "all: ");
        add_counts(out, states, "");
}

static void print_hub(struct buf *out, struct json_object *hub)
{
        const char *invalid = json_text_member(hub, "invalid");

        terminal_add_column(out, NAME_WIDTH - 2, "hub");
        terminal_add(out, text_of(hub, "hub"));
        buf_add_format(out, ": %" PRId64 " of %" PRId64 " devices ready on %" PRId64 " connections",
                       number_of(hub, "ready"), number_of(hub, "devices"),
                       number_of(hub, "connections"));
        if (number_of(hub, "connectionsLostInARow") > 0)
                buf_add_format(out, ", %" PRId64 " connections lost in a row",
                               number_of(hub, "connectionsLostInARow"));
        if (invalid) {
                buf_add_text(out, "; ");
                terminal_add(out, invalid);
        }
        buf_add_char(out, '\n');
}

static void print_store(struct buf *out, struct json_object *store)
{
        int64_t maximum = number_of(store, "maximumBytes");

        terminal_add_column(out, NAME_WIDTH - 2, "store");
        buf_add_format(out, "%" PRId64 " events wait, %" PRId64 " dead letters, %" PRId64 " bytes",
                       number_of(store, "events"), number_of(store, "deadLetters"),
                       number_of(store, "bytes"));
        if (maximum > 0)
                buf_add_format(out, " of at most %" PRId64, maximum);
        buf_add_text(out, json_bool_member(store, "full", false) ? "; it is full\n" : "\n");
}

static void print_member(struct buf *out, struct json_object *member)
{
        if (!member)
                return;
        terminal_add_column(out, NAME_WIDTH - 2, "member");
        terminal_add(out, text_of(member, "name"));
        buf_add_format(out, ": one of %" PRId64 ", owns %" PRId64 " shards, for %" PRId64 " ms\n",
                       number_of(member, "members"), number_of(member, "shards"),
                       number_of(member, "leaseMilliseconds"));
}

void command_print_status(struct buf *out, struct json_object *status)
{
        struct json_object *devices = json_object_member(status, "devices");
        struct json_object *hubs = json_member(status, "hubs");
        size_t count = hubs ? json_object_array_length(hubs) : 0;

        terminal_add_column(out, NAME_WIDTH - 2, "gateway");
        buf_add_format(out, "isthmus %s, process %" PRId64 ", since %s\n",
                       text_of(status, "version"), number_of(status, "pid"),
                       text_of(status, "started"));
        print_member(out, json_object_member(status, "member"));
        terminal_add_column(out, NAME_WIDTH - 2, "devices");
        add_counts(out, devices, "known");
        for (size_t i = 0; i < count; i++)
                print_hub(out, json_object_array_get_idx(hubs, i));
        print_store(out, json_object_member(status, "store"));
        terminal_add_column(out, NAME_WIDTH - 2, "commands");
        add_counts(out, json_object_member(status, "commands"), "finished");
}
