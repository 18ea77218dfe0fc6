// SPDX-License-Identifier: MIT
#include "camera/picture/obscure.h"

#include <math.h>
#include <string.h>

#define BLOCKS     8
#define POINTS_MAX 256

struct area {
        struct picture *picture;
        const float (*points)[2];
        size_t count;
        int x1; /* pixels within the picture; x2 and y2 are the first beyond it */
        int y1;
        int x2;
        int y2;
        int block; /* side of one */
        uint64_t sums[BLOCKS + 1][BLOCKS + 1][3];
        uint64_t pixels[BLOCKS + 1][BLOCKS + 1];
};

typedef void take_span(struct area *area, int y, int x1, int x2);

static int clamp(double value, int most)
{
        if (!(value > 0))
                return 0;
        return value < most ? (int)value : most;
}

/* From where to where the corners reach along one axis, in pixels of a picture of that size. */
static void reach(const struct area *area, int axis, int size, int *from, int *to)
{
        double least = HUGE_VAL;
        double most = -HUGE_VAL;

        for (size_t i = 0; i < area->count; i++) {
                double place = (double)area->points[i][axis] * size;

                if (place < least)
                        least = place;
                if (place > most)
                        most = place;
        }
        *from = clamp(floor(least), size);
        *to = clamp(ceil(most), size);
}

static void measure(struct area *area)
{
        int side;

        reach(area, 0, area->picture->width, &area->x1, &area->x2);
        reach(area, 1, area->picture->height, &area->y1, &area->y2);
        side = area->x2 - area->x1 > area->y2 - area->y1 ? area->x2 - area->x1
                                                         : area->y2 - area->y1;
        area->block = (side + BLOCKS - 1) / BLOCKS;
        if (area->block < 1)
                area->block = 1;
}

/* Where the polygon's lines cross the middle of a row, sorted; even in number. */
static size_t cross(const struct area *area, int y, double crossings[POINTS_MAX])
{
        double middle = y + 0.5;
        size_t count = 0;

        for (size_t i = 0, j = area->count - 1; i < area->count; j = i++) {
                double ax = (double)area->points[j][0] * area->picture->width;
                double ay = (double)area->points[j][1] * area->picture->height;
                double bx = (double)area->points[i][0] * area->picture->width;
                double by = (double)area->points[i][1] * area->picture->height;
                double x;
                size_t at = count;

                if ((ay <= middle) == (by <= middle))
                        continue;
                x = ax + (middle - ay) * (bx - ax) / (by - ay);
                for (; at > 0 && crossings[at - 1] > x; at--)
                        crossings[at] = crossings[at - 1];
                crossings[at] = x;
                count++;
        }
        return count;
}

/* Every pixel that the area touches in a row's middle: rather one too many than one too few. */
static void each_span(struct area *area, take_span *take)
{
        for (int y = area->y1; y < area->y2; y++) {
                double crossings[POINTS_MAX];
                size_t count = cross(area, y, crossings);

                for (size_t i = 0; i + 1 < count; i += 2) {
                        int x1 = clamp(floor(crossings[i]), area->picture->width);
                        int x2 = clamp(ceil(crossings[i + 1]), area->picture->width);

                        if (x1 < x2)
                                take(area, y, x1, x2);
                }
        }
}

static void blank(struct area *area, int y, int x1, int x2)
{
        memset(picture_row(area->picture, y) + (size_t)x1 * PICTURE_PIXEL_BYTES, 0,
               (size_t)(x2 - x1) * PICTURE_PIXEL_BYTES);
}

static void sum(struct area *area, int y, int x1, int x2)
{
        const uint8_t *row = picture_row(area->picture, y);
        int v = (y - area->y1) / area->block;

        for (int x = x1; x < x2; x++) {
                const uint8_t *pixel = row + (size_t)x * PICTURE_PIXEL_BYTES;
                int u = (x - area->x1) / area->block;

                for (int c = 0; c < 3; c++)
                        area->sums[v][u][c] += pixel[c];
                area->pixels[v][u]++;
        }
}

static void spread(struct area *area, int y, int x1, int x2)
{
        uint8_t *row = picture_row(area->picture, y);
        int v = (y - area->y1) / area->block;

        for (int x = x1; x < x2; x++) {
                uint8_t *pixel = row + (size_t)x * PICTURE_PIXEL_BYTES;
                int u = (x - area->x1) / area->block;

                for (int c = 0; c < 3; c++)
                        pixel[c] = (uint8_t)(area->sums[v][u][c] / area->pixels[v][u]);
        }
}

void obscure(struct picture *picture, const float (*points)[2], size_t count,
             enum obscure_manner manner)
{
        struct area area = {.picture = picture, .points = points, .count = count};

        if (count < 3 || count > POINTS_MAX)
                return;
        measure(&area);
        if (manner == OBSCURE_BLANK) {
                each_span(&area, blank);
                return;
        }
        each_span(&area, sum);
        each_span(&area, spread);
}
