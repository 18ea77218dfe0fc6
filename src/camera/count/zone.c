// SPDX-License-Identifier: MIT
#include "camera/count/zone.h"

#include <math.h>
#include <string.h>

#include "base/json/json.h"

#define DEPTH  4
#define VALUES (4 * ZONE_POINTS_MAX + 16)

/* Of a parallelogram between three corners; less is rounding. */
#define LEAST_AREA 1e-6F

/* `[x, y]`. */
static bool read_point(struct json_object *pair, float point[2])
{
        if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2)
                return false;
        for (size_t i = 0; i < 2; i++) {
                struct json_object *value = json_object_array_get_idx(pair, i);
                double number;

                if (!json_object_is_type(value, json_type_double) &&
                    !json_object_is_type(value, json_type_int))
                        return false;
                number = json_object_get_double(value);
                if (!(number >= 0 && number <= 1))
                        return false;
                point[i] = (float)number;
        }
        return true;
}

/* Without an area it holds nothing, so that nothing would be counted, left out or obscured. */
static bool has_area(const struct polygon *polygon)
{
        const float *origin = polygon->points[0];

        for (size_t i = 1; i + 1 < polygon->count; i++) {
                for (size_t j = i + 1; j < polygon->count; j++) {
                        const float *a = polygon->points[i];
                        const float *b = polygon->points[j];
                        float left = (a[0] - origin[0]) * (b[1] - origin[1]);
                        float right = (a[1] - origin[1]) * (b[0] - origin[0]);

                        if (fabsf(left - right) > LEAST_AREA)
                                return true;
                }
        }
        return false;
}

bool polygon_read(const char *json, struct polygon *polygon, struct reason *reason)
{
        CLEANUP(json_cleanup)
        struct json_object *list = json_parse_foreign(json, strlen(json), DEPTH, VALUES, reason);
        size_t count =
                json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

        if (!list)
                return false;
        if (count < 3 || count > ZONE_POINTS_MAX) {
                reason_set(reason,
                           "a polygon is a list of 3 to %d corners, [[x, y], [x, y], [x, y]], "
                           "not of %zu",
                           ZONE_POINTS_MAX, count);
                return false;
        }
        for (size_t i = 0; i < count; i++) {
                if (!read_point(json_object_array_get_idx(list, i), polygon->points[i])) {
                        reason_set(reason,
                                   "corner %zu is not [x, y] with two numbers from 0 to 1: they "
                                   "are fractions of the picture's width and height",
                                   i + 1);
                        return false;
                }
        }
        polygon->count = count;
        if (has_area(polygon))
                return true;
        reason_set(reason, "the corners are all on one line, which has no area");
        return false;
}

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

bool zone_counts(const struct zone *zone, size_t label, float x, float y)
{
        return (!zone->labels || zone->labels[label]) && polygon_holds(&zone->polygon, x, y);
}
