// SPDX-License-Identifier: MIT
#include "cli/cli.h"
#include "cli/config_actions.h"
#include "cli/gateway/secrets_check.h"
#include "cli/options.h"
#include "conf/settings_load.h"
#include "conf/settings_rows.h"

static const struct options_row rows[] = {
        CONFIGURATION_FILE_ROW(SETTINGS_DEFAULT_FILE),
        CONFIGURATION_OUTPUT_ROW,
        OPTION_SWITCH(struct configuration, secrets, "secrets",
                      "with check: also asks the Key Vaults for the secrets that are named, and "
                      "prints which version each has; status 2 if one can't be read"),
        {.name = NULL},
};

const struct options isthmus_config_options = {
        .command = "config",
        .actions = configuration_actions,
        .rows = rows,
        .notes = configuration_notes,
};

int isthmus_config(int argc, char **argv)
{
        struct settings settings;
        struct configuration configuration = {
                .schema = settings_schema(),
                .file = SETTINGS_DEFAULT_FILE,
                .default_file = SETTINGS_DEFAULT_FILE,
                .target = &settings,
                .check_secrets = secrets_check,
        };
        int status;

        settings_init(&settings);
        status = configuration_command(&isthmus_config_options, argc, argv, &configuration);
        settings_deinit(&settings);
        return status;
}
