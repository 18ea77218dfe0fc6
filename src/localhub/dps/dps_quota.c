// SPDX-License-Identifier: MIT
#include "localhub/dps/dps_quota.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

#define MINUTE_MS 60000

void dps_quota_init(struct dps_quota *quota, const struct dps_quota_options *options)
{
        *quota = (struct dps_quota){.options = *options, .filled_ms = -1};
        if (quota->options.window_ms <= 0)
                quota->options.window_ms = MINUTE_MS;
        if (quota->options.quota <= 0 || quota->options.burst > 0)
                return;
        quota->taken = mem_new((size_t)quota->options.quota, sizeof(*quota->taken));
        for (int64_t i = 0; i < quota->options.quota; i++)
                quota->taken[i] = INT64_MIN / 2;
}

void dps_quota_deinit(struct dps_quota *quota)
{
        free(quota->taken);
        quota->taken = NULL;
}

static int64_t take_token(struct dps_quota *quota, int64_t now_ms)
{
        double per_ms = (double)quota->options.quota / (double)quota->options.window_ms;
        double most = (double)quota->options.burst;

        if (quota->filled_ms < 0)
                quota->tokens = most;
        else
                quota->tokens =
                        fmin(quota->tokens + (double)(now_ms - quota->filled_ms) * per_ms, most);
        quota->filled_ms = now_ms;
        if (quota->tokens < 1)
                return (int64_t)ceil((1 - quota->tokens) / per_ms);
        quota->tokens -= 1;
        return 0;
}

int64_t dps_quota_take(struct dps_quota *quota, int64_t now_ms)
{
        int64_t *oldest;

        if (quota->options.quota <= 0)
                return 0;
        if (quota->options.burst > 0)
                return take_token(quota, now_ms);
        oldest = &quota->taken[quota->next];
        if (*oldest + quota->options.window_ms > now_ms)
                return *oldest + quota->options.window_ms - now_ms;
        *oldest = now_ms;
        quota->next = (quota->next + 1) % quota->options.quota;
        return 0;
}
