// SPDX-License-Identifier: MIT
/*
 * Command stage 3, if a payload formatter makes the bytes of the downlink: it runs when the
 * command's turn has come, before the network (command_network.h).
 *
 * Laws:
 *   - nothing waits for a formatter but the commands of the same device;
 *   - what it made is on disk before it is handed over, so that every attempt sends the same bytes;
 *   - workers that can't be had refuse nothing: the pool waits for them, and the command with it;
 *     nor does a gateway without formatters: the command waits for one that has them;
 *   - what it can't make is refused with its reason: the message is rejected, a call answered 422.
 *
 * On the thread "loop"; formatters run in their own processes.
 */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_FORMAT_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_FORMAT_H

#include "base/loop.h"
#include "formatter/formatter.h"
#include "gateway/command/command_ledger.h"
#include "gateway/command/command_network.h"

struct command_format;

struct command_format_options {
        struct loop *loop;
        struct formatter_pool *pool; /* NULL = there is none: what needs one waits */
        struct command_ledger *ledger;
        struct command_network *network;
};

struct command_format *command_format_new(const struct command_format_options *options);

/* Results are not waited for any more. On the thread "loop". */
void command_format_stop(struct command_format *format);

/* After the thread "loop" has ended and the pool is freed. */
void command_format_free(struct command_format *format);

/* It is this command's turn. */
enum command_turn command_format_hand_over(struct command_format *format, struct command *command);

#endif
