// SPDX-License-Identifier: MIT
#include "azure/device_id.h"

#include <string.h>

#include "azure/names.h"
#include "base/text.h"
#include "base/utf8.h"

static bool is_alphanumeric(char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Names a character the way a person can find it: as itself, or by its number. */
static void explain_character(const char *id, size_t at, const char *allowed, struct reason *reason)
{
        size_t length = utf8_length(id + at, strlen(id + at));
        bool printable = length > 1 || (length == 1 && id[at] >= ' ' && id[at] != 0x7f);

        if (printable)
                reason_set(reason,
                           "character %zu, '%.*s', is not allowed: only ASCII letters, digits and "
                           "%s are",
                           at + 1, (int)length, id + at, allowed);
        else
                reason_set(reason,
                           "byte %zu, 0x%02x, is not allowed: only ASCII letters, digits and %s "
                           "are",
                           at + 1, (unsigned int)(unsigned char)id[at], allowed);
}

static bool check(const char *id, const char *allowed, struct reason *reason)
{
        if (text_is_empty(id)) {
                reason_set(reason, "the id is empty");
                return false;
        }
        for (size_t i = 0; id[i] != '\0'; i++) {
                if (!is_alphanumeric(id[i]) && !strchr(allowed, id[i])) {
                        explain_character(id, i, allowed, reason);
                        return false;
                }
        }
        if (strlen(id) > AZURE_ID_LENGTH_MAX) {
                reason_set(reason, "the id has %zu characters, the most is %d", strlen(id),
                           AZURE_ID_LENGTH_MAX);
                return false;
        }
        return true;
}

bool device_id_is_valid(const char *id, struct reason *reason)
{
        return check(id, AZURE_DEVICE_ID_CHARACTERS, reason);
}

bool device_id_is_registration_id(const char *id, struct reason *reason)
{
        char last;

        if (!check(id, AZURE_REGISTRATION_ID_CHARACTERS, reason))
                return false;
        last = id[strlen(id) - 1];
        if (!is_alphanumeric(last) && last != '-') {
                reason_set(reason, "the last character, '%c', must be a letter, a digit or '-'",
                           last);
                return false;
        }
        return true;
}
