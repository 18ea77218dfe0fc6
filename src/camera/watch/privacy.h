// SPDX-License-Identifier: MIT
/* What is obscured in a camera's pictures before anybody sees them. */
#ifndef ISTHMUS_CAMERA_WATCH_PRIVACY_H
#define ISTHMUS_CAMERA_WATCH_PRIVACY_H

#include <stdbool.h>

#include "base/error.h"
#include "base/reason.h"
#include "camera/detect/boxes.h"
#include "camera/detect/labels.h"
#include "camera/picture/picture.h"
#include "camera/settings/camera_settings.h"

struct privacy {
        const struct camera_settings *camera;
        bool *labels; /* by index; NULL = none is private */
};

/*
 * -EINVAL with the reason if the model does not know a label: what is not found is not obscured.
 * `privacy` is the caller's to deinit in any case.
 */
int privacy_init(struct privacy *privacy, const struct camera_settings *camera,
                 const struct labels *labels, struct reason *reason) MUST_CHECK;
void privacy_deinit(struct privacy *privacy);

/* Whether anything is obscured: then no picture may leave as it came. */
bool privacy_is_on(const struct privacy *privacy);

/* The score that the detector must be asked for, to find what is private beside what may count. */
float privacy_score(const struct privacy *privacy, const struct box_rules *rules);

/* Obscures the areas, and what was found of the private labels, with a margin. */
void privacy_apply(const struct privacy *privacy, struct picture *picture,
                   const struct box_list *found);

#endif
