// SPDX-License-Identifier: MIT
/* The thread "camera-N" owns what it counts; its schedule and its status are behind a lock. */
#include "camera/watch/camera.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "camera/count/tally_names.h"
#include "camera/watch/camera_inside.h"

/* So often at most a camera says that it is late. */
#define LATE_AGAIN_MS (60 * 1000)

static bool grant_upload(void *context, struct buf *hub, struct buf *device_id, struct buf *token)
{
        const struct camera *camera = context;

        return cloud_grant(camera->device, hub, device_id, token);
}

static const char *storage_now(void *context)
{
        const struct camera *camera = context;

        return conf_secret_text(&camera->options.settings->storage.connection_string);
}

static void open_upload(struct camera *camera)
{
        const struct camera_options *options = &camera->options;
        const struct camera_settings *settings = options->settings;

        if (!settings->upload_camera && !settings->upload_marked_up)
                return;
        camera->upload = upload_new(&(struct upload_options){
                .camera = camera_settings_name(settings),
                .http = options->http,
                .through_hub = !settings->storage.connection_string,
                .storage = storage_now,
                .device_id = settings->device_id,
                .grant = grant_upload,
                .context = camera,
        });
}

/* What may fail. */
static int open_parts(struct camera *camera, struct reason *reason)
{
        const struct camera_options *options = &camera->options;
        int result =
                privacy_init(&camera->privacy, options->settings, eye_labels(options->eye), reason);

        if (result == 0)
                result = tally_names_check(&camera->rules.tally,
                                           options->settings->details ? TALLY_NAMES_DETAILS : NULL,
                                           reason);
        if (result == 0)
                result = camera_open_source(options, &camera->source, reason);
        if (result == 0) {
                open_upload(camera);
                return 0;
        }
        reason_prefix(reason, "camera %s", camera_settings_name(options->settings));
        privacy_deinit(&camera->privacy);
        return -EINVAL;
}

int camera_new(const struct camera_options *options, struct camera **camera, struct reason *reason)
{
        struct camera *made = mem_new(1, sizeof(*made));

        made->options = *options;
        rules_init(&made->rules, options->settings, eye_labels(options->eye));
        if (open_parts(made, reason) != 0) {
                rules_deinit(&made->rules);
                free(made);
                return -EINVAL;
        }
        sight_init(&made->sight);
        made->tracks = TRACKS_INIT;
        made->told = TALLY_INIT;
        made->marked_up = BUF_INIT;
        snprintf(made->thread_name, sizeof(made->thread_name), "camera-%zu", options->number);
        pthread_mutex_init(&made->lock, NULL);
        condition_init(&made->changed);
        made->status.name = camera_settings_name(options->settings);
        made->device = cloud_add(options->cloud, options->settings, &camera_cloud_handler, made);
        *camera = made;
        return 0;
}

/* Until the next tick, a change of the schedule, or the end; with the lock held. */
static void wait_for_change(struct camera *camera, int64_t wait_ms)
{
        if (wait_ms == INT64_MAX)
                pthread_cond_wait(&camera->changed, &camera->lock);
        else
                (void)condition_wait_until(&camera->changed, &camera->lock,
                                           clock_steady_ns() + wait_ms * CLOCK_NS_PER_MS);
}

/* With the lock held. A camera that is always late says so once in a while. */
static void note_late(struct camera *camera, int64_t skipped)
{
        int64_t now_ms = clock_steady_ms();

        camera->status.skipped += skipped;
        if (skipped == 0 || now_ms < camera->late_again_ms)
                return;
        camera->late_again_ms = now_ms + LATE_AGAIN_MS;
        log_warn("CAMERA_LATE", "A picture took longer than the camera's period",
                 LOG_TEXT("camera", camera->status.name),
                 LOG_INT("skipped", camera->status.skipped), LOG_END);
}

/* With the lock held, but not while the picture is looked at. */
static void tick(struct camera *camera)
{
        schedule_take(&camera->schedule);
        pthread_mutex_unlock(&camera->lock);
        camera_cycle(camera);
        pthread_mutex_lock(&camera->lock);
        note_late(camera, schedule_done(&camera->schedule, clock_steady_ms()));
}

static void *run(void *context)
{
        struct camera *camera = context;

        thread_enter(camera->thread_name);
        pthread_mutex_lock(&camera->lock);
        while (!camera->is_stopping) {
                int64_t wait_ms = schedule_wait_ms(&camera->schedule, clock_steady_ms());

                if (wait_ms == 0)
                        tick(camera);
                else
                        wait_for_change(camera, wait_ms);
        }
        pthread_mutex_unlock(&camera->lock);
        return NULL;
}

int camera_start(struct camera *camera, struct reason *reason)
{
        int result = camera_timer_load(camera, reason);

        if (result != 0)
                return result;
        camera_timer_report(camera);
        thread_start(&camera->thread, run, camera);
        camera->is_running = true;
        return 0;
}

void camera_stop(struct camera *camera)
{
        pthread_mutex_lock(&camera->lock);
        camera->is_stopping = true;
        pthread_cond_signal(&camera->changed);
        pthread_mutex_unlock(&camera->lock);
        source_stop(camera->source);
}

void camera_join(struct camera *camera)
{
        if (camera->is_running)
                pthread_join(camera->thread, NULL);
        camera->is_running = false;
        source_free(camera->source);
        camera->source = NULL;
}

void camera_free(struct camera *camera)
{
        if (!camera)
                return;
        source_free(camera->source);
        rules_deinit(&camera->rules);
        tracks_deinit(&camera->tracks);
        tally_deinit(&camera->told);
        buf_deinit(&camera->marked_up);
        buf_deinit(&camera->obscured);
        privacy_deinit(&camera->privacy);
        sight_deinit(&camera->sight);
        upload_free(camera->upload);
        pthread_cond_destroy(&camera->changed);
        pthread_mutex_destroy(&camera->lock);
        free(camera);
}

void camera_status(struct camera *camera, struct camera_status *status)
{
        pthread_mutex_lock(&camera->lock);
        *status = camera->status;
        status->is_started = camera->schedule.is_started;
        status->period_ms = camera->schedule.period_ms;
        status->next_in_ms = schedule_wait_ms(&camera->schedule, clock_steady_ms());
        pthread_mutex_unlock(&camera->lock);
        if (camera->upload) {
                struct upload_status upload;

                upload_status(camera->upload, &upload);
                status->uploaded = upload.sent;
                status->upload_failed = upload.failed;
                status->upload_dropped = upload.dropped;
        }
        cloud_status(camera->device, &status->cloud);
}
