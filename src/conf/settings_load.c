// SPDX-License-Identifier: MIT
#include "conf/settings_load.h"

#include <string.h>
#include <unistd.h>

#include "conf/settings_rows.h"

bool settings_load_or_complain(struct settings *settings, const char *file)
{
        const struct conf_source source = {
                .file = file,
                .may_be_absent = strcmp(file, SETTINGS_DEFAULT_FILE) == 0,
                .environment = environ,
        };

        return conf_load_or_complain(settings_schema(), &source, settings);
}
