// SPDX-License-Identifier: MIT
/*
 * Which operations are told: few enough a second, and each that is told says for how many it
 * stands, so that sums stay right. An operation is told or not as a whole.
 *
 * The score of an operation id is that of Application Insights' own clients (rule A8), so that
 * whoever tells of the same operation decides the same; on top of it comes a bound that holds
 * whatever the ids are.
 */
#ifndef ISTHMUS_MONITOR_MONITOR_SAMPLE_H
#define ISTHMUS_MONITOR_MONITOR_SAMPLE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* Seconds over which the load is measured. */
#define MONITOR_SAMPLE_SECONDS 10

struct monitor_sampler {
        pthread_mutex_t lock;
        double per_second; /* that may be told */
        double most;       /* that may be told at once */
        double left;       /* of those, now */
        int64_t filled_ns;
        int64_t untold; /* since the last one that was told */
        struct {
                int64_t second;
                int64_t count;
        } load[MONITOR_SAMPLE_SECONDS];
};

void monitor_sampler_init(struct monitor_sampler *sampler, double per_second, double most);
void monitor_sampler_deinit(struct monitor_sampler *sampler);

/* From 0 to 100: an operation is told where the share of those told, in per cent, is greater. */
double monitor_sample_score(const char *operation);

/*
 * One more operation, or failure (`operation` NULL: all are alike). For how many the telling
 * stands: itself and those that were not told since the last one that was; 0 = it isn't told. Any
 * thread; `now_ns` by the steady clock.
 */
int32_t monitor_sampler_take(struct monitor_sampler *sampler, const char *operation,
                             int64_t now_ns);

#endif
