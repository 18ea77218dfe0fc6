// SPDX-License-Identifier: MIT
#include "localhub/sessions/device_twin.h"

#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json/json.h"

#define TWIN_DEPTH 16

void device_error_text(struct buf *out, int code, const char *message)
{
        char tracking[CRYPTO_UUID_SIZE];
        char time[CLOCK_TEXT_SIZE];

        crypto_uuid4(tracking);
        clock_format_utc(time, clock_wall_ms() * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        buf_add_format(out, "{\"errorCode\":%d,\"trackingId\":\"%s\",\"message\":", code, tracking);
        buf_add_json_string(out, message, strlen(message));
        buf_add_format(out, ",\"timestampUtc\":\"%s\"}", time);
}

void device_answer_fail(struct device_answer *answer, int status, int code, const char *message)
{
        answer->status = status;
        buf_clear(&answer->body);
        device_error_text(&answer->body, code, message);
}

void device_twin_get(const struct device_session *session, struct device_answer *answer)
{
        struct registry *registry = session->all->registry;
        struct buf *body = &answer->body;
        bool found;

        answer->status = 200;
        buf_add_text(body, "{\"desired\":");
        found = registry_twin_read(registry, session->hub, session->id, REGISTRY_DESIRED, body);
        buf_add_text(body, ",\"reported\":");
        found = found &&
                registry_twin_read(registry, session->hub, session->id, REGISTRY_REPORTED, body);
        buf_add_char(body, '}');
        if (!found)
                device_answer_fail(answer, 404, 404001, "The device does not exist.");
}

void device_twin_report(const struct device_session *session, const void *json, size_t size,
                        struct device_answer *answer)
{
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *patch = json_parse(json, size, TWIN_DEPTH, JSON_STRICT, &reason);
        int r;

        answer->status = 200;
        if (!patch) {
                device_answer_fail(answer, 400, 400004, reason.text);
                return;
        }
        r = registry_twin_patch(session->all->registry, session->hub, session->id,
                                REGISTRY_REPORTED, patch, false, &answer->version, &reason);
        if (r == REGISTRY_E_NOT_FOUND)
                device_answer_fail(answer, 404, 404001, reason.text);
        else if (r != 0)
                device_answer_fail(answer, 400, 400004, reason.text);
}
