// SPDX-License-Identifier: MIT
/* Reads the JSON of a configuration file and remembers where everything stands. */
#ifndef ISTHMUS_CONF_ENGINE_DOCUMENT_H
#define ISTHMUS_CONF_ENGINE_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/engine/entry.h"
#include "conf/engine/report.h"

/* Longer files are refused. */
#define CONF_DOCUMENT_MAX (1024 * 1024)

/* Objects and lists inside one another. */
#define CONF_DOCUMENT_DEPTH 64

/*
 * Adds an entry for the whole (of no parts), then one for each object, list and value in it, in
 * their order. Comments and trailing commas are allowed, as in .NET. False after the first mistake
 * in the JSON, which is reported with its place.
 */
bool conf_document_read(const char *text, size_t size, struct conf_entries *entries,
                        struct conf_report *report);

#endif
