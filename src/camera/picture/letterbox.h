// SPDX-License-Identifier: MIT
/*
 * A picture as a model wants it: scaled to fit, the rest grey, planes of red, green and blue as
 * numbers from 0 to 1. The rounding is that of YOLOv5 and v8 (`letterbox` in Ultralytics'
 * yolov5, utils/augmentations.py), so that scores agree with what their users know.
 */
#ifndef ISTHMUS_CAMERA_PICTURE_LETTERBOX_H
#define ISTHMUS_CAMERA_PICTURE_LETTERBOX_H

#include "camera/picture/picture.h"

struct letterbox {
        float scale; /* pixels of the tensor for one of the picture */
        int left;
        int top;
        int width; /* of the scaled picture within the tensor */
        int height;
};

/* How a picture of that size lies in a tensor of `width` times `height`. */
struct letterbox letterbox_fit(int picture_width, int picture_height, int width, int height);

/* Fills `tensor`, 3 planes of `width` times `height` floats. Bilinear, half-pixel centres. */
void letterbox_fill(const struct picture *picture, const struct letterbox *letterbox, int width,
                    int height, float *tensor);

#endif
