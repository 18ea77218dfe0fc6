// SPDX-License-Identifier: MIT
/* A worker's result, looked at as something that a stranger sent. Pure. */
#ifndef ISTHMUS_FORMATTER_FORMATTER_CHECK_H
#define ISTHMUS_FORMATTER_FORMATTER_CHECK_H

#include <stdbool.h>

#include "formatter/formatter.h"

/*
 * Looks at what a result says: JSON of the right kind within depth and size; texts. One that can't
 * be used becomes FORMATTER_FAILED, with the reason: it is the formatter's fault, whoever wrote it
 * like that. Members that a result of this function and status does not have are emptied. False if
 * the status is none that a worker can know.
 */
bool formatter_check_result(enum formatter_function function,
                            struct formatter_result *result) MUST_CHECK;

/* True if `name` may be a formatter's: no path, nothing hidden, at most 128 bytes. */
bool formatter_check_name(const char *name) MUST_CHECK;

#endif
