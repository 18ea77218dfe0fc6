// SPDX-License-Identifier: MIT
/* The ledger: the hub's deliveries of a command, and its new attempts. */
#include <assert.h>

#include "base/log.h"
#include "base/thread.h"
#include "gateway/command/command_inside.h"
#include "gateway/command/command_settle.h"

static void lock(struct command *command, struct hub_command *delivery)
{
        command->delivery = delivery;
        if (delivery)
                delivery->owner = command;
}

void command_inside_tell(struct command_ledger *ledger, struct command *command)
{
        if (command->state == COMMAND_FINISHED)
                command_settle_finished(command);
        else
                command_settle_by_policy(command, ledger->options.settings);
}

void command_ledger_add(struct command_ledger *ledger, struct command *command)
{
        THREAD_ASSERT(LOOP_THREAD);
        assert(command->state == COMMAND_HELD);
        command->key = command_key(command->device_key, command->identity);
        command->by_key.key = command->key;
        table_add(&ledger->by_key, &command->by_key);
        list_push_back(&ledger->open, &command->open);
        lock(command, command->delivery);
        command_inside_enter(ledger, command);
}

/* The hub gives it another chance after we abandoned it. */
static void try_again(struct command_ledger *ledger, struct command *command)
{
        list_remove(&ledger->finished, &command->node);
        list_push_back(&ledger->open, &command->open);
        command_reach(command, COMMAND_HELD);
        command->attempt++;
        command->outcome = COMMAND_NO_OUTCOME;
        command->failures = 0;
        command->started_ns = clock_steady_ns();
        /* If the network may have it, it has it under the old reference, in the old place. */
        if (command->resume == COMMAND_WAITING) {
                command_make_reference(command);
                command->arrival = 0;
        }
        command_inside_enter(ledger, command);
        if (command_may_be_queued(command) && command->arrival < command->device->replaced_up_to)
                command_inside_finish(ledger, command, COMMAND_SUPERSEDED,
                                      "a later command with Queue=Replace took its place");
}

void command_ledger_redelivered(struct command_ledger *ledger, struct command *command,
                                struct hub_command *delivery)
{
        log_info("COMMAND_REDELIVERED", "The hub delivers a command again; it is known",
                 LOG_TEXT("reference", command->downlink.reference),
                 LOG_TEXT("message_id", command->message_id),
                 LOG_TEXT("state", command_state_name(command->state)), LOG_END);
        if (command->delivery)
                hub_command_settle(command->delivery, HUB_ABANDON);
        lock(command, delivery);
        if (command->state == COMMAND_HELD)
                return;
        if (command->outcome == COMMAND_FAILED && command->told == COMMAND_TOLD_NOTHING)
                try_again(ledger, command);
        else if (command->record_failed && command->unwritten == 0)
                command_record_write(ledger->recorder, command);
        else if (command->unwritten == 0)
                command_inside_tell(ledger, command);
}

void command_ledger_lost(struct command_ledger *ledger, struct hub_command *delivery)
{
        struct command *command = delivery->owner;

        /* Frees it; there is nothing left to settle. */
        hub_command_settle(delivery, HUB_ABANDON);
        if (!command)
                return;
        command->delivery = NULL;
        /* The hub will deliver it again, and there it is safer than here. */
        if (command->state == COMMAND_HELD && command->attempt == 1) {
                command_inside_leave(ledger, command);
                command_inside_forget(ledger, command);
        }
}
