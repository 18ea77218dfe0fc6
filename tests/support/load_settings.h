// SPDX-License-Identifier: MIT
/* The gateway's settings from a text, for tests. */
#ifndef ISTHMUS_TESTS_SUPPORT_LOAD_SETTINGS_H
#define ISTHMUS_TESTS_SUPPORT_LOAD_SETTINGS_H

#include "conf/settings_load.h"

/* As conf_load_text; `settings` were initialised before. */
static inline int load_settings_text(const struct conf_source *source, const char *text,
                                     size_t size, struct settings *settings,
                                     struct conf_report *report)
{
        CLEANUP(buf_deinit) struct buf copy = BUF_INIT;

        buf_add(&copy, text, size);
        return conf_load_text(settings_schema(), source, &copy, settings, report);
}

#endif
