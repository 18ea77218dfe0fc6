// SPDX-License-Identifier: MIT
#include "base/backoff.h"

#include "base/crypto.h"

int64_t backoff_between_ms(int64_t low_ms, int64_t high_ms)
{
        uint64_t random;

        if (high_ms <= low_ms)
                return low_ms;
        crypto_random(&random, sizeof(random));
        return low_ms + (int64_t)(random % (uint64_t)(high_ms - low_ms + 1));
}

int64_t backoff_ms(int failures, int64_t min_ms, int64_t max_ms)
{
        int64_t delay_ms = min_ms;

        for (int i = 1; i < failures && delay_ms < max_ms; i++)
                delay_ms *= 2;
        if (delay_ms > max_ms)
                delay_ms = max_ms;
        return backoff_between_ms(delay_ms / 2, delay_ms);
}
