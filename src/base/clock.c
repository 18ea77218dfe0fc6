// SPDX-License-Identifier: MIT
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
        struct timespec now;

        clock_gettime(id, &now);
        return now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

int64_t clock_steady_ns(void)
{
        return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_steady_ms(void)
{
        return clock_steady_ns() / CLOCK_NS_PER_MS;
}

int64_t clock_wall_ns(void)
{
        return read_clock(CLOCK_REALTIME);
}

int64_t clock_wall_ms(void)
{
        return clock_wall_ns() / CLOCK_NS_PER_MS;
}

struct clock_moment clock_moment_now(void)
{
        return (struct clock_moment){clock_wall_ms(), clock_steady_ms()};
}

struct clock_moment clock_moment_of(int64_t wall_ms)
{
        struct clock_moment now = clock_moment_now();
        int64_t age_ms = now.wall_ms > wall_ms ? now.wall_ms - wall_ms : 0;

        return (struct clock_moment){wall_ms, now.steady_ms - age_ms};
}

int64_t clock_elapsed_ms(const struct clock_moment *since, const struct clock_moment *now)
{
        int64_t wall_ms = now->wall_ms - since->wall_ms;
        int64_t steady_ms = now->steady_ms - since->steady_ms;
        int64_t shorter_ms = wall_ms < steady_ms ? wall_ms : steady_ms;

        return shorter_ms > 0 ? shorter_ms : 0;
}

/* Reads exactly `count` digits. */
static bool take_digits(const char **at, int count, int *number)
{
        *number = 0;
        for (int i = 0; i < count; i++) {
                char c = (*at)[i];

                if (c < '0' || c > '9')
                        return false;
                *number = *number * 10 + (c - '0');
        }
        *at += count;
        return true;
}

static bool take_char(const char **at, char wanted)
{
        if (**at != wanted)
                return false;
        (*at)++;
        return true;
}

static bool take_fraction(const char **at, int64_t *ns)
{
        int64_t unit = CLOCK_NS_PER_S / 10;

        *ns = 0;
        if (!take_char(at, '.'))
                return true;
        if (**at < '0' || **at > '9')
                return false;
        for (; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
                *ns += (**at - '0') * unit;
        return true;
}

static bool take_offset(const char **at, int64_t *seconds)
{
        int sign = **at == '-' ? -1 : 1;
        int hours;
        int minutes;

        *seconds = 0;
        if (take_char(at, 'Z') || take_char(at, 'z'))
                return true;
        if (!take_char(at, '+') && !take_char(at, '-'))
                return false;
        if (!take_digits(at, 2, &hours) || !take_char(at, ':') || !take_digits(at, 2, &minutes))
                return false;
        *seconds = (int64_t)sign * (hours * 3600 + minutes * 60);
        return hours < 24 && minutes < 60;
}

/* Month from 0; years as in struct tm. */
static int days_in_month(int year, int month)
{
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        int full = year + 1900;
        bool leap = (full % 4 == 0 && full % 100 != 0) || full % 400 == 0;

        return month == 1 && leap ? 29 : days[month];
}

static bool take_date(const char **at, struct tm *tm)
{
        if (!take_digits(at, 4, &tm->tm_year) || !take_char(at, '-') ||
            !take_digits(at, 2, &tm->tm_mon) || !take_char(at, '-') ||
            !take_digits(at, 2, &tm->tm_mday))
                return false;
        tm->tm_year -= 1900;
        tm->tm_mon -= 1;
        return tm->tm_mon >= 0 && tm->tm_mon < 12 && tm->tm_mday >= 1 &&
               tm->tm_mday <= days_in_month(tm->tm_year, tm->tm_mon);
}

static bool take_time(const char **at, struct tm *tm)
{
        if (!take_digits(at, 2, &tm->tm_hour) || !take_char(at, ':') ||
            !take_digits(at, 2, &tm->tm_min) || !take_char(at, ':') ||
            !take_digits(at, 2, &tm->tm_sec))
                return false;
        return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60;
}

bool clock_parse_utc(const char *text, int64_t *wall_ns)
{
        struct tm tm = {0};
        const char *at = text;
        int64_t fraction;
        int64_t offset;

        if (!text || !take_date(&at, &tm))
                return false;
        if (!take_char(&at, 'T') && !take_char(&at, 't'))
                return false;
        if (!take_time(&at, &tm) || !take_fraction(&at, &fraction) || !take_offset(&at, &offset))
                return false;
        /* 1970 to 2261: what nanoseconds in 64 bits can hold. */
        if (*at != '\0' || tm.tm_year < 70 || tm.tm_year > 361)
                return false;
        *wall_ns = ((int64_t)timegm(&tm) - offset) * CLOCK_NS_PER_S + fraction;
        return true;
}

static void add_fraction(char *text, size_t size, int64_t ns)
{
        char digits[16];
        size_t length;

        snprintf(digits, sizeof(digits), "%09d", (int)ns);
        for (length = 9; length > 3 && digits[length - 1] == '0'; length--)
                continue;
        snprintf(text, size, ".%.*sZ", (int)length, digits);
}

void clock_format_utc(char text[CLOCK_TEXT_SIZE], int64_t wall_ns, enum clock_format format)
{
        int64_t fraction = wall_ns % CLOCK_NS_PER_S;
        time_t seconds = (time_t)(wall_ns / CLOCK_NS_PER_S);
        struct tm tm;
        size_t length;

        if (fraction < 0) {
                fraction += CLOCK_NS_PER_S;
                seconds -= 1;
        }
        gmtime_r(&seconds, &tm);
        length = strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
        if (format == CLOCK_FRACTION)
                add_fraction(text + length, CLOCK_TEXT_SIZE - length, fraction);
}
