// SPDX-License-Identifier: MIT
/*
 * Whose calls must not run beside others. A call that ends its worker, or takes it for as long as a
 * call may, puts two things on probation: its version of its formatter, and its device. Laws:
 *   - calls of what is on probation run one at a time, in a worker that no other call is in;
 *   - after each further offence they pause, longer each time: a device from one second to one
 *     minute, a version (which may have many good devices) from a tenth of a second to half of one;
 *   - good calls end it: three in a row for a device; for a version twenty, and more each time.
 *
 * All on the thread "formatter"; nothing here waits. Times are of the steady clock.
 */
#ifndef ISTHMUS_FORMATTER_FORMATTER_PROBATION_H
#define ISTHMUS_FORMATTER_FORMATTER_PROBATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"

struct formatter_probation;
struct formatter_request;
struct formatter_version;

/* A device or a version on probation. */
struct formatter_offender;

struct formatter_probation *formatter_probation_new(void);
/* No request may wait in it. */
void formatter_probation_free(struct formatter_probation *probation);

/* True if the request, whose file has a current version, must wait here: then it does. */
bool formatter_probation_take(struct formatter_probation *probation,
                              struct formatter_request *request) MUST_CHECK;

/* The request whose turn has come, taken out; NULL if none may run yet. */
struct formatter_request *formatter_probation_next(struct formatter_probation *probation,
                                                   int64_t now_ms);

/* When the next one may run; INT64_MAX if none waits. */
int64_t formatter_probation_due_ms(const struct formatter_probation *probation);

/* The request, which is on no list, has offended. */
void formatter_probation_offended(struct formatter_probation *probation,
                                  const struct formatter_request *request, int64_t now_ms);

/* It ended as calls should. Requests that need not wait here any more go to `released`. */
void formatter_probation_behaved(struct formatter_probation *probation,
                                 const struct formatter_request *request, struct list *released);

/* The version is about to be freed; what waited on its account goes to `released`. */
void formatter_probation_forget(struct formatter_probation *probation,
                                struct formatter_version *version, struct list *released);

/* Everything that waits goes to `released`. */
void formatter_probation_empty(struct formatter_probation *probation, struct list *released);

#endif
