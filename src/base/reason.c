// SPDX-License-Identifier: MIT
#include "base/reason.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void reason_trim(struct reason *reason)
{
        size_t length = strlen(reason->text);
        size_t back = 0;

        if (length + 1 < sizeof(reason->text))
                return;
        while (back < 4 && back < length &&
               ((unsigned char)reason->text[length - 1 - back] & 0xc0) == 0x80)
                back++;
        if (back < length && ((unsigned char)reason->text[length - 1 - back] & 0x80) != 0)
                reason->text[length - 1 - back] = '\0';
}

void reason_set(struct reason *reason, const char *format, ...)
{
        va_list values;

        if (!reason)
                return;
        va_start(values, format);
        vsnprintf(reason->text, sizeof(reason->text), format, values);
        va_end(values);
        reason_trim(reason);
}

void reason_prefix(struct reason *reason, const char *format, ...)
{
        char before[sizeof(reason->text)];
        char rest[sizeof(reason->text)];
        va_list values;
        int length;

        if (!reason)
                return;
        va_start(values, format);
        length = vsnprintf(before, sizeof(before), format, values);
        va_end(values);
        if (length < 0)
                return;
        memcpy(rest, reason->text, sizeof(rest));
        length = snprintf(reason->text, sizeof(reason->text), "%s: ", before);
        if (length > 0 && (size_t)length < sizeof(reason->text) - 1) {
                size_t room = sizeof(reason->text) - 1 - (size_t)length;

                strncat(reason->text, rest, room);
        }
        reason_trim(reason);
}

void reason_add(struct reason *reason, const char *format, ...)
{
        size_t length = reason ? strlen(reason->text) : 0;
        va_list values;

        if (!reason)
                return;
        if (length > 0 && length + 3 < sizeof(reason->text)) {
                strcat(reason->text, "; ");
                length += 2;
        }
        va_start(values, format);
        vsnprintf(reason->text + length, sizeof(reason->text) - length, format, values);
        va_end(values);
        reason_trim(reason);
}
