// SPDX-License-Identifier: MIT
#include "gateway/command/command_view.h"

#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/text.h"
#include "gateway/device/device.h"

#define DECODED_DEPTH 64

static const char *const policy_names[] = {
        [SETTINGS_SETTLE_INHERIT] = "",           [SETTINGS_SETTLE_BY_RULES] = "ByRules",
        [SETTINGS_SETTLE_ON_QUEUED] = "OnQueued", [SETTINGS_SETTLE_ON_SENT] = "OnSent",
        [SETTINGS_SETTLE_ON_ACK] = "OnAck",
};

static const char *const priority_names[] = {
        [DOWNLINK_LOWEST] = "Lowest",   [DOWNLINK_LOW] = "Low",
        [DOWNLINK_NORMAL] = "Normal",   [DOWNLINK_BELOW_NORMAL] = "BelowNormal",
        [DOWNLINK_HIGH] = "High",       [DOWNLINK_ABOVE_NORMAL] = "AboveNormal",
        [DOWNLINK_HIGHEST] = "Highest",
};

/* --- choosing ------------------------------------------------------------------------------ */

bool command_filter_choose(struct command_filter *filter, const char *name, struct reason *reason)
{
        filter->choice = COMMAND_CHOOSE_PENDING;
        if (!name || text_equal(name, "pending"))
                return true;
        filter->choice = COMMAND_CHOOSE_ALL;
        if (text_equal(name, "all"))
                return true;
        filter->choice = COMMAND_CHOOSE_STATE;
        for (int i = 0; i < COMMAND_STATE_COUNT; i++) {
                filter->state = command_state_name((enum command_state)i);
                if (text_equal(name, filter->state))
                        return true;
        }
        filter->choice = COMMAND_CHOOSE_OUTCOME;
        for (int i = COMMAND_NO_OUTCOME + 1; i < COMMAND_OUTCOME_COUNT; i++) {
                filter->outcome = (enum command_outcome)i;
                if (text_equal(name, command_outcome_name(filter->outcome)))
                        return true;
        }
        reason_set(reason,
                   "there is no state '%.64s'; choose pending, all, waiting, begun, denied, "
                   "uncertain, "
                   "queued, sent, finished, or an outcome: delivered, refused, failed, superseded, "
                   "expired, cancelled",
                   name);
        return false;
}

static bool is_of_device(const struct command *command, const char *device)
{
        return !device || text_equal(device, command->device_key) ||
               text_equal(device, command->downlink.device) ||
               (command->device && text_equal(device, command->device->hub_id));
}

bool command_filter_matches(const struct command_filter *filter, const struct command *command)
{
        if (!is_of_device(command, filter->device))
                return false;
        switch (filter->choice) {
        case COMMAND_CHOOSE_PENDING:
                return command->state != COMMAND_FINISHED;
        case COMMAND_CHOOSE_STATE:
                return text_equal(command_state_name(command->state), filter->state);
        case COMMAND_CHOOSE_OUTCOME:
                return command->outcome == filter->outcome;
        case COMMAND_CHOOSE_ALL:
                break;
        }
        return true;
}

int command_newest_first(const void *a, const void *b)
{
        const struct command *const *left = a;
        const struct command *const *right = b;

        if ((*left)->received.wall_ms != (*right)->received.wall_ms)
                return (*left)->received.wall_ms < (*right)->received.wall_ms ? 1 : -1;
        return strcmp((*left)->downlink.reference, (*right)->downlink.reference);
}

bool command_has_reference(const struct command *command, const char *text)
{
        size_t size = strlen(text);

        return size >= COMMAND_REFERENCE_MIN &&
               strncmp(command->downlink.reference, text, size) == 0;
}

/* --- showing ------------------------------------------------------------------------------- */

static void add_time(struct json_object *view, const char *name, int64_t wall_ms)
{
        char text[CLOCK_TEXT_SIZE];

        if (wall_ms <= 0)
                return;
        clock_format_utc(text, wall_ms * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        json_add_text(view, name, text);
}

static const char *kind_of(const struct command *command)
{
        if (command->is_method)
                return "method";
        return command->name ? "command" : "message";
}

static void add_device(struct json_object *view, const struct command *command)
{
        json_add_text(view, "device", command->device_key);
        json_add_text(view, "application", command->downlink.application);
        json_add_text(view, "deviceId", command->downlink.device);
        if (command->device)
                json_add_text(view, "hubDeviceId", command->device->hub_id);
}

static void add_downlink(struct json_object *view, const struct downlink *downlink)
{
        struct json_object *decoded = NULL;

        json_add_int(view, "port", downlink->port);
        json_add_bool(view, "confirmed", downlink->confirmed);
        json_add_text(view, "priority", priority_names[downlink->priority]);
        json_add_text(view, "queue", downlink->replace ? "Replace" : "Push");
        json_add_text(view, "payload", downlink->payload);
        if (downlink->decoded)
                decoded = json_parse(downlink->decoded, strlen(downlink->decoded), DECODED_DEPTH,
                                     JSON_STRICT, NULL);
        if (decoded)
                json_object_object_add(view, "decoded", decoded);
}

static void add_times(struct json_object *view, const struct command *command)
{
        add_time(view, "received", command->received.wall_ms);
        for (int i = COMMAND_BEGUN; i < COMMAND_FINISHED; i++)
                add_time(view, command_state_name((enum command_state)i), command->reached_ms[i]);
        add_time(view, "finished", command->finished.wall_ms);
        add_time(view, "expires", command->downlink.expires_ms);
}

/* What only a running gateway knows. */
static void add_what_runs(struct json_object *view, const struct command *command)
{
        json_add_int(view, "failures", command->failures);
        json_add_bool(view, "locked", command->delivery != NULL);
        if (command->is_method)
                json_add_bool(view, "callerWaits", !command_has_lost_caller(command));
}

struct json_object *command_view(const struct command *command)
{
        struct json_object *view = json_object_new_object();

        json_add_text(view, "reference", command->downlink.reference);
        json_add_text(view, "state", command_state_name(command->state));
        json_add_text(view, "outcome", command_outcome_name(command->outcome));
        json_add_text(view, "reason", command->reason);
        add_device(view, command);
        json_add_text(view, "kind", kind_of(command));
        json_add_text(view, "name", command->name);
        json_add_text(view, "messageId", command->message_id);
        if (command->sequence > 0)
                json_add_int(view, "sequence", (int64_t)command->sequence);
        json_add_text(view, "identity", command->identity);
        add_times(view, command);
        json_add_int(view, "attempt", command->attempt);
        json_add_text(view, "policy", policy_names[command->policy]);
        if (command->told == COMMAND_TOLD_DONE)
                json_add_bool(view, "completedEarly", true);
        if (command->device)
                add_what_runs(view, command);
        add_downlink(view, &command->downlink);
        return view;
}
