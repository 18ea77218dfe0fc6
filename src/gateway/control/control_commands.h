// SPDX-License-Identifier: MIT
/* The control socket's answers about commands. All on the thread "loop". */
#ifndef ISTHMUS_GATEWAY_CONTROL_CONTROL_COMMANDS_H
#define ISTHMUS_GATEWAY_CONTROL_CONTROL_COMMANDS_H

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "gateway/control/control.h"
#include "gateway/control/control_request.h"

/* Adds the newest commands that fit, and how many fit in all. */
void control_commands_list(const struct control_options *options,
                           const struct control_request *request, struct buf *out);

/* The one command of the reference. 0; or an HTTP status (404, 409) with the reason. */
int control_commands_find(const struct control_options *options, const char *reference,
                          struct command **command, struct reason *reason) MUST_CHECK;

/*
 * Ends it with the outcome COMMAND_CANCELLED. 0; or 409 with the reason why that is refused: it
 * is finished, or the network has it, or may have it, and `force` is not set.
 */
int control_commands_cancel(const struct control_options *options, struct command *command,
                            bool force, struct reason *reason) MUST_CHECK;

#endif
