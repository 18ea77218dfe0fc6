// SPDX-License-Identifier: MIT
/* A worker's result, looked at as something that a stranger sent. Pure. */
#ifndef ISTHMUS_FORMATTER_FORMATTER_CHECK_H
#define ISTHMUS_FORMATTER_FORMATTER_CHECK_H

#include <stdbool.h>

#include "formatter/formatter.h"

/*
 * True if the result says what a result of this function may say: a status that a worker can know;
 * JSON of the right kind within depth and size; texts. The reason names what is not so. Members
 * that a result of this function and status does not have are emptied.
 */
bool formatter_check_result(enum formatter_function function, struct formatter_result *result,
                            struct reason *reason) MUST_CHECK;

/* True if `name` may be a formatter's: no path, nothing hidden, at most 128 bytes. */
bool formatter_check_name(const char *name) MUST_CHECK;

#endif
