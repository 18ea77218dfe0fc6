// SPDX-License-Identifier: MIT
#include "azure/key_values.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"

#define BLANKS "\t\n\r "

void key_values_wipe_text(char **text)
{
        if (*text)
                mem_wipe(*text, strlen(*text));
        free(*text);
        *text = NULL;
}

void key_values_deinit(struct key_values *pieces)
{
        for (size_t i = 0; i < pieces->count; i++)
                key_values_wipe_text(&pieces->values[i]);
}

static void trim(const char **text, size_t *size)
{
        while (*size > 0 && strchr(BLANKS, (*text)[0])) {
                (*text)++;
                (*size)--;
        }
        while (*size > 0 && strchr(BLANKS, (*text)[*size - 1]))
                (*size)--;
}

/* The key's index, or `count`. */
static size_t find_key(const struct key_values *pieces, const char *name, size_t size)
{
        for (size_t i = 0; i < pieces->count; i++) {
                if (strlen(pieces->names[i]) == size &&
                    strncasecmp(pieces->names[i], name, size) == 0)
                        return i;
        }
        return pieces->count;
}

/* Kept for the message only if it can't be a part of a secret that lost its name. */
static void note_unknown(struct key_values *pieces, const char *name, size_t size)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

        if (pieces->unknown[0] != '\0' || size == 0 || size >= sizeof(pieces->unknown) ||
            strspn(name, letters) < size)
                return;
        memcpy(pieces->unknown, name, size);
        pieces->unknown[size] = '\0';
}

/* One `key=value`. */
static bool take_piece(struct key_values *pieces, const char *piece, size_t size,
                       struct reason *reason)
{
        const char *equals = memchr(piece, '=', size);
        size_t name_size = equals ? (size_t)(equals - piece) : 0;
        const char *value = equals ? equals + 1 : NULL;
        size_t value_size = equals ? size - name_size - 1 : 0;
        size_t key;

        if (!equals) {
                reason_set(reason, "it has no '='; a connection string is made of Key=Value pieces "
                                   "with ';' between them");
                return false;
        }
        trim(&piece, &name_size);
        trim(&value, &value_size);
        key = find_key(pieces, piece, name_size);
        if (key == pieces->count) {
                note_unknown(pieces, piece, name_size);
                return true;
        }
        if (pieces->values[key]) {
                reason_set(reason, "%s comes a second time", pieces->names[key]);
                return false;
        }
        pieces->values[key] = mem_text_n(value, value_size);
        return true;
}

static bool split(struct key_values *pieces, const char *text, struct reason *reason)
{
        int number = 0;

        for (const char *at = text; at;) {
                const char *end = strchr(at, ';');
                const char *piece = at;
                size_t size = end ? (size_t)(end - at) : strlen(at);

                number++;
                trim(&piece, &size);
                if (size > 0 && !take_piece(pieces, piece, size, reason)) {
                        reason_prefix(reason, "piece %d of the connection string", number);
                        return false;
                }
                at = end ? end + 1 : NULL;
        }
        return true;
}

bool key_values_read(struct key_values *pieces, const char *text, struct reason *reason)
{
        if (text_is_empty(text)) {
                reason_set(reason, "the connection string is empty");
                return false;
        }
        if (strlen(text) > KEY_VALUES_TEXT_MAX) {
                reason_set(reason, "the connection string is longer than %d characters",
                           KEY_VALUES_TEXT_MAX);
                return false;
        }
        return split(pieces, text, reason);
}

bool key_values_has(const struct key_values *pieces, size_t key)
{
        return !text_is_empty(pieces->values[key]);
}

char *key_values_take(struct key_values *pieces, size_t key)
{
        char *value = pieces->values[key];

        pieces->values[key] = NULL;
        return value;
}

void key_values_explain_missing(const struct key_values *pieces, size_t key, struct reason *reason)
{
        if (pieces->unknown[0] != '\0')
                reason_set(reason,
                           "%s is missing from the connection string (it has '%s', which is no "
                           "known key)",
                           pieces->names[key], pieces->unknown);
        else
                reason_set(reason, "%s is %s the connection string", pieces->names[key],
                           pieces->values[key] ? "empty in" : "missing from");
}

bool key_values_need(const struct key_values *pieces, size_t key, struct reason *reason)
{
        if (!key_values_has(pieces, key))
                key_values_explain_missing(pieces, key, reason);
        return key_values_has(pieces, key);
}
