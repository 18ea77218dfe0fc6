// SPDX-License-Identifier: MIT
/*
 * From a configuration file and the environment to struct settings. Called once at start, before
 * there are threads.
 */
#ifndef ISTHMUS_CONF_SETTINGS_LOAD_H
#define ISTHMUS_CONF_SETTINGS_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "conf/engine/configuration.h"
#include "conf/engine/schema.h"
#include "conf/settings.h"

/* Where the configuration is unless somebody says otherwise. */
#define SETTINGS_DEFAULT_FILE "/etc/isthmus/isthmus.json"

/*
 * What a program does at its start: reads the file (SETTINGS_DEFAULT_FILE may be absent) and the
 * process's environment, and writes mistakes and warnings to standard error. True if the settings,
 * which settings_init has filled, are fit for use.
 */
bool settings_load_or_complain(struct settings *settings, const char *file) MUST_CHECK;

/*
 * What may be configured: settings_rows.c and the networks hold the rows, settings_spellings.c the
 * spellings and the ignored names.
 */
const struct conf_schema *settings_schema(void);

extern const struct conf_spelling settings_spellings[];
extern const struct conf_ignored settings_ignored[];

#endif
