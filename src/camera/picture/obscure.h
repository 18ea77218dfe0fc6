// SPDX-License-Identifier: MIT
/* Makes parts of a picture unrecognisable, for good: what was there can't be worked out again. */
#ifndef ISTHMUS_CAMERA_PICTURE_OBSCURE_H
#define ISTHMUS_CAMERA_PICTURE_OBSCURE_H

#include <stddef.h>

#include "camera/picture/picture.h"

enum obscure_manner {
        OBSCURE_BLUR,  /* at most eight blocks of one colour along its longer side */
        OBSCURE_BLANK, /* black */
};

/* A polygon, its corners as fractions of the picture's sides; what is outside of the picture is
 * cut. */
void obscure(struct picture *picture, const float (*points)[2], size_t count,
             enum obscure_manner manner);

#endif
