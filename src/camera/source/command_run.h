// SPDX-License-Identifier: MIT
/* A program that is run for what it prints, within limits. */
#ifndef ISTHMUS_CAMERA_SOURCE_COMMAND_RUN_H
#define ISTHMUS_CAMERA_SOURCE_COMMAND_RUN_H

#include "camera/source/source_inside.h"

/*
 * Runs `arguments` (the program first, looked for in PATH; NULL at the end) without a shell, in a
 * process group of its own, with nothing to read, and adds to `out` what it prints. It has
 * succeeded when it has ended with status 0 by `deadline_ms`; whatever is left of its group is
 * killed then, as it is at the deadline, when it prints more than `source` allows, and when the
 * source is stopped. 0, SOURCE_E_FAILED with the reason (which has the last line of its standard
 * error), or SOURCE_E_STOPPED.
 */
int command_run(const struct source *source, char *const *arguments, int64_t deadline_ms,
                struct buf *out, struct reason *reason) MUST_CHECK;

#endif
