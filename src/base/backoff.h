// SPDX-License-Identifier: MIT
/* When to try again. */
#ifndef ISTHMUS_BASE_BACKOFF_H
#define ISTHMUS_BASE_BACKOFF_H

#include <stdint.h>

/*
 * The wait after so many failures in a row (from 1): `min_ms` doubled with each further one up to
 * `max_ms`, and of that a random part between half and all, so that many that failed together
 * don't come back together.
 */
int64_t backoff_ms(int failures, int64_t min_ms, int64_t max_ms);

/* A random time from `low_ms` to `high_ms`; `low_ms` if that is not less. */
int64_t backoff_between_ms(int64_t low_ms, int64_t high_ms);

#endif
