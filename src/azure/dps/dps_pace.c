// SPDX-License-Identifier: MIT
#include "azure/dps/dps_pace.h"

#include <math.h>

/* Of a window: a second of a minute. So much may be caught up, or taken before one's turn; and the
 * first pause where the service names none. */
#define SOON_PART 60

#define PLACES_AFTER_429 2

/* More places with each register that is taken; while racing only with every so many. */
#define RACE_PLACES 8
#define RACE_GROWTH 16

/* So much of what the service takes is asked of it, by the operator's limit and by what is found.
 */
#define PART_OF_LIMIT 0.95
#define PART_OF_QUOTA 0.98

/*
 * How the steps change. With each register that is taken: so much in all if a window's worth were
 * taken at this growth, which doubles after each half of a window's worth.
 * With a 429: a little; to what was taken within a window that saw no other, but not by more than
 * half.
 */
#define GROW_IN_WINDOW 0.02
#define GROW_MOST      0.05
#define SHRINK_LEAST   0.95
#define SHRINK_MOST    0.5

/* So many registers that were taken tell something about the rate. */
#define ENOUGH 8

void dps_pace_init(struct dps_pace *pace, int limit, int64_t window_ms, int64_t now_ms)
{
        *pace = (struct dps_pace){
                .window_ms = window_ms,
                .places = DPS_PACE_MOST,
                .slice = now_ms * DPS_PACE_SLICES / window_ms,
                .not_before_ms = now_ms,
                .asked_ms = now_ms,
                .throttled_ms = INT64_MIN / 2,
        };
        dps_pace_limit(pace, limit);
}

void dps_pace_limit(struct dps_pace *pace, int limit)
{
        pace->least_step_ms = limit > 0 ? (double)pace->window_ms / (limit * PART_OF_LIMIT) : 0;
}

/* --- what was taken within the window ------------------------------------------------------ */

static void advance(struct dps_pace *pace, int64_t now_ms)
{
        int64_t now = now_ms * DPS_PACE_SLICES / pace->window_ms;

        if (now - pace->slice > DPS_PACE_SLICES + 1)
                pace->slice = now - DPS_PACE_SLICES - 1;
        while (pace->slice < now)
                pace->taken[++pace->slice % (DPS_PACE_SLICES + 1)] = 0;
}

static int taken_within(const struct dps_pace *pace)
{
        int sum = 0;

        for (int i = 0; i <= DPS_PACE_SLICES; i++)
                sum += pace->taken[i];
        return sum;
}

/* --- whose turn it is ---------------------------------------------------------------------- */

static double soon_ms(const struct dps_pace *pace)
{
        return (double)pace->window_ms / SOON_PART;
}

/* The service was left alone for a window: nothing counts any more. */
static void forget_if_idle(struct dps_pace *pace, int64_t now_ms)
{
        int64_t idle_ms = now_ms - pace->asked_ms;

        if (now_ms - pace->not_before_ms < idle_ms)
                idle_ms = now_ms - pace->not_before_ms;
        if (idle_ms >= pace->window_ms)
                pace->step_ms = 0;
        pace->asked_ms = now_ms;
}

int64_t dps_pace_take(struct dps_pace *pace, bool urgent, int64_t now_ms)
{
        double now = (double)now_ms;
        double step_ms;

        if (now_ms < pace->not_before_ms)
                return pace->not_before_ms - now_ms;
        forget_if_idle(pace, now_ms);
        if (pace->under_way >= pace->places + (urgent ? DPS_PACE_MOST_URGENT : 0))
                return DPS_PACE_FULL;
        step_ms = fmax(pace->racing ? 0 : pace->step_ms, pace->least_step_ms);
        if (step_ms > 0) {
                double due_ms = pace->due_ms - (urgent ? soon_ms(pace) : 0);

                if (due_ms > now)
                        return (int64_t)ceil(due_ms - now);
                pace->due_ms = fmax(pace->due_ms, now - soon_ms(pace)) + step_ms;
        }
        pace->under_way++;
        return 0;
}

/* --- what the service says ----------------------------------------------------------------- */

static double growth_of(const struct dps_pace *pace)
{
        double share = pace->taken_since * pace->step_ms / (double)pace->window_ms;
        double growth = GROW_IN_WINDOW * pace->step_ms / (double)pace->window_ms;

        return fmin(growth * exp2(2 * share), GROW_MOST);
}

void dps_pace_answered(struct dps_pace *pace, bool taken, int64_t sent_ms, int64_t now_ms)
{
        pace->under_way--;
        if (!taken)
                return;
        advance(pace, now_ms);
        pace->taken[pace->slice % (DPS_PACE_SLICES + 1)]++;
        if (sent_ms <= pace->throttled_ms)
                return;
        pace->taken_since++;
        pace->refused_since = 0;
        if (pace->places < DPS_PACE_MOST &&
            (!pace->racing || pace->places < RACE_PLACES + pace->taken_since / RACE_GROWTH))
                pace->places++;
        if (!pace->racing)
                pace->step_ms /= 1 + growth_of(pace);
}

static double step_of(double within_ms, int taken)
{
        return within_ms / ((taken > 0 ? taken : 1) * PART_OF_QUOTA);
}

/*
 * The service was exhausted when the race began as it is now, so that what it has taken between is
 * its rate. Too little of it says nothing: then the race goes on, which is false.
 */
static bool end_race(struct dps_pace *pace, int64_t now_ms)
{
        if (pace->taken_since < ENOUGH && (pace->taken_since > 0 || taken_within(pace) < ENOUGH))
                return false;
        if (pace->taken_since > 0)
                pace->step_ms = step_of((double)(now_ms - pace->since_ms), pace->taken_since);
        pace->racing = false;
        return true;
}

static void shrink(struct dps_pace *pace, int64_t now_ms)
{
        double step_ms = step_of((double)pace->window_ms, taken_within(pace));

        if (pace->taken_since == 0)
                return;
        if (now_ms - pace->since_ms < pace->window_ms)
                pace->step_ms /= SHRINK_LEAST;
        else
                pace->step_ms = fmin(fmax(pace->step_ms / SHRINK_LEAST, step_ms),
                                     pace->step_ms / SHRINK_MOST);
}

static void learn(struct dps_pace *pace, int64_t pause_ms, int64_t now_ms)
{
        if (pace->step_ms <= 0) {
                pace->step_ms = step_of((double)pace->window_ms, taken_within(pace));
                pace->racing = pause_ms <= pace->window_ms / 2;
        } else if (!pace->racing) {
                shrink(pace, now_ms);
        } else if (!end_race(pace, now_ms)) {
                return;
        }
        pace->since_ms = now_ms;
        pace->taken_since = 0;
}

bool dps_pace_throttled(struct dps_pace *pace, int64_t sent_ms, int64_t retry_after_ms,
                        int64_t now_ms)
{
        bool teaches = sent_ms > pace->throttled_ms;
        int64_t pause_ms = retry_after_ms;

        if (pause_ms < 0)
                pause_ms = (int64_t)soon_ms(pace)
                           << (pace->refused_since < 5 ? pace->refused_since : 5);
        pace->under_way--;
        if (now_ms + pause_ms > pace->not_before_ms)
                pace->not_before_ms = now_ms + pause_ms;
        if (!teaches)
                return false;
        advance(pace, now_ms);
        learn(pace, pause_ms, now_ms);
        pace->throttled_ms = now_ms;
        pace->refused_since++;
        pace->places = PLACES_AFTER_429;
        return true;
}

int dps_pace_quota(const struct dps_pace *pace)
{
        return pace->step_ms > 0 && !pace->racing
                       ? (int)lround((double)pace->window_ms / pace->step_ms)
                       : 0;
}
