// SPDX-License-Identifier: MIT
/* Downlinks through The Things Stack's Application Server (its HTTP API, things-stack.md 3). */
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "networks/driver.h"
#include "networks/things_stack/things_stack.h"

#define ERROR_DEPTH   32
#define DETAILS_DEPTH 96

static const char *const priorities[] = {
        [DOWNLINK_LOWEST] = "LOWEST",
        [DOWNLINK_LOW] = "LOW",
        [DOWNLINK_BELOW_NORMAL] = "BELOW_NORMAL",
        [DOWNLINK_NORMAL] = "NORMAL",
        [DOWNLINK_ABOVE_NORMAL] = "ABOVE_NORMAL",
        [DOWNLINK_HIGH] = "HIGH",
        [DOWNLINK_HIGHEST] = "HIGHEST",
};

static void add_bearer(struct network_request *request, const struct network_access *access)
{
        request->authorization = mem_format("Bearer %s", access->api_key);
}

/* Adds ".../APP[/webhooks/WEBHOOK]/devices/DEV/down"; ids are escaped, never changed in case. */
static void add_device_url(struct buf *url, const struct downlink *downlink,
                           const struct network_access *access, bool through_webhook)
{
        driver_add_base_url(url, access->base_url);
        buf_add_char(url, '/');
        text_url_escape(url, downlink->application);
        if (through_webhook && !text_is_empty(access->webhook_id)) {
                buf_add_text(url, "/webhooks/");
                text_url_escape(url, access->webhook_id);
        }
        buf_add_text(url, "/devices/");
        text_url_escape(url, downlink->device);
        buf_add_text(url, "/down");
}

static int make_request(const struct downlink *downlink, const struct network_access *access,
                        struct network_request *request, struct reason *reason)
{
        struct buf url = BUF_INIT;
        struct buf *body = &request->body;

        (void)reason;
        add_device_url(&url, downlink, access, true);
        buf_add_text(&url, downlink->replace ? "/replace" : "/push");
        request->method = "POST";
        request->url = buf_take(&url);
        add_bearer(request, access);
        buf_add_format(body, "{\"downlinks\":[{\"f_port\":%u,", downlink->port);
        if (downlink->decoded && !downlink->payload) {
                buf_add_format(body, "\"decoded_payload\":%s,", downlink->decoded);
        } else {
                buf_add_text(body, "\"frm_payload\":");
                buf_add_json_string(body, downlink->payload ? downlink->payload : "",
                                    downlink->payload ? strlen(downlink->payload) : 0);
                buf_add_char(body, ',');
        }
        buf_add_format(body,
                       "\"confirmed\":%s,\"priority\":\"%s\",\"correlation_ids\":[\"%s%s\"]}]}",
                       downlink->confirmed ? "true" : "false", priorities[downlink->priority],
                       DOWNLINK_CORRELATION_PREFIX, downlink->reference);
        return 0;
}

/* The name of an error document: "device_not_found"; NULL if it has none. */
static const char *error_name(struct json_object *error)
{
        struct json_object *details = json_member(error, "details");

        if (!json_object_is_type(details, json_type_array) ||
            json_object_array_length(details) == 0)
                return NULL;
        return json_text_member(json_object_array_get_idx(details, 0), "name");
}

static void explain(int status, struct json_object *error, struct reason *reason)
{
        const char *message = json_text_member(error, "message");
        const char *name = error_name(error);

        reason_set(reason, "The Things Stack answered %d%s%s%s%s", status, name ? " " : "",
                   name ? name : "", message ? ": " : "", message ? message : "");
}

void things_stack_explain(int status, const char *body, size_t size, struct reason *reason)
{
        CLEANUP(json_cleanup)
        struct json_object *error =
                json_parse_foreign(body, size, ERROR_DEPTH, JSON_VALUES_USUAL, NULL);

        explain(status, error, reason);
}

/* The device joins later; the webhook is one of the settings. */
static bool may_change(const char *name)
{
        return text_equal(name, "no_device_session") || text_equal(name, "webhook_not_found");
}

static enum downlink_answer judge_answer(int status, const char *body, size_t size,
                                         struct reason *reason)
{
        enum downlink_answer answer = downlink_answer_of(status);
        CLEANUP(json_cleanup) struct json_object *error = NULL;

        if (answer == DOWNLINK_TAKEN)
                return answer;
        error = json_parse_foreign(body, size, ERROR_DEPTH, JSON_VALUES_USUAL, NULL);
        explain(status, error, reason);
        if (answer == DOWNLINK_REFUSED && may_change(error_name(error)))
                return DOWNLINK_LATER;
        return answer;
}

static void make_list_request(const struct downlink *downlink, const struct network_access *access,
                              struct network_request *request)
{
        struct buf url = BUF_INIT;

        add_device_url(&url, downlink, access, false);
        request->method = "GET";
        request->url = buf_take(&url);
        add_bearer(request, access);
}

static bool holds_reference(struct json_object *downlink, const char *reference)
{
        struct json_object *ids = json_member(downlink, "correlation_ids");

        if (!json_object_is_type(ids, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(ids); i++) {
                const char *id = json_object_get_string(json_object_array_get_idx(ids, i));
                const char *own = id ? downlink_reference(id) : NULL;

                if (own && strcmp(own, reference) == 0)
                        return true;
        }
        return false;
}

static enum downlink_listed find_listed(const struct downlink *downlink, const char *body,
                                        size_t size, char own_id[CRYPTO_UUID_SIZE])
{
        CLEANUP(json_cleanup)
        struct json_object *list =
                json_parse_foreign(body, size, ERROR_DEPTH, NETWORK_PAGE_VALUES, NULL);
        struct json_object *downlinks = json_member(list, "downlinks");

        (void)own_id;
        if (!json_object_is_type(list, json_type_object))
                return DOWNLINK_NO_LIST;
        if (!json_object_is_type(downlinks, json_type_array))
                return downlinks ? DOWNLINK_NO_LIST : DOWNLINK_NOT_LISTED;
        for (size_t i = 0; i < json_object_array_length(downlinks); i++) {
                if (holds_reference(json_object_array_get_idx(downlinks, i), downlink->reference))
                        return DOWNLINK_LISTED;
        }
        return DOWNLINK_NOT_LISTED;
}

/* --- what events tell ----------------------------------------------------------------------- */

static void read_references(struct json_object *details, struct downlink_fate *fate)
{
        struct json_object *ids = json_member(details, "correlation_ids");

        if (!json_object_is_type(ids, json_type_array))
                return;
        for (size_t i = 0; i < json_object_array_length(ids); i++) {
                const char *id = json_object_get_string(json_object_array_get_idx(ids, i));
                const char *reference = id ? downlink_reference(id) : NULL;

                if (reference && fate->count < DOWNLINK_FATES_MAX)
                        memcpy(fate->references[fate->count++], reference, CRYPTO_UUID_SIZE);
        }
}

/*
 * Would another attempt meet it too? The gRPC codes that speak of the downlink or of its device:
 * invalid argument, not found, failed precondition (the network's own tries have ended too), out of
 * range, unimplemented. Everything else may pass, and a device that has not joined may yet.
 */
static bool is_permanent(int64_t code, const char *name)
{
        static const int64_t codes[] = {3, 5, 9, 11, 12};

        for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
                if (codes[i] == code)
                        return !text_equal(name, "no_device_session");
        }
        return false;
}

static void read_failure(struct json_object *details, struct downlink_fate *fate)
{
        struct json_object *error = json_object_member(details, "error");
        const char *name = json_text_member(error, "name");
        int64_t code = 0;

        json_int_member(error, "code", &code);
        fate->news = is_permanent(code, name) ? DOWNLINK_NEWS_REFUSED : DOWNLINK_NEWS_FAILED;
        reason_set(&fate->reason, "the network could not deliver it: %s",
                   name ? name : "no reason");
}

static void read_fate(const struct event *event, struct downlink_fate *fate)
{
        static const enum downlink_news news[EVENT_KIND_COUNT] = {
                [EVENT_DOWNLINK_QUEUED] = DOWNLINK_NEWS_QUEUED,
                [EVENT_DOWNLINK_SENT] = DOWNLINK_NEWS_SENT,
                [EVENT_DOWNLINK_ACK] = DOWNLINK_NEWS_ACKNOWLEDGED,
                [EVENT_DOWNLINK_NACK] = DOWNLINK_NEWS_REQUEUED,
        };
        CLEANUP(json_cleanup) struct json_object *details = NULL;

        *fate = (struct downlink_fate){.news = news[event->kind], .reason = REASON_INIT};
        if (event->details)
                details = json_parse(event->details, strlen(event->details), DETAILS_DEPTH,
                                     JSON_STRICT, NULL);
        read_references(details, fate);
        if (event->kind == EVENT_DOWNLINK_FAILED)
                read_failure(details, fate);
}

static const char *const public_hosts[] = {".cloud.thethings.network",
                                           ".cloud.thethings.industries"};

const struct downlink_driver things_stack_downlink = {
        .has_ports = true,
        .has_priorities = true,
        .encodes = true,
        .request = make_request,
        .answer = judge_answer,
        .list_request = make_list_request,
        .is_listed = find_listed,
        .fate = read_fate,
        .way = things_stack_route,
        .public_hosts = {public_hosts, ARRAY_SIZE(public_hosts)},
};
