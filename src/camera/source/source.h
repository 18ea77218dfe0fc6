// SPDX-License-Identifier: MIT
/*
 * Where pictures come from. A source belongs to one camera and gives its newest picture when asked;
 * the asking thread, which is the camera's own, waits for it.
 *
 * What each kind of source has in common is here: a failure makes the next attempts rarer, from one
 * second up to a minute, whatever the schedule asks for; and no picture counts that is too old,
 * whether its time says so or the same bytes have come for too long. A folder gives each file once.
 * Nothing is logged here: who asks has the camera's name.
 */
#ifndef ISTHMUS_CAMERA_SOURCE_SOURCE_H
#define ISTHMUS_CAMERA_SOURCE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

struct http_client;
struct source;

enum source_kind {
        SOURCE_FILE,   /* `place` is a JPEG file, which another program writes */
        SOURCE_FOLDER, /* `place` is a folder; the newest *.jpg or *.jpeg in it */
        SOURCE_HTTP,   /* `place` is a URL (http or https) of a picture, or of an MJPEG stream */
        /*
         * `command` prints a JPEG, or writes it to the file that stands in the place of its
         * argument
         * `{file}`, and ends with status 0.
         */
        SOURCE_COMMAND,
        SOURCE_PI,   /* the Raspberry Pi's camera, by rpicam-still or what there was before it */
        SOURCE_RTSP, /* `place` is a URL, rtsp or rtsps; by isthmus-camera-video.so, as is the next
                      */
        SOURCE_V4L2, /* `place` is a device such as /dev/video0 */
};

#define SOURCE_TIMEOUT_MS     10000
#define SOURCE_MAXIMUM_BYTES  ((size_t)32 << 20)
#define SOURCE_MAXIMUM_AGE_MS 300000

struct source_settings {
        enum source_kind kind;
        const char *place;
        const char *user; /* of SOURCE_HTTP and SOURCE_RTSP, for basic or digest authentication */
        const char *password; /* "" = it is not known yet */
        struct http_client
                *http; /* of SOURCE_HTTP; stays the caller's, is freed after the source */
        const char *const *command; /* of SOURCE_COMMAND: no shell; NULL at the end */
        const char *plugin;         /* isthmus-camera-video.so; NULL = where it usually is */
        int rotation;               /* of SOURCE_PI: degrees, 0 or 180; raspistill also 90, 270 */
        long timeout_ms;            /* from asking to the last byte; 0 = SOURCE_TIMEOUT_MS */
        size_t maximum_bytes;       /* of one picture; 0 = SOURCE_MAXIMUM_BYTES */
        int64_t maximum_age_ms;     /* 0 = SOURCE_MAXIMUM_AGE_MS, negative = any age */
};

enum source_condition {
        SOURCE_E_FAILED = 1, /* no picture; the reason says why */
        SOURCE_E_OLD,        /* there is one, but it is too old, or was given before */
        SOURCE_E_RESTING,    /* the last attempts failed and it is too early for the next */
        SOURCE_E_STOPPED,    /* source_stop was called */
};

struct source_picture {
        struct buf bytes;        /* a JPEG, or what claims to be one: it begins as one does */
        int64_t taken_ms;        /* since 1970: when it was taken, as far as one can know */
        int64_t clock_offset_ms; /* by what clock: that less the steady one */
};

#define SOURCE_PICTURE_INIT ((struct source_picture){.bytes = BUF_INIT, .taken_ms = 0})

void source_picture_deinit(struct source_picture *picture);

/*
 * Checks and copies the settings; opens nothing, so a camera that is away is no error. On success
 * `*source` is the caller's; -EINVAL with the reason if the settings can't be right.
 */
int source_new(const struct source_settings *settings, struct source **source,
               struct reason *reason) MUST_CHECK;

/* When no thread is in source_take; NULL is allowed. */
void source_free(struct source *source);

/*
 * Gets the newest picture, which replaces what is in `picture` (the caller's to deinit, whatever
 * comes of it). 0, or a source_condition with the reason; never blocks longer than the timeout and
 * a little. One thread at a time.
 */
int source_take(struct source *source, struct source_picture *picture,
                struct reason *reason) MUST_CHECK;

/*
 * Has another password for the pictures that come, and tries it at once. Copies it. On the thread
 * that takes.
 */
void source_set_password(struct source *source, const char *password);

/* Ends a source_take that waits, and all that come. Any thread, any number of times. */
void source_stop(struct source *source);

struct source_status {
        unsigned int failures; /* in a row */
        int64_t rest_ms;       /* until the next attempt is made at all; 0 = now */
        struct reason reason;  /* of the last answer that was no picture; empty if it was one */
};

/* How it goes; any thread. */
void source_status(struct source *source, struct source_status *status);

#endif
