// SPDX-License-Identifier: MIT
#include "gateway/command/command.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json/json.h"
#include "base/json/json_writer.h"
#include "base/mem.h"

#define RECORD_VERSION 1
#define RECORD_DEPTH   64
#define TIME_NAME_SIZE 32

/* In the records. */
static const char *const state_names[COMMAND_STATE_COUNT] = {
        [COMMAND_HELD] = "held",
        [COMMAND_RESTING] = "resting",
        [COMMAND_WAITING] = "waiting",
        [COMMAND_BEGUN] = "begun",
        [COMMAND_DENIED] = "denied",
        [COMMAND_UNCERTAIN] = "uncertain",
        [COMMAND_BEGUN_BEHIND] = "begunBehind",
        [COMMAND_UNCERTAIN_BEHIND] = "uncertainBehind",
        [COMMAND_QUEUED] = "queued",
        [COMMAND_SENT] = "sent",
        [COMMAND_REQUEUED] = "requeued",
        [COMMAND_FINISHED] = "finished",
};

#define TO(state) (1U << (COMMAND_##state))

/* What events and operators can do to a command that its network has, or may have. */
#define BY_OTHERS (TO(QUEUED) | TO(SENT) | TO(FINISHED))

/* The states that can follow. A network may also have what it said it has not: rule E2. */
static const unsigned next_states[COMMAND_STATE_COUNT] = {
        [COMMAND_HELD] = TO(WAITING) | TO(RESTING) | TO(FINISHED),
        [COMMAND_RESTING] =
                TO(WAITING) | TO(DENIED) | TO(UNCERTAIN) | TO(UNCERTAIN_BEHIND) | BY_OTHERS,
        [COMMAND_WAITING] = TO(BEGUN) | TO(BEGUN_BEHIND) | BY_OTHERS,
        [COMMAND_BEGUN] = TO(WAITING) | TO(DENIED) | TO(UNCERTAIN) | BY_OTHERS,
        [COMMAND_DENIED] = TO(BEGUN) | TO(UNCERTAIN) | BY_OTHERS,
        [COMMAND_UNCERTAIN] = TO(BEGUN) | BY_OTHERS,
        [COMMAND_BEGUN_BEHIND] = TO(WAITING) | TO(UNCERTAIN_BEHIND) | BY_OTHERS,
        [COMMAND_UNCERTAIN_BEHIND] = BY_OTHERS,
        [COMMAND_QUEUED] = TO(SENT) | TO(FINISHED),
        [COMMAND_SENT] = TO(REQUEUED) | TO(FINISHED),
        [COMMAND_REQUEUED] = TO(SENT) | TO(FINISHED),
        [COMMAND_FINISHED] = TO(HELD), /* a new attempt */
};

static const char *const outcome_names[COMMAND_OUTCOME_COUNT] = {
        [COMMAND_NO_OUTCOME] = "",           [COMMAND_DELIVERED] = "delivered",
        [COMMAND_REFUSED] = "refused",       [COMMAND_FAILED] = "failed",
        [COMMAND_SUPERSEDED] = "superseded", [COMMAND_EXPIRED] = "expired",
        [COMMAND_CANCELLED] = "cancelled",
};

static const char *const told_names[COMMAND_TOLD_COUNT] = {
        [COMMAND_TOLD_NOTHING] = "nothing",
        [COMMAND_TOLD_WAITS] = "waits",
        [COMMAND_TOLD_DONE] = "done",
};

const char *command_state_name(enum command_state state)
{
        if (state == COMMAND_BEGUN_BEHIND)
                return state_names[COMMAND_BEGUN];
        if (state == COMMAND_UNCERTAIN_BEHIND)
                return state_names[COMMAND_UNCERTAIN];
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
        free(command->key);
        free(command->own_key);
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
        int64_t lifetime_ms = command->downlink.expires_ms - command->received.wall_ms;

        return command->downlink.expires_ms > 0 &&
               clock_elapsed_ms(&command->received, now) >= lifetime_ms;
}

bool command_has_lost_caller(const struct command *command)
{
        if (!command->is_method || command->told == COMMAND_TOLD_WAITS)
                return false;
        return !command->call || hub_method_is_lost(command->call);
}

static bool is_doubt(enum command_state state)
{
        return state == COMMAND_DENIED || state == COMMAND_UNCERTAIN ||
               state == COMMAND_UNCERTAIN_BEHIND;
}

bool command_is_in_doubt(const struct command *command)
{
        return is_doubt(command->state);
}

bool command_may_be_queued(const struct command *command)
{
        if (command->state == COMMAND_RESTING)
                return is_doubt(command->resume);
        return (command->state >= COMMAND_BEGUN && command->state <= COMMAND_QUEUED) ||
               command->state == COMMAND_REQUEUED;
}

bool command_can_reach(const struct command *command, enum command_state state)
{
        return (next_states[command->state] & 1U << state) != 0;
}

void command_reach(struct command *command, enum command_state state)
{
        assert(command_can_reach(command, state));
        for (int i = (int)state; i < COMMAND_FINISHED; i++)
                command->reached_ms[i] = 0;
        command->finished = (struct clock_moment){.wall_ms = 0};
        if (state == COMMAND_FINISHED)
                command->finished = clock_moment_now();
        else
                command->reached_ms[state] = clock_wall_ms();
        if (state == COMMAND_BEGUN || state == COMMAND_BEGUN_BEHIND)
                command->begun = clock_moment_now();
        command->state = state;
}

char *command_key(const char *device_key, const char *identity)
{
        return mem_format("%s\n%s", device_key, identity);
}

void command_make_reference(struct command *command)
{
        CLEANUP(mem_cleanup)
        char *text =
                mem_format("%s\n%s\n%d", command->device_key, command->identity, command->attempt);

        crypto_uuid_of(text, strlen(text), command->downlink.reference);
}

/* "queuedMs": the name of the time of a state. */
static void time_name(enum command_state state, char name[TIME_NAME_SIZE])
{
        snprintf(name, TIME_NAME_SIZE, "%sMs", state_names[state]);
}

static void write_downlink(struct json_writer *writer, const struct downlink *downlink)
{
        json_writer_text(writer, "reference", downlink->reference);
        json_writer_text(writer, "application", downlink->application);
        json_writer_text(writer, "deviceId", downlink->device);
        json_writer_int(writer, "port", downlink->port);
        json_writer_bool(writer, "confirmed", downlink->confirmed);
        json_writer_int(writer, "priority", downlink->priority);
        json_writer_bool(writer, "replace", downlink->replace);
        json_writer_text(writer, "payload", downlink->payload);
        json_writer_text(writer, "decoded", downlink->decoded);
        if (downlink->own_id[0])
                json_writer_text(writer, "networkId", downlink->own_id);
}

static void write_times(struct json_writer *writer, const struct command *command)
{
        char name[TIME_NAME_SIZE];

        json_writer_int(writer, "receivedMs", command->received.wall_ms);
        json_writer_int(writer, "expiresMs", command->downlink.expires_ms);
        json_writer_int(writer, "finishedMs", command->finished.wall_ms);
        for (int i = 0; i < COMMAND_FINISHED; i++) {
                time_name((enum command_state)i, name);
                if (command->reached_ms[i] > 0)
                        json_writer_int(writer, name, command->reached_ms[i]);
        }
}

void command_encode(const struct command *command, struct buf *out)
{
        struct json_writer writer;

        json_writer_open(&writer, out);
        json_writer_int(&writer, "version", RECORD_VERSION);
        json_writer_text(&writer, "state", state_names[command->state]);
        json_writer_text(&writer, "resume", state_names[command->resume]);
        json_writer_text(&writer, "outcome", outcome_names[command->outcome]);
        json_writer_text(&writer, "told", told_names[command->told]);
        json_writer_text(&writer, "reason", command->reason);
        json_writer_text(&writer, "device", command->device_key);
        json_writer_text(&writer, "identity", command->identity);
        json_writer_text(&writer, "messageId", command->message_id);
        json_writer_text(&writer, "name", command->name);
        json_writer_text(&writer, "formatter", command->formatter);
        json_writer_text(&writer, "body", command->body);
        json_writer_int(&writer, "policy", command->policy);
        json_writer_bool(&writer, "method", command->is_method);
        json_writer_int(&writer, "attempt", command->attempt);
        json_writer_int(&writer, "sequence", (int64_t)command->sequence);
        json_writer_int(&writer, "arrival", command->arrival);
        write_downlink(&writer, &command->downlink);
        write_times(&writer, command);
        json_writer_close(&writer);
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

static char *text_of(struct json_object *record, const char *name)
{
        return mem_text(json_text_member(record, name));
}

static void read_id(struct json_object *record, const char *name, char id[CRYPTO_UUID_SIZE])
{
        const char *text = json_text_member(record, name);

        if (text && strlen(text) < CRYPTO_UUID_SIZE)
                memcpy(id, text, strlen(text) + 1);
}

static void read_downlink(struct json_object *record, struct downlink *downlink)
{
        const char *reference = json_text_member(record, "reference");
        int64_t priority = json_number_member(record, "priority", 0);

        downlink->application = text_of(record, "application");
        downlink->device = text_of(record, "deviceId");
        downlink->port = (uint8_t)json_number_member(record, "port", 0);
        downlink->confirmed = json_bool_member(record, "confirmed", false);
        downlink->priority = priority >= DOWNLINK_LOWEST && priority <= DOWNLINK_HIGHEST
                                     ? (enum downlink_priority)priority
                                     : DOWNLINK_NORMAL;
        downlink->replace = json_bool_member(record, "replace", false);
        downlink->payload = text_of(record, "payload");
        downlink->decoded = text_of(record, "decoded");
        if (reference && strlen(reference) == CRYPTO_UUID_SIZE - 1)
                memcpy(downlink->reference, reference, CRYPTO_UUID_SIZE);
        read_id(record, "networkId", downlink->own_id);
}

/* A clock that went back does not say how long ago it was: too long to believe anything. */
static struct clock_moment moment_of_begin(int64_t wall_ms)
{
        struct clock_moment moment = clock_moment_of(wall_ms);

        if (wall_ms > clock_wall_ms())
                moment.steady_ms = INT64_MIN / 2;
        return moment;
}

static void read_times(struct json_object *record, struct command *command)
{
        char name[TIME_NAME_SIZE];
        int64_t begun_ms;

        command->received = clock_moment_of(json_number_member(record, "receivedMs", 0));
        command->downlink.expires_ms = json_number_member(record, "expiresMs", 0);
        /* The store knows how long it has kept it; here that counts from now on. */
        command->finished = clock_moment_now();
        command->finished.wall_ms = json_number_member(record, "finishedMs", 0);
        for (int i = 0; i < COMMAND_FINISHED; i++) {
                time_name((enum command_state)i, name);
                command->reached_ms[i] = json_number_member(record, name, 0);
        }
        begun_ms = command->reached_ms[COMMAND_BEGUN];
        if (begun_ms == 0)
                begun_ms = command->reached_ms[COMMAND_BEGUN_BEHIND];
        command->begun = moment_of_begin(begun_ms);
}

static bool is_policy(int64_t policy)
{
        return policy > SETTINGS_SETTLE_INHERIT && policy <= SETTINGS_SETTLE_ON_ACK;
}

/* A state that stands in a record; -1 if none does. What was begun may have gone out since. */
static int read_state(struct json_object *record, const char *name)
{
        int state = find_name(state_names, COMMAND_STATE_COUNT, json_text_member(record, name));

        if (state == COMMAND_BEGUN)
                return COMMAND_UNCERTAIN;
        return state == COMMAND_BEGUN_BEHIND ? COMMAND_UNCERTAIN_BEHIND : state;
}

/* A pause ends with the run. */
static void read_states(struct json_object *record, struct command *command)
{
        int state = read_state(record, "state");
        int resume = read_state(record, "resume");
        int told = find_name(told_names, COMMAND_TOLD_COUNT, json_text_member(record, "told"));

        command->resume = COMMAND_WAITING;
        if (resume >= 0 && is_doubt((enum command_state)resume))
                command->resume = (enum command_state)resume;
        command->state = state == COMMAND_RESTING ? command->resume : (enum command_state)state;
        command->told = told < 0 ? COMMAND_TOLD_NOTHING : (enum command_told)told;
}

static bool is_complete(struct json_object *record)
{
        static const char *const texts[] = {"device", "identity", "application", "deviceId"};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                if (!json_text_member(record, texts[i]))
                        return false;
        }
        return json_number_member(record, "version", 0) == RECORD_VERSION &&
               read_state(record, "state") >= 0 &&
               is_policy(json_number_member(record, "policy", 0));
}

struct command *command_decode(const char *record, size_t size, struct reason *reason)
{
        CLEANUP(json_cleanup)
        struct json_object *object = json_parse(record, size, RECORD_DEPTH, JSON_STRICT, reason);
        int outcome = find_name(outcome_names, COMMAND_OUTCOME_COUNT,
                                json_text_member(object, "outcome"));
        struct command *command;

        if (!object)
                return NULL;
        if (!is_complete(object) || outcome < 0) {
                reason_set(reason, "the record of a command is of another version or not complete");
                return NULL;
        }
        command = mem_new(1, sizeof(*command));
        read_downlink(object, &command->downlink);
        read_states(object, command);
        command->device_key = text_of(object, "device");
        command->identity = text_of(object, "identity");
        command->message_id = text_of(object, "messageId");
        command->name = text_of(object, "name");
        command->reason = text_of(object, "reason");
        command->formatter = text_of(object, "formatter");
        command->body = text_of(object, "body");
        command->outcome = (enum command_outcome)outcome;
        command->policy = (enum settings_settlement)json_number_member(object, "policy", 0);
        command->is_method = json_bool_member(object, "method", false);
        command->attempt = (int)json_number_member(object, "attempt", 0);
        command->sequence = (uint64_t)json_number_member(object, "sequence", 0);
        command->arrival = json_number_member(object, "arrival", 0);
        read_times(object, command);
        return command;
}
