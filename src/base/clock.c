// SPDX-License-Identifier: MIT
#include "base/clock.h"

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

int64_t clock_boot_ns(void)
{
        return read_clock(CLOCK_BOOTTIME);
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

/* --- the calendar ------------------------------------------------------------------------- */

/*
 * Done here, because the library's functions take a lock for the time zone, which UTC has not.
 * Years begin in March here: then the day that leap years have more is the last one of its year.
 */
#define DAYS_400_YEARS  146097
#define DAYS_TO_1970    719468 /* from March 1 of the year 0 */
#define SECONDS_PER_DAY 86400

struct calendar {
        int year;
        int month; /* 1 to 12 */
        int day;
        int hour;
        int minute;
        int second;
};

static int64_t seconds_of(const struct calendar *calendar)
{
        int64_t year = calendar->month > 2 ? calendar->year : calendar->year - 1;
        int64_t month = calendar->month > 2 ? calendar->month - 3 : calendar->month + 9;
        int64_t days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 +
                       calendar->day - 1 - DAYS_TO_1970;

        return days * SECONDS_PER_DAY + calendar->hour * 3600 + calendar->minute * 60 +
               calendar->second;
}

static void set_date(struct calendar *calendar, int64_t days)
{
        int64_t since = days + DAYS_TO_1970;
        int64_t cycles = since / DAYS_400_YEARS;
        int64_t day = since % DAYS_400_YEARS;
        int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
        int64_t month;

        day -= year * 365 + year / 4 - year / 100;
        month = (day * 5 + 2) / 153;
        calendar->day = (int)(day - (month * 153 + 2) / 5 + 1);
        calendar->month = (int)(month < 10 ? month + 3 : month - 9);
        calendar->year = (int)(cycles * 400 + year + (month < 10 ? 0 : 1));
}

/* From the year 0 on. */
static struct calendar calendar_of(int64_t seconds)
{
        int64_t days = seconds / SECONDS_PER_DAY;
        int64_t rest = seconds % SECONDS_PER_DAY;
        struct calendar calendar;

        if (rest < 0) {
                rest += SECONDS_PER_DAY;
                days--;
        }
        set_date(&calendar, days);
        calendar.hour = (int)(rest / 3600);
        calendar.minute = (int)(rest / 60 % 60);
        calendar.second = (int)(rest % 60);
        return calendar;
}

/* --- reading ------------------------------------------------------------------------------ */

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

static int days_in_month(int year, int month)
{
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return month == 2 && leap ? 29 : days[month - 1];
}

static bool take_date(const char **at, struct calendar *calendar)
{
        if (!take_digits(at, 4, &calendar->year) || !take_char(at, '-') ||
            !take_digits(at, 2, &calendar->month) || !take_char(at, '-') ||
            !take_digits(at, 2, &calendar->day))
                return false;
        return calendar->month >= 1 && calendar->month <= 12 && calendar->day >= 1 &&
               calendar->day <= days_in_month(calendar->year, calendar->month);
}

static bool take_time(const char **at, struct calendar *calendar)
{
        if (!take_digits(at, 2, &calendar->hour) || !take_char(at, ':') ||
            !take_digits(at, 2, &calendar->minute) || !take_char(at, ':') ||
            !take_digits(at, 2, &calendar->second))
                return false;
        return calendar->hour < 24 && calendar->minute < 60 && calendar->second <= 60;
}

bool clock_parse_utc(const char *text, int64_t *wall_ns)
{
        struct calendar calendar;
        const char *at = text;
        int64_t fraction;
        int64_t offset;

        if (!text || !take_date(&at, &calendar))
                return false;
        if (!take_char(&at, 'T') && !take_char(&at, 't'))
                return false;
        if (!take_time(&at, &calendar) || !take_fraction(&at, &fraction) ||
            !take_offset(&at, &offset))
                return false;
        /* What nanoseconds in 64 bits can hold. */
        if (*at != '\0' || calendar.year < 1970 || calendar.year > 2261)
                return false;
        *wall_ns = (seconds_of(&calendar) - offset) * CLOCK_NS_PER_S + fraction;
        return true;
}

/* --- writing ------------------------------------------------------------------------------ */

/* Writes so many digits and the separator behind them; returns where the next character goes. */
static char *add_digits(char *at, int number, int count, char separator)
{
        for (int i = count - 1; i >= 0; i--) {
                at[i] = (char)('0' + number % 10);
                number /= 10;
        }
        at[count] = separator;
        return at + count + 1;
}

void clock_format_utc(char text[CLOCK_TEXT_SIZE], int64_t wall_ns, enum clock_format format)
{
        int64_t fraction = wall_ns % CLOCK_NS_PER_S;
        int64_t seconds = wall_ns / CLOCK_NS_PER_S - (fraction < 0 ? 1 : 0);
        struct calendar calendar = calendar_of(seconds);
        char *at = add_digits(text, calendar.year, 4, '-');

        at = add_digits(at, calendar.month, 2, '-');
        at = add_digits(at, calendar.day, 2, 'T');
        at = add_digits(at, calendar.hour, 2, ':');
        at = add_digits(at, calendar.minute, 2, ':');
        at = add_digits(at, calendar.second, 2, '\0');
        if (format != CLOCK_FRACTION)
                return;
        at[-1] = '.';
        at = add_digits(at, (int)(fraction < 0 ? fraction + CLOCK_NS_PER_S : fraction), 9, '\0');
        for (at -= 1; at[-1] == '0' && at[-4] != '.'; at--)
                continue;
        at[0] = 'Z';
        at[1] = '\0';
}
