// SPDX-License-Identifier: MIT
/*
 * How fast registrations may go to one provisioning service: a token bucket below its quota, that
 * slows down when the service says 429 and recovers with every register it takes. Passive; the
 * caller says what time it is (steady milliseconds).
 */
#ifndef ISTHMUS_AZURE_DPS_DPS_PACE_H
#define ISTHMUS_AZURE_DPS_DPS_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct dps_pace {
        double full_rate; /* registers per millisecond when nobody complains */
        double rate;      /* now */
        double capacity;  /* most tokens that gather */
        double tokens;
        int64_t filled_ms; /* when `tokens` was right */
        int64_t not_before_ms;
        int64_t slowed_ms; /* answers to what was sent before this time have been heard */
};

/*
 * `per_minute` is the quota. The bucket holds a twentieth of it and fills with the rest, so that
 * no minute sees more than the quota whenever it begins.
 */
void dps_pace_init(struct dps_pace *pace, int per_minute, int64_t now_ms);

/* 0: go, a token was taken. Else how many milliseconds to wait before asking again. */
int64_t dps_pace_take(struct dps_pace *pace, int64_t now_ms);

/*
 * The service said 429 to a request that was sent at `sent_ms`: nobody registers for
 * `retry_after_ms` (-1 = not said), and then at half the rate, at least a sixteenth of the full
 * one. The answers to what was already on its way halve it once only. True if it was halved.
 */
bool dps_pace_throttled(struct dps_pace *pace, int64_t sent_ms, int64_t retry_after_ms,
                        int64_t now_ms);

/* A register was taken. */
void dps_pace_accepted(struct dps_pace *pace);

#endif
