// SPDX-License-Identifier: MIT
/* What the files of one camera share. */
#ifndef ISTHMUS_CAMERA_WATCH_CAMERA_INSIDE_H
#define ISTHMUS_CAMERA_WATCH_CAMERA_INSIDE_H

#include <pthread.h>

#include "base/buf.h"
#include "camera/count/tally.h"
#include "camera/count/tracks.h"
#include "camera/upload/upload.h"
#include "camera/watch/camera.h"
#include "camera/watch/privacy.h"
#include "camera/watch/rules.h"
#include "camera/watch/schedule.h"
#include "camera/watch/sight.h"

/* What became of the twin's desired properties. */
struct camera_wish {
        int64_t version;      /* with which it came; 0 = nobody has set it */
        struct reason reason; /* why it was not granted; "" = it was */
};

struct camera_wishes {
        int64_t version; /* of those that were looked at */
        struct camera_wish due;
        struct camera_wish period;
};

struct camera {
        struct camera_options options;
        char thread_name[16];
        pthread_t thread;
        bool is_running; /* the thread was started */
        struct source *source;
        struct cloud_device *device;
        struct rules rules;
        struct privacy privacy;
        struct sight sight;
        struct upload *upload; /* NULL = nothing is uploaded */

        /* Its own thread's. */
        struct tracks tracks;
        struct tally told;  /* last */
        int64_t told_at_ms; /* steady clock */
        bool has_told;
        int64_t late_again_ms; /* steady clock; not before it says again that it is late */
        struct buf marked_up;
        struct buf obscured; /* the picture as it may be shown; of a camera with privacy */

        pthread_mutex_t lock;   /* guards what follows */
        pthread_cond_t changed; /* the schedule, or the end has come */
        bool is_stopping;
        struct schedule schedule;
        struct camera_wishes wishes;
        struct camera_status status;
};

/* camera_cycle.c: one tick, on the camera's thread. */
void camera_cycle(struct camera *camera);

/* camera_timer.c: the schedule's keeping and its changes. */
int camera_timer_load(struct camera *camera, struct reason *reason) MUST_CHECK;
/* Tells the cloud how the schedule is. */
void camera_timer_report(struct camera *camera);
extern const struct cloud_handler camera_cloud_handler;

/* camera_source.c */
int camera_open_source(const struct camera_options *options, struct source **source,
                       struct reason *reason) MUST_CHECK;

#endif
