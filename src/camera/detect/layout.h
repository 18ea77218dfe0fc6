// SPDX-License-Identifier: MIT
/*
 * What the numbers mean that come out of a model of the YOLO family, recognised from their shape.
 * Shapes and formulas are those of Ultralytics' exports (docs.ultralytics.com, "Export").
 */
#ifndef ISTHMUS_CAMERA_DETECT_LAYOUT_H
#define ISTHMUS_CAMERA_DETECT_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

enum layout {
        LAYOUT_NONE,
        LAYOUT_OBJECTNESS, /* v5, v7: rows of cx, cy, w, h, objectness, a probability per class */
        LAYOUT_COLUMNS,    /* v8, v9, 11: planes of cx, cy, w, h, a score per class */
        LAYOUT_END_TO_END, /* v10, 26: rows of x1, y1, x2, y2, score, class; without doubles */
};

/*
 * The layout of an output of these dimensions (`rank` of them), for a model with `classes` labels
 * and an input of `width` times `height`. LAYOUT_NONE, with what was found and what is needed in
 * the reason, if it is none of them.
 */
enum layout layout_recognise(const int64_t *dimensions, size_t rank, size_t classes, int width,
                             int height, struct reason *reason);

/* For messages: "v5 (rows with objectness)". */
const char *layout_name(enum layout layout);

#endif
