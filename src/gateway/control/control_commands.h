// SPDX-License-Identifier: MIT
/* The control socket's answers about commands. On the thread "loop", but
 * control_commands_elsewhere.
 */
#ifndef ISTHMUS_GATEWAY_CONTROL_CONTROL_COMMANDS_H
#define ISTHMUS_GATEWAY_CONTROL_CONTROL_COMMANDS_H

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "gateway/control/control_options.h"
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

#define CONTROL_OURS (-1)

/*
 * Answers what is asked about one command if its device is another gateway's, in a store that
 * several share: 0, with the command as it is on disk; or 409, since only the gateway that the
 * reason names can cancel it. CONTROL_OURS if this gateway is the one to ask. Reads the store: on
 * the thread "control".
 */
int control_commands_elsewhere(const struct control_options *options,
                               const struct control_request *request, struct buf *out,
                               struct reason *reason) MUST_CHECK;

#endif
