// SPDX-License-Identifier: MIT
/* A picture that is to be uploaded. */
#ifndef ISTHMUS_CAMERA_UPLOAD_UPLOAD_PICTURE_H
#define ISTHMUS_CAMERA_UPLOAD_UPLOAD_PICTURE_H

#include <stddef.h>

struct upload_picture {
        const char *name; /* of the blob */
        const char *bytes;
        size_t size;
        const char *tally; /* JSON, as it is sent */
};

#endif
