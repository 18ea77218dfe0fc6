// SPDX-License-Identifier: MIT
/*
 * One loading of a configuration, in steps: entries (document.h, entry.h) with names of their
 * own (twice.c) are bound to rows (bind.c), their values brought from files and environment
 * (secret.c) and written into a struct (value.c). Not for use outside conf/.
 */
#ifndef ISTHMUS_CONF_ENGINE_LOAD_H
#define ISTHMUS_CONF_ENGINE_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "conf/engine/entry.h"
#include "conf/engine/report.h"
#include "conf/engine/schema.h"

/* A setting that somebody has given, or an item that is there; and the entry that gave it. */
struct conf_binding {
        const struct conf_row *row;
        char *captures[CONF_CAPTURES_MAX];
        int64_t index; /* in a list; -1 = the whole; or CONF_ITEM */
        enum conf_via via;
        const struct conf_entry *entry; /* one of `entries`, which don't move any more */
};

struct conf_load {
        const struct conf_schema *schema;
        struct conf_entries entries;
        struct conf_binding *bindings;
        size_t count;
        const char *folder; /* of the file; relative paths start there */
        char *const *environment;
        struct conf_report *report;
        void *target; /* the struct that the rows describe */
};

void conf_load_deinit(struct conf_load *load);

/* Reports about an entry. */
void conf_say(struct conf_load *load, enum conf_severity severity, const struct conf_entry *entry,
              const char *format, ...) PRINTF_LIKE(4, 5);

/*
 * Reports about the setting of a row's path, with up to two names of the user's in it: where it
 * was given, else where it belongs.
 */
struct conf_subject {
        const char *path;
        const char *captures[CONF_CAPTURES_MAX];
        int64_t member; /* of a list, from 1; 0 = whichever comes first */
};

void conf_say_about(struct conf_load *load, enum conf_severity severity,
                    const struct conf_subject *subject, const char *format, ...) PRINTF_LIKE(4, 5);

/* The binding of a subject; NULL if nobody has given it. */
const struct conf_binding *conf_find_binding(const struct conf_load *load,
                                             const struct conf_subject *subject);

/* Gives a further setting what an entry gave; its names are copied. Moves `load->bindings`. */
void conf_add_binding(struct conf_load *load, const struct conf_match *match,
                      const struct conf_entry *entry);

/* Takes back what an entry gave: the binding at `index`. */
void conf_drop_binding(struct conf_load *load, size_t index);

/*
 * Reports each name that an object of the file has twice, as JSON allows and nobody means, with
 * both places, and leaves out the later one with all that it holds. Of entries as the file has
 * them: what is flat, "A:B", may add to an object, as in .NET.
 */
void conf_check_twice(struct conf_load *load);

/* Finds each entry's row; the environment wins over the file. */
void conf_bind(struct conf_load *load);

/*
 * The text that a binding gives, the caller's to wipe and free. NULL for nothing ("" and null are
 * nothing) and for a secret that can't be read, which is reported.
 */
char *conf_fetch(struct conf_load *load, const struct conf_binding *binding);

/* Remembers a secret that may change; `url` NULL: it stands in the binding's file. */
void conf_secret_note(struct conf_load *load, const struct conf_binding *binding, const char *url);

/* The field of a row, or of the map's item that the names in its path belong to. */
void *conf_field(const struct conf_schema *schema, void *target, const struct conf_row *row,
                 char *const *captures, int64_t index);

/* False with the reason if a row can't have the value. */
bool conf_check_value(const struct conf_row *row, const char *text, struct reason *reason);

/* Is it what samples and templates hold where the user's value belongs? */
bool conf_is_placeholder(const char *text);

/* Adds the configuration in its own names, as JSON with comments; what the environment says is left
 * out. The text holds the secrets that the file holds. After conf_apply. */
void conf_convert(const struct conf_load *load, struct buf *out);

/* Is it what Azure App Service puts a secret of Key Vault in place of? */
bool conf_is_reference(const char *text);

/* Writes every binding's value into the target and notes its origin. */
void conf_apply(struct conf_load *load);

/* Writes the defaults of all rows that belong to the target itself; it must be zeroed. */
void conf_set_defaults(const struct conf_schema *schema, void *target);

/* Wipes and frees all that the rows describe. */
void conf_free_values(const struct conf_schema *schema, void *target);

/* The path as it is, or below the folder if it is relative; the caller's to free. */
char *conf_absolute(const char *folder, const char *path);

/* Array of a map in `base`, the settings struct or an outer item. */
void *conf_map_item(const struct conf_map *map, const void *base, size_t index);
size_t conf_map_count(const struct conf_map *map, const void *base);

#endif
