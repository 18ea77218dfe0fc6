// SPDX-License-Identifier: MIT
#include "gateway/command/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#define RECORD_VERSION 1
#define RECORD_DEPTH   64
#define TIME_NAME_SIZE 16

static const char *const state_names[COMMAND_STATE_COUNT] = {
        [COMMAND_WAITING] = "waiting",     [COMMAND_BEGUN] = "begun",   [COMMAND_DENIED] = "denied",
        [COMMAND_UNCERTAIN] = "uncertain", [COMMAND_QUEUED] = "queued", [COMMAND_SENT] = "sent",
        [COMMAND_FINISHED] = "finished",
};

static const char *const outcome_names[COMMAND_OUTCOME_COUNT] = {
        [COMMAND_NO_OUTCOME] = "",           [COMMAND_DELIVERED] = "delivered",
        [COMMAND_REFUSED] = "refused",       [COMMAND_FAILED] = "failed",
        [COMMAND_SUPERSEDED] = "superseded", [COMMAND_EXPIRED] = "expired",
        [COMMAND_CANCELLED] = "cancelled",
};

const char *command_state_name(enum command_state state)
{
        return state_names[state];
}

const char *command_outcome_name(enum command_outcome outcome)
{
        return outcome_names[outcome];
}

void command_free(struct command *command)
{
        if (!command)
                return;
        downlink_deinit(&command->downlink);
        free(command->device_key);
        free(command->identity);
        free(command->message_id);
        free(command->name);
        free(command->formatter);
        free(command->body);
        free(command->reason);
        free(command);
}

bool command_is_over(const struct command *command, const struct clock_moment *now)
{
        int64_t lifetime_ms = command->expires_ms - command->received.wall_ms;

        return command->expires_ms > 0 && clock_elapsed_ms(&command->received, now) >= lifetime_ms;
}

bool command_has_lost_caller(const struct command *command)
{
        if (!command->is_method || command->waits)
                return false;
        return !command->call || hub_method_is_lost(command->call);
}

void command_reach(struct command *command, enum command_state state)
{
        for (int i = (int)state; i < COMMAND_FINISHED; i++)
                command->reached_ms[i] = 0;
        command->finished = (struct clock_moment){.wall_ms = 0};
        if (state == COMMAND_FINISHED)
                command->finished = clock_moment_now();
        else
                command->reached_ms[state] = clock_wall_ms();
        if (state == COMMAND_BEGUN)
                command->begun = clock_moment_now();
        command->state = state;
}

void command_make_reference(struct command *command)
{
        CLEANUP(mem_cleanup)
        char *text =
                mem_format("%s\n%s\n%d", command->device_key, command->identity, command->attempt);

        crypto_uuid_of(text, strlen(text), command->downlink.reference);
}

static void add_text(struct json_object *record, const char *name, const char *text)
{
        if (text)
                json_object_object_add(record, name, json_object_new_string(text));
}

static void add_int(struct json_object *record, const char *name, int64_t number)
{
        json_object_object_add(record, name, json_object_new_int64(number));
}

static void add_bool(struct json_object *record, const char *name, bool value)
{
        json_object_object_add(record, name, json_object_new_boolean(value));
}

/* "queuedMs": the name of the time of a state. */
static void time_name(enum command_state state, char name[TIME_NAME_SIZE])
{
        snprintf(name, TIME_NAME_SIZE, "%sMs", state_names[state]);
}

static void add_times(struct json_object *record, const struct command *command)
{
        char name[TIME_NAME_SIZE];

        for (int i = 0; i < COMMAND_FINISHED; i++) {
                time_name((enum command_state)i, name);
                if (command->reached_ms[i] > 0)
                        add_int(record, name, command->reached_ms[i]);
        }
}

void command_encode(const struct command *command, struct buf *out)
{
        CLEANUP(json_cleanup) struct json_object *record = json_object_new_object();
        const struct downlink *downlink = &command->downlink;

        add_int(record, "version", RECORD_VERSION);
        add_text(record, "reference", downlink->reference);
        add_text(record, "state", state_names[command->state]);
        add_text(record, "outcome", outcome_names[command->outcome]);
        add_text(record, "reason", command->reason);
        add_text(record, "device", command->device_key);
        add_text(record, "identity", command->identity);
        add_text(record, "messageId", command->message_id);
        add_text(record, "name", command->name);
        add_text(record, "application", downlink->application);
        add_text(record, "deviceId", downlink->device);
        add_int(record, "port", downlink->port);
        add_bool(record, "confirmed", downlink->confirmed);
        add_int(record, "priority", downlink->priority);
        add_bool(record, "replace", downlink->replace);
        add_text(record, "payload", downlink->payload);
        add_text(record, "decoded", downlink->decoded);
        add_text(record, "formatter", command->formatter);
        add_text(record, "body", command->body);
        add_int(record, "policy", command->policy);
        add_bool(record, "method", command->is_method);
        add_bool(record, "early", command->early);
        add_bool(record, "requeued", command->requeued);
        add_text(record, "failedIn", state_names[command->failed_in]);
        add_bool(record, "waits", command->waits);
        add_bool(record, "behind", command->behind);
        add_int(record, "attempt", command->attempt);
        add_int(record, "sequence", (int64_t)command->sequence);
        add_int(record, "arrival", command->arrival);
        add_int(record, "receivedMs", command->received.wall_ms);
        add_int(record, "expiresMs", command->expires_ms);
        add_int(record, "finishedMs", command->finished.wall_ms);
        add_times(record, command);
        json_write(out, record);
}

/* The number of a name in a table; -1 if it is not there. */
static int find_name(const char *const *names, int count, const char *name)
{
        for (int i = 0; i < count; i++) {
                if (name && strcmp(names[i], name) == 0)
                        return i;
        }
        return -1;
}

static int64_t number_of(struct json_object *record, const char *name)
{
        int64_t number = 0;

        json_int_member(record, name, &number);
        return number;
}

static char *text_of(struct json_object *record, const char *name)
{
        return mem_text(json_text_member(record, name));
}

static void read_downlink(struct json_object *record, struct downlink *downlink)
{
        const char *reference = json_text_member(record, "reference");
        int64_t priority = number_of(record, "priority");

        downlink->application = text_of(record, "application");
        downlink->device = text_of(record, "deviceId");
        downlink->port = (uint8_t)number_of(record, "port");
        downlink->confirmed = json_bool_member(record, "confirmed", false);
        downlink->priority = priority >= DOWNLINK_LOWEST && priority <= DOWNLINK_HIGHEST
                                     ? (enum downlink_priority)priority
                                     : DOWNLINK_NORMAL;
        downlink->replace = json_bool_member(record, "replace", false);
        downlink->payload = text_of(record, "payload");
        downlink->decoded = text_of(record, "decoded");
        if (reference && strlen(reference) == CRYPTO_UUID_SIZE - 1)
                memcpy(downlink->reference, reference, CRYPTO_UUID_SIZE);
}

static void read_times(struct json_object *record, struct command *command)
{
        char name[TIME_NAME_SIZE];

        for (int i = 0; i < COMMAND_FINISHED; i++) {
                time_name((enum command_state)i, name);
                command->reached_ms[i] = number_of(record, name);
        }
}

static bool is_policy(int64_t policy)
{
        return policy > SETTINGS_SETTLE_INHERIT && policy <= SETTINGS_SETTLE_ON_ACK;
}

struct command *command_decode(const char *record, size_t size, struct reason *reason)
{
        CLEANUP(json_cleanup)
        struct json_object *object = json_parse(record, size, RECORD_DEPTH, JSON_STRICT, reason);
        int state = find_name(state_names, COMMAND_STATE_COUNT, json_text_member(object, "state"));
        int outcome = find_name(outcome_names, COMMAND_OUTCOME_COUNT,
                                json_text_member(object, "outcome"));
        int failed_in =
                find_name(state_names, COMMAND_QUEUED, json_text_member(object, "failedIn"));
        int64_t policy = number_of(object, "policy");
        struct command *command;

        if (!object)
                return NULL;
        if (number_of(object, "version") != RECORD_VERSION || state < 0 || outcome < 0 ||
            !is_policy(policy) || !json_text_member(object, "device") ||
            !json_text_member(object, "identity") || !json_text_member(object, "application") ||
            !json_text_member(object, "deviceId")) {
                reason_set(reason, "the record of a command is of another version or not complete");
                return NULL;
        }
        command = mem_new(1, sizeof(*command));
        read_downlink(object, &command->downlink);
        command->device_key = text_of(object, "device");
        command->identity = text_of(object, "identity");
        command->message_id = text_of(object, "messageId");
        command->name = text_of(object, "name");
        command->reason = text_of(object, "reason");
        command->formatter = text_of(object, "formatter");
        command->body = text_of(object, "body");
        command->state = (enum command_state)state;
        command->outcome = (enum command_outcome)outcome;
        command->policy = (enum settings_settlement)policy;
        command->is_method = json_bool_member(object, "method", false);
        command->early = json_bool_member(object, "early", false);
        command->requeued = json_bool_member(object, "requeued", false);
        command->failed_in = failed_in > 0 ? (enum command_state)failed_in : COMMAND_WAITING;
        command->waits = json_bool_member(object, "waits", false);
        command->behind = json_bool_member(object, "behind", false);
        command->attempt = (int)number_of(object, "attempt");
        command->sequence = (uint64_t)number_of(object, "sequence");
        command->arrival = number_of(object, "arrival");
        command->received = clock_moment_of(number_of(object, "receivedMs"));
        command->expires_ms = number_of(object, "expiresMs");
        command->finished = clock_moment_of(number_of(object, "finishedMs"));
        read_times(object, command);
        command->begun = clock_moment_of(command->reached_ms[COMMAND_BEGUN]);
        return command;
}
