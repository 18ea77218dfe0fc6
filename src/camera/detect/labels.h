// SPDX-License-Identifier: MIT
/* The names of a model's classes. */
#ifndef ISTHMUS_CAMERA_DETECT_LABELS_H
#define ISTHMUS_CAMERA_DETECT_LABELS_H

#include <stddef.h>

#include "base/error.h"
#include "base/reason.h"

#define LABELS_MAX       10000
#define LABEL_LENGTH_MAX 128

struct labels {
        char **names;
        size_t count;
};

#define LABELS_INIT ((struct labels){.names = NULL, .count = 0})

void labels_deinit(struct labels *labels);

enum labels_condition {
        LABELS_E_BAD = 1, /* not what it should be; the reason says where */
};

/*
 * The metadata `names` of an Ultralytics model: the text of a Python dictionary from 0 upwards,
 * `{0: 'person', 1: 'bicycle'}`, or of a list of texts. `labels` must be empty.
 */
int labels_read_metadata(const char *text, struct labels *labels, struct reason *reason) MUST_CHECK;

/* One name a line; empty lines at the end do not count. `labels` must be empty. */
int labels_read_file(const char *path, struct labels *labels, struct reason *reason) MUST_CHECK;

/* The 80 of the COCO data set, which every pretrained model knows. */
void labels_coco(struct labels *labels);

#endif
