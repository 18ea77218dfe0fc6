// SPDX-License-Identifier: MIT
/*
 * Can a formatter's text reach the global object, or the language's own objects, so that a second
 * run in the same context could see what the first one left? Found by its words, without
 * understanding it. Pure.
 */
#ifndef ISTHMUS_FORMATTER_WORKER_JAVASCRIPT_SCAN_H
#define ISTHMUS_FORMATTER_WORKER_JAVASCRIPT_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * True if no word of the text leads there: `this`, `globalThis`, `eval`, `Function`, `prototype`,
 * `constructor` and their like, or one of `globals` where it is not simply called, made or read
 * from (Math.floor(x) is; Math.half = ... and `var JSON = JSON || {}` are not). Whatever is in
 * doubt gives false. A text that puts such a word together while it runs ('proto' + 'type') is
 * not seen through.
 *
 * `globals` are the names of the global object's members, each with a blank before and behind it.
 */
bool javascript_is_plain(const char *text, size_t size, const char *globals);

#endif
