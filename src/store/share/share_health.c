// SPDX-License-Identifier: MIT
/* What others do to the storage that keeps it from being tidied, or the feed from being short. */
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/share/share_inside.h"

#define EVERY_NS       (5 * CLOCK_NS_PER_S)
#define SNAPSHOT_OLD_S 600

/* Rows that were read again meanwhile: so many, and so many for each that is new. */
#define SLOW_ROWS  1000
#define SLOW_TIMES 10

/* True if, since the last call, the feed read too many rows again. */
static bool measure_feed(struct store_share *share)
{
        int64_t again = metrics_counter_value(METRIC_FEED_AGAIN);
        int64_t fresh = metrics_counter_value(METRIC_FEED_NEW);
        int64_t more = again - share->rows_again;
        bool slow = more >= SLOW_ROWS && more >= SLOW_TIMES * (fresh - share->rows_new);

        share->rows_again = again;
        share->rows_new = fresh;
        return slow;
}

static void judge_snapshot(struct store_share *share, const struct store_share_health *health)
{
        metrics_set(METRIC_STORE_DEAD_ROWS, health->dead_rows);
        metrics_set(METRIC_STORE_SNAPSHOT, health->snapshot_s);
        if (health->snapshot_s < SNAPSHOT_OLD_S || health->process == share->warned_of)
                return;
        share->warned_of = health->process;
        log_warn("STORE_SNAPSHOT_OLD",
                 "A session holds an old view of the database, which can't be tidied meanwhile",
                 LOG_INT("session", health->process), LOG_INT("seconds", health->snapshot_s),
                 LOG_INT("dead_rows", health->dead_rows), LOG_END);
}

static void blame_writer(struct store_share *share, const struct store_share_health *health)
{
        if (health->writer == 0 || health->writer == share->warned_of_writer)
                return;
        share->warned_of_writer = health->writer;
        log_warn("STORE_FEED_SLOW",
                 "A session's open transaction makes each look at what is new read again what was "
                 "read before",
                 LOG_INT("session", health->writer), LOG_INT("seconds", health->writer_s), LOG_END);
}

void share_look_at_health(struct store_share *share)
{
        struct store_share_health health;
        int64_t now_ns = clock_steady_ns();
        bool tidies = store_may_act(share->store, STORE_SHARE_UPKEEP);
        bool slow;

        if (now_ns < share->health_at_ns)
                return;
        share->health_at_ns = now_ns + EVERY_NS;
        slow = measure_feed(share);
        if ((!slow && !tidies) || share->backend->health(share->handle, &health) != 0)
                return;
        if (tidies)
                judge_snapshot(share, &health);
        if (slow)
                blame_writer(share, &health);
}
