// SPDX-License-Identifier: MIT
/* One tick: a picture, what is in it, and whether that is worth telling. */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "camera/count/tally_names.h"
#include "camera/picture/jpeg.h"
#include "camera/upload/picture_name.h"
#include "camera/watch/camera_inside.h"
#include "camera/watch/details.h"
#include "camera/watch/marking.h"

#define QUALITY   85
#define FILE_MODE 0640
#define MINUTE_MS (60 * 1000)

/* What one tick found. */
struct cycle {
        struct camera *camera;
        struct tally tally;
        struct box_list present; /* what counts */
        struct buf details;      /* JSON list of what counts */
};

static void note_failure(struct camera *camera, int64_t *counter, const struct reason *reason)
{
        pthread_mutex_lock(&camera->lock);
        (*counter)++;
        camera->status.is_good = false;
        camera->status.reason = *reason;
        pthread_mutex_unlock(&camera->lock);
}

static void note_success(struct camera *camera)
{
        bool was_good;

        pthread_mutex_lock(&camera->lock);
        was_good = camera->status.is_good;
        camera->status.is_good = true;
        camera->status.reason = REASON_INIT;
        camera->status.looked_at++;
        camera->status.last_ms = clock_wall_ms();
        pthread_mutex_unlock(&camera->lock);
        if (!was_good)
                log_info("CAMERA_GOOD", "A camera gives pictures",
                         LOG_TEXT("camera", camera->status.name), LOG_END);
}

/* --- the picture ----------------------------------------------------------------------------- */

static bool take_picture(struct camera *camera, struct source_picture *picture)
{
        struct reason reason = REASON_INIT;
        int result;

        source_set_password(camera->source,
                            conf_secret_text(&camera->options.settings->security.password));
        result = source_take(camera->source, picture, &reason);

        switch (result) {
        case 0:
                return true;
        case SOURCE_E_STOPPED:
        case SOURCE_E_RESTING:
                return false;
        case SOURCE_E_OLD:
                log_warn("CAMERA_OLD", "A camera's picture is too old to count",
                         LOG_TEXT("camera", camera->status.name), LOG_TEXT("reason", reason.text),
                         LOG_END);
                note_failure(camera, &camera->status.too_old, &reason);
                return false;
        default:
                log_warn("CAMERA_FAILED", "A camera gives no picture",
                         LOG_TEXT("camera", camera->status.name), LOG_TEXT("reason", reason.text),
                         LOG_END);
                note_failure(camera, &camera->status.failed, &reason);
                return false;
        }
}

static void encode(const struct camera *camera, const struct picture *picture, struct buf *out)
{
        struct reason reason = REASON_INIT;

        if (jpeg_write(picture, QUALITY, out, &reason) == 0)
                return;
        buf_clear(out);
        log_warn("CAMERA_MARKED_UP_FAILED", "A picture can't be made",
                 LOG_TEXT("camera", camera->status.name), LOG_TEXT("reason", reason.text), LOG_END);
}

static void mark_picture(struct cycle *cycle, struct picture *picture)
{
        struct camera *camera = cycle->camera;
        const struct camera_settings *settings = camera->options.settings;

        buf_clear(&camera->marked_up);
        if (!settings->marked_up_file && !settings->upload_marked_up)
                return;
        marking_draw(picture, camera->rules.tally.names, &cycle->present, camera->rules.zones,
                     camera->rules.tally.zone_count);
        encode(camera, picture, &camera->marked_up);
}

/* Before anything else is made of the picture; what was found for this only is taken out again. */
static void hide(struct cycle *cycle, struct picture *picture, struct box_list *found)
{
        struct camera *camera = cycle->camera;

        if (!privacy_is_on(&camera->privacy))
                return;
        privacy_apply(&camera->privacy, picture, found);
        while (found->count > 0 &&
               found->boxes[found->count - 1].score <= camera->rules.boxes.score)
                found->count--;
        buf_clear(&camera->obscured);
        encode(camera, picture, &camera->obscured);
}

/* In the eye's turn. */
static void seen(void *context, struct picture *picture, struct box_list *found)
{
        struct cycle *cycle = context;
        struct camera *camera = cycle->camera;
        const struct rules *rules = &camera->rules;

        hide(cycle, picture, found);
        tally_select(&rules->tally, picture->width, picture->height, found);
        tracks_take(&camera->tracks, &rules->tracks, found, &cycle->present);
        tally_count(&rules->tally, picture->width, picture->height, &cycle->present, &cycle->tally);
        details_write(&rules->tally, picture->width, picture->height, &cycle->present,
                      &cycle->details);
        mark_picture(cycle, picture);
}

static void write_picture(const struct camera *camera, const char *path, const struct buf *bytes)
{
        struct reason reason = REASON_INIT;

        if (path && bytes->size > 0 &&
            file_write(path, FILE_MODE, bytes->data, bytes->size, &reason) != 0)
                log_warn("CAMERA_FILE_FAILED", "A picture can't be written",
                         LOG_TEXT("camera", camera->status.name), LOG_TEXT("reason", reason.text),
                         LOG_END);
}

/* --- the tally ------------------------------------------------------------------------------- */

/* Does this tally go out? Both programs' rules, then those of Telemetry. */
static bool is_worth_telling(const struct cycle *cycle)
{
        const struct camera *camera = cycle->camera;
        const struct camera_settings *settings = camera->options.settings;
        int64_t pause_ms = settings->every_minutes * MINUTE_MS;
        bool is_time = pause_ms > 0 && clock_steady_ms() - camera->told_at_ms >= pause_ms;
        bool is_of_interest = cycle->tally.is_of_interest || (settings->variant == TALLY_LATER &&
                                                              !settings->has_labels_of_interest);

        if (!settings->only_on_change)
                return is_of_interest && (pause_ms == 0 || !camera->has_told || is_time);
        if (!camera->has_told)
                return is_of_interest;
        /* Also that nothing is there any more is a change. */
        return !tally_is_equal(&camera->rules.tally, &cycle->tally, &camera->told) ||
               (is_of_interest && is_time);
}

static void write_body(const struct cycle *cycle, struct buf *body)
{
        const struct camera *camera = cycle->camera;
        const struct tally *before =
                camera->options.settings->only_on_change ? &camera->told : NULL;

        tally_write(&camera->rules.tally, &cycle->tally, before, body);
        if (!camera->options.settings->details)
                return;
        body->size--; /* the closing bracket */
        buf_add_text(body, body->size > 1 ? ",\"" TALLY_NAMES_DETAILS "\":"
                                          : "\"" TALLY_NAMES_DETAILS "\":");
        buf_add(body, cycle->details.data, cycle->details.size);
        buf_add_char(body, '}');
}

/* True if the tally was stored. */
static bool tell(struct cycle *cycle, const struct source_picture *picture)
{
        struct camera *camera = cycle->camera;
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        struct reason reason = REASON_INIT;
        int result;

        if (!is_worth_telling(cycle))
                return false;
        write_body(cycle, &body);
        result = cloud_put(camera->device,
                           &(struct cloud_message){.created_ns = picture->taken_ms * 1000000,
                                                   .clock_offset_ms = picture->clock_offset_ms,
                                                   .body = body.data,
                                                   .body_size = body.size},
                           &reason);
        pthread_mutex_lock(&camera->lock);
        if (result == 0)
                camera->status.told++;
        else
                camera->status.lost++;
        pthread_mutex_unlock(&camera->lock);
        if (result != 0) {
                log_error("CAMERA_TALLY_LOST", "A tally can't be stored and is lost",
                          LOG_TEXT("camera", camera->status.name), LOG_TEXT("reason", reason.text),
                          LOG_END);
                return false;
        }
        tracks_tell(&camera->tracks, &camera->rules.tracks);
        tally_deinit(&camera->told);
        camera->told = cycle->tally;
        cycle->tally = TALLY_INIT;
        camera->told_at_ms = clock_steady_ms();
        camera->has_told = true;
        return true;
}

/* --- pictures out ---------------------------------------------------------------------------- */

/* The picture as it may leave. */
static const struct buf *shown(const struct camera *camera, const struct buf *bytes)
{
        return privacy_is_on(&camera->privacy) ? &camera->obscured : bytes;
}

static void upload_one(struct camera *camera, const char *format, const struct buf *bytes,
                       int64_t taken_ms)
{
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;
        CLEANUP(buf_deinit) struct buf tally = BUF_INIT;

        if (bytes->size == 0 || !picture_name(format, taken_ms, &name, NULL))
                return;
        tally_write(&camera->rules.tally, &camera->told, NULL, &tally);
        upload_send(camera->upload, &(struct upload_picture){.name = buf_text(&name),
                                                             .bytes = bytes->data,
                                                             .size = bytes->size,
                                                             .tally = buf_text(&tally)});
}

static void upload(struct camera *camera, const struct buf *bytes, int64_t taken_ms)
{
        const struct camera_settings *settings = camera->options.settings;

        if (!camera->upload)
                return;
        if (settings->upload_camera)
                upload_one(camera, settings->storage.camera_format, shown(camera, bytes), taken_ms);
        if (settings->upload_marked_up)
                upload_one(camera, settings->storage.marked_up_format, &camera->marked_up,
                           taken_ms);
}

/* For the page. */
static void show(struct cycle *cycle, const struct source_picture *picture)
{
        struct camera *camera = cycle->camera;
        CLEANUP(buf_deinit) struct buf tally = BUF_INIT;

        tally_write(&camera->rules.tally, &cycle->tally, NULL, &tally);
        sight_put(&camera->sight, &(struct sight_news){.taken_ms = picture->taken_ms,
                                                       .picture = shown(camera, &picture->bytes),
                                                       .things = &cycle->details,
                                                       .tally = &tally});
}

void camera_cycle(struct camera *camera)
{
        struct cycle cycle = {.camera = camera,
                              .tally = TALLY_INIT,
                              .present = BOX_LIST_INIT,
                              .details = BUF_INIT};
        CLEANUP(source_picture_deinit) struct source_picture picture = SOURCE_PICTURE_INIT;
        struct eye_turn turn = {.jpeg = &picture.bytes,
                                .rules = camera->rules.boxes,
                                .seen = seen,
                                .context = &cycle};
        struct reason reason = REASON_INIT;

        if (!take_picture(camera, &picture))
                return;
        turn.rules.score = privacy_score(&camera->privacy, &camera->rules.boxes);
        if (!privacy_is_on(&camera->privacy))
                write_picture(camera, camera->options.settings->camera_file, &picture.bytes);
        if (eye_look(camera->options.eye, &turn, &reason) == 0) {
                note_success(camera);
                show(&cycle, &picture);
                write_picture(camera, camera->options.settings->marked_up_file, &camera->marked_up);
                if (privacy_is_on(&camera->privacy))
                        write_picture(camera, camera->options.settings->camera_file,
                                      &camera->obscured);
                if (tell(&cycle, &picture))
                        upload(camera, &picture.bytes, picture.taken_ms);
        } else {
                log_warn("CAMERA_PICTURE_REFUSED", "A picture can't be looked at",
                         LOG_TEXT("camera", camera->status.name), LOG_TEXT("reason", reason.text),
                         LOG_END);
                note_failure(camera, &camera->status.failed, &reason);
        }
        tally_deinit(&cycle.tally);
        box_list_deinit(&cycle.present);
        buf_deinit(&cycle.details);
}
