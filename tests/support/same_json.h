// SPDX-License-Identifier: MIT
/* What a scan hands out of a text against what json-c makes of it: one oracle for tests and fuzz.
 */
#ifndef ISTHMUS_TESTS_SUPPORT_SAME_JSON_H
#define ISTHMUS_TESTS_SUPPORT_SAME_JSON_H

#include <stdbool.h>
#include <stddef.h>

/*
 * True if both take the text, and then what is written is the same, and every member and item of
 * what is written is found by a walk; or if both refuse it. Names with U+0000, which no tree can
 * hold, are refused by both.
 */
bool same_json(const char *text, size_t size, int depth);

#endif
