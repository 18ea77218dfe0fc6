// SPDX-License-Identifier: MIT
/* How a command is shown to an operator, and which ones are chosen. Pure; every thread. */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_VIEW_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_VIEW_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/reason.h"
#include "gateway/command/command.h"

/* Fewest characters of a reference that stand for the whole. */
#define COMMAND_REFERENCE_MIN 8

enum command_choice {
        COMMAND_CHOOSE_PENDING, /* whose outcome is not known yet */
        COMMAND_CHOOSE_ALL,
        COMMAND_CHOOSE_STATE,
        COMMAND_CHOOSE_OUTCOME,
};

struct command_filter {
        /* Key, network's id or IoT Hub device id of its device; or NULL. The caller's. */
        const char *device;
        enum command_choice choice;
        const char *state; /* as command_state_name */
        enum command_outcome outcome;
};

/*
 * Sets what to choose: "pending" (as NULL), "all", the name of a state or of an outcome. False,
 * with the reason, if `name` is none of them.
 */
bool command_filter_choose(struct command_filter *filter, const char *name,
                           struct reason *reason) MUST_CHECK;

bool command_filter_matches(const struct command_filter *filter, const struct command *command);

/* For qsort of struct command pointers: the newest first. */
int command_newest_first(const void *a, const void *b);

/* Is `text` the command's reference, or its beginning (COMMAND_REFERENCE_MIN or more)? */
bool command_has_reference(const struct command *command, const char *text);

/*
 * Everything known of it as a JSON object, the caller's; no secrets are in it. Of a command that
 * was read from a store it says nothing that only a running gateway knows.
 */
struct json_object *command_view(const struct command *command) MUST_CHECK;

#endif
