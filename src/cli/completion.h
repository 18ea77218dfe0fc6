// SPDX-License-Identifier: MIT
/*
 * What a shell needs to complete `isthmus ...`, made of the tables of all commands. The files in
 * packaging/completion/ hold it, and a test compares them.
 */
#ifndef ISTHMUS_CLI_COMPLETION_H
#define ISTHMUS_CLI_COMPLETION_H

#include <stddef.h>

#include "base/buf.h"
#include "cli/options.h"

struct cli_command {
        const char *name;
        const char *summary; /* one line for `isthmus help` */
        /* `argv[0]` is the command's own name. */
        int (*run)(int argc, char **argv);
};

struct completion {
        const struct cli_command *commands;
        size_t command_count;
        const struct options *const *options; /* "queue", "hub watch", ... */
        size_t option_count;
};

void completion_bash(const struct completion *completion, struct buf *out);
void completion_zsh(const struct completion *completion, struct buf *out);

#endif
