// SPDX-License-Identifier: MIT
/*
 * Two clocks: the steady one for waiting and measuring, the wall clock only for what people and
 * messages read. Times are nanoseconds (`_ns`) or milliseconds (`_ms`) in int64_t.
 */
#ifndef ISTHMUS_BASE_CLOCK_H
#define ISTHMUS_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_NS_PER_MS INT64_C(1000000)
#define CLOCK_NS_PER_S  INT64_C(1000000000)

/* A step of the wall clock that is no correction of a running one, but somebody's setting it. */
#define CLOCK_SET_MS (30 * 1000)

/* Longest text that clock_format_utc writes, with its zero byte. */
#define CLOCK_TEXT_SIZE 40

int64_t clock_steady_ns(void);
int64_t clock_steady_ms(void);

/* As the steady clock, but it also counts the time during which the machine slept. */
int64_t clock_boot_ns(void);

/* Since 1970-01-01 UTC. */
int64_t clock_wall_ns(void);
int64_t clock_wall_ms(void);

/*
 * An instant on both clocks. How long ago it was, the steady clock alone tells; but one that comes
 * from the disk is older than this run, and of that part only the wall clock knows.
 */
struct clock_moment {
        int64_t wall_ms; /* 0 = never */
        int64_t steady_ms;
};

struct clock_moment clock_moment_now(void);

/* The instant of a wall time that was written in an earlier run; one that is to come is now. */
struct clock_moment clock_moment_of(int64_t wall_ms);

/*
 * Milliseconds from `since` to `now`, the shorter of both clocks' answers and never less than 0: a
 * step of the wall clock ends no waiting too early.
 */
int64_t clock_elapsed_ms(const struct clock_moment *since, const struct clock_moment *now);

/*
 * RFC 3339 text (date, `T`, time, any number of fraction digits, `Z` or an offset) to
 * nanoseconds since 1970; digits beyond nine are dropped. False if it is no such text.
 */
bool clock_parse_utc(const char *text, int64_t *wall_ns);

enum clock_format {
        CLOCK_SECONDS,  /* 2024-05-06T07:08:09           (.NET's sortable "s") */
        CLOCK_FRACTION, /* 2024-05-06T07:08:09.204561234Z; at least three fraction digits */
};

/* Truncated, never rounded. */
void clock_format_utc(char text[CLOCK_TEXT_SIZE], int64_t wall_ns, enum clock_format format);

#endif
