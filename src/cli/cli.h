// SPDX-License-Identifier: MIT
/* `isthmus COMMAND`: one program, one file per command (isthmus_*.c), one table of them. */
#ifndef ISTHMUS_CLI_CLI_H
#define ISTHMUS_CLI_CLI_H

#include "base/buf.h"
#include "cli/options.h"
#include "cli/terminal.h"

int cli_main(int argc, char **argv);

/* The commands, one file each, and what each of them may be told; cli.c holds the table. */
#define CLI_COMMAND(name)                                                                          \
        int isthmus_##name(int argc, char **argv);                                                 \
        extern const struct options isthmus_##name##_options
CLI_COMMAND(cluster);
CLI_COMMAND(command);
CLI_COMMAND(config);
CLI_COMMAND(device);
CLI_COMMAND(dtdl);
CLI_COMMAND(formatter);
CLI_COMMAND(gateway);
CLI_COMMAND(hub);
CLI_COMMAND(hub_watch);
CLI_COMMAND(hub_devices);
CLI_COMMAND(hub_send);
CLI_COMMAND(hub_invoke);
CLI_COMMAND(hub_wait);
CLI_COMMAND(provision);
CLI_COMMAND(queue);
CLI_COMMAND(status);
CLI_COMMAND(store);
CLI_COMMAND(uplink);

enum cli_shell {
        CLI_BASH,
        CLI_ZSH,
};

/* Adds what completes `isthmus ...` in a shell, made from them. */
void cli_completion(enum cli_shell shell, struct buf *out);

/* Adds the section of the manual page that is made from them, as mdoc(7). */
void cli_manual(struct buf *out);

#endif
