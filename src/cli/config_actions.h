// SPDX-License-Identifier: MIT
/* `PROGRAM config check|show|settings`, for the programs that have a configuration. */
#ifndef ISTHMUS_CLI_CONFIG_ACTIONS_H
#define ISTHMUS_CLI_CONFIG_ACTIONS_H

#include "cli/options.h"
#include "conf/engine/configuration.h"

struct configuration {
        const struct conf_schema *schema;
        const char *file;
        const char *default_file; /* may be absent */
        void *target;             /* of the schema, with its defaults; its owner frees it */

        struct conf_report report;
        int result; /* of the loading */
};

/* What the actions of such a command run; each has a struct configuration as its target. */
int configuration_check(void *context);
int configuration_show(void *context);
int configuration_describe(void *context);

/* Reads the arguments and does what they ask for; the exit status. */
int configuration_command(const struct options *options, int argc, char **argv,
                          struct configuration *configuration);

#endif
