// SPDX-License-Identifier: MIT
/*
 * The grammar of RFC 8259, checked byte by byte; and what is wanted of a text, found on the way.
 * json-c (0.16 to 0.18, each a little differently) lets pass leading zeros, NaN, control
 * characters and broken UTF-8, so it sees a text only after this. Whoever needs a few members
 * needs no json-c: the scan hands them out as slices of the text, without a tree or a copy.
 */
#ifndef ISTHMUS_BASE_JSON_JSON_SCAN_H
#define ISTHMUS_BASE_JSON_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

enum json_style {
        JSON_STRICT,  /* RFC 8259, valid UTF-8, one value and nothing behind it */
        JSON_RELAXED, /* also comments, trailing commas, a byte order mark: .NET's configuration */
};

enum json_kind {
        JSON_ABSENT,
        JSON_NULL,
        JSON_FALSE,
        JSON_TRUE,
        JSON_NUMBER,
        JSON_TEXT,
        JSON_LIST,
        JSON_OBJECT,
};

/* A value where it stands in a valid text; json_slice.h reads it. */
struct json_slice {
        const char *at; /* its first byte: a quote, a bracket, a digit ... */
        size_t size;
        enum json_kind kind;
        bool escaped; /* there is a backslash in it */
        bool spaced;  /* there are blanks between its parts */
        /* Two members of an object in it may have the same name; asked of a `whole` want only. */
        bool repeated;
};

/* A member that is wanted, or the value itself (then without a name). */
struct json_want {
        const char *name;
        size_t length; /* of the name */
        unsigned slot; /* where its slice goes */
        bool whole;    /* it will be used as the text that it is */
        const struct json_want *members;
        size_t count;
};

/* A row of a table of wants; `members`, a table too, are those wanted of the value. */
#define JSON_WANT(member, place)                                                                   \
        {                                                                                          \
                .name = (member), .length = sizeof(member) - 1, .slot = (place)                    \
        }
#define JSON_WANT_WHOLE(member, place)                                                             \
        {                                                                                          \
                .name = (member), .length = sizeof(member) - 1, .slot = (place), .whole = true     \
        }
#define JSON_WANT_OF(member, place, rows)                                                          \
        {                                                                                          \
                .name = (member), .length = sizeof(member) - 1, .slot = (place),                   \
                .members = (rows), .count = sizeof(rows) / sizeof((rows)[0])                       \
        }

/* Names that are compared with each other at a time; more may be repeated, for all it knows. */
#define JSON_SCAN_NAMES 256

struct json_scan {
        const char *text; /* in relaxed style, after json_relax */
        size_t size;
        enum json_style style;
        int depth;     /* nested arrays and objects still allowed */
        size_t values; /* values still allowed: each text, number, word, array and object is one */
        bool zero_names; /* U+0000 is allowed in names; no tree can hold it */
        /* NULL, or what is wanted of the value and where it goes: all JSON_ABSENT before. */
        const struct json_want *want;
        struct json_slice *slices;

        /* Where it stands; after a failure, the place of the fault. */
        size_t at;
        /* What is wrong there; NULL while all is well. */
        const char *fault;
        /* It is not the grammar's: the text may be JSON, but is none that is taken here. */
        bool unfit;
        /* size_t each: the ends of the whole numbers that do not fit into 64 bits with a sign. */
        struct buf long_integers;

        /* The scan's own: what it has met, and the names in whole objects that are open. */
        unsigned escapes, blanks, repeats;
        unsigned whole, name_count;
        uint32_t names[JSON_SCAN_NAMES]; /* not their text, a sum of it */
};

/*
 * True if the text is one JSON value that is not `null`. Of repeated members that are wanted the
 * last one counts, `null` too. The caller frees `long_integers`.
 */
bool json_scan(struct json_scan *scan) MUST_CHECK;

/* Line and column (from 1, in bytes) of an offset in a text. */
void json_position(const char *text, size_t size, size_t offset, int *line, int *column);

/* Says what was wrong; `values` is what was allowed at first. */
void json_scan_explain(const struct json_scan *scan, size_t values, struct reason *reason);

/* The kind of a value by its first byte. */
enum json_kind json_kind_of(char first);

/*
 * Overwrites comments, trailing commas and a byte order mark with spaces, so that the text is
 * strict afterwards and every place in it is where it was. A comment that is not closed stays.
 */
void json_relax(char *text, size_t size);

#endif
