// SPDX-License-Identifier: MIT
/*
 * Follows things from one picture to the next, so that a shadow that is taken for a cat in one
 * picture counts as nothing, a person who is overlooked in one picture is still there, and a
 * parked car need not be told again and again.
 */
#ifndef ISTHMUS_CAMERA_COUNT_TRACKS_H
#define ISTHMUS_CAMERA_COUNT_TRACKS_H

#include <stdbool.h>
#include <stddef.h>

#include "camera/detect/boxes.h"

struct tracks_rules {
        unsigned int appears_after; /* pictures in a row; 1 = at once */
        unsigned int gone_after;    /* pictures without it; 1 = at once */
        bool still_once;            /* what has not moved since it was told counts no more */
};

/* One thing that is followed. */
struct track {
        struct box box;      /* where it was seen last */
        struct box told;     /* where it was when it was last told */
        unsigned int seen;   /* pictures in a row until it appeared, then frozen */
        unsigned int missed; /* pictures in a row without it */
        bool is_told;        /* `told` holds something */
        bool is_matched;     /* within one picture */
};

struct tracks {
        struct track *list;
        size_t count;
        size_t capacity;
};

#define TRACKS_INIT ((struct tracks){.list = NULL, .count = 0, .capacity = 0})

void tracks_deinit(struct tracks *tracks);

/*
 * Takes the boxes of the next picture, and fills `present` (emptied first) with what counts now:
 * what has appeared and is not gone, at its newest place.
 */
void tracks_take(struct tracks *tracks, const struct tracks_rules *rules,
                 const struct box_list *boxes, struct box_list *present);

/* What counts now has been told to the cloud. */
void tracks_tell(struct tracks *tracks, const struct tracks_rules *rules);

#endif
