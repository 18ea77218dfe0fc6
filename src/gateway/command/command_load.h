// SPDX-License-Identifier: MIT
/* The ledger of the last run, as it is on disk. Before the thread "loop" handles devices. */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_LOAD_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_LOAD_H

#include <stddef.h>

#include "base/error.h"
#include "base/reason.h"
#include "gateway/command/command.h"
#include "store/store.h"

struct command_load {
        struct command **commands; /* the caller's, as is the array */
        size_t count;
};

/*
 * Reads all commands whose device `device_of` knows, those that are not finished in the order of
 * their arrival, the others in the order of their end. What can't be taken up is logged.
 */
int command_load(struct store *store, struct device *(*device_of)(void *context, const char *key),
                 void *context, struct command_load *loaded, struct reason *reason) MUST_CHECK;

#endif
