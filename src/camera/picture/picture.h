// SPDX-License-Identifier: MIT
/*
 * A decoded picture: rows of 4 bytes a pixel, blue, green, red and one that means nothing. That is
 * what cairo draws on (CAIRO_FORMAT_RGB24 on little-endian machines) and what JPEG is made from.
 */
#ifndef ISTHMUS_CAMERA_PICTURE_PICTURE_H
#define ISTHMUS_CAMERA_PICTURE_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define PICTURE_PIXEL_BYTES 4

/* Larger ones are refused before memory is taken for them. */
#define PICTURE_PIXELS_MAX (64 * 1000 * 1000)
#define PICTURE_SIDE_MAX   20000

struct picture {
        int width;
        int height;
        uint8_t *pixels; /* width * height * PICTURE_PIXEL_BYTES, without gaps */
};

#define PICTURE_INIT ((struct picture){.pixels = NULL})

/* Pixels of undefined colour; both sides at least 1, within the limits above. */
void picture_init(struct picture *picture, int width, int height);
void picture_deinit(struct picture *picture);

static inline uint8_t *picture_row(const struct picture *picture, int y)
{
        return picture->pixels + (size_t)y * (size_t)picture->width * PICTURE_PIXEL_BYTES;
}

/*
 * Turns the picture upright, as EXIF's orientation (1 to 8, TIFF 6.0 tag 274) says it was taken;
 * any other number changes nothing.
 */
void picture_turn_upright(struct picture *picture, int orientation);

#endif
