// SPDX-License-Identifier: MIT
/*
 * What the commands write. Every text that came from outside passes here (text_add_printable), so
 * that a device, a network or a file can't give the terminal orders or forge a line.
 */
#ifndef ISTHMUS_CLI_TERMINAL_H
#define ISTHMUS_CLI_TERMINAL_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

/* Exit status of every command. */
enum cli_status {
        CLI_GOOD = 0,
        CLI_FAILED = 1,
        CLI_USAGE = 2, /* wrong usage or wrong configuration */
};

/* Adds a text; NULL adds nothing. */
void terminal_add(struct buf *out, const char *text);

/* The same, padded with spaces up to `width` bytes, and two more behind it. */
void terminal_add_column(struct buf *out, int width, const char *text);

/* Ends a line of columns: without blanks at its end. */
void terminal_end_row(struct buf *out);

/* Adds a value as compact JSON; json_add_line adds a line feed, too. */
void terminal_add_json(struct buf *out, struct json_object *value);
void terminal_add_json_line(struct buf *out, struct json_object *value);

/* Writes to standard output and empties `out`. False when nobody reads any more. */
bool terminal_write(struct buf *out);

/* The same for all that is to be said; CLI_GOOD or CLI_FAILED. */
int terminal_print(struct buf *out);

/* What the program is called in all that it says; "isthmus" if nobody sets it. In main. */
void terminal_set_program(const char *name);
const char *terminal_program(void);

/* "isthmus COMMAND: SENTENCE" on standard error; returns CLI_FAILED. */
int terminal_fail(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);

/* As terminal_fail, and names the help; returns CLI_USAGE. */
int terminal_usage(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
