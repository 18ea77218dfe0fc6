// SPDX-License-Identifier: MIT
/*
 * The grammar of RFC 8259, checked byte by byte before json-c sees a text: json-c (0.16 to 0.18,
 * each a little differently) lets pass leading zeros, NaN, control characters and broken UTF-8.
 */
#ifndef ISTHMUS_BASE_JSON_SCAN_H
#define ISTHMUS_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"

struct json_scan {
        char *text; /* followed by a zero byte, and holds no other */
        size_t size;
        enum json_style style;
        int depth;     /* nested arrays and objects still allowed */
        size_t values; /* values still allowed: each text, number, word, array and object is one */

        /* Where it stands; after a failure, the place of the fault. */
        size_t at;
        /* What is wrong there; NULL while all is well. */
        const char *fault;
        /* It is not the grammar's: the text may be JSON, but is none that is taken here. */
        bool unfit;
        /* size_t each: the ends of the whole numbers that do not fit into 64 bits with a sign. */
        struct buf long_integers;
};

/*
 * True if the text is one JSON value that is not `null`. In relaxed style, comments, trailing
 * commas and a byte order mark are overwritten with spaces, so that the text is strict afterwards
 * and every place in it is where it was. The caller frees `long_integers`.
 */
bool json_scan(struct json_scan *scan) MUST_CHECK;

#endif
