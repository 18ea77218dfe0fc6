// SPDX-License-Identifier: MIT
#include "camera/detect/boxes.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A place for the scores of a model's columns on the stack of the one who reads them. */
#define BLOCK 1024

void box_list_deinit(struct box_list *list)
{
        free(list->boxes);
        *list = BOX_LIST_INIT;
}

void box_list_add(struct box_list *list, const struct box *box)
{
        if (list->count == list->capacity) {
                list->capacity = list->capacity ? 2 * list->capacity : 64;
                list->boxes = mem_resize(list->boxes, list->capacity, sizeof(*list->boxes));
        }
        list->boxes[list->count++] = *box;
}

/* Adds it unless a number is none, or too large for one; returns 1 then. */
static size_t add_real(struct box_list *list, const struct box *box)
{
        if (!isfinite(box->x1) || !isfinite(box->y1) || !isfinite(box->x2) || !isfinite(box->y2) ||
            !isfinite(box->score))
                return 1;
        box_list_add(list, box);
        return 0;
}

static size_t add_centred(struct box_list *list, const float place[4], float score, uint32_t label)
{
        struct box box = {.score = score, .label = label};

        box.x1 = place[0] - place[2] / 2;
        box.y1 = place[1] - place[3] / 2;
        box.x2 = place[0] + place[2] / 2;
        box.y2 = place[1] + place[3] / 2;
        return add_real(list, &box);
}

/* --- the three layouts ------------------------------------------------------------------------ */

static size_t read_rows(const float *values, const int64_t *dimensions, float score,
                        struct box_list *list)
{
        size_t width = (size_t)dimensions[2];
        size_t odd = 0;

        for (int64_t i = 0; i < dimensions[1]; i++, values += width) {
                uint32_t best = 0;

                /* Written so that what is no number is looked at, too. */
                if (values[4] <= score)
                        continue;
                for (uint32_t label = 1; label < width - 5; label++) {
                        if (values[5 + label] > values[5 + best])
                                best = label;
                }
                if (!(values[4] * values[5 + best] <= score))
                        odd += add_centred(list, values, values[4] * values[5 + best], best);
        }
        return odd;
}

/* Of `count` candidates from `first` on: the best class and its score, plane by plane. */
static void best_of_columns(const float *scores, size_t classes, size_t stride, size_t count,
                            float *best, uint32_t *label)
{
        memcpy(best, scores, count * sizeof(*best));
        memset(label, 0, count * sizeof(*label));
        for (uint32_t class = 1; class < classes; class ++) {
                const float *plane = scores + class * stride;

                for (size_t i = 0; i < count; i++) {
                        label[i] = plane[i] > best[i] ? class : label[i];
                        best[i] = plane[i] > best[i] ? plane[i] : best[i];
                }
        }
}

static size_t read_columns(const float *values, const int64_t *dimensions, float score,
                           struct box_list *list)
{
        size_t classes = (size_t)dimensions[1] - 4;
        size_t stride = (size_t)dimensions[2];
        float best[BLOCK];
        uint32_t label[BLOCK];
        size_t odd = 0;

        for (size_t first = 0; first < stride; first += BLOCK) {
                size_t count = stride - first < BLOCK ? stride - first : BLOCK;

                best_of_columns(values + 4 * stride + first, classes, stride, count, best, label);
                for (size_t i = 0; i < count; i++) {
                        const float *place = values + first + i;

                        if (!(best[i] <= score))
                                odd += add_centred(list,
                                                   (const float[]){place[0], place[stride],
                                                                   place[2 * stride],
                                                                   place[3 * stride]},
                                                   best[i], label[i]);
                }
        }
        return odd;
}

static size_t read_end_to_end(const float *values, const int64_t *dimensions, float score,
                              struct box_list *list)
{
        size_t odd = 0;

        for (int64_t i = 0; i < dimensions[1]; i++, values += 6) {
                struct box box = {.x1 = values[0],
                                  .y1 = values[1],
                                  .x2 = values[2],
                                  .y2 = values[3],
                                  .score = values[4]};

                if (values[4] <= score)
                        continue;
                if (!(values[5] >= 0 && values[5] < 1e6F)) {
                        odd++;
                        continue;
                }
                box.label = (uint32_t)lrintf(values[5]);
                odd += add_real(list, &box);
        }
        return odd;
}

/* --- of those in one place the best -------------------------------------------------------- */

/* The best score first; equal ones by place and class, so that the order is always the same. */
static int compare(const void *a, const void *b)
{
        const struct box *left = a;
        const struct box *right = b;

        if (left->score != right->score)
                return left->score < right->score ? 1 : -1;
        if (left->x1 != right->x1)
                return left->x1 < right->x1 ? -1 : 1;
        if (left->y1 != right->y1)
                return left->y1 < right->y1 ? -1 : 1;
        return left->label < right->label ? -1 : left->label > right->label;
}

float box_overlap(const struct box *a, const struct box *b)
{
        float width = fminf(a->x2, b->x2) - fmaxf(a->x1, b->x1);
        float height = fminf(a->y2, b->y2) - fmaxf(a->y1, b->y1);
        float both;
        float area;

        if (!(width > 0) || !(height > 0))
                return 0;
        both = width * height;
        area = (a->x2 - a->x1) * (a->y2 - a->y1) + (b->x2 - b->x1) * (b->y2 - b->y1) - both;
        return area > 0 ? both / area : 0;
}

static bool is_double(const struct box_list *list, size_t kept, const struct box *box,
                      float overlap)
{
        for (size_t i = 0; i < kept; i++) {
                if (list->boxes[i].label == box->label &&
                    box_overlap(&list->boxes[i], box) > overlap)
                        return true;
        }
        return false;
}

/* The list is sorted. */
static void drop_doubles(struct box_list *list, float overlap)
{
        size_t kept = 0;

        for (size_t i = 0; i < list->count && kept < BOXES_MAX; i++) {
                if (!is_double(list, kept, &list->boxes[i], overlap))
                        list->boxes[kept++] = list->boxes[i];
        }
        list->count = kept;
}

size_t boxes_read(enum layout layout, const float *values, const int64_t *dimensions,
                  const struct box_rules *rules, struct box_list *list)
{
        size_t odd = 0;

        list->count = 0;
        if (layout == LAYOUT_OBJECTNESS)
                odd = read_rows(values, dimensions, rules->score, list);
        else if (layout == LAYOUT_COLUMNS)
                odd = read_columns(values, dimensions, rules->score, list);
        else if (layout == LAYOUT_END_TO_END)
                odd = read_end_to_end(values, dimensions, rules->score, list);
        if (list->count > 1)
                qsort(list->boxes, list->count, sizeof(*list->boxes), compare);
        if (list->count > BOXES_CANDIDATES_MAX)
                list->count = BOXES_CANDIDATES_MAX;
        if (layout == LAYOUT_END_TO_END)
                list->count = list->count < BOXES_MAX ? list->count : BOXES_MAX;
        else
                drop_doubles(list, rules->overlap);
        return odd;
}
