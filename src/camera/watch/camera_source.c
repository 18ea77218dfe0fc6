// SPDX-License-Identifier: MIT
/* Where a camera's settings say that its pictures come from. */
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "camera/watch/camera_inside.h"

static void from_url(const struct camera_options *options, struct source_settings *source)
{
        const char *url = options->settings->security.url;

        source->kind = strncasecmp(url, "rtsp", 4) == 0 ? SOURCE_RTSP : SOURCE_HTTP;
        source->place = url;
        source->user = options->settings->security.user;
        source->password = conf_secret_text(&options->settings->security.password);
        source->http = options->http;
}

/* The last one is the Raspberry Pi's camera: a configuration has one source at least. */
static void choose(const struct camera_options *options, struct source_settings *source)
{
        const struct camera_settings *camera = options->settings;

        if (camera->security.url) {
                from_url(options, source);
        } else if (camera->source.device) {
                source->kind = SOURCE_V4L2;
                source->place = camera->source.device;
        } else if (camera->source.file) {
                source->kind = SOURCE_FILE;
                source->place = camera->source.file;
        } else if (camera->source.folder) {
                source->kind = SOURCE_FOLDER;
                source->place = camera->source.folder;
        } else if (camera->source.command.count > 0) {
                source->kind = SOURCE_COMMAND;
        } else {
                source->kind = SOURCE_PI;
                source->rotation = camera->raspberry.rotation;
                if (camera->raspberry.wait_ms > source->timeout_ms)
                        source->timeout_ms = (long)camera->raspberry.wait_ms;
        }
}

int camera_open_source(const struct camera_options *options, struct source **source,
                       struct reason *reason)
{
        const struct camera_settings *camera = options->settings;
        const struct conf_texts *words = &camera->source.command;
        CLEANUP(mem_cleanup) const char **command = mem_new(words->count + 1, sizeof(*command));
        struct source_settings settings = {
                .command = command,
                .timeout_ms = (long)(camera->source.timeout_s * 1000),
                .maximum_bytes = (size_t)camera->source.maximum_bytes,
                .maximum_age_ms =
                        camera->source.maximum_age_s > 0 ? camera->source.maximum_age_s * 1000 : -1,
        };

        choose(options, &settings);
        for (size_t i = 0; i < words->count; i++)
                command[i] = words->texts[i];
        return source_new(&settings, source, reason);
}
