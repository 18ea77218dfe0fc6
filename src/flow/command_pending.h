// SPDX-License-Identifier: MIT
/*
 * The ledger: which commands still wait for their outcome, on disk, and how each is settled.
 *
 * Laws:
 *   - a command is on disk before it is handed to the network;
 *   - commands of a device are handed over in the order of their arrival, one at a time;
 *   - a command goes forward only, and once finished it never changes, whatever comes later,
 *     doubled or out of order (rule E2); only a redelivery after COMMAND_FAILED is a new attempt;
 *   - a command that the hub delivers again is recognised, not handed over again, and its outcome
 *     settles the newest delivery (rule E5).
 *
 * All on the thread "hub", but command_pending_load.
 */
#ifndef ISTHMUS_FLOW_COMMAND_PENDING_H
#define ISTHMUS_FLOW_COMMAND_PENDING_H

#include "azure/hub_client.h"
#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "flow/command.h"
#include "flow/device.h"
#include "store/store.h"

struct command_pending;

struct command_pending_options {
        const struct settings *settings;
        struct store *store;
        struct hub_client *hubs;
        /* It is this command's turn: hand it to the network (UNCERTAIN: find out first). */
        void (*hand_over)(void *context, struct command *command);
        /* Its outcome became known after the hub was told that it is complete. */
        void (*report)(void *context, const struct command *command);
        void *context;
};

struct command_pending *command_pending_new(const struct command_pending_options *options);

/* After the thread "hub" has ended. */
void command_pending_free(struct command_pending *pending);

/*
 * Reads the ledger from the store; `device_of` gives the device of a key or NULL. Before the
 * thread "hub" handles devices; command_pending_start follows on that thread.
 */
int command_pending_load(struct command_pending *pending,
                         struct device *(*device_of)(void *context, const char *key), void *context,
                         struct reason *reason) MUST_CHECK;
void command_pending_start(struct command_pending *pending);

/* Settles nothing and hands nothing over any more. */
void command_pending_stop(struct command_pending *pending);

/* The command with the hub's identity, or with our reference; NULL if there is none. */
struct command *command_pending_find(const struct command_pending *pending, const char *device_key,
                                     const char *identity);
struct command *command_pending_find_reference(const struct command_pending *pending,
                                               const char *reference);

/* How many commands of the device are not finished. */
size_t command_pending_count(const struct device *device);

/* Takes a new command; it is recorded, and handed over when its turn comes. */
void command_pending_add(struct command_pending *pending, struct command *command);

/* The hub delivers it again. */
void command_pending_redelivered(struct command_pending *pending, struct command *command,
                                 struct hub_command *delivery);

/* The lock of this delivery is gone. */
void command_pending_lost(struct command_pending *pending, struct hub_command *delivery);

/* The network has it (COMMAND_QUEUED), or has transmitted it (COMMAND_SENT). */
void command_pending_advance(struct command_pending *pending, struct command *command,
                             enum command_state state);

/* Its outcome is known; `reason` may be NULL. */
void command_pending_finish(struct command_pending *pending, struct command *command,
                            enum command_outcome outcome, const char *reason);

/* It was handed over, and whether it arrived is not known. */
void command_pending_doubt(struct command_pending *pending, struct command *command);

/* Handing over has ended, well or not: the next one's turn, or this one's again. */
void command_pending_next(struct command_pending *pending, struct device *device);

/*
 * Writes the command as it is now; `done` (may be NULL) is called on the store's thread when that
 * is on disk, or with another result than 0 when it can't be.
 */
void command_pending_record(struct command_pending *pending, const struct command *command,
                            void (*done)(void *context, int result), void *context);

#endif
