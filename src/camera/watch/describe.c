// SPDX-License-Identifier: MIT
#include "camera/watch/describe.h"

#include "base/clock.h"
#include "base/json/json.h"

struct json_object *camera_describe(struct camera *camera, bool *is_good)
{
        struct json_object *object = json_object_new_object();
        struct camera_status status;

        camera_status(camera, &status);
        json_add_text(object, "name", status.name);
        json_add_bool(object, "timerStarted", status.is_started);
        json_add_int(object, "periodMs", status.period_ms);
        if (status.next_in_ms != INT64_MAX)
                json_add_int(object, "nextInMs", status.next_in_ms);
        json_add_int(object, "pictures", status.looked_at);
        json_add_int(object, "failed", status.failed);
        json_add_int(object, "tooOld", status.too_old);
        json_add_int(object, "skipped", status.skipped);
        json_add_int(object, "told", status.told);
        json_add_int(object, "lost", status.lost);
        json_add_int(object, "uploaded", status.uploaded);
        json_add_int(object, "uploadsFailed", status.upload_failed + status.upload_dropped);
        if (status.last_ms > 0) {
                char last[CLOCK_TEXT_SIZE];

                clock_format_utc(last, status.last_ms * 1000000, CLOCK_FRACTION);
                json_add_text(object, "lastPicture", last);
        }
        json_add_text(object, "trouble", status.reason.text);
        json_add_text(object, "cloud", cloud_phase_name(status.cloud.phase));
        json_add_text(object, "hub", status.cloud.hub);
        json_add_text(object, "cloudTrouble", status.cloud.reason.text);
        *is_good = *is_good && status.reason.text[0] == '\0' && status.cloud.phase != CLOUD_HELD;
        return object;
}
