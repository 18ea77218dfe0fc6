// SPDX-License-Identifier: MIT
#include "camera/picture/letterbox.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define GREY (114.0F / 255.0F)

/* One column of the result: two of the picture, as offsets into a row, and the share of the right.
 */
struct column {
        int left;
        int right;
        float share;
};

/* A row of the picture, scaled across: three planes of `width` floats. */
struct scaled_row {
        int source; /* which row of the picture; -1 = none yet */
        float *values;
};

struct letterbox letterbox_fit(int picture_width, int picture_height, int width, int height)
{
        double across = (double)width / picture_width;
        double down = (double)height / picture_height;
        double scale = across < down ? across : down;
        struct letterbox box = {.scale = (float)scale};

        box.width = (int)lrint(picture_width * scale);
        box.height = (int)lrint(picture_height * scale);
        box.width = box.width < 1 ? 1 : box.width;
        box.height = box.height < 1 ? 1 : box.height;
        box.left = (int)lrint((width - box.width) / 2.0 - 0.1);
        box.top = (int)lrint((height - box.height) / 2.0 - 0.1);
        return box;
}

/* The two neighbours of place `index` of `count`, in a row of `limit`. */
static void neighbours(int index, int count, int limit, int *first, int *second, float *share)
{
        float place = ((float)index + 0.5F) * (float)limit / (float)count - 0.5F;
        int below;

        if (place < 0)
                place = 0;
        below = (int)place;
        if (below > limit - 1)
                below = limit - 1;
        *first = below;
        *second = below + 1 < limit ? below + 1 : below;
        *share = place - (float)below;
}

static struct column *make_columns(const struct picture *picture, int count)
{
        struct column *columns = mem_new((size_t)count, sizeof(*columns));

        for (int x = 0; x < count; x++) {
                neighbours(x, count, picture->width, &columns[x].left, &columns[x].right,
                           &columns[x].share);
                columns[x].left *= PICTURE_PIXEL_BYTES;
                columns[x].right *= PICTURE_PIXEL_BYTES;
        }
        return columns;
}

static void scale_row(const uint8_t *pixels, const struct column *columns, int count, float *values)
{
        float *red = values;
        float *green = values + count;
        float *blue = green + count;

        for (int x = 0; x < count; x++) {
                const uint8_t *left = pixels + columns[x].left;
                const uint8_t *right = pixels + columns[x].right;
                float share = columns[x].share;

                blue[x] = (float)left[0] + share * (float)(right[0] - left[0]);
                green[x] = (float)left[1] + share * (float)(right[1] - left[1]);
                red[x] = (float)left[2] + share * (float)(right[2] - left[2]);
        }
}

/* The row `source`, from one of the two that are kept or made in the place of the other one. */
static const float *row_of(const struct picture *picture, const struct column *columns, int count,
                           struct scaled_row rows[2], int source, int keep)
{
        struct scaled_row *row = rows[0].source == keep ? &rows[1] : &rows[0];

        if (rows[0].source == source)
                return rows[0].values;
        if (rows[1].source == source)
                return rows[1].values;
        row->source = source;
        scale_row(picture_row(picture, source), columns, count, row->values);
        return row->values;
}

static void blend(const float *upper, const float *lower, float share, int count, float *out)
{
        for (int x = 0; x < count; x++)
                out[x] = (upper[x] + share * (lower[x] - upper[x])) * (1.0F / 255.0F);
}

/* The frame around the scaled picture; what lies within is written afterwards. */
static void fill_grey(const struct letterbox *box, int width, int height, float *tensor)
{
        if (box->width == width && box->height == height)
                return;
        for (size_t i = 0; i < (size_t)width * (size_t)height * 3; i++)
                tensor[i] = GREY;
}

void letterbox_fill(const struct picture *picture, const struct letterbox *letterbox, int width,
                    int height, float *tensor)
{
        int count = letterbox->width;
        size_t plane = (size_t)width * (size_t)height;
        struct column *columns = make_columns(picture, count);
        float *values = mem_new((size_t)count * 6, sizeof(*values));
        struct scaled_row rows[2] = {{.source = -1, .values = values},
                                     {.source = -1, .values = values + 3 * (size_t)count}};

        fill_grey(letterbox, width, height, tensor);
        for (int y = 0; y < letterbox->height; y++) {
                int first;
                int second;
                float share;
                const float *upper;
                const float *lower;
                float *out = tensor + (size_t)(letterbox->top + y) * (size_t)width +
                             (size_t)letterbox->left;

                neighbours(y, letterbox->height, picture->height, &first, &second, &share);
                upper = row_of(picture, columns, count, rows, first, second);
                lower = row_of(picture, columns, count, rows, second, first);
                for (size_t colour = 0; colour < 3; colour++)
                        blend(upper + colour * (size_t)count, lower + colour * (size_t)count, share,
                              count, out + colour * plane);
        }
        free(values);
        free(columns);
}
