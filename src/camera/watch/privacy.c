// SPDX-License-Identifier: MIT
#include "camera/watch/privacy.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

/* Of a box's size on each side: boxes cut hair and feet off. */
#define MARGIN 0.05F

static bool set_label(bool *of_labels, const struct labels *labels, const char *name)
{
        bool is_known = false;

        for (size_t i = 0; i < labels->count; i++) {
                if (!text_equal_nocase(labels->names[i], name))
                        continue;
                of_labels[i] = true;
                is_known = true;
        }
        return is_known;
}

int privacy_init(struct privacy *privacy, const struct camera_settings *camera,
                 const struct labels *labels, struct reason *reason)
{
        *privacy = (struct privacy){.camera = camera};
        if (camera->private_labels.count == 0)
                return 0;
        privacy->labels = mem_new(labels->count, sizeof(*privacy->labels));
        for (size_t i = 0; i < camera->private_labels.count; i++) {
                const char *name = camera->private_labels.texts[i];

                if (set_label(privacy->labels, labels, name))
                        continue;
                reason_set(reason, "Privacy.Labels has '%s', which the model does not know", name);
                return -EINVAL;
        }
        return 0;
}

void privacy_deinit(struct privacy *privacy)
{
        free(privacy->labels);
        privacy->labels = NULL;
}

bool privacy_is_on(const struct privacy *privacy)
{
        return privacy->labels || privacy->camera->private_area_count > 0;
}

float privacy_score(const struct privacy *privacy, const struct box_rules *rules)
{
        float threshold = (float)privacy->camera->private_threshold;

        return privacy->labels && threshold < rules->score ? threshold : rules->score;
}

static void hide_box(const struct privacy *privacy, struct picture *picture, const struct box *box)
{
        float across = (box->x2 - box->x1) * MARGIN;
        float down = (box->y2 - box->y1) * MARGIN;
        float x1 = (box->x1 - across) / (float)picture->width;
        float x2 = (box->x2 + across) / (float)picture->width;
        float y1 = (box->y1 - down) / (float)picture->height;
        float y2 = (box->y2 + down) / (float)picture->height;
        const float corners[][2] = {{x1, y1}, {x2, y1}, {x2, y2}, {x1, y2}};

        obscure(picture, corners, ARRAY_SIZE(corners), privacy->camera->private_manner);
}

static void hide_area(const struct privacy *privacy, struct picture *picture,
                      const struct polygon *area)
{
        obscure(picture, area->points, area->count, privacy->camera->private_manner);
}

void privacy_apply(const struct privacy *privacy, struct picture *picture,
                   const struct box_list *found)
{
        const struct camera_settings *camera = privacy->camera;

        for (size_t i = 0; privacy->labels && i < found->count; i++) {
                const struct box *box = &found->boxes[i];

                if (privacy->labels[box->label] && box->score > (float)camera->private_threshold)
                        hide_box(privacy, picture, box);
        }
        for (size_t i = 0; i < camera->private_area_count; i++)
                hide_area(privacy, picture, &camera->private_areas[i].polygon);
}
