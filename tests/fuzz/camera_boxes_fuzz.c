// SPDX-License-Identifier: MIT
/* Any numbers that a model may give, in each layout: bounded boxes, sorted, of real numbers. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "camera/detect/boxes.h"
#include "fuzz/fuzz.h"

static void check(const struct box_list *list)
{
        if (list->count > BOXES_MAX)
                abort();
        for (size_t i = 0; i < list->count; i++) {
                const struct box *box = &list->boxes[i];

                if (!isfinite(box->x1) || !isfinite(box->y2) || !(box->score > 0.25F))
                        abort();
                if (i > 0 && list->boxes[i - 1].score < box->score)
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct box_rules rules = {.score = 0.25F, .overlap = 0.45F};
        const int64_t shapes[][3] = {{1, 0, 8}, {1, 7, 0}, {1, 0, 6}};
        static const enum layout layouts[] = {LAYOUT_OBJECTNESS, LAYOUT_COLUMNS, LAYOUT_END_TO_END};
        size_t count = size / sizeof(float);
        CLEANUP(mem_cleanup) float *values = mem_new(count + 1, sizeof(*values));
        CLEANUP(box_list_deinit) struct box_list list = BOX_LIST_INIT;

        memcpy(values, data, count * sizeof(*values));
        for (size_t i = 0; i < 3; i++) {
                int64_t shape[3] = {1, shapes[i][1], shapes[i][2]};

                if (layouts[i] == LAYOUT_COLUMNS)
                        shape[2] = (int64_t)count / 7;
                else
                        shape[1] = (int64_t)count / shape[2];
                boxes_read(layouts[i], values, shape, &rules, &list);
                check(&list);
        }
        return 0;
}
