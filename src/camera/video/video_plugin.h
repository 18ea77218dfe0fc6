// SPDX-License-Identifier: MIT
/*
 * Between isthmus-camera and isthmus-camera-video.so, which alone is linked with FFmpeg's
 * libraries: they bring a hundred packages along, so the program opens it only for cameras that
 * need it.
 */
#ifndef ISTHMUS_CAMERA_VIDEO_VIDEO_PLUGIN_H
#define ISTHMUS_CAMERA_VIDEO_VIDEO_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The one symbol, a video_take; another number is another interface. */
#define VIDEO_PLUGIN_SYMBOL "isthmus_video_take_1"

struct video_request {
        const char *url;       /* what FFmpeg opens; may hold a password */
        const char *format;    /* "v4l2"; NULL = as the URL says */
        const char *protocols; /* those that may be used, with commas */
        int skip;              /* so many pictures come before the one that counts */
        /* Asked often, also while it waits for the network: true ends it. */
        bool (*is_over)(void *context);
        /* Where the picture goes: width * height pixels of blue, green, red and one that means
         * nothing, without gaps. NULL = such a size is refused. */
        uint8_t *(*make)(void *context, int width, int height);
        void *context;
};

/*
 * Connects, takes one picture, and closes. 0, or -1 with what FFmpeg says in `why` (never the URL).
 * Each call may be made on another thread.
 */
typedef int video_take(const struct video_request *request, char *why, size_t why_size);

#endif
