// SPDX-License-Identifier: MIT
#include "camera/settings/time_span.h"

#include <stdio.h>
#include <string.h>

#define DIGITS        "0123456789"
#define FRACTION_MOST 7

/* A number of at most 8 digits, at most `most`; moves behind it. */
static bool read_number(const char **text, int64_t most, int64_t *number)
{
        size_t size = strspn(*text, DIGITS);

        if (size == 0 || size > 8)
                return false;
        *number = 0;
        for (size_t i = 0; i < size; i++)
                *number = *number * 10 + ((*text)[i] - '0');
        *text += size;
        return *number <= most;
}

/* ".5" as milliseconds. */
static bool read_fraction(const char **text, int64_t *span_ms)
{
        size_t size;
        int64_t unit = 100;

        if (**text != '.')
                return true;
        (*text)++;
        size = strspn(*text, DIGITS);
        if (size == 0 || size > FRACTION_MOST)
                return false;
        for (size_t i = 0; i < size; i++, unit /= 10)
                *span_ms += ((*text)[i] - '0') * unit;
        *text += size;
        return true;
}

bool time_span_read(const char *text, int64_t *span_ms)
{
        int64_t days = 0;
        int64_t hours;
        int64_t minutes;
        int64_t seconds = 0;
        size_t digits = strspn(text, DIGITS);

        if (text[digits] == '\0' || text[digits] == '.') {
                if (!read_number(&text, TIME_SPAN_MAX_MS / 86400000, &days))
                        return false;
                *span_ms = days * 86400000;
                if (*text++ == '\0')
                        return true;
        }
        if (!read_number(&text, 23, &hours) || *text++ != ':' || !read_number(&text, 59, &minutes))
                return false;
        if (*text == ':') {
                text++;
                if (!read_number(&text, 59, &seconds))
                        return false;
        }
        *span_ms = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
        return read_fraction(&text, span_ms) && *text == '\0' && *span_ms <= TIME_SPAN_MAX_MS;
}

void time_span_write(int64_t span_ms, char text[TIME_SPAN_TEXT_SIZE])
{
        int64_t seconds = span_ms / 1000;
        int size = 0;

        if (seconds >= 86400)
                size = snprintf(text, TIME_SPAN_TEXT_SIZE, "%d.", (int)(seconds / 86400));
        size += snprintf(text + size, TIME_SPAN_TEXT_SIZE - (size_t)size, "%02d:%02d:%02d",
                         (int)(seconds / 3600 % 24), (int)(seconds / 60 % 60), (int)(seconds % 60));
        if (span_ms % 1000 != 0)
                snprintf(text + size, TIME_SPAN_TEXT_SIZE - (size_t)size, ".%03d0000",
                         (int)(span_ms % 1000));
}
