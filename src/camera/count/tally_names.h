// SPDX-License-Identifier: MIT
/* What is counted has names in telemetry; each of them says one thing only. */
#ifndef ISTHMUS_CAMERA_COUNT_TALLY_NAMES_H
#define ISTHMUS_CAMERA_COUNT_TALLY_NAMES_H

#include "base/error.h"
#include "base/reason.h"
#include "camera/count/tally.h"

/* What Telemetry.Details adds to each tally. */
#define TALLY_NAMES_DETAILS "details"

enum tally_names_condition {
        TALLY_NAMES_E_TWICE = 1, /* two things would have one name; the reason says which */
};

/*
 * Whether all that may be told by these rules has names of its own, none of which is `reserved`
 * (NULL = nothing is). Labels that differ in blanks and signs only have not, nor have the label
 * `gate person` and the label `person` in the zone `gate`.
 */
int tally_names_check(const struct tally_rules *rules, const char *reserved,
                      struct reason *reason) MUST_CHECK;

#endif
