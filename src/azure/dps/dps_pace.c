// SPDX-License-Identifier: MIT
#include "azure/dps/dps_pace.h"

#include <math.h>

#define MS_PER_MINUTE    60000.0
#define BURST_SHARE      0.05
#define SLOWEST          (1.0 / 16)
#define RECOVERY         (1.0 / 200)
#define PAUSE_DEFAULT_MS 5000

void dps_pace_init(struct dps_pace *pace, int per_minute, int64_t now_ms)
{
        double burst = floor(per_minute * BURST_SHARE);

        *pace = (struct dps_pace){
                .capacity = burst > 1 ? burst : 1,
                .filled_ms = now_ms,
                .not_before_ms = now_ms,
                .slowed_ms = INT64_MIN,
        };
        pace->full_rate = (per_minute - pace->capacity) / MS_PER_MINUTE;
        /* A quota of one a minute leaves nothing to subtract from. */
        if (pace->full_rate <= 0)
                pace->full_rate = 1 / MS_PER_MINUTE;
        pace->rate = pace->full_rate;
        pace->tokens = pace->capacity;
}

static void fill(struct dps_pace *pace, int64_t now_ms)
{
        pace->tokens += (double)(now_ms - pace->filled_ms) * pace->rate;
        if (pace->tokens > pace->capacity)
                pace->tokens = pace->capacity;
        pace->filled_ms = now_ms;
}

int64_t dps_pace_take(struct dps_pace *pace, int64_t now_ms)
{
        if (now_ms < pace->not_before_ms)
                return pace->not_before_ms - now_ms;
        fill(pace, now_ms);
        if (pace->tokens < 1)
                return (int64_t)ceil((1 - pace->tokens) / pace->rate);
        pace->tokens -= 1;
        return 0;
}

bool dps_pace_throttled(struct dps_pace *pace, int64_t sent_ms, int64_t retry_after_ms,
                        int64_t now_ms)
{
        int64_t pause_ms = retry_after_ms >= 0 ? retry_after_ms : PAUSE_DEFAULT_MS;
        int64_t until_ms = now_ms + pause_ms;

        if (until_ms > pace->not_before_ms)
                pace->not_before_ms = until_ms;
        /* What has gathered would all go at once after the pause. */
        pace->tokens = 0;
        pace->filled_ms = pace->not_before_ms;
        if (sent_ms <= pace->slowed_ms)
                return false;
        pace->slowed_ms = now_ms;
        pace->rate = fmax(pace->rate / 2, pace->full_rate * SLOWEST);
        return true;
}

void dps_pace_accepted(struct dps_pace *pace)
{
        pace->rate = fmin(pace->rate + pace->full_rate * RECOVERY, pace->full_rate);
}
