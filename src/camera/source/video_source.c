// SPDX-License-Identifier: MIT
/*
 * Pictures by RTSP and of V4L2 devices, by isthmus-camera-video.so. Each picture has a connection
 * of its own, so that none has waited in a queue.
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/process.h"
#include "base/text.h"
#include "camera/picture/jpeg.h"
#include "camera/source/source_inside.h"
#include "camera/video/video_plugin.h"

#define PLUGIN           "isthmus-camera-video.so"
#define QUALITY          95
#define STREAM_PROTOCOLS "rtsp,rtsps,rtp,rtcp,tcp,tls,crypto"
/* The first pictures of a device are too dark: it measures the light with them. */
#define DEVICE_SKIP 8

struct video_source {
        void *library;
        video_take *take;
};

/* What the plug-in calls back with. */
struct job {
        const struct source *source;
        int64_t deadline_ms;
        struct picture picture;
};

/* --- the plug-in --------------------------------------------------------------------------- */

static char *find_plugin(const struct source *source)
{
        static const char *const places[] = {"/" PLUGIN, "/../lib/isthmus/" PLUGIN};
        CLEANUP(mem_cleanup) char *folder = process_folder();

        if (source->settings.plugin)
                return mem_text(source->settings.plugin);
        for (size_t i = 0; folder && i < ARRAY_SIZE(places); i++) {
                CLEANUP(mem_cleanup) char *path = mem_format("%s%s", folder, places[i]);

                if (access(path, F_OK) == 0)
                        return mem_text(path);
        }
        return NULL;
}

static int open_plugin(struct video_source *video, const struct source *source,
                       struct reason *reason)
{
        CLEANUP(mem_cleanup) char *path = find_plugin(source);

        if (!path) {
                reason_set(reason,
                           "RTSP and V4L2 cameras need " PLUGIN " (package isthmus-camera-video), "
                           "which is neither beside this program nor in ../lib/isthmus");
                return -EINVAL;
        }
        /* It stays: the libraries that it brings leave memory behind each time they go. */
        video->library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (video->library)
                *(void **)&video->take = dlsym(video->library, VIDEO_PLUGIN_SYMBOL);
        if (video->take)
                return 0;
        reason_set(reason, "RTSP and V4L2 cameras need " PLUGIN ", which can't be opened: %s",
                   dlerror());
        return -EINVAL;
}

/* --- life ---------------------------------------------------------------------------------- */

static void close_video(struct source *source)
{
        struct video_source *video = source->own;

        if (video->library)
                dlclose(video->library);
        free(video);
}

/* FFmpeg takes user and password in the URL only; `url` is empty. */
static void write_url(const struct source *source, struct buf *url)
{
        const struct source_settings *settings = &source->settings;
        const char *rest = strstr(settings->place, "://");

        if (!rest || text_is_empty(settings->user)) {
                buf_add_text(url, settings->place);
                return;
        }
        rest += strlen("://");
        /* At once, so that no copy of the secret is left behind. */
        buf_reserve(url, strlen(settings->place) + 3 * strlen(settings->user) +
                                 3 * strlen(settings->password ? settings->password : "") + 2);
        buf_add(url, settings->place, (size_t)(rest - settings->place));
        text_url_escape(url, settings->user);
        buf_add_char(url, ':');
        text_url_escape(url, settings->password ? settings->password : "");
        buf_add_char(url, '@');
        buf_add_text(url, rest);
}

static int open_video(struct source *source, struct reason *reason)
{
        struct video_source *video = mem_new(1, sizeof(*video));

        source->own = video;
        if (open_plugin(video, source, reason) != 0) {
                close_video(source);
                return -EINVAL;
        }
        return 0;
}

static int open_rtsp(struct source *source, struct reason *reason)
{
        const char *place = source->settings.place;

        if (!place ||
            (strncasecmp(place, "rtsp://", 7) != 0 && strncasecmp(place, "rtsps://", 8) != 0)) {
                reason_set(reason, "the camera's address must begin with rtsp:// or rtsps://");
                return -EINVAL;
        }
        if (memchr(place + 8, '@', strcspn(place + 8, "/"))) {
                reason_set(reason, "a URL must not hold a user name or a password before '@'");
                return -EINVAL;
        }
        return open_video(source, reason);
}

static int open_device(struct source *source, struct reason *reason)
{
        if (!source->settings.place || source->settings.place[0] != '/') {
                reason_set(reason, "a V4L2 camera is a path such as /dev/video0");
                return -EINVAL;
        }
        return open_video(source, reason);
}

/* --- pictures ------------------------------------------------------------------------------ */

static bool is_over(void *context)
{
        const struct job *job = context;

        return clock_steady_ms() >= job->deadline_ms || source_is_stopped(job->source);
}

static uint8_t *make_picture(void *context, int width, int height)
{
        struct job *job = context;

        if (width < 1 || height < 1 || width > PICTURE_SIDE_MAX || height > PICTURE_SIDE_MAX ||
            (int64_t)width * height > PICTURE_PIXELS_MAX)
                return NULL;
        picture_deinit(&job->picture);
        picture_init(&job->picture, width, height);
        return job->picture.pixels;
}

static int explain(struct job *job, const char *why, struct reason *reason)
{
        if (source_is_stopped(job->source))
                return SOURCE_E_STOPPED;
        if (is_over(job))
                reason_set(reason, "no picture came within %ld ms",
                           job->source->settings.timeout_ms);
        else
                reason_set(reason, "%s: %s", job->source->settings.place, why);
        return SOURCE_E_FAILED;
}

static int take(struct source *source, int64_t deadline_ms, struct source_picture *picture,
                struct reason *reason)
{
        const struct video_source *video = source->own;
        bool is_device = source->driver == &source_v4l2_driver;
        struct job job = {.source = source, .deadline_ms = deadline_ms, .picture = PICTURE_INIT};
        CLEANUP(buf_wipe) struct buf url = BUF_INIT;
        struct video_request request = {.url = NULL,
                                        .format = is_device ? "v4l2" : NULL,
                                        .protocols = STREAM_PROTOCOLS,
                                        .skip = is_device ? DEVICE_SKIP : 0,
                                        .is_over = is_over,
                                        .make = make_picture,
                                        .context = &job};
        char why[200] = "";
        int result;

        write_url(source, &url);
        request.url = buf_text(&url);
        result = video->take(&request, why, sizeof(why));
        if (result != 0)
                result = explain(&job, why, reason);
        else if (jpeg_write(&job.picture, QUALITY, &picture->bytes, reason) != 0)
                result = SOURCE_E_FAILED;
        picture_deinit(&job.picture);
        return result;
}

const struct source_driver source_rtsp_driver = {
        .open = open_rtsp,
        .take = take,
        .close = close_video,
};

const struct source_driver source_v4l2_driver = {
        .open = open_device,
        .take = take,
        .close = close_video,
};
