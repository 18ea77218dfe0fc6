// SPDX-License-Identifier: MIT
#include "cli/cli.h"
#include "cli/config_actions.h"
#include "conf/settings_load.h"

const struct options isthmus_config_options = CONFIGURATION_OPTIONS(SETTINGS_DEFAULT_FILE);

static const char *certificates(const void *target)
{
        const struct settings *settings = target;

        return settings->azure.trusted_certificates;
}

int isthmus_config(int argc, char **argv)
{
        struct settings settings;
        struct configuration configuration = {
                .schema = settings_schema(),
                .file = SETTINGS_DEFAULT_FILE,
                .default_file = SETTINGS_DEFAULT_FILE,
                .target = &settings,
                .certificates = certificates,
        };
        int status;

        settings_init(&settings);
        status = configuration_command(&isthmus_config_options, argc, argv, &configuration);
        settings_deinit(&settings);
        return status;
}
