// SPDX-License-Identifier: MIT
/*
 * How fast registers may go to one provisioning service. Nothing is assumed of its quota but that
 * it counts over a window (a minute: Microsoft's "Azure IoT Hub Device Provisioning Service
 * limits"): at first only the places limit what is under way, so that a burst of the whole quota
 * goes out at once. The first 429 tells the quota: what the service has taken within the window
 * before it. Unless it also tells that it takes some soon: then its rate is not that, and they race
 * to the next 429, a few at a time; what was taken between the two is the rate. From then on
 * registers go in even steps a little below it, so that the service always has room for one that is
 * urgent. The steps shrink slowly, and faster the longer nobody complains; each further 429 makes
 * them longer. After a 429 only few are under way, more with each one that is taken: what is too
 * much is noticed early. A service that was left alone for a window gets a burst again.
 *
 * Passive and pure; the caller says what time it is (steady milliseconds).
 */
#ifndef ISTHMUS_AZURE_DPS_DPS_PACE_H
#define ISTHMUS_AZURE_DPS_DPS_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Parts that a window is counted in, and the one that has just begun. */
#define DPS_PACE_SLICES 60

/* Most registers under way, and so many more that are urgent: in all as many as requests of one
 * server have connections (http_queue.h). */
#define DPS_PACE_MOST        40
#define DPS_PACE_MOST_URGENT 8

struct dps_pace {
        int64_t window_ms;
        double least_step_ms;           /* by the operator's limit; 0 = none */
        double step_ms;                 /* by the quota that was found; 0 = none yet */
        double due_ms;                  /* when the next one has its turn */
        int taken[DPS_PACE_SLICES + 1]; /* by the service, in the slices up to `slice` */
        int64_t slice;
        int under_way;
        int places;
        int64_t not_before_ms; /* the service asked for a pause */
        int64_t asked_ms;      /* when somebody last wanted to go */
        int64_t throttled_ms;  /* answers to what was sent before this time have been heard */
        int refused_since;     /* teaching 429s since something was taken */
        int64_t since_ms;      /* when the service was found exhausted, and */
        int taken_since;       /* what it has taken since then */
        bool racing;           /* from one 429 to the next, without steps */
};

/* `limit` registers within `window_ms` at most; 0 = only what the service itself says. */
void dps_pace_init(struct dps_pace *pace, int limit, int64_t window_ms, int64_t now_ms);

/* From now on at most so many within a window; 0 = only what the service itself says. */
void dps_pace_limit(struct dps_pace *pace, int limit);

/* Too many are under way: ask again after an answer. */
#define DPS_PACE_FULL (-1)

/*
 * 0: go; dps_pace_answered or _throttled follows. Else how many milliseconds to wait before asking
 * again, or DPS_PACE_FULL. Who is urgent may go a second's worth of steps before its turn.
 */
int64_t dps_pace_take(struct dps_pace *pace, bool urgent, int64_t now_ms);

/* A register sent at `sent_ms` has its answer (but 429), or none; `taken`: the service counts it.
 */
void dps_pace_answered(struct dps_pace *pace, bool taken, int64_t sent_ms, int64_t now_ms);

/*
 * The service said 429 to a register that was sent at `sent_ms`: nobody registers for
 * `retry_after_ms` (-1 = not said: a second, doubled while nothing is taken). Of what was already
 * on its way only the first one teaches something: true then.
 */
bool dps_pace_throttled(struct dps_pace *pace, int64_t sent_ms, int64_t retry_after_ms,
                        int64_t now_ms);

/* How many registers within a window the service is found to take; 0 = it has not said no. */
int dps_pace_quota(const struct dps_pace *pace);

#endif
