// SPDX-License-Identifier: MIT
/* Draws on a picture what was found in it, with label and score, and the zones. */
#ifndef ISTHMUS_CAMERA_WATCH_MARKING_H
#define ISTHMUS_CAMERA_WATCH_MARKING_H

#include "camera/count/zone.h"
#include "camera/detect/boxes.h"
#include "camera/detect/labels.h"
#include "camera/picture/picture.h"

/* `zones` may be NULL if there are none. */
void marking_draw(struct picture *picture, const struct labels *labels,
                  const struct box_list *boxes, const struct zone *zones, size_t zone_count);

#endif
