// SPDX-License-Identifier: MIT
/*
 * How many registrations the local provisioning service takes. Two kinds, because it is not
 * documented which one Microsoft's service has: a sliding window (in no window are there more than
 * the quota) and a bucket of tokens (so many at once, and as many a window as flow in). Pure; the
 * caller says what time it is (steady milliseconds).
 */
#ifndef ISTHMUS_LOCALHUB_DPS_DPS_QUOTA_H
#define ISTHMUS_LOCALHUB_DPS_DPS_QUOTA_H

#include <stdint.h>

struct dps_quota_options {
        int64_t quota;     /* registrations per window; 0 = no limit */
        int64_t window_ms; /* 0 = a minute */
        int64_t burst;     /* depth of the bucket; 0 = a sliding window */
};

struct dps_quota {
        struct dps_quota_options options;
        double tokens; /* of the bucket */
        int64_t filled_ms;
        int64_t *taken; /* of the window: the last `quota` times, a ring */
        int64_t next;
};

void dps_quota_init(struct dps_quota *quota, const struct dps_quota_options *options);
void dps_quota_deinit(struct dps_quota *quota);

/* 0: taken, and it counts. Else in how many milliseconds one would be. */
int64_t dps_quota_take(struct dps_quota *quota, int64_t now_ms);

#endif
