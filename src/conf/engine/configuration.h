// SPDX-License-Identifier: MIT
/*
 * A program's whole configuration: from a file and the environment to the struct that its schema
 * describes, and back to text for people. Called once at start, before there are threads.
 */
#ifndef ISTHMUS_CONF_ENGINE_CONFIGURATION_H
#define ISTHMUS_CONF_ENGINE_CONFIGURATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "conf/engine/report.h"
#include "conf/engine/schema.h"

enum conf_condition {
        CONF_E_MISTAKES = 1, /* the report has them */
};

struct conf_source {
        const char *file;         /* relative paths in it start at its folder */
        bool may_be_absent;       /* then the environment alone counts */
        char *const *environment; /* NULL-terminated "NAME=value", as `environ`; NULL = none */
};

/*
 * Reads everything, and all mistakes at once, into a struct that conf_set_defaults (engine/load.h)
 * has filled; it is fit for use only if the result is 0. `report` must be initialised
 * (CONF_REPORT_INIT); it gets mistakes, warnings and notes in the order of the file.
 */
int conf_load_file(const struct conf_schema *schema, const struct conf_source *source, void *target,
                   struct conf_report *report) MUST_CHECK;

/*
 * The same, and adds the configuration in the rows' own names to `converted`: JSON with comments on
 * what was called otherwise and what has no effect, without what the environment says. It holds
 * the secrets that the file holds: the caller's to buf_wipe.
 */
int conf_convert_file(const struct conf_schema *schema, const struct conf_source *source,
                      void *target, struct conf_report *report, struct buf *converted) MUST_CHECK;

/* The same from a text that was read already; `source->file` names it and is not read. */
int conf_load_text(const struct conf_schema *schema, const struct conf_source *source,
                   const struct buf *text, void *target, struct conf_report *report) MUST_CHECK;

/*
 * What a program does at its start: as conf_load_file, and writes mistakes and warnings to standard
 * error. True if the struct is fit for use.
 */
bool conf_load_or_complain(const struct conf_schema *schema, const struct conf_source *source,
                           void *target) MUST_CHECK;

/*
 * Adds what is in force as JSON, in the rows' own spelling: secrets masked, and behind everything,
 * as `Origins`, where each value came from that is not a default.
 */
void conf_show(const struct conf_schema *schema, const void *target,
               const struct conf_report *report, struct buf *out);

/* Adds the table of all settings in Markdown. */
void conf_describe(const struct conf_schema *schema, struct buf *out);

#endif
