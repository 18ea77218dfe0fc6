// SPDX-License-Identifier: MIT
/*
 * The schedule from outside: direct methods start and stop it, desired properties set its times;
 * how it was left is kept in the store and holds after a restart, unless the configuration says
 * something else than it did then. Methods are answered, and wishes acknowledged, when they are on
 * disk.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "camera/settings/time_span.h"
#include "camera/watch/camera_inside.h"

#define SCHEDULE_KIND "schedule"

#define DUE_PROPERTY    "ImageTimerDue"
#define PERIOD_PROPERTY "ImageTimerPeriod"

/* Twins have ten levels. */
#define DESIRED_DEPTH 16

#define STARTED        "started"
#define DUE            "dueMs"
#define PERIOD         "periodMs"
#define CONFIGURED_DUE "configuredDueMs"
#define CONFIGURED     "configuredPeriodMs"
#define WISHES         "desiredVersion"
#define DUE_WISH       "dueVersion"
#define PERIOD_WISH    "periodVersion"

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
        if (keeping->call)
                cloud_answer(keeping->call, result == 0 ? 200 : 500, NULL);
        camera_timer_report(keeping->camera);
        buf_deinit(&keeping->text);
        free(keeping);
}

/* With the lock held. The call, if there is one, is answered when it is on disk. */
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
        json_add_int(record, WISHES, camera->wishes.version);
        json_add_int(record, DUE_WISH, camera->wishes.due.version);
        json_add_int(record, PERIOD_WISH, camera->wishes.period.version);
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
        (void)json_int_member(record, WISHES, &camera->wishes.version);
        (void)json_int_member(record, DUE_WISH, &camera->wishes.due.version);
        (void)json_int_member(record, PERIOD_WISH, &camera->wishes.period.version);
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
        result =
                store_records_each(camera->options.store, SCHEDULE_KIND, NULL, take_record, camera);
        if (result != 0) {
                reason_set(reason, "the store's schedules can't be read");
                return result;
        }
        if (camera->schedule.is_started)
                schedule_start(&camera->schedule, clock_steady_ms());
        return 0;
}

/* A property with its acknowledgement (learn.microsoft.com, "IoT Plug and Play conventions"). */
static void add_wish(struct json_object *report, const char *name, int64_t span_ms,
                     const struct camera_wish *wish)
{
        struct json_object *property = json_object_new_object();
        char text[TIME_SPAN_TEXT_SIZE];
        bool is_granted = wish->reason.text[0] == '\0';

        time_span_write(span_ms, text);
        json_add_text(property, "value", text);
        json_add_int(property, "ac", wish->version == 0 ? 203 : is_granted ? 200 : 400);
        json_add_int(property, "av", wish->version);
        json_object_object_add(property, "ad", json_object_new_string(wish->reason.text));
        json_object_object_add(report, name, property);
}

static void add_list(struct json_object *report, const char *name, const struct conf_texts *list)
{
        CLEANUP(buf_deinit) struct buf joined = BUF_INIT;

        for (size_t i = 0; i < list->count; i++)
                buf_add_format(&joined, "%s%s", i > 0 ? ", " : "", list->texts[i]);
        json_object_object_add(report, name, json_object_new_string(buf_text(&joined)));
}

/* What both earlier programs told, under the same names. */
static void add_facts(const struct camera *camera, struct json_object *report)
{
        const struct camera_settings *settings = camera->options.settings;
        struct utsname system;

        if (uname(&system) == 0) {
                CLEANUP(mem_cleanup)
                char *version = mem_format("%s %s", system.sysname, system.release);

                json_add_text(report, "OSVersion", version);
                json_add_text(report, "MachineName", system.nodename);
        }
        json_add_text(report, "ApplicationVersion", ISTHMUS_VERSION);
        json_add_text(report, "YoloV5ModelPath", camera->options.model);
        json_object_object_add(report, "PredictionScoreThreshold",
                               json_object_new_double(settings->threshold));
        add_list(report, "PredictionLabelsOfInterest", &settings->labels_of_interest);
        add_list(report, "PredictionLabelsMinimum", &settings->labels_minimum);
}

void camera_timer_report(struct camera *camera)
{
        CLEANUP(json_cleanup) struct json_object *report = json_object_new_object();
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        pthread_mutex_lock(&camera->lock);
        add_wish(report, DUE_PROPERTY, camera->schedule.due_ms, &camera->wishes.due);
        add_wish(report, PERIOD_PROPERTY, camera->schedule.period_ms, &camera->wishes.period);
        json_add_bool(report, "ImageTimerStarted", camera->schedule.is_started);
        pthread_mutex_unlock(&camera->lock);
        add_facts(camera, report);
        json_write(&text, report);
        cloud_report(camera->device, text.data, text.size);
}

/* --- desired properties ---------------------------------------------------------------------- */

/* Takes one of them, if it is there and said something; the span it wants, or the present one. */
static int64_t take_wish(struct json_object *desired, const char *name, int64_t version,
                         struct camera_wish *wish, int64_t present_ms)
{
        struct json_object *value = json_member(desired, name);
        const char *text = json_text_member(desired, name);
        int64_t span_ms;

        if (!value)
                return present_ms;
        /* As some tools write it. */
        if (!text)
                text = json_text_member(value, "value");
        wish->version = version;
        if (text && time_span_read(text, &span_ms)) {
                wish->reason = REASON_INIT;
                return span_ms;
        }
        reason_set(&wish->reason, "this is no TimeSpan; it looks like 00:00:30");
        return present_ms;
}

/* With the lock held. */
static void grant(struct camera *camera, struct json_object *desired, int64_t version)
{
        struct schedule *schedule = &camera->schedule;
        int64_t due_ms =
                take_wish(desired, DUE_PROPERTY, version, &camera->wishes.due, schedule->due_ms);
        int64_t period_ms = take_wish(desired, PERIOD_PROPERTY, version, &camera->wishes.period,
                                      schedule->period_ms);

        camera->wishes.version = version;
        if (due_ms != schedule->due_ms || period_ms != schedule->period_ms) {
                schedule_set(schedule, due_ms, period_ms, clock_steady_ms());
                pthread_cond_signal(&camera->changed);
                log_info("CAMERA_TIMER_SET", "A camera's timer has new times",
                         LOG_TEXT("camera", camera->status.name), LOG_INT("due_ms", due_ms),
                         LOG_INT("period_ms", period_ms), LOG_END);
        }
        keep(camera, NULL);
}

/* On the thread "loop". What was looked at before, also before a restart, is not new again. */
static void on_desired(void *context, const char *json, size_t size, bool is_whole)
{
        struct camera *camera = context;
        CLEANUP(json_cleanup)
        struct json_object *desired =
                json_parse_foreign(json, size, DESIRED_DEPTH, JSON_VALUES_USUAL, NULL);
        int64_t version;

        if (!desired || !json_int_member(desired, "$version", &version))
                return;
        pthread_mutex_lock(&camera->lock);
        /* A twin that was made anew counts from 1 again. */
        if (is_whole ? version != camera->wishes.version : version > camera->wishes.version)
                grant(camera, desired, version);
        pthread_mutex_unlock(&camera->lock);
}

/* --- direct methods -------------------------------------------------------------------------- */

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
}

const struct cloud_handler camera_cloud_handler = {.method = on_method, .desired = on_desired};
