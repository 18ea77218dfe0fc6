// SPDX-License-Identifier: MIT
/*
 * The form that all connection strings of Azure share: `Key=Value` pieces with ';' between them.
 *
 * The rules are those of Microsoft's .NET SDKs: a key ends at the first '=' and its value may hold
 * further ones, keys are recognised in any case, a key that comes twice is refused, an unknown one
 * is ignored. Beyond them, blanks around a piece don't matter and an empty piece is skipped.
 */
#ifndef ISTHMUS_AZURE_KEY_VALUES_H
#define ISTHMUS_AZURE_KEY_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/reason.h"

/* Longer texts are refused. */
#define KEY_VALUES_TEXT_MAX 4096

/* Keys that one kind of string may have. */
#define KEY_VALUES_MAX 12

/* The values found are copies, at their keys' index in `names`; what is absent is NULL. */
struct key_values {
        const char *const *names; /* static; the keys that are known */
        size_t count;             /* of them, at most KEY_VALUES_MAX */
        char *values[KEY_VALUES_MAX];
        char unknown[33]; /* the first key that is not known, or "" */
};

/* Overwrites the values and frees them; fit for CLEANUP. */
void key_values_deinit(struct key_values *pieces);

/*
 * Reads a string into `pieces`, whose `names` and `count` are set and all else is zero. False with
 * a reason that never holds a secret; `pieces` is the caller's to key_values_deinit in any case.
 */
bool key_values_read(struct key_values *pieces, const char *text, struct reason *reason) MUST_CHECK;

/* True if a key has a value that is not empty. */
bool key_values_has(const struct key_values *pieces, size_t key);

/* Gives the value away: the caller's to wipe and free. */
char *key_values_take(struct key_values *pieces, size_t key);

/* The same; false with the reason that the key is missing or empty. */
bool key_values_need(const struct key_values *pieces, size_t key, struct reason *reason) MUST_CHECK;

/* Says that a key is missing or empty. */
void key_values_explain_missing(const struct key_values *pieces, size_t key, struct reason *reason);

/* Overwrites a text, frees it and sets it to NULL, which it may be already. */
void key_values_wipe_text(char **text);

#endif
