// SPDX-License-Identifier: MIT
#include "gateway/control/control_answers.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/loop.h"
#include "base/text.h"
#include "base/thread.h"

/* --- the whole ----------------------------------------------------------------------------- */

struct device_count {
        int64_t known;
        int64_t of_phase[DEVICE_PHASE_COUNT];
};

static bool count_device(void *context, struct device *device)
{
        struct device_count *count = context;

        count->known++;
        count->of_phase[device->phase]++;
        return true;
}

static struct json_object *view_devices(const struct control_options *options)
{
        struct json_object *view = json_object_new_object();
        struct device_count count = {.known = 0};

        device_table_each(options->devices, count_device, &count);
        json_add_int(view, "known", count.known);
        for (int i = 0; i < DEVICE_PHASE_COUNT; i++)
                json_add_int(view, device_phase_name((enum device_phase)i), count.of_phase[i]);
        return view;
}

static bool count_command(void *context, struct command *command)
{
        int64_t *counts = context;
        const char *name = command_state_name(command->state);
        size_t i = 0;

        /* One name may stand for two states: the first one counts both. */
        while (!text_equal(command_state_name((enum command_state)i), name))
                i++;
        counts[i]++;
        return true;
}

static struct json_object *view_commands(const struct control_options *options)
{
        struct json_object *view = json_object_new_object();
        int64_t counts[COMMAND_STATE_COUNT] = {0};

        command_ledger_each(options->ledger, count_command, counts);
        for (int i = 0; i < COMMAND_STATE_COUNT; i++) {
                if (i != COMMAND_BEGUN_BEHIND && i != COMMAND_UNCERTAIN_BEHIND)
                        json_add_int(view, command_state_name((enum command_state)i), counts[i]);
        }
        return view;
}

static struct json_object *view_store(const struct control_options *options)
{
        struct json_object *view = json_object_new_object();
        struct store_state state;

        store_get_state(options->store, &state);
        json_add_int(view, "events", state.events);
        json_add_int(view, "deadLetters", state.dead_letters);
        json_add_int(view, "bytes", state.bytes);
        if (options->settings->store.maximum_bytes > 0)
                json_add_int(view, "maximumBytes", options->settings->store.maximum_bytes);
        json_add_int(view, "deadLetterBytes", state.dead_bytes);
        json_add_int(view, "oldestSeconds", store_state_age_s(&state));
        json_add_bool(view, "full", state.full);
        return view;
}

/* Which of several this is; nothing if it shares its store with nobody. */
static void add_member(const struct control_options *options, struct json_object *view)
{
        struct store_self state;
        struct json_object *member;

        if (!store_share_self(options->store, &state))
                return;
        member = json_object_new_object();
        json_add_text(member, "name", state.name);
        json_add_int(member, "members", state.members);
        json_add_int(member, "shards", state.shards);
        json_add_int(member, "leaseMilliseconds", state.lease_ms);
        json_object_object_add(view, "member", member);
}

static void view_hub(void *context, const struct hub_summary *hub)
{
        struct json_object *view = json_object_new_object();

        json_add_text(view, "hub", hub->name);
        json_add_int(view, "connections", (int64_t)hub->connections);
        json_add_int(view, "devices", (int64_t)hub->devices);
        json_add_int(view, "ready", (int64_t)hub->ready);
        json_add_int(view, "refused", (int64_t)hub->refused);
        if (hub->rate > 0)
                json_add_int(view, "devicesPerSecond", hub->rate);
        json_add_int(view, "connectionsLostInARow", hub->failures);
        json_add_text(view, "invalid", hub->invalid);
        json_object_array_add(context, view);
}

static struct json_object *view_hubs(const struct control_options *options)
{
        struct json_object *view = json_object_new_array();

        hub_client_each(options->hubs, view_hub, view);
        return view;
}

void control_status_write(const struct control_options *options, int64_t started_ms,
                          struct buf *out)
{
        CLEANUP(json_cleanup) struct json_object *view = json_object_new_object();
        char time[CLOCK_TEXT_SIZE];

        THREAD_ASSERT(LOOP_THREAD);
        clock_format_utc(time, started_ms * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        json_add_text(view, "version", ISTHMUS_VERSION);
        json_add_int(view, "pid", getpid());
        json_add_text(view, "started", time);
        add_member(options, view);
        json_object_object_add(view, "devices", view_devices(options));
        json_object_object_add(view, "hubs", view_hubs(options));
        json_object_object_add(view, "store", view_store(options));
        json_object_object_add(view, "commands", view_commands(options));
        json_write(out, view);
        buf_add_char(out, '\n');
}
