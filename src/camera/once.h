// SPDX-License-Identifier: MIT
/* One picture, looked at without any Azure: `isthmus-camera --once`. */
#ifndef ISTHMUS_CAMERA_ONCE_H
#define ISTHMUS_CAMERA_ONCE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

struct once_options {
        const char *image; /* path of a JPEG */
        const char *model;
        const char *labels;    /* path; NULL = the model's own */
        const char *library;   /* path of ONNX Runtime; NULL = where it usually is */
        const char *marked_up; /* path to write; NULL = not at all */
        float threshold;       /* a score must be above it */
};

enum once_condition {
        ONCE_E_FAILED = 1, /* the reason says what stood in the way */
};

/*
 * Adds one JSON object: `{"tally": {label: count}, "detections": [{"label", "score", "box"}]}`,
 * boxes as x1, y1, x2, y2 in pixels of the picture as it is seen (turned upright).
 */
int once(const struct once_options *options, struct buf *out, struct reason *reason) MUST_CHECK;

#endif
