// SPDX-License-Identifier: MIT
/* Draws on a picture what was found in it. Readable at any size: lines and text grow with it. */
#ifndef ISTHMUS_CAMERA_PICTURE_MARK_UP_H
#define ISTHMUS_CAMERA_PICTURE_MARK_UP_H

#include <stddef.h>

#include "camera/picture/picture.h"

/* A frame with a text at its upper edge, in pixels of the picture. */
struct mark {
        float x1;
        float y1;
        float x2;
        float y2;
        const char *text;    /* UTF-8 */
        unsigned int colour; /* any number: equal ones have the same colour */
};

/* A closed line through points, as fractions of the picture's sides. */
struct mark_area {
        const float (*points)[2];
        size_t count;
        const char *text;
};

/* Areas first, then the frames over them. Text needs a font to be installed; frames do not. */
void mark_up(struct picture *picture, const struct mark_area *areas, size_t area_count,
             const struct mark *marks, size_t mark_count);

#endif
