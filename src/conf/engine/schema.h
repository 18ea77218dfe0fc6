// SPDX-License-Identifier: MIT
/*
 * What may be configured: one row per setting, the maps (objects whose member names are the
 * user's own), other spellings of earlier programs, and what these had and we do without. Loading,
 * `config show`, the defaults, freeing and docs/configuration.md all come from these tables.
 *
 * Paths are names joined by dots, in which `*` stands for a name of the user's, also as the end of
 * a part: "AzureIoT.Applications.*.IdScope", "DPSIDScope-*". Names are compared in any case.
 */
#ifndef ISTHMUS_CONF_ENGINE_SCHEMA_H
#define ISTHMUS_CONF_ENGINE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "conf/engine/entry.h"
#include "conf/engine/texts.h"

struct conf_load; /* engine/load.h */

/* The user's own names in a path: an application's, then a method's. */
#define CONF_CAPTURES_MAX 2

enum conf_kind {          /* type of the field: */
        CONF_TEXT,        /* char * */
        CONF_JSON,        /* char *: JSON text, given as such or as JSON in a text */
        CONF_INPUT_FILE,  /* char *: path of a file that must be readable */
        CONF_FOLDER,      /* char *: path */
        CONF_FLAG,        /* bool */
        CONF_INTEGER,     /* int64_t */
        CONF_FRACTION,    /* double, from 0 to `maximum`, or 1 if that is 0 */
        CONF_CHOICE,      /* an enum */
        CONF_TEXTS,       /* struct conf_texts */
        CONF_INPUT_FILES, /* struct conf_texts: paths of files that must be readable */
        CONF_CHOICES,     /* uint32_t: the bits of a list of choices */
};

struct conf_choice {
        const char *name; /* NULL ends the list; the first of several for a value is the usual */
        int value;
};

/*
 * The array that an object with the user's own names becomes, or a list; an item starts with
 * char *name.
 */
struct conf_map {
        const struct conf_map *outer; /* NULL: the array is in the settings struct itself */
        size_t items_offset;          /* of the pointer to the items, in settings or outer item */
        size_t count_offset;          /* of their size_t number */
        size_t item_size;
        bool any_case; /* names are compared in any case */
        bool repeats;  /* its rows say of one what others say of all: they are not described */
        /*
         * It is a list in [ ], whose items are called "0", "1", ... One row has the list's own
         * path, which is a field of the items: an item may be given as that value alone.
         */
        bool list;
};

struct conf_row {
        const char *path;
        enum conf_kind kind;
        bool secret; /* never shown; {"File": ...} and its like may stand instead */
        bool early;  /* a secret that is needed before a vault can be asked */
        bool spare;  /* templates hold it without need: a placeholder counts as nothing, with a note
                      */
        const struct conf_map *map; /* whose item has the field; NULL = the settings struct */
        size_t offset;
        const char *fallback; /* the default, as text; NULL = none, false, 0 or the first choice */
        int64_t minimum;
        int64_t maximum;
        const struct conf_choice *choices;
        /* False with a reason that continues a sentence; it must not hold the text of a secret. */
        bool (*check)(const char *text, struct reason *reason);
        /* Of a secret: adds what of it may be shown; NULL = nothing. */
        void (*mask)(const char *text, struct buf *out);
        const char *meaning; /* for docs/configuration.md */
};

/* True if a row's setting is a list in [ ]. */
bool conf_row_is_list(const struct conf_row *row);

/* True if a row belongs to the items of a list that are written as objects. */
bool conf_row_is_of_item(const struct conf_row *row);

/* What is found below `from` belongs below `to`. A list of them ends with NULL. */
struct conf_spelling {
        const char *from;
        const char *to;
};

/* What has no effect here, with all below it. A list of them ends with NULL. */
struct conf_ignored {
        const char *path;
        const char *note; /* what stands in its place */
};

/* Whether a text says where a vault keeps a secret. */
enum conf_reference {
        CONF_REFERENCE_NONE, /* it is the secret itself */
        CONF_REFERENCE_GOOD,
        CONF_REFERENCE_WRONG, /* it is meant to, but can't be used, for the reason */
};

struct conf_schema {
        const struct conf_row *rows;
        size_t row_count;
        /* Each after those that have it as `outer`. */
        const struct conf_map *const *maps;
        size_t map_count;
        const struct conf_spelling *spellings;
        const struct conf_ignored *ignored;
        /* When it is known who gave what, and nothing is written yet; or NULL. */
        void (*prepare)(struct conf_load *load);
        /* When every value is written: sets what follows from others, reports what does not fit. */
        void (*finish)(struct conf_load *load);
        /*
         * Adds the URL of a secret that a vault keeps. `named`: the text is that of {"KeyVault":
         * text}, otherwise it may be anything. NULL: this program asks no vault.
         */
        enum conf_reference (*refer)(const struct conf_load *load, const char *text, bool named,
                                     struct buf *url, struct reason *reason);
        /* In the target, of its struct conf_secrets (engine/secrets.h); only with `refer`. */
        size_t secrets_offset;
};

/* How a secret was given. */
enum conf_via {
        CONF_PLAIN,
        CONF_VIA_FILE,
        CONF_VIA_ENV,
        CONF_VIA_CREDENTIAL, /* a file of the folder that systemd names in CREDENTIALS_DIRECTORY */
        CONF_VIA_KEY_VAULT,
        CONF_VIA_COUNT,
};

/* The member that says so: {"File": ...} and its like; NULL = none. */
extern const char *const conf_via_names[CONF_VIA_COUNT];

/* In place of an index: not the row's setting is meant, but the item of its map, which is there. */
#define CONF_ITEM (-2)

/* A setting with the user's names in its path; they point into the names that were matched. */
struct conf_match {
        const struct conf_row *row;
        const char *captures[CONF_CAPTURES_MAX];
        size_t capture_count;
        int64_t index; /* in a list; -1 = the whole; or CONF_ITEM */
        enum conf_via via;
};

/* Our spelling of a name; `own` is the caller's to conf_names_deinit. */
void conf_schema_spell(const struct conf_schema *schema, const struct conf_names *written,
                       struct conf_names *own);

/* The row of a name in our spelling; false if there is none. */
bool conf_schema_match(const struct conf_schema *schema, const struct conf_names *own,
                       struct conf_match *match);

/* The item of a map that is no list, in our spelling, with a row of it; false if it is none. */
bool conf_schema_find_item(const struct conf_schema *schema, const struct conf_names *own,
                           struct conf_match *match);

/* True if settings exist below this name, in our spelling or in another one. */
bool conf_schema_is_section(const struct conf_schema *schema, const struct conf_names *names);

/* True if the name lies within an item of a list, where every name must be known. */
bool conf_schema_is_item(const struct conf_schema *schema, const struct conf_names *own);

/* What a name without effect is; NULL if it is none. */
const struct conf_ignored *conf_schema_find_ignored(const struct conf_schema *schema,
                                                    const struct conf_names *own);

/* Sets what the user may have meant by an unknown name: a hint that ends a sentence, or "". */
void conf_schema_suggest(const struct conf_schema *schema, const struct conf_names *own,
                         struct reason *hint);

/* Adds the names of a row's choices, of several for a value the usual one alone. */
void conf_row_write_choices(const struct conf_row *row, struct buf *out);

/* Adds a row's path with the user's names in place of its stars, and an index unless it is < 0. */
void conf_schema_write_path(const struct conf_row *row, const char *const *captures, int64_t index,
                            struct buf *out);

#endif
