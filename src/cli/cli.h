// SPDX-License-Identifier: MIT
/* `isthmus COMMAND`: one program, one file per command (isthmus_*.c), one table of them. */
#ifndef ISTHMUS_CLI_CLI_H
#define ISTHMUS_CLI_CLI_H

#include "base/buf.h"
#include "cli/options.h"

/* Exit status of every command. */
enum cli_status {
        CLI_GOOD = 0,
        CLI_FAILED = 1,
        CLI_USAGE = 2, /* wrong usage or wrong configuration */
};

struct cli_command {
        const char *name;
        const char *summary; /* one line for `isthmus help` */
        /* `argv[0]` is the command's own name. */
        int (*run)(int argc, char **argv);
};

int cli_main(int argc, char **argv);

/* The commands, one file each; cli.c holds the table. */
int isthmus_command(int argc, char **argv);
int isthmus_config(int argc, char **argv);
int isthmus_device(int argc, char **argv);
int isthmus_dtdl(int argc, char **argv);
int isthmus_formatter(int argc, char **argv);
int isthmus_gateway(int argc, char **argv);
int isthmus_hub(int argc, char **argv);
int isthmus_hub_watch(int argc, char **argv);
int isthmus_hub_devices(int argc, char **argv);
int isthmus_hub_send(int argc, char **argv);
int isthmus_hub_invoke(int argc, char **argv);
int isthmus_hub_wait(int argc, char **argv);
int isthmus_provision(int argc, char **argv);
int isthmus_queue(int argc, char **argv);
int isthmus_status(int argc, char **argv);
int isthmus_store(int argc, char **argv);
int isthmus_uplink(int argc, char **argv);
int isthmus_version(int argc, char **argv);

/* What each of them may be told. */
extern const struct options isthmus_command_options;
extern const struct options isthmus_config_options;
extern const struct options isthmus_device_options;
extern const struct options isthmus_dtdl_options;
extern const struct options isthmus_formatter_options;
extern const struct options isthmus_gateway_options;
extern const struct options isthmus_hub_options;
extern const struct options isthmus_hub_watch_options;
extern const struct options isthmus_hub_devices_options;
extern const struct options isthmus_hub_send_options;
extern const struct options isthmus_hub_invoke_options;
extern const struct options isthmus_hub_wait_options;
extern const struct options isthmus_provision_options;
extern const struct options isthmus_queue_options;
extern const struct options isthmus_status_options;
extern const struct options isthmus_store_options;
extern const struct options isthmus_uplink_options;

enum cli_shell {
        CLI_BASH,
        CLI_ZSH,
};

/* Adds what completes `isthmus ...` in a shell, made from them. */
void cli_completion(enum cli_shell shell, struct buf *out);

/* Adds the section of the manual page that is made from them, as mdoc(7). */
void cli_manual(struct buf *out);

#endif
