// SPDX-License-Identifier: MIT
#include "conf/settings_load.h"

#include <string.h>
#include <unistd.h>

#include "conf/settings_rows.h"

int settings_load(const struct conf_source *source, struct settings *settings,
                  struct conf_report *report)
{
        return conf_load_file(settings_schema(), source, settings, report);
}

int settings_load_text(const struct conf_source *source, const char *text, size_t size,
                       struct settings *settings, struct conf_report *report)
{
        CLEANUP(buf_wipe) struct buf copy = BUF_INIT;

        buf_add(&copy, text, size);
        return conf_load_text(settings_schema(), source, &copy, settings, report);
}

bool settings_load_or_complain(struct settings *settings, const char *file)
{
        const struct conf_source source = {
                .file = file,
                .may_be_absent = strcmp(file, SETTINGS_DEFAULT_FILE) == 0,
                .environment = environ,
        };

        return conf_load_or_complain(settings_schema(), &source, settings);
}

void settings_show(const struct settings *settings, const struct conf_report *report,
                   struct buf *out)
{
        conf_show(settings_schema(), settings, report, out);
}

void settings_describe(struct buf *out)
{
        conf_describe(settings_schema(), out);
}
