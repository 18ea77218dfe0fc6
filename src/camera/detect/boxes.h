// SPDX-License-Identifier: MIT
/* Makes boxes of the numbers that a model gives: candidates, and of those in one place the best. */
#ifndef ISTHMUS_CAMERA_DETECT_BOXES_H
#define ISTHMUS_CAMERA_DETECT_BOXES_H

#include <stddef.h>
#include <stdint.h>

#include "camera/detect/layout.h"

/* The most that are kept of one picture. */
#define BOXES_MAX 300

/* The most candidates that are compared with each other: the best ones. */
#define BOXES_CANDIDATES_MAX 30000

struct box {
        float x1;
        float y1;
        float x2;
        float y2;
        float score;
        uint32_t label; /* index of the class */
};

struct box_list {
        struct box *boxes;
        size_t count;
        size_t capacity;
};

#define BOX_LIST_INIT ((struct box_list){.boxes = NULL, .count = 0, .capacity = 0})

void box_list_deinit(struct box_list *list);
void box_list_add(struct box_list *list, const struct box *box);

struct box_rules {
        float score;   /* a candidate's score must be above it */
        float overlap; /* two of one class with a larger intersection over union are one */
};

/*
 * Fills `list` (emptied first, its memory is used again) with the boxes of one output, the best
 * score first, in pixels of the model's input. Numbers that are no numbers are never candidates;
 * returns how many of them stood where a score or a corner should.
 */
size_t boxes_read(enum layout layout, const float *values, const int64_t *dimensions,
                  const struct box_rules *rules, struct box_list *list);

/* Intersection over union, 0 for boxes without an area. */
float box_overlap(const struct box *a, const struct box *b);

#endif
