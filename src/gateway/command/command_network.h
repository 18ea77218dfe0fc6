// SPDX-License-Identifier: MIT
/*
 * Command stage 3: a command to its network's API.
 *
 * Law: a command is on disk as begun before its request goes out, and is handed over again only
 * after a definite "not taken". The network's own list of what waits for the device proves that a
 * command is there; that it is not there proves something only if the network had answered with an
 * error, or if the device can't have got it: it is of class A, and was not heard of since. A
 * network without a list holds one downlink of a device and refuses a second: the same request
 * again, soon enough, either is taken or tells that the place is used, by this one if no other can
 * be there. What stays unknown is refused, with that reason, and not sent again.
 *
 * On the thread "loop"; the requests run on the thread "http".
 */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_NETWORK_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_NETWORK_H

#include <stdbool.h>

#include "base/loop.h"
#include "conf/settings.h"
#include "gateway/command/command_confirm.h"
#include "gateway/command/command_ledger.h"
#include "http/client/http_client.h"
#include "monitor/monitor.h"

struct command_network;

struct command_network_options {
        const struct settings *settings;
        struct http_client *http;
        struct loop *loop;
        struct command_ledger *ledger;
        struct command_confirm *confirm; /* which is told of ids */
        struct monitor *monitor;         /* NULL = none */
};

struct command_network *command_network_new(const struct command_network_options *options);

/* After the threads "http" and "loop" have ended. */
void command_network_free(struct command_network *network);

/*
 * With a struct command_network: the commands of devices that are this gateway's from now on are
 * known (struct ownership_part). Where a network tells once what becomes of a downlink, its list is
 * asked what it still has: then, for nobody was there, and of each command that it has an hour
 * after it has come that far, then after four hours, then each day; and when the device has joined,
 * for then the network may have emptied its queue. One that is missing twice, a
 * minute apart, or after a start once, has been sent, or was lost if the device must acknowledge
 * it.
 */
void command_network_taken(void *context);

/* Answers are not waited for any more. On the thread "loop". */
void command_network_stop(struct command_network *network);

/* The device was in contact with its network: what that could not take may find its place now. */
void command_network_contact(struct command_network *network, struct device *device);

/* It is this command's turn. */
enum command_turn command_network_hand_over(struct command_network *network,
                                            struct command *command);

#endif
