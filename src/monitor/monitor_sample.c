// SPDX-License-Identifier: MIT
#include "monitor/monitor_sample.h"

#include <string.h>

#include "base/clock.h"

/* The clients' hash runs over at least so many characters. */
#define SCORED_LENGTH 8

void monitor_sampler_init(struct monitor_sampler *sampler, double per_second, double most)
{
        memset(sampler, 0, sizeof(*sampler));
        pthread_mutex_init(&sampler->lock, NULL);
        sampler->per_second = per_second;
        sampler->most = most;
        sampler->left = most;
}

void monitor_sampler_deinit(struct monitor_sampler *sampler)
{
        pthread_mutex_destroy(&sampler->lock);
}

double monitor_sample_score(const char *operation)
{
        size_t length = strlen(operation);
        size_t doubled = length;
        uint32_t hash = 5381;
        int64_t signed_hash;

        while (doubled > 0 && doubled < SCORED_LENGTH)
                doubled *= 2;
        for (size_t i = 0; i < doubled; i++)
                hash = hash * 33 + (unsigned char)operation[i % length];
        signed_hash = (int32_t)hash;
        return (double)(signed_hash < 0 ? -signed_hash : signed_hash) / INT32_MAX * 100;
}

/* Operations in the last seconds, with this one. */
static int64_t note_load(struct monitor_sampler *sampler, int64_t now_ns)
{
        int64_t second = now_ns / CLOCK_NS_PER_S;
        size_t slot = (size_t)(second % MONITOR_SAMPLE_SECONDS);
        int64_t sum = 0;

        if (sampler->load[slot].second != second) {
                sampler->load[slot].second = second;
                sampler->load[slot].count = 0;
        }
        sampler->load[slot].count++;
        for (size_t i = 0; i < MONITOR_SAMPLE_SECONDS; i++) {
                if (second - sampler->load[i].second < MONITOR_SAMPLE_SECONDS)
                        sum += sampler->load[i].count;
        }
        return sum;
}

/* One of so many is to be told. */
static int64_t one_of(const struct monitor_sampler *sampler, int64_t load)
{
        double wanted = sampler->per_second * MONITOR_SAMPLE_SECONDS;
        int64_t n = (int64_t)((double)load / wanted);

        return (double)n * wanted < (double)load ? n + 1 : n;
}

static void fill(struct monitor_sampler *sampler, int64_t now_ns)
{
        double gained = sampler->filled_ns == 0
                                ? 0
                                : (double)(now_ns - sampler->filled_ns) / 1e9 * sampler->per_second;

        sampler->filled_ns = now_ns;
        sampler->left += gained;
        if (sampler->left > sampler->most)
                sampler->left = sampler->most;
}

int32_t monitor_sampler_take(struct monitor_sampler *sampler, const char *operation, int64_t now_ns)
{
        int64_t n;
        int32_t stands_for = 0;

        if (sampler->per_second <= 0)
                return 0;
        pthread_mutex_lock(&sampler->lock);
        n = operation ? one_of(sampler, note_load(sampler, now_ns)) : 1;
        fill(sampler, now_ns);
        sampler->untold++;
        /* By chance none may come for long: then the next one stands for them all. */
        if (sampler->left >= 1 && (n <= 1 || sampler->untold >= 2 * n ||
                                   monitor_sample_score(operation) < 100.0 / (double)n)) {
                sampler->left -= 1;
                stands_for = sampler->untold > INT32_MAX ? INT32_MAX : (int32_t)sampler->untold;
                sampler->untold = 0;
        }
        pthread_mutex_unlock(&sampler->lock);
        return stands_for;
}
