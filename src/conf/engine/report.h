// SPDX-License-Identifier: MIT
/*
 * What is to be said about a configuration: mistakes, warnings and notes, each with its place, all
 * at once. No sentence ever holds a secret.
 */
#ifndef ISTHMUS_CONF_ENGINE_REPORT_H
#define ISTHMUS_CONF_ENGINE_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* More findings are counted and not kept. */
#define CONF_FINDINGS_MAX 200

enum conf_severity {
        CONF_MISTAKE, /* the configuration can't be used */
        CONF_WARNING, /* it can, but probably not as meant */
        CONF_NOTE,    /* good to know; nothing is wrong */
};

/* Where something was configured: a line of the file or an environment variable. */
struct conf_place {
        int line;             /* from 1; 0 = not in the file */
        int column;           /* from 1, in bytes */
        const char *variable; /* NULL = in the file */
};

struct conf_finding {
        enum conf_severity severity;
        int line;
        int column;
        char *variable; /* or NULL */
        char *path;     /* the setting as it was written: "AzureIoT.IoTHub"; "" = the whole file */
        char *sentence; /* what is wrong and what to do */
};

/* Where a setting that is in force came from; everything else has its default. */
struct conf_origin {
        char *path;  /* the setting's own name, with the names of applications and methods */
        char *place; /* "line 7", "environment variable X", with "(file ...)" behind if it is there
                      */
};

struct conf_report {
        struct conf_finding *findings;
        size_t count;
        size_t omitted; /* beyond CONF_FINDINGS_MAX */
        size_t mistakes;
        struct conf_origin *origins;
        size_t origin_count;
};

#define CONF_REPORT_INIT ((struct conf_report){.findings = NULL})

void conf_report_deinit(struct conf_report *report);

/* Copies everything. `place` NULL = the file as a whole. */
void conf_report_add(struct conf_report *report, enum conf_severity severity,
                     const struct conf_place *place, const char *path, const char *sentence);

void conf_report_add_origin(struct conf_report *report, const char *path, const char *place);

/* The place of a setting; NULL if it has its default. */
const char *conf_report_origin(const struct conf_report *report, const char *path);

/* In the order of the file; what comes from the environment stands behind. */
void conf_report_sort(struct conf_report *report);

/*
 * Adds one line each, of those that are at least as severe as `least`: "FILE:LINE:COLUMN: path:
 * sentence"; warnings and notes say so before the path; the environment's begin with
 * "environment variable NAME".
 */
void conf_report_write(const struct conf_report *report, const char *file, enum conf_severity least,
                       struct buf *out);

/* How many findings are of this severity. */
size_t conf_report_count(const struct conf_report *report, enum conf_severity severity);

#endif
