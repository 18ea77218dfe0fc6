// SPDX-License-Identifier: MIT
/* The texts of JSON without their escapes. */
#ifndef ISTHMUS_BASE_JSON_JSON_UNESCAPE_H
#define ISTHMUS_BASE_JSON_JSON_UNESCAPE_H

#include <stddef.h>

#include "base/buf.h"

/* Adds what is between the quotes of a text without its escapes; half a surrogate is U+FFFD. */
void json_unescape(struct buf *out, const char *text, size_t size);

#endif
