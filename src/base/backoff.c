// SPDX-License-Identifier: MIT
#include "base/backoff.h"

#include "base/crypto.h"

int64_t backoff_ms(int failures, int64_t min_ms, int64_t max_ms)
{
        int64_t delay_ms = min_ms;
        uint32_t random;

        for (int i = 1; i < failures && delay_ms < max_ms; i++)
                delay_ms *= 2;
        if (delay_ms > max_ms)
                delay_ms = max_ms;
        crypto_random(&random, sizeof(random));
        return delay_ms / 2 + (int64_t)random % (delay_ms / 2 + 1);
}
