// SPDX-License-Identifier: MIT
/*
 * What a shell needs to complete a program's command line, made of the tables of its options. The
 * files in packaging/completion/ hold it, and tests compare them.
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
        const char *program;
        const char *printed_by; /* the command that --completion-bash and -zsh belong to */
        const struct cli_command *commands;
        size_t command_count;
        /* "queue", "hub watch", ...; and last, if it has any, those of the program itself, "". */
        const struct options *const *options;
        size_t option_count;
};

void completion_bash(const struct completion *completion, struct buf *out);
void completion_zsh(const struct completion *completion, struct buf *out);

#endif
