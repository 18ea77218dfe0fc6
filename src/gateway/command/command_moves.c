// SPDX-License-Identifier: MIT
/* The ledger: how a command moves on, to its end. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/command/command_begin.h"
#include "gateway/command/command_inside.h"
#include "gateway/command/command_report.h"
#include "gateway/command/command_settle.h"
#include "store/store_share.h"

/* A `replace` has removed at the network what waited there before it, without a word. */
static void supersede_earlier(struct command_ledger *ledger, const struct command *replacing)
{
        struct device *device = replacing->device;

        if (device->replaced_up_to < replacing->arrival)
                device->replaced_up_to = replacing->arrival;
        list_for_each_safe (node, &device->commands) {
                struct command *earlier = list_entry(node, struct command, node);

                if (earlier->arrival < replacing->arrival && command_may_be_queued(earlier))
                        command_inside_finish(ledger, earlier, COMMAND_SUPERSEDED,
                                              "a later command with Queue=Replace took its place");
        }
}

/* --- forward ------------------------------------------------------------------------------- */

static void advance(struct command_ledger *ledger, struct command *command,
                    enum command_state state)
{
        log_info("COMMAND_ADVANCED", "A command has come further",
                 LOG_TEXT("reference", command->downlink.reference),
                 LOG_TEXT("device", command->device_key),
                 LOG_TEXT("state", command_state_name(state)), LOG_END);
        if (command->state < COMMAND_QUEUED && command->downlink.replace)
                supersede_earlier(ledger, command);
        command_reach(command, state);
        command->is_unheard = false;
        command->is_missing = false;
        command->had_ms = clock_steady_ms();
        command->looks = 0;
        command->look_ms = 0;
        command_inside_leave_line(command); /* only states from COMMAND_QUEUED on are advances */
        if (state == COMMAND_SENT && !command->downlink.confirmed)
                command_inside_finish(ledger, command, COMMAND_DELIVERED, NULL);
        else
                command_record_write(ledger->recorder, command);
        command_inside_next(ledger, command->device);
}

void command_ledger_advance(struct command_ledger *ledger, struct command *command,
                            enum command_state state)
{
        /* What is queued again was sent, though nothing told of it. */
        if (state == COMMAND_REQUEUED && command->state < COMMAND_SENT)
                advance(ledger, command, COMMAND_SENT);
        if (command_can_reach(command, state))
                advance(ledger, command, state);
}

void command_inside_forget_finished(struct command_ledger *ledger, const struct clock_moment *now)
{
        list_for_each_safe (node, &ledger->finished) {
                struct command *command = list_entry(node, struct command, node);

                if (ledger->finished.count <= ledger->options.maximum_remembered &&
                    clock_elapsed_ms(&command->finished, now) < COMMAND_REMEMBER_MS)
                        return;
                if (command->delivery || command->unwritten > 0 ||
                    command->device->handing_over == command)
                        continue;
                command_record_delete(ledger->recorder, command);
                list_remove(&ledger->finished, node);
                command_inside_forget(ledger, command);
        }
}

/* Those that were held take the place that has become free. */
static void enter_held(struct command_ledger *ledger, struct device *device)
{
        while (!list_is_empty(&device->held_commands) && command_ledger_has_room(ledger, device))
                command_inside_enter(ledger, list_entry(list_pop_front(&device->held_commands),
                                                        struct command, node));
}

static void set_outcome(struct command *command, enum command_outcome outcome, const char *reason)
{
        command->told = command_settle_was_told(command) ? COMMAND_TOLD_DONE : COMMAND_TOLD_NOTHING;
        command_reach(command, COMMAND_FINISHED);
        command->outcome = outcome;
        free(command->reason);
        command->reason = mem_text(reason);
        log_info("COMMAND_FINISHED", "The outcome of a command is known",
                 LOG_TEXT("reference", command->downlink.reference),
                 LOG_TEXT("message_id", command->message_id),
                 LOG_TEXT("device", command->device_key),
                 LOG_TEXT("outcome", command_outcome_name(outcome)),
                 LOG_TEXT("reason", reason ? reason : ""), LOG_END);
}

void command_inside_finish(struct command_ledger *ledger, struct command *command,
                           enum command_outcome outcome, const char *reason)
{
        const struct settings *settings = ledger->options.settings;

        if (command->state == COMMAND_FINISHED)
                return;
        if (outcome == COMMAND_DELIVERED && command->state < COMMAND_QUEUED &&
            command->downlink.replace)
                supersede_earlier(ledger, command);
        loop_timer_stop(ledger->options.loop, &command->timer);
        command_inside_leave(ledger, command);
        set_outcome(command, outcome, reason);
        list_push_back(&ledger->finished, &command->node);
        /* The report first: a crash between the two makes it twice, with one message id. */
        if (command->told == COMMAND_TOLD_DONE &&
            settings->commands.outcome_report != SETTINGS_OUTCOME_NONE &&
            store_may_act(ledger->options.store, command->device->shard))
                command_report(ledger->options.store, ledger->options.queue, command);
        command_record_write(ledger->recorder, command);
        enter_held(ledger, command->device);
        command_inside_forget_finished(ledger, &command->finished);
}

void command_ledger_finish(struct command_ledger *ledger, struct command *command,
                           enum command_outcome outcome, const char *reason)
{
        command->resume = COMMAND_WAITING;
        command_inside_finish(ledger, command, outcome, reason);
        command_inside_next(ledger, command->device);
}

void command_ledger_give_up(struct command_ledger *ledger, struct command *command,
                            const char *reason)
{
        command->resume = command_is_in_doubt(command) ? command->state : COMMAND_WAITING;
        command_inside_finish(ledger, command, COMMAND_FAILED, reason);
}

/* --- its turn ------------------------------------------------------------------------------ */

void command_ledger_record(struct command_ledger *ledger, struct command *command)
{
        enum command_state beginning =
                command->state == COMMAND_WAITING ? command_beginning(command) : command->state;

        if (beginning != command->state)
                command_reach(command, beginning);
        command_record_write(ledger->recorder, command);
}

enum command_turn command_ledger_begin(struct command_ledger *ledger, struct command *command,
                                       enum command_state state)
{
        command_reach(command, state);
        command_record_write(ledger->recorder, command);
        return COMMAND_TURN_OVER;
}

void command_ledger_doubt(struct command_ledger *ledger, struct command *command,
                          enum command_state state)
{
        if (!command_can_reach(command, state))
                return;
        command_reach(command, state);
        command_record_write(ledger->recorder, command);
}

void command_ledger_not_taken(struct command_ledger *ledger, struct command *command)
{
        if (command->state != COMMAND_BEGUN && command->state != COMMAND_BEGUN_BEHIND)
                return;
        command_reach(command, COMMAND_WAITING);
        command_record_write(ledger->recorder, command);
}

void command_ledger_busy(struct command_ledger *ledger, struct device *device)
{
        device->network_busy = true;
        list_for_each (node, &device->commands) {
                struct command *command = list_entry(node, struct command, node);

                if (command->state != COMMAND_WAITING || command->told == COMMAND_TOLD_WAITS)
                        continue;
                command->told = COMMAND_TOLD_WAITS;
                command_record_write(ledger->recorder, command);
        }
}
