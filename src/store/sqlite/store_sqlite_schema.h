// SPDX-License-Identifier: MIT
/*
 * The tables, and how one version of them becomes the next. A new version is one more step at the
 * end; steps that have been released are never changed. PRAGMA user_version counts the steps done.
 */
#ifndef ISTHMUS_STORE_SQLITE_STORE_SQLITE_SCHEMA_H
#define ISTHMUS_STORE_SQLITE_STORE_SQLITE_SCHEMA_H

#include <stddef.h>

/* PRAGMA application_id: "isth". */
#define STORE_SQLITE_APPLICATION 0x69737468

struct store_sqlite_step {
        const char *what;
        const char *sql;
};

extern const struct store_sqlite_step store_sqlite_steps[];
extern const int store_sqlite_version; /* how many there are */

#endif
