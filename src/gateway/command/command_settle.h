// SPDX-License-Identifier: MIT
/*
 * What the cloud is told of a command: its message is completed, abandoned or rejected; its caller
 * gets an answer. On the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_SETTLE_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_SETTLE_H

#include <stdbool.h>

#include "conf/settings.h"
#include "gateway/command/command.h"

/* Was the cloud told that it is done, though its outcome is not known yet? */
bool command_settle_was_told(const struct command *command);

/*
 * Tells it if the command has come as far as its policy asks, or must wait in the gateway, perhaps
 * for days: then its message is completed, its caller answered 202.
 */
void command_settle_by_policy(struct command *command, const struct settings *settings);

/* Tells the outcome. */
void command_settle_finished(struct command *command);

/* The caller of a direct method can't wait longer: says how far the command is. */
void command_settle_timeout(struct command *command);

/* Answers a direct method that never became a command. */
void command_settle_refuse_call(struct hub_method *call, int status, const char *message);

#endif
