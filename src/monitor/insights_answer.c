// SPDX-License-Identifier: MIT
#include "monitor/insights_answer.h"

#include <string.h>

#include "azure/insights_string.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "http/client/http_answer.h"

#define HOUR_MS (INT64_C(3600) * 1000)
#define DAY_MS  (24 * HOUR_MS)

/* What such a service may nest, and more. */
#define ANSWER_DEPTH 8

static bool is_worth_repeating(int64_t status)
{
        return status == 408 || status == 429 || status == 500 || status == 503;
}

static void read_error(struct json_object *error, size_t count, struct monitor_verdict *verdict)
{
        const char *message = json_text_member(error, "message");
        int64_t index;
        int64_t status;

        if (!json_int_member(error, "index", &index) || index < 0 || (size_t)index >= count ||
            !json_int_member(error, "statusCode", &status))
                return;
        if (message && strstr(message, "Telemetry sampled out"))
                return;
        verdict->fates[index] = is_worth_repeating(status) ? MONITOR_AGAIN : MONITOR_LOST;
        if (!verdict->failed)
                reason_set(&verdict->reason, "some items were refused: %d %.200s", (int)status,
                           message ? message : "");
        verdict->failed = true;
}

static int64_t asked_wait(const struct http_answer *answer, int64_t wall_ms, int64_t otherwise_ms)
{
        int64_t wait_ms = http_answer_wait(answer, wall_ms, DAY_MS);

        return wait_ms >= 0 ? wait_ms : otherwise_ms;
}

/* 206: each error names the item that it is about; all others were taken. */
static void read_partial(const struct http_answer *answer, size_t count, int64_t wall_ms,
                         struct monitor_verdict *verdict)
{
        CLEANUP(json_cleanup)
        struct json_object *body = json_parse(buf_text(&answer->body), answer->body.size,
                                              ANSWER_DEPTH, JSON_STRICT, NULL);
        struct json_object *errors = body ? json_member(body, "errors") : NULL;
        bool any_again = false;

        if (!json_object_is_type(errors, json_type_array))
                return;
        for (size_t i = 0; i < json_object_array_length(errors); i++)
                read_error(json_object_array_get_idx(errors, i), count, verdict);
        for (size_t i = 0; i < count; i++)
                any_again |= verdict->fates[i] == MONITOR_AGAIN;
        verdict->pause_ms = any_again ? asked_wait(answer, wall_ms, -1) : 0;
}

static void read_move(const struct http_answer *answer, size_t count,
                      struct monitor_verdict *verdict)
{
        CLEANUP(buf_deinit) struct buf location = BUF_INIT;
        struct reason reason = REASON_INIT;
        char *scheme_end;

        monitor_verdict_all(verdict, count, MONITOR_AGAIN);
        verdict->failed = true;
        verdict->pause_ms = -1;
        reason_set(&verdict->reason, "it has moved, without saying to where");
        if (!http_answer_header(answer, "Location", &location))
                return;
        scheme_end = strstr(buf_text(&location), "://");
        if (!scheme_end)
                return;
        verdict->moved_to =
                mem_text_n(location.data, (size_t)(scheme_end - location.data) + strlen("://") +
                                                  strcspn(scheme_end + strlen("://"), "/?#"));
        if (insights_endpoint_check(verdict->moved_to, &reason))
                return;
        mem_cleanup(&verdict->moved_to);
        verdict->moved_to = NULL;
        reason_set(&verdict->reason, "it has moved to where nothing is sent: %.300s", reason.text);
}

static void read_refusal(const struct http_answer *answer, size_t count,
                         struct monitor_verdict *verdict)
{
        monitor_verdict_all(verdict, count, MONITOR_LOST);
        verdict->failed = true;
        reason_set(&verdict->reason, "answered %d: %.*s", answer->status,
                   utf8_cut(buf_text(&answer->body), 200), buf_text(&answer->body));
        verdict->stop = answer->status == 400 &&
                        strcasestr(buf_text(&answer->body), "invalid instrumentation key");
}

void insights_answer_wait(const struct http_answer *answer, size_t count, int64_t wall_ms,
                          struct monitor_verdict *verdict)
{
        monitor_verdict_all(verdict, count, MONITOR_AGAIN);
        verdict->failed = true;
        verdict->pause_ms = asked_wait(answer, wall_ms, -1);
        if (answer->failure != HTTP_OK)
                verdict->reason = answer->reason;
        else
                reason_set(&verdict->reason, "answered %d", answer->status);
}

void insights_answer_read(const struct http_answer *answer, size_t count, int64_t wall_ms,
                          struct monitor_verdict *verdict)
{
        switch (answer->failure == HTTP_OK ? answer->status : 0) {
        case 200:
                return;
        case 206:
                read_partial(answer, count, wall_ms, verdict);
                return;
        case 307:
        case 308:
                read_move(answer, count, verdict);
                return;
        case 402:
        case 439:
                monitor_verdict_all(verdict, count, MONITOR_LOST);
                verdict->failed = true;
                verdict->pause_ms = asked_wait(answer, wall_ms, HOUR_MS);
                reason_set(&verdict->reason, "answered %d: the quota of the day is used up",
                           answer->status);
                return;
        case 0:
        case 401:
        case 403:
        case 408:
        case 429:
        case 500:
        case 502:
        case 503:
        case 504:
                insights_answer_wait(answer, count, wall_ms, verdict);
                return;
        default:
                read_refusal(answer, count, verdict);
                return;
        }
}
