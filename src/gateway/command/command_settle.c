// SPDX-License-Identifier: MIT
#include "gateway/command/command_settle.h"

#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/metrics.h"

/* What a caller of IoT Hub gets for each outcome. */
static const int status_of_outcome[COMMAND_OUTCOME_COUNT] = {
        [COMMAND_NO_OUTCOME] = 500, [COMMAND_DELIVERED] = 200,  [COMMAND_REFUSED] = 502,
        [COMMAND_FAILED] = 503,     [COMMAND_SUPERSEDED] = 409, [COMMAND_EXPIRED] = 504,
        [COMMAND_CANCELLED] = 409,
};

static const enum hub_settlement settlement_of_outcome[COMMAND_OUTCOME_COUNT] = {
        [COMMAND_NO_OUTCOME] = HUB_ABANDON, [COMMAND_DELIVERED] = HUB_COMPLETE,
        [COMMAND_REFUSED] = HUB_REJECT,     [COMMAND_FAILED] = HUB_ABANDON,
        [COMMAND_SUPERSEDED] = HUB_REJECT,  [COMMAND_EXPIRED] = HUB_REJECT,
        [COMMAND_CANCELLED] = HUB_REJECT,
};

static void count(enum hub_settlement settlement)
{
        static const enum metrics_counter counters[] = {
                [HUB_COMPLETE] = METRIC_COMMAND_COMPLETED,
                [HUB_ABANDON] = METRIC_COMMAND_ABANDONED,
                [HUB_REJECT] = METRIC_COMMAND_REJECTED,
        };

        metrics_add(counters[settlement], 1);
}

/* If there is no delivery, or its lock is lost, the next delivery is settled. */
static void settle(struct command *command, enum hub_settlement settlement)
{
        struct hub_command *delivery = command->delivery;

        if (!delivery)
                return;
        command->delivery = NULL;
        if (hub_command_settle(delivery, settlement))
                count(settlement);
        else
                log_info("COMMAND_LOCK_LOST", "A lock ended before the outcome was known",
                         LOG_TEXT("reference", command->downlink.reference), LOG_END);
}

static void answer(struct hub_method *call, int status, const char *state, const char *message)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;

        buf_add_text(&body, "{\"status\":");
        buf_add_json_string(&body, state, strlen(state));
        buf_add_text(&body, ",\"message\":");
        buf_add_json_string(&body, message, strlen(message));
        buf_add_char(&body, '}');
        hub_method_answer(call, status, body.data, body.size);
}

static void answer_call(struct command *command, int status, const char *state, const char *message)
{
        struct hub_method *call = command->call;

        if (!call)
                return;
        command->call = NULL;
        answer(call, status, state, message);
}

static bool has_come_far_enough(const struct command *command)
{
        if (command->told == COMMAND_TOLD_WAITS)
                return true;
        switch (command->policy) {
        case SETTINGS_SETTLE_ON_QUEUED:
                return command->state >= COMMAND_QUEUED;
        case SETTINGS_SETTLE_ON_SENT:
                return command->state >= COMMAND_SENT;
        case SETTINGS_SETTLE_BY_RULES:
        case SETTINGS_SETTLE_ON_ACK:
        case SETTINGS_SETTLE_INHERIT:
                break;
        }
        return command->state >= COMMAND_SENT && !command->downlink.confirmed;
}

bool command_settle_was_told(const struct command *command)
{
        if (command->is_method)
                return (command->state >= COMMAND_QUEUED || command->told == COMMAND_TOLD_WAITS) &&
                       !command->call;
        return has_come_far_enough(command);
}

void command_settle_by_policy(struct command *command, const struct settings *settings)
{
        if (!command->is_method) {
                if (has_come_far_enough(command))
                        settle(command, HUB_COMPLETE);
        } else if (command->state >= COMMAND_QUEUED &&
                   settings->commands.method_answer == SETTINGS_ANSWER_ON_QUEUED) {
                answer_call(command, 200, "queued", "the network has taken the downlink");
        } else if (command->told == COMMAND_TOLD_WAITS) {
                answer_call(command, 202, command_state_name(COMMAND_WAITING),
                            "the network has another downlink of this device; this one waits in "
                            "the gateway");
        }
}

void command_settle_finished(struct command *command)
{
        const char *name = command_outcome_name(command->outcome);
        int status = status_of_outcome[command->outcome];

        if (command->outcome == COMMAND_REFUSED && command->refusal_status > 0)
                status = command->refusal_status;
        answer_call(command, status, name,
                    command->reason ? command->reason : "the downlink was transmitted");
        if (command->is_method)
                return;
        /* What was completed early and is delivered again was completed in vain: again, then. */
        settle(command, command->told == COMMAND_TOLD_DONE
                                ? HUB_COMPLETE
                                : settlement_of_outcome[command->outcome]);
}

void command_settle_timeout(struct command *command)
{
        if (command->state >= COMMAND_QUEUED)
                answer_call(command, 202, command_state_name(command->state),
                            "the network has taken the downlink; the device has not answered yet");
        else
                answer_call(command, 504, command_state_name(command->state),
                            "the network has not taken the downlink in time");
}

void command_settle_refuse_call(struct hub_method *call, int status, const char *message)
{
        answer(call, status, "refused", message);
}
