// SPDX-License-Identifier: MIT
/*
 * Command stage 4: what the network tells of a downlink moves its command on (rules E1 to E5).
 *
 * Laws:
 *   - an event that is not about a command of ours, or about one that is finished, changes nothing;
 *   - an event settles a command only if it comes from that command's own device;
 *   - where a network calls downlinks by ids of its own, an event may come before the answer that
 *     tells the id: what no command is called is kept for a minute, up to a bound.
 */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_CONFIRM_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_CONFIRM_H

#include <stdbool.h>

#include "base/loop.h"
#include "gateway/command/command_ledger.h"
#include "networks/event.h"

struct command_confirm;

struct command_confirm *command_confirm_new(struct loop *loop, struct command_ledger *ledger);

/* After the thread "loop" has ended. */
void command_confirm_free(struct command_confirm *confirm);

/* Is it an event about a downlink of ours? Every thread. */
bool command_confirm_concerns(const struct event *event);

/*
 * Applies the event; `done` is called once what it changed is on disk (0), or can't be. Any
 * thread; `done` comes on the store's thread or on the thread "loop". The event is not kept.
 */
void command_confirm_event(struct command_confirm *confirm, const struct event *event,
                           void (*done)(void *context, int result), void *context);

/* Its network has told its own id of the command: what came before is applied. On the thread
 * "loop". */
void command_confirm_named(struct command_confirm *confirm, struct command *command);

#endif
