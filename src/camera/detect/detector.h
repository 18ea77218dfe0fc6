// SPDX-License-Identifier: MIT
/*
 * Finds things in pictures with a YOLO model. One detector serves all cameras, one picture after
 * another; it belongs to one thread at a time.
 */
#ifndef ISTHMUS_CAMERA_DETECT_DETECTOR_H
#define ISTHMUS_CAMERA_DETECT_DETECTOR_H

#include "base/error.h"
#include "base/reason.h"
#include "camera/detect/boxes.h"
#include "camera/detect/labels.h"
#include "camera/onnx/onnx_runtime.h"
#include "camera/picture/picture.h"

struct detector;

struct detector_options {
        struct onnx_runtime *runtime;
        const char *model; /* path of the .onnx file; must stay */
        const char
                *labels; /* path of a file with a name a line; NULL = the model's own, or COCO's */
        int threads;     /* 0 = as many as there are cores, at most 4 */
        int size;        /* of the input, where the model leaves it free; 0 = 640 */
};

enum detector_condition {
        DETECTOR_E_MODEL = 1, /* it can't be used; the reason says what was found and is needed */
        DETECTOR_E_RUN,       /* this picture could not be looked at */
};

/*
 * Loads the model; one that leaves the shape of its output free is run once on an empty picture.
 * `*detector` is the caller's on success, DETECTOR_E_MODEL with the reason otherwise.
 */
int detector_new(const struct detector_options *options, struct detector **detector,
                 struct reason *reason) MUST_CHECK;

/*
 * Runs it once on an empty picture, for whoever has none yet and wants to know whether that works.
 * DETECTOR_E_MODEL with the reason if it does not.
 */
int detector_try(struct detector *detector, struct reason *reason) MUST_CHECK;

void detector_free(struct detector *detector);

const struct labels *detector_labels(const struct detector *detector);

/* For the log: size of the input and layout, as text that belongs to the detector. */
const char *detector_describe(const struct detector *detector);

/*
 * What is in the picture: boxes in its own pixels, within its edges, the best score first.
 * `list` is emptied first; its memory is used again.
 */
int detector_look(struct detector *detector, const struct picture *picture,
                  const struct box_rules *rules, struct box_list *list,
                  struct reason *reason) MUST_CHECK;

#endif
