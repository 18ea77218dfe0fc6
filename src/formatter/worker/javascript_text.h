// SPDX-License-Identifier: MIT
/* Texts between JavaScriptCore's UTF-16 and UTF-8. */
#ifndef ISTHMUS_FORMATTER_WORKER_JAVASCRIPT_TEXT_H
#define ISTHMUS_FORMATTER_WORKER_JAVASCRIPT_TEXT_H

#include <JavaScriptCore/JavaScript.h>
#include <stdbool.h>

#include "base/buf.h"

/* For `CLEANUP(javascript_string_cleanup) JSStringRef s`. */
void javascript_string_cleanup(JSStringRef *string);

/* A string of valid UTF-8, which a zero byte follows; it may hold others. To be released. */
JSStringRef javascript_string_of(const char *text, size_t size);

/* A value of UTF-8 text; NULL for NULL. */
JSValueRef javascript_value_of(JSContextRef context, const char *text);

/* Adds the string as UTF-8; half a surrogate pair and a zero character become U+FFFD. */
void javascript_add_text(struct buf *out, JSStringRef string);

/* Adds characters 0..255 as bytes. */
void javascript_add_bytes(struct buf *out, JSStringRef string);

/*
 * Mends the JSON that JSON.stringify made, in place: an escaped half of a surrogate pair becomes
 * \ufffd. Returns how deep its lists and objects are nested.
 */
int javascript_mend_json(char *json);

#endif
