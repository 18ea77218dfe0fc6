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
        bool secrets;             /* `check` also asks for those that a vault keeps */
        const char *output;       /* of `convert`; NULL = standard output */
        /* A file of those that vaults are trusted by beside the system's; or NULL. */
        const char *(*certificates)(const void *target);

        struct conf_report report;
        int result; /* of the loading */
};

/* What such a command can do, and its notes. */
extern const struct options_action configuration_actions[];
extern const char configuration_notes[];

/* The option that names the configuration; `default_file` is a literal. */
#define CONFIGURATION_FILE_ROW(default_file)                                                       \
        OPTION_CONFIG(struct configuration, file, "the configuration (default " default_file ")")
#define CONFIGURATION_OUTPUT_ROW                                                                   \
        OPTION_TEXT(struct configuration, output, "output", "FILE",                                \
                    "where convert writes; the file is for its owner alone, and must not exist "   \
                    "yet (default: standard output)")
#define CONFIGURATION_SECRETS_ROW                                                                  \
        OPTION_SWITCH(struct configuration, secrets, "secrets",                                    \
                      "with check: also asks the Key Vaults for the secrets that are named, and "  \
                      "prints which version each has; status 2 if one can't be read")

/* The command's options: a static struct options, with the program's default file (a literal). */
#define CONFIGURATION_OPTIONS(default_file)                                                        \
        {                                                                                          \
                .command = "config", .actions = configuration_actions,                             \
                .rows =                                                                            \
                        (const struct options_row[]){                                              \
                                CONFIGURATION_FILE_ROW(default_file),                              \
                                CONFIGURATION_OUTPUT_ROW,                                          \
                                CONFIGURATION_SECRETS_ROW,                                         \
                                {.name = NULL},                                                    \
                        },                                                                         \
                .notes = configuration_notes,                                                      \
        }

/* Reads the arguments and does what they ask for; the exit status. */
int configuration_command(const struct options *options, int argc, char **argv,
                          struct configuration *configuration);

#endif
