// SPDX-License-Identifier: MIT
#include "camera/upload/picture_name.h"

#include <string.h>
#include <time.h>

#define FRACTION_DIGITS 7

struct moment {
        struct tm time;
        int64_t fraction; /* of a second, in units of 10^-7 */
};

static struct moment moment_of(int64_t wall_ms)
{
        time_t seconds = (time_t)(wall_ms / 1000);
        struct moment moment = {.fraction = wall_ms % 1000 * 10000};

        gmtime_r(&seconds, &moment.time);
        return moment;
}

static int hour_of_twelve(const struct moment *moment)
{
        return (moment->time.tm_hour + 11) % 12 + 1;
}

/* The number that `letter`, `count` times, stands for; -1 if that is not known. */
static int number_of(const struct moment *moment, char letter, size_t count)
{
        if (letter == 'y')
                return count == 4 ? moment->time.tm_year + 1900
                                  : (count == 2 ? moment->time.tm_year % 100 : -1);
        if (count > 2)
                return -1;
        switch (letter) {
        case 'M':
                return moment->time.tm_mon + 1;
        case 'd':
                return moment->time.tm_mday;
        case 'H':
                return moment->time.tm_hour;
        case 'h':
                return hour_of_twelve(moment);
        case 'm':
                return moment->time.tm_min;
        case 's':
                return moment->time.tm_sec;
        default:
                return -1;
        }
}

static bool add_fraction(const struct moment *moment, size_t count, struct buf *out)
{
        char digits[FRACTION_DIGITS + 1];
        int64_t rest = moment->fraction;

        if (count > FRACTION_DIGITS)
                return false;
        for (size_t i = FRACTION_DIGITS; i > 0; i--) {
                digits[i - 1] = (char)('0' + rest % 10);
                rest /= 10;
        }
        buf_add(out, digits, count);
        return true;
}

static bool add_field(const struct moment *moment, char letter, size_t count, struct buf *out)
{
        int number;

        if (letter == 'f')
                return add_fraction(moment, count, out);
        number = number_of(moment, letter, count);
        if (number < 0)
                return false;
        buf_add_format(out, "%0*d", (int)count, number);
        return true;
}

static bool is_letter(char character)
{
        return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

/* A text in quotes, or a character behind a backslash. How long it is in the format; 0 = broken. */
static size_t add_literal(const char *at, size_t size, struct buf *out)
{
        const char *end;

        if (*at == '\\') {
                if (size < 2)
                        return 0;
                buf_add_char(out, at[1]);
                return 2;
        }
        end = memchr(at + 1, *at, size - 1);
        if (!end)
                return 0;
        buf_add(out, at + 1, (size_t)(end - at) - 1);
        return (size_t)(end - at) + 1;
}

/* What stands behind `{0:`. */
static bool add_time(const struct moment *moment, const char *at, size_t size, struct buf *out)
{
        /* One letter alone means something else in .NET. */
        if (size == 0 || (size == 1 && is_letter(*at)))
                return false;
        while (size > 0) {
                size_t used = 1;

                if (is_letter(*at)) {
                        while (used < size && at[used] == *at)
                                used++;
                        if (!add_field(moment, *at, used, out))
                                return false;
                } else if (*at == '\'' || *at == '"' || *at == '\\') {
                        used = add_literal(at, size, out);
                        if (used == 0)
                                return false;
                } else if (*at == '%') {
                        return false;
                } else {
                        buf_add_char(out, *at);
                }
                at += used;
                size -= used;
        }
        return true;
}

/* What a bracket begins. How long it is in the format; 0 = broken. */
static size_t add_bracket(const struct moment *moment, const char *at, struct buf *out)
{
        const char *end;

        if (at[1] == at[0]) {
                buf_add_char(out, *at);
                return 2;
        }
        if (strncmp(at, "{0:", 3) != 0)
                return 0;
        end = strchr(at, '}');
        if (!end || !add_time(moment, at + 3, (size_t)(end - at) - 3, out))
                return 0;
        return (size_t)(end - at) + 1;
}

static const char *find_fault(const struct buf *name)
{
        const char *part = buf_text(name);

        if (name->size == 0 || name->size > PICTURE_NAME_MAX)
                return "makes a name that is empty or longer than 512 characters";
        if (part[name->size - 1] == '.')
                return "makes a name that ends with a dot";
        for (;;) {
                size_t length = strcspn(part, "/");

                if (length == 0 || (length <= 2 && strspn(part, ".") >= length))
                        return "makes a name with an empty part, '.' or '..' between slashes";
                if (part[length] == '\0')
                        return NULL;
                part += length + 1;
        }
}

bool picture_name(const char *format, int64_t wall_ms, struct buf *out, struct reason *reason)
{
        const struct moment moment = moment_of(wall_ms);
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;
        const char *fault;

        while (*format) {
                size_t used = 1;

                if (*format == '{' || *format == '}')
                        used = add_bracket(&moment, format, &name);
                else
                        buf_add_char(&name, *format);
                if (used == 0) {
                        reason_set(reason,
                                   "is no format of a time from '%.20s' on; it looks like "
                                   "{0:yyyyMMdd}/camera/{0:HHmmss}.jpg",
                                   format);
                        return false;
                }
                format += used;
        }
        fault = find_fault(&name);
        if (fault) {
                reason_set(reason, "%s", fault);
                return false;
        }
        buf_add(out, name.data, name.size);
        return true;
}
