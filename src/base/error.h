// SPDX-License-Identifier: MIT
/*
 * The one error rule.
 *
 * A function that can fail returns `int`:
 *   0         success;
 *   negative  a failure of the system (`-errno`), passed up unread until somebody reports it;
 *   positive  a condition named in that module's own enum (`STORE_E_FULL`), which the direct
 *             caller must handle and which never travels further.
 * What a person must read travels beside it in a `struct reason` (reason.h), never in a global.
 * Memory exhaustion is not reported: the program ends (mem.h says why that loses nothing).
 */
#ifndef ISTHMUS_BASE_ERROR_H
#define ISTHMUS_BASE_ERROR_H

#include <errno.h>

/* The compiler refuses a call whose result is dropped. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* `printf`-like: format is argument `f`, its values start at argument `a`. */
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* Runs `free_function(&variable)` when the variable leaves its scope. */
#define CLEANUP(free_function) __attribute__((cleanup(free_function)))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
