// SPDX-License-Identifier: MIT
/*
 * .NET's TimeSpan as text, `[d.]hh:mm[:ss[.fffffff]]` or whole days (learn.microsoft.com, "Standard
 * TimeSpan format strings"): the timers' form in settings and in device twins.
 */
#ifndef ISTHMUS_CAMERA_SETTINGS_TIME_SPAN_H
#define ISTHMUS_CAMERA_SETTINGS_TIME_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest text that time_span_write makes, with its zero byte. */
#define TIME_SPAN_TEXT_SIZE 32

/* Longest span that is read: 1000 days. */
#define TIME_SPAN_MAX_MS (INT64_C(1000) * 24 * 60 * 60 * 1000)

/* Milliseconds; below one they are cut off. False for what is no such text, negative or longer. */
bool time_span_read(const char *text, int64_t *span_ms);

/* As .NET's "c": `00:00:30`, `1.00:00:00`, `00:00:00.5000000`. */
void time_span_write(int64_t span_ms, char text[TIME_SPAN_TEXT_SIZE]);

#endif
