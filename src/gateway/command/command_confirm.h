// SPDX-License-Identifier: MIT
/*
 * Command stage 4: what the network tells of a downlink moves its command on (rules E1 to E5).
 *
 * Laws:
 *   - an event that is not about a command of ours, or about one that is finished, changes nothing;
 *   - an event settles a command only if it comes from that command's own device;
 *   - an event is applied when it arrives, not when its turn comes to be sent: what waits for its
 *     device hides nothing;
 *   - an event that tells of a downlink and nothing else stays in the store until what it changed
 *     is on disk, so that a crash between the two has it read again; applied twice it changes
 *     nothing more (rule E2);
 *   - where a network calls downlinks by ids of its own, an event may come before the answer that
 *     tells the id: what no command is called is kept for a minute, up to a bound.
 */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_CONFIRM_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_CONFIRM_H

#include <stdbool.h>

#include "base/loop.h"
#include "gateway/command/command_ledger.h"
#include "gateway/device/uplink_event.h"
#include "gateway/uplink/uplink_hold.h"
#include "networks/event.h"
#include "store/store.h"

struct command_confirm;

struct command_confirm_options {
        struct loop *loop;
        struct command_ledger *ledger;
        struct store *store;
        struct uplink_holds *holds; /* are told of what is forgotten; or NULL */
};

struct command_confirm *command_confirm_new(const struct command_confirm_options *options);

/* Nothing is posted to the thread "loop" any more. On that thread. */
void command_confirm_stop(struct command_confirm *confirm);

/* After the thread "loop" has ended and the store is closed. */
void command_confirm_free(struct command_confirm *confirm);

/* Is it an event about a downlink of ours? Every thread. */
bool command_confirm_concerns(const struct event *event);

/*
 * A stored event that concerns a downlink has arrived at the owner of its device: applies it. One
 * with the purpose STORE_DOWNLINK_NEWS is forgotten in the store when what it changed is on disk;
 * if that can't be written now, later. The event is not kept. On the thread "loop"; for
 * uplink_queue_join, with a struct command_confirm.
 */
void command_confirm_event(void *context, const struct uplink_event *event);

/* Its network has told its own id of the command: what came before is applied. On the thread
 * "loop". */
void command_confirm_named(struct command_confirm *confirm, struct command *command);

/*
 * With a struct command_confirm: the devices of these shards are another's (struct ownership_part).
 * What is kept for them is dropped, and stays in the store. On the thread "loop".
 */
void command_confirm_forget(void *context, const struct store_shards *shards);

#endif
