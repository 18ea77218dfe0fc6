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
#include "conf/settings.h"

/* Where the configuration is unless somebody says otherwise. */
#define SETTINGS_DEFAULT_FILE "/etc/isthmus/isthmus.json"

/*
 * Reads everything, and all mistakes at once, into settings that settings_init has filled; they
 * are fit for use only if the result is 0. `report` must be initialised (CONF_REPORT_INIT); it
 * gets mistakes, warnings and notes in the order of the file.
 */
int settings_load(const struct conf_source *source, struct settings *settings,
                  struct conf_report *report) MUST_CHECK;

/* The same from a text that was read already; `source->file` names it and is not read. */
int settings_load_text(const struct conf_source *source, const char *text, size_t size,
                       struct settings *settings, struct conf_report *report) MUST_CHECK;

/*
 * What a program does at its start: reads the file (SETTINGS_DEFAULT_FILE may be absent) and the
 * process's environment, and writes mistakes and warnings to standard error. True if the settings,
 * which settings_init has filled, are fit for use.
 */
bool settings_load_or_complain(struct settings *settings, const char *file) MUST_CHECK;

/*
 * Adds what is in force as JSON, in the one spelling of docs/configuration.md: secrets masked, and
 * behind everything, as `Origins`, where each value came from that is not a default.
 */
void settings_show(const struct settings *settings, const struct conf_report *report,
                   struct buf *out);

/* Adds the table of all settings in Markdown, as it stands in docs/configuration.md. */
void settings_describe(struct buf *out);

#endif
