// SPDX-License-Identifier: MIT
/*
 * Why something was refused, as bounded text for a person: what was wrong, where, what to do.
 * Lives on the caller's stack; never holds a key or a token.
 */
#ifndef ISTHMUS_BASE_REASON_H
#define ISTHMUS_BASE_REASON_H

#include "base/error.h"

struct reason {
        char text[512];
};

#define REASON_INIT ((struct reason){.text = ""})

/* Replaces the text; longer text is cut at a character boundary. NULL `reason` is allowed. */
void reason_set(struct reason *reason, const char *format, ...) PRINTF_LIKE(2, 3);

/* Puts "context: " before what is there. NULL `reason` is allowed. */
void reason_prefix(struct reason *reason, const char *format, ...) PRINTF_LIKE(2, 3);

/* Puts "; further" behind what is there, or "further" if nothing is. NULL is allowed. */
void reason_add(struct reason *reason, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
