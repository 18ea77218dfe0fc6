// SPDX-License-Identifier: MIT
/* Polygons in a picture: zones in which things are counted, masks in which they are not. */
#ifndef ISTHMUS_CAMERA_COUNT_ZONE_H
#define ISTHMUS_CAMERA_COUNT_ZONE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"

#define ZONE_POINTS_MAX 64
#define ZONE_NAME_MAX   64

/* Corners as fractions of the picture's sides, so that they hold for every size of it. */
struct polygon {
        float points[ZONE_POINTS_MAX][2];
        size_t count; /* at least 3 */
};

struct zone {
        char name[ZONE_NAME_MAX + 1];
        struct polygon polygon;
        bool *labels; /* of the model, by index: which count here; NULL = all */
};

/*
 * Reads `[[x, y], [x, y], ...]`, at least three corners that are not all on one line, each number
 * from 0 to 1. False with a reason that continues a sentence about it.
 */
bool polygon_read(const char *json, struct polygon *polygon, struct reason *reason);

/* Whether the point lies in it; a point on an edge is in one of two polygons that share the edge.
 */
bool polygon_holds(const struct polygon *polygon, float x, float y);

/* Whether a thing with that label that stands there counts in the zone. */
bool zone_counts(const struct zone *zone, size_t label, float x, float y);

#endif
