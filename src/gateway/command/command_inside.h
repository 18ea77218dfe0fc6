// SPDX-License-Identifier: MIT
/*
 * Between the files of the ledger: command_ledger.c, command_moves.c, command_delivery.c and
 * command_record.c.
 */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_INSIDE_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_INSIDE_H

#include "gateway/command/command_ledger.h"
#include "gateway/command/command_record.h"

struct command_ledger {
        struct command_ledger_options options;
        struct command_format *format;
        struct command_recorder *recorder;
        struct table by_key;
        struct table by_reference; /* those in the ledger that are not finished */
        struct table by_own_id;    /* of these, those of which the network has told an id */
        struct list open;          /* all that are not finished */
        struct list finished;      /* remembered, in the order of their end */
        struct list forgotten;     /* of another's devices; something still refers to them */
        int64_t arrivals;          /* the last number given */
        struct timer care;
        bool stopped;
        struct command **taken; /* from the store, until all are */
        size_t taken_count;
};

/* --- command_ledger.c ---------------------------------------------------------------------- */

/* All that was written of the command is on disk, or can't be. */
void command_inside_written(struct command_ledger *ledger, struct command *command, int result);

/* The turn of the next command of the device, if it is nobody's. */
void command_inside_next(struct command_ledger *ledger, struct device *device);

/* Puts a command that is held into the ledger; one too many stays held. */
void command_inside_enter(struct command_ledger *ledger, struct command *command);

/* The network has it: it is in nobody's way any more. */
void command_inside_leave_line(struct command *command);

/* Takes it off the lists of what is not finished. */
void command_inside_leave(struct command_ledger *ledger, struct command *command);

/* Frees a command that is on no list, as soon as nothing refers to it. */
void command_inside_forget(struct command_ledger *ledger, struct command *command);

/* Frees a forgotten command unless something refers to it. */
void command_inside_free_unused(struct command_ledger *ledger, struct command *command);

/* --- command_moves.c ----------------------------------------------------------------------- */

/* As command_ledger_finish, without the next one's turn. */
void command_inside_finish(struct command_ledger *ledger, struct command *command,
                           enum command_outcome outcome, const char *reason);

/* Forgets finished commands, oldest first: those too long ago, and those too many. */
void command_inside_forget_finished(struct command_ledger *ledger, const struct clock_moment *now);

/* --- command_delivery.c -------------------------------------------------------------------- */

/* Tells the cloud what is known of it, and on disk. */
void command_inside_tell(struct command_ledger *ledger, struct command *command);

#endif
