// SPDX-License-Identifier: MIT
/* The one thing that is read of a JPEG's EXIF data: how the camera was held. */
#ifndef ISTHMUS_CAMERA_PICTURE_EXIF_H
#define ISTHMUS_CAMERA_PICTURE_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* The orientation, 1 to 8 (CIPA DC-008, tag 0x0112); 1 where none is told or it can't be read. */
int exif_orientation(const uint8_t *jpeg, size_t size);

#endif
