// SPDX-License-Identifier: MIT
/* A camera's settings, with the model's labels, as the rules by which things are counted. */
#ifndef ISTHMUS_CAMERA_WATCH_RULES_H
#define ISTHMUS_CAMERA_WATCH_RULES_H

#include "camera/count/tally.h"
#include "camera/count/tracks.h"
#include "camera/detect/boxes.h"
#include "camera/settings/camera_settings.h"

struct rules {
        struct tally_rules tally;
        struct tracks_rules tracks;
        struct box_rules boxes; /* what the detector must find for these */
        struct zone *zones;
        struct polygon *masks;
};

/*
 * Logs names of labels that the model does not know: they have no effect. `rules` is the caller's
 * to deinit; `labels` must stay.
 */
void rules_init(struct rules *rules, const struct camera_settings *camera,
                const struct labels *labels);
void rules_deinit(struct rules *rules);

#endif
