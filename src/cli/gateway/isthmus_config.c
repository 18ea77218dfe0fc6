// SPDX-License-Identifier: MIT
#include "cli/cli.h"
#include "cli/config_actions.h"
#include "cli/options.h"
#include "conf/settings_load.h"
#include "conf/settings_rows.h"

static const struct options_action actions[] = {
        {"check", "[--config FILE]",
         "explains every mistake in the configuration, with its line and column, and whatever else "
         "may not be as meant; status 0 if a gateway can start with it, 2 if not",
         0, 0, configuration_check},
        {"show", "[--config FILE]",
         "prints what is in force as JSON: the file, the environment and the defaults; secrets are "
         "masked, and Origins says where each value came from",
         0, 0, configuration_show},
        {"settings", "", "lists every setting with its type, its default and its meaning", 0, 0,
         configuration_describe},
        {.name = NULL},
};

static const struct options_row rows[] = {
        {.name = "config",
         .letter = 'c',
         .value = "FILE",
         .meaning = "the configuration (default " SETTINGS_DEFAULT_FILE ")",
         .offset = offsetof(struct configuration, file)},
        {.name = NULL},
};

const struct options isthmus_config_options = {
        .command = "config",
        .actions = actions,
        .rows = rows,
        .notes = "A setting A.B.C may be given in the environment as A__B__C; it wins over the "
                 "file.",
};

int isthmus_config(int argc, char **argv)
{
        struct settings settings;
        struct configuration configuration = {
                .schema = settings_schema(),
                .file = SETTINGS_DEFAULT_FILE,
                .default_file = SETTINGS_DEFAULT_FILE,
                .target = &settings,
        };
        int status;

        settings_init(&settings);
        status = configuration_command(&isthmus_config_options, argc, argv, &configuration);
        settings_deinit(&settings);
        return status;
}
