// SPDX-License-Identifier: MIT
/*
 * The schedule from outside: direct methods start and stop it; how it was left is kept in the store
 * and holds after a restart, unless the configuration says something else than it did then.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "camera/settings/time_span.h"
#include "camera/watch/camera_inside.h"

#define SCHEDULE_KIND "schedule"

#define STARTED        "started"
#define DUE            "dueMs"
#define PERIOD         "periodMs"
#define CONFIGURED_DUE "configuredDueMs"
#define CONFIGURED     "configuredPeriodMs"

/* A schedule on its way to the disk, and who waits for that. */
struct keeping {
        struct store_write write;
        struct camera *camera;
        struct cloud_call *call;
        struct buf text;
};

/* On the thread "store". */
static void kept(struct store_write *write, int result)
{
        struct keeping *keeping = list_entry(write, struct keeping, write);

        if (result != 0)
                log_error("CAMERA_TIMER_NOT_KEPT",
                          "How a camera's timer was set can't be kept over a restart",
                          LOG_TEXT("camera", keeping->camera->status.name),
                          LOG_INT("error", result), LOG_END);
        cloud_answer(keeping->call, result == 0 ? 200 : 500, NULL);
        buf_deinit(&keeping->text);
        free(keeping);
}

/* With the lock held. The call is answered when it is on disk. */
static void keep(struct camera *camera, struct cloud_call *call)
{
        const struct camera_settings *settings = camera->options.settings;
        CLEANUP(json_cleanup) struct json_object *record = json_object_new_object();
        struct keeping *keeping = mem_new(1, sizeof(*keeping));

        json_add_bool(record, STARTED, camera->schedule.is_started);
        json_add_int(record, DUE, camera->schedule.due_ms);
        json_add_int(record, PERIOD, camera->schedule.period_ms);
        json_add_int(record, CONFIGURED_DUE, settings->due_ms);
        json_add_int(record, CONFIGURED, settings->period_ms);
        json_write(&keeping->text, record);
        keeping->camera = camera;
        keeping->call = call;
        keeping->write = (struct store_write){.record = {.kind = SCHEDULE_KIND,
                                                         .key = camera->status.name,
                                                         .value = keeping->text.data,
                                                         .value_size = keeping->text.size},
                                              .done = kept};
        store_write(camera->options.store, &keeping->write);
}

static bool is_span(int64_t span_ms)
{
        return span_ms >= 0 && span_ms <= TIME_SPAN_MAX_MS;
}

/* What was kept holds while the configuration is as it was then. */
static void restore(struct camera *camera, struct json_object *record)
{
        const struct camera_settings *settings = camera->options.settings;
        int64_t due_ms;
        int64_t period_ms;
        int64_t configured_due_ms;
        int64_t configured_ms;

        if (!json_int_member(record, DUE, &due_ms) ||
            !json_int_member(record, PERIOD, &period_ms) ||
            !json_int_member(record, CONFIGURED_DUE, &configured_due_ms) ||
            !json_int_member(record, CONFIGURED, &configured_ms) || !is_span(due_ms) ||
            !is_span(period_ms))
                return;
        camera->schedule.is_started = json_bool_member(record, STARTED, true);
        if (configured_due_ms == settings->due_ms && configured_ms == settings->period_ms) {
                camera->schedule.due_ms = due_ms;
                camera->schedule.period_ms = period_ms;
        }
}

static bool take_record(void *context, const struct store_record *stored)
{
        struct camera *camera = context;
        CLEANUP(json_cleanup) struct json_object *record = NULL;

        if (!text_equal(stored->key, camera->status.name))
                return true;
        record = json_parse(stored->value, stored->value_size, 4, JSON_STRICT, NULL);
        if (record)
                restore(camera, record);
        return false;
}

int camera_timer_load(struct camera *camera, struct reason *reason)
{
        int result;

        camera->schedule = (struct schedule){
                .due_ms = camera->options.settings->due_ms,
                .period_ms = camera->options.settings->period_ms,
                .is_started = true,
        };
        result = store_records_each(camera->options.store, SCHEDULE_KIND, take_record, camera);
        if (result != 0) {
                reason_set(reason, "the store's schedules can't be read");
                return result;
        }
        if (camera->schedule.is_started)
                schedule_start(&camera->schedule, clock_steady_ms());
        return 0;
}

void camera_timer_report(struct camera *camera)
{
        CLEANUP(json_cleanup) struct json_object *report = json_object_new_object();
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        char due[TIME_SPAN_TEXT_SIZE];
        char period[TIME_SPAN_TEXT_SIZE];

        pthread_mutex_lock(&camera->lock);
        time_span_write(camera->schedule.due_ms, due);
        time_span_write(camera->schedule.period_ms, period);
        json_add_text(report, "ImageTimerDue", due);
        json_add_text(report, "ImageTimerPeriod", period);
        json_add_bool(report, "ImageTimerStarted", camera->schedule.is_started);
        pthread_mutex_unlock(&camera->lock);
        json_add_text(report, "ApplicationVersion", ISTHMUS_VERSION);
        json_write(&text, report);
        cloud_report(camera->device, text.data, text.size);
}

/* On the thread "loop". */
static void on_method(void *context, struct cloud_call *call, const char *name)
{
        struct camera *camera = context;
        bool start = strcmp(name, "ImageTimerStart") == 0;

        if (!start && strcmp(name, "ImageTimerStop") != 0) {
                cloud_answer(call, 501,
                             "{\"message\":\"there is no such method; ImageTimerStart and "
                             "ImageTimerStop are the ones there are\"}");
                return;
        }
        pthread_mutex_lock(&camera->lock);
        if (start)
                schedule_start(&camera->schedule, clock_steady_ms());
        else
                schedule_stop(&camera->schedule);
        keep(camera, call);
        pthread_cond_signal(&camera->changed);
        pthread_mutex_unlock(&camera->lock);
        camera_timer_report(camera);
}

const struct cloud_handler camera_cloud_handler = {.method = on_method};
