// SPDX-License-Identifier: MIT
/* How a command begins when its turn comes. On the thread "loop". */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_BEGIN_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_BEGIN_H

#include "gateway/command/command.h"

/*
 * Of a command that waits: COMMAND_BEGUN, or _BEHIND; COMMAND_WAITING as long as a formatter has
 * not made its payload, or the device has a pause after the one before.
 */
enum command_state command_beginning(const struct command *command);

#endif
