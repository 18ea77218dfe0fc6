// SPDX-License-Identifier: MIT
/*
 * One camera at work: at each tick of its schedule it takes a picture, looks at it, counts, and
 * stores the tally for the cloud. A thread of its own waits for the picture; never are two ticks of
 * one camera under way at once.
 *
 * The schedule can be changed on every thread, is kept in the store, and is told to the cloud.
 */
#ifndef ISTHMUS_CAMERA_WATCH_CAMERA_H
#define ISTHMUS_CAMERA_WATCH_CAMERA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "camera/cloud/cloud.h"
#include "camera/settings/camera_settings.h"
#include "camera/source/source.h"
#include "camera/watch/eye.h"
#include "store/store.h"

struct camera;

struct camera_options {
        const struct camera_settings *settings;
        const char *model; /* path, for the device's twin */
        struct eye *eye;
        struct cloud *cloud;
        struct store *store;
        struct http_client *http; /* for sources that need one; freed after the camera */
        size_t number;            /* names its thread, from 1 */
};

/* Before cloud_start. All that the options name must stay. */
int camera_new(const struct camera_options *options, struct camera **camera,
               struct reason *reason) MUST_CHECK;

/* Reads how its schedule was left, and starts its thread. */
int camera_start(struct camera *camera, struct reason *reason) MUST_CHECK;

/*
 * Ends what it does as soon as possible; camera_join waits for that, and then it needs `http` no
 * more. Not on its thread.
 */
void camera_stop(struct camera *camera);
void camera_join(struct camera *camera);

/* After camera_join and cloud_free. NULL is allowed. */
void camera_free(struct camera *camera);

/* How it goes. */
struct camera_status {
        const char *name;
        bool is_started; /* its timer runs */
        int64_t period_ms;
        int64_t next_in_ms; /* to the next picture; INT64_MAX = none comes */
        int64_t looked_at;  /* pictures */
        int64_t failed;     /* no picture, or none that can be looked at */
        int64_t too_old;
        int64_t skipped;  /* ticks while one was under way */
        int64_t told;     /* tallies that were stored */
        int64_t lost;     /* tallies that could not be stored */
        int64_t uploaded; /* pictures */
        int64_t upload_failed;
        int64_t upload_dropped; /* too many were under way */
        int64_t last_ms;        /* wall clock, when the last picture was looked at; 0 = never */
        bool is_good;           /* the last tick gave a picture */
        struct reason reason;   /* if not: why */
        struct cloud_status cloud;
};

/* Every thread. */
void camera_status(struct camera *camera, struct camera_status *status);

#endif
