// SPDX-License-Identifier: MIT
/* JPEG in and out, by libjpeg-turbo. Every function may be called on every thread. */
#ifndef ISTHMUS_CAMERA_PICTURE_JPEG_H
#define ISTHMUS_CAMERA_PICTURE_JPEG_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "camera/picture/picture.h"

enum jpeg_condition {
        JPEG_E_BAD = 1, /* no JPEG, a damaged or cut one, or one that is too large */
};

/*
 * Decodes a JPEG of any kind (grey, YCbCr, CMYK, progressive) and turns it upright as its EXIF
 * data says; a colour profile is not applied. A picture that is cut off or damaged is refused as a
 * whole: half a picture has half the people in it. `picture` is the caller's on success.
 */
int jpeg_read(const void *bytes, size_t size, struct picture *picture,
              struct reason *reason) MUST_CHECK;

/* Adds the picture as JPEG of that quality (1 to 100). */
int jpeg_write(const struct picture *picture, int quality, struct buf *out,
               struct reason *reason) MUST_CHECK;

#endif
