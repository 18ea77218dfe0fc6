// SPDX-License-Identifier: MIT
#include "camera/detect/layout.h"

#include <stdio.h>
#include <string.h>

/* One candidate for each cell of the three grids. */
static int64_t cells_of(int width, int height)
{
        static const int strides[] = {8, 16, 32};
        int64_t cells = 0;

        for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++)
                cells += (int64_t)(width / strides[i]) * (height / strides[i]);
        return cells;
}

static void write_shape(char *text, size_t size, const int64_t *dimensions, size_t rank)
{
        size_t used = 0;

        text[0] = '\0';
        for (size_t i = 0; i < rank && used + 24 < size; i++)
                used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "",
                                         (long long)dimensions[i]);
}

enum layout layout_recognise(const int64_t *dimensions, size_t rank, size_t classes, int width,
                             int height, struct reason *reason)
{
        int64_t cells = cells_of(width, height);
        int64_t labels = (int64_t)classes;
        char shape[128];

        if (rank == 3 && dimensions[0] == 1) {
                if (dimensions[1] == 3 * cells && dimensions[2] == labels + 5)
                        return LAYOUT_OBJECTNESS;
                if (dimensions[1] == labels + 4 && dimensions[2] == cells)
                        return LAYOUT_COLUMNS;
                if (dimensions[2] == 6 && dimensions[1] >= 1)
                        return LAYOUT_END_TO_END;
        }
        write_shape(shape, sizeof(shape), dimensions, rank);
        reason_set(reason,
                   "its output has the shape [%s]; with %zu labels at %d x %d it must be "
                   "[1, %lld, %lld] (v5), [1, %lld, %lld] (v8 and later) or [1, n, 6] (end to end)",
                   shape, classes, width, height, 3 * (long long)cells, (long long)labels + 5,
                   (long long)labels + 4, (long long)cells);
        return LAYOUT_NONE;
}

const char *layout_name(enum layout layout)
{
        switch (layout) {
        case LAYOUT_OBJECTNESS:
                return "v5 (rows with objectness)";
        case LAYOUT_COLUMNS:
                return "v8 and later (columns)";
        case LAYOUT_END_TO_END:
                return "end to end";
        case LAYOUT_NONE:
                break;
        }
        return "unknown";
}
