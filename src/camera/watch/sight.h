// SPDX-License-Identifier: MIT
/*
 * What a camera saw last, for those who look at the page: the picture as it may be shown, what is
 * in it, and the tallies of the last pictures. Its own lock guards it; every function may be called
 * on every thread.
 */
#ifndef ISTHMUS_CAMERA_WATCH_SIGHT_H
#define ISTHMUS_CAMERA_WATCH_SIGHT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* At a picture each half minute, six hours. */
#define SIGHT_POINTS_MAX 720

struct sight_point {
        int64_t put_ms; /* when it came here, since 1970 */
        char *tally;    /* JSON */
};

struct sight {
        pthread_mutex_t lock;
        int64_t taken_ms; /* 0 = nothing was seen yet */
        struct buf picture;
        struct buf things; /* JSON */
        struct buf tally;
        struct sight_point points[SIGHT_POINTS_MAX]; /* a ring */
        size_t first;
        size_t count;
};

void sight_init(struct sight *sight);
void sight_deinit(struct sight *sight);

struct sight_news {
        int64_t taken_ms;
        const struct buf *picture; /* JPEG; empty = it can't be shown */
        const struct buf *things;  /* JSON list, details.h */
        const struct buf *tally;   /* JSON object, as it would be sent */
};

/* Copies. */
void sight_put(struct sight *sight, const struct sight_news *news);

/*
 * Adds members of a JSON object:
 * `"takenAt":ms,"things":[...],"tally":{...},"history":[[ms,{...}],...]` with the points that came
 * at `since_ms` or later.
 */
void sight_write(struct sight *sight, int64_t since_ms, struct buf *out);

/* Adds the last picture; false if there is none. */
bool sight_picture(struct sight *sight, struct buf *out);

#endif
