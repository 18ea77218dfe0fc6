// SPDX-License-Identifier: MIT
#include "camera/count/zone.h"

/* Counts the edges that a ray to the right crosses; an odd number means inside. */
bool polygon_holds(const struct polygon *polygon, float x, float y)
{
        bool is_inside = false;

        for (size_t i = 0, before = polygon->count - 1; i < polygon->count; before = i++) {
                const float *a = polygon->points[i];
                const float *b = polygon->points[before];

                if ((a[1] > y) != (b[1] > y) &&
                    x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0])
                        is_inside = !is_inside;
        }
        return is_inside;
}
