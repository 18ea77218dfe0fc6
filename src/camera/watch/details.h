// SPDX-License-Identifier: MIT
/* Each thing that counts, for those who want more than counts. */
#ifndef ISTHMUS_CAMERA_WATCH_DETAILS_H
#define ISTHMUS_CAMERA_WATCH_DETAILS_H

#include "base/buf.h"
#include "camera/count/tally.h"

/*
 * Adds a JSON list: `[{"label":"person","score":0.8231,"box":[x1,y1,x2,y2],"zones":["gate"]}]`,
 * corners as fractions of the picture's sides.
 */
void details_write(const struct tally_rules *rules, int width, int height,
                   const struct box_list *boxes, struct buf *out);

#endif
