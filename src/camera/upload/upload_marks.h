// SPDX-License-Identifier: MIT
/*
 * What a picture's blob tells of its tally: metadata, or tags, by which blobs can be found
 * (https://learn.microsoft.com/azure/storage/blobs/storage-manage-find-blobs).
 */
#ifndef ISTHMUS_CAMERA_UPLOAD_UPLOAD_MARKS_H
#define ISTHMUS_CAMERA_UPLOAD_UPLOAD_MARKS_H

#include <stddef.h>

#include "base/buf.h"

/* A blob has at most ten tags; of metadata, which may have 8 KiB, we send no more than this. */
#define UPLOAD_TAGS_MAX  10
#define UPLOAD_MARKS_MAX 50

/* Labels of which something was counted come first, since later ones may find no room. */
struct upload_marks {
        char *headers[UPLOAD_MARKS_MAX]; /* x-ms-meta-NAME */
        char *counts[UPLOAD_MARKS_MAX];
        size_t count;
};

/* Of a tally as it is sent, `{"person":2}`; what does not fit is left out. */
void upload_marks_read(const char *tally, struct upload_marks *marks);
void upload_marks_deinit(struct upload_marks *marks);

/* Adds the value of `x-ms-tags`: "person=2&car=1"; nothing if there are none. */
void upload_marks_tags(const struct upload_marks *marks, struct buf *out);

#endif
