// SPDX-License-Identifier: MIT
/*
 * Names of uploaded pictures, as the earlier camera programs have them: .NET's composite format
 * with the picture's time as {0}, in UTC: `{0:yyyyMMdd}/camera/{0:HHmmss}.jpg`.
 *
 * Source:
 * https://learn.microsoft.com/dotnet/standard/base-types/custom-date-and-time-format-strings
 */
#ifndef ISTHMUS_CAMERA_UPLOAD_PICTURE_NAME_H
#define ISTHMUS_CAMERA_UPLOAD_PICTURE_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/reason.h"

/* The longest name that is made; a blob's may have 1024 characters. */
#define PICTURE_NAME_MAX 512

/*
 * Adds the name for a picture of that time. Known are yyyy, yy, MM, M, dd, d, HH, H, hh, h, mm, m,
 * ss, s, f to fffffff, quoted texts and \ before a character; {{ and }} stand for brackets. False
 * with a reason that continues a sentence about the format, and `out` as before, for anything else,
 * for a name that is empty, too long, begins with '/' or ends with '/' or '.', and for one with an
 * empty part, "." or ".." between slashes.
 */
bool picture_name(const char *format, int64_t wall_ms, struct buf *out, struct reason *reason);

#endif
