// SPDX-License-Identifier: MIT
/*
 * How `isthmus command` and `isthmus status` write what the gateway or the store told: tables for
 * people, JSON lines for programs.
 */
#ifndef ISTHMUS_CLI_GATEWAY_COMMAND_PRINT_H
#define ISTHMUS_CLI_GATEWAY_COMMAND_PRINT_H

#include <json-c/json.h>

#include "base/buf.h"

/* The array's objects as JSON, one on each line. */
void command_print_json_lines(struct buf *out, struct json_object *array);

/* A table of commands (gateway/command/command_view.h). */
void command_print_table(struct buf *out, struct json_object *commands);

/* All members of an object, each on a line. */
void command_print_whole(struct buf *out, struct json_object *object);

/* A table of devices, as GET /devices gives them. */
void command_print_devices(struct buf *out, struct json_object *devices);

/* How many devices are in which state, as GET /devices says it. */
void command_print_states(struct buf *out, struct json_object *states);

/* What GET /status gives. */
void command_print_status(struct buf *out, struct json_object *status);

#endif
