// SPDX-License-Identifier: MIT
#include "camera/watch/marking.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "camera/picture/mark_up.h"

void marking_draw(struct picture *picture, const struct labels *labels,
                  const struct box_list *boxes, const struct zone *zones, size_t zone_count)
{
        CLEANUP(mem_cleanup) struct mark *marks = mem_new(boxes->count + 1, sizeof(*marks));
        CLEANUP(mem_cleanup)
        struct mark_area *areas = mem_new(zone_count + 1, sizeof(*areas));
        char(*texts)[LABEL_LENGTH_MAX + 8] = mem_new(boxes->count + 1, sizeof(*texts));

        for (size_t i = 0; i < boxes->count; i++) {
                const struct box *box = &boxes->boxes[i];

                snprintf(texts[i], sizeof(texts[i]), "%s %.2f", labels->names[box->label],
                         (double)box->score);
                marks[i] = (struct mark){.x1 = box->x1,
                                         .y1 = box->y1,
                                         .x2 = box->x2,
                                         .y2 = box->y2,
                                         .text = texts[i],
                                         .colour = box->label};
        }
        for (size_t i = 0; i < zone_count; i++)
                areas[i] = (struct mark_area){.points = zones[i].polygon.points,
                                              .count = zones[i].polygon.count,
                                              .text = zones[i].name};
        mark_up(picture, areas, zone_count, marks, boxes->count);
        free(texts);
}
