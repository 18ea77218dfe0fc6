// SPDX-License-Identifier: MIT
/*
 * A configuration as .NET sees it: a list of names with values, wherever they came from. An object
 * or list of the file is an entry too, before its members.
 */
#ifndef ISTHMUS_CONF_ENGINE_ENTRY_H
#define ISTHMUS_CONF_ENGINE_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "conf/engine/report.h"

/* No setting lies deeper than this; what does in a file is not listed. */
#define CONF_DEPTH_MAX 12

/* The most that are read: many more than a gateway with a thousand applications has. */
#define CONF_ENTRIES_MAX 20000

enum conf_shape {
        CONF_VALUE, /* a text, number, true or false; or null */
        CONF_OBJECT,
        CONF_LIST,
};

/* A name of several parts; a list's members are called "0", "1", ... */
struct conf_names {
        char *parts[CONF_DEPTH_MAX];
        size_t depth;
};

struct conf_entry {
        struct conf_names written; /* as in the file, for people */
        enum conf_shape shape;
        char *text; /* of a value; NULL for null; of an object or list its JSON text as written */
        struct conf_place place;
        char *variable; /* what place.variable points to; or NULL */
};

struct conf_entries {
        struct conf_entry *items;
        size_t count;
};

#define CONF_ENTRIES_INIT ((struct conf_entries){.items = NULL})

/* Overwrites the values, for there are secrets among them. */
void conf_entries_deinit(struct conf_entries *entries);

/* Overwrites and frees what one entry holds. */
void conf_entry_deinit(struct conf_entry *entry);

/* The number of the entries behind `index` that lie within it. */
size_t conf_entries_within(const struct conf_entries *entries, size_t index);

/* A further entry, all zero; valid until the next call. NULL beyond CONF_ENTRIES_MAX. */
struct conf_entry *conf_entries_add(struct conf_entries *entries);

/* Copies a part; false (and nothing added) beyond CONF_DEPTH_MAX. */
bool conf_names_add(struct conf_names *names, const char *part, size_t size);
void conf_names_copy(struct conf_names *to, const struct conf_names *from);
void conf_names_deinit(struct conf_names *names);

/* Adds the parts, joined by dots. */
void conf_names_write(const struct conf_names *names, struct buf *out);

/*
 * Brings the other forms in which .NET keeps names and values into one: top-level members named
 * "A:B" or "A__B", what stands in `Values` of a local.settings.json, and the list of objects with
 * `name` and `value` that the Azure portal exports.
 */
void conf_entries_unfold(struct conf_entries *entries);

/* Adds what the environment says: each variable whose name splits into parts. */
void conf_entries_add_environment(struct conf_entries *entries, char *const *environment);

#endif
