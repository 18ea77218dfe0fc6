// SPDX-License-Identifier: MIT
#include "camera/picture/picture.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void picture_init(struct picture *picture, int width, int height)
{
        picture->width = width;
        picture->height = height;
        picture->pixels = mem_resize(NULL, (size_t)width * (size_t)height, PICTURE_PIXEL_BYTES);
}

void picture_deinit(struct picture *picture)
{
        free(picture->pixels);
        *picture = PICTURE_INIT;
}

/* Where pixel (x, y) of a picture of that size comes from, for each orientation. */
static void source_of(int orientation, int width, int height, int x, int y, int *from_x,
                      int *from_y)
{
        bool is_transposed = orientation >= 5;
        int across = is_transposed ? y : x;
        int down = is_transposed ? x : y;

        /* Of the stored picture: mirrored from right to left, from bottom to top. */
        if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
                across = width - 1 - across;
        if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
                down = height - 1 - down;
        *from_x = across;
        *from_y = down;
}

void picture_turn_upright(struct picture *picture, int orientation)
{
        struct picture turned;
        int from_x;
        int from_y;

        if (orientation < 2 || orientation > 8)
                return;
        picture_init(&turned, orientation >= 5 ? picture->height : picture->width,
                     orientation >= 5 ? picture->width : picture->height);
        for (int y = 0; y < turned.height; y++) {
                uint8_t *row = picture_row(&turned, y);

                for (int x = 0; x < turned.width; x++) {
                        source_of(orientation, picture->width, picture->height, x, y, &from_x,
                                  &from_y);
                        memcpy(row + (size_t)x * PICTURE_PIXEL_BYTES,
                               picture_row(picture, from_y) + (size_t)from_x * PICTURE_PIXEL_BYTES,
                               PICTURE_PIXEL_BYTES);
                }
        }
        picture_deinit(picture);
        *picture = turned;
}
