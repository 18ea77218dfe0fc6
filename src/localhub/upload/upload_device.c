// SPDX-License-Identifier: MIT
/* Devices begin and end uploads; services are told. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/messages/command_queue.h"
#include "localhub/rest/rest_call.h"
#include "localhub/upload/upload_inside.h"

#define JSON_DEPTH 16

/* --- uploads under way ----------------------------------------------------------------------- */

void upload_free(struct upload *upload)
{
        free(upload->blob_name);
        free(upload);
}

void upload_drop(struct uploads *uploads, struct upload *upload)
{
        list_remove(&uploads->pending, &upload->node);
        upload_free(upload);
}

static struct upload *find(struct uploads *uploads, const struct https_call *call, const char *id)
{
        list_for_each (node, &uploads->pending) {
                struct upload *upload = list_entry(node, struct upload, node);

                if (text_equal_nocase(upload->id, id) && upload->hub == call->device.hub &&
                    strcmp(upload->device_id, call->device.id) == 0)
                        return upload;
        }
        return NULL;
}

/* Forgets those whose time is over; says how many the device has. */
static size_t clean(struct uploads *uploads, const struct https_call *call)
{
        int64_t now_s = clock_wall_ms() / 1000;
        size_t own = 0;

        list_for_each_safe (node, &uploads->pending) {
                struct upload *upload = list_entry(node, struct upload, node);

                if (atomic_load(&upload->until_s) <= now_s)
                        upload_drop(uploads, upload);
                else if (upload->hub == call->device.hub &&
                         strcmp(upload->device_id, call->device.id) == 0)
                        own++;
        }
        return own;
}

static struct upload *upload_new(struct uploads *uploads, const struct https_call *call,
                                 const char *name)
{
        struct upload *upload = mem_new(1, sizeof(*upload));

        crypto_uuid4(upload->id);
        upload->hub = call->device.hub;
        memcpy(upload->device_id, call->device.id, sizeof(upload->device_id));
        upload->blob_name = mem_format("%s/%s", call->device.id, name);
        atomic_init(&upload->until_s, clock_wall_ms() / 1000 + UPLOAD_LIFE_S);
        list_push_back(&uploads->pending, &upload->node);
        return upload;
}

/* --- beginning ------------------------------------------------------------------------------- */

/* What the device has called this machine, with the port of HTTPS. */
static void add_host(const struct https_call *call, struct buf *out)
{
        const char *host = http_exchange_header(call->exchange, "Host");
        struct registry_hub hub;

        if (text_is_empty(host))
                host = "localhost";
        buf_add(out, host, strcspn(host, ":"));
        if (registry_hub_get(call->registry, call->device.hub, &hub) &&
            hub.other_ports[REGISTRY_PORT_HTTPS] != 443)
                buf_add_format(out, ":%u", hub.other_ports[REGISTRY_PORT_HTTPS]);
}

/* `/CONTAINER/DEVICE/NAME` */
static char *path_of(const struct https_call *call, const struct upload *upload)
{
        return mem_format("/" UPLOAD_CONTAINER "%s/%s", call->hub_id, upload->blob_name);
}

/* Clients put `https://`, the host, the container and the blob together: an endpoint's own path
 * goes before the container, since some look up what is called the host. */
static void add_place(const struct uploads *uploads, const struct https_call *call,
                      struct json_object *answer)
{
        CLEANUP(buf_deinit) struct buf host = BUF_INIT;
        CLEANUP(buf_deinit) struct buf container = BUF_INIT;
        const char *endpoint = uploads->endpoint ? strstr(uploads->endpoint, "://") + 3 : NULL;
        const char *slash = endpoint ? strchr(endpoint, '/') : NULL;

        if (slash)
                buf_add_format(&container, "%s/", slash + 1);
        buf_add_format(&container, UPLOAD_CONTAINER "%s", call->hub_id);
        if (endpoint)
                buf_add(&host, endpoint, strcspn(endpoint, "/"));
        else
                add_host(call, &host);
        json_add_text(answer, "hostName", buf_text(&host));
        json_add_text(answer, "containerName", buf_text(&container));
}

static void answer_place(struct uploads *uploads, struct https_call *call, struct upload *upload)
{
        struct json_object *answer = json_object_new_object();
        CLEANUP(mem_cleanup) char *path = path_of(call, upload);
        CLEANUP(buf_deinit) struct buf token = BUF_INIT;

        upload_token_write(uploads, path, atomic_load(&upload->until_s), &token);
        json_add_text(answer, "correlationId", upload->id);
        add_place(uploads, call, answer);
        json_add_text(answer, "blobName", upload->blob_name);
        json_add_text(answer, "sasToken", buf_text(&token));
        if (uploads->endpoint)
                upload_account_open(uploads, upload, call->exchange, answer);
        else
                rest_answer(call->exchange, 200, answer);
}

static void begin(struct uploads *uploads, struct https_call *call, struct json_object *body)
{
        const char *name = json_text_member(body, "blobName");

        if (text_is_empty(name) || strlen(name) > UPLOAD_BLOB_NAME_MAX)
                rest_fail(call->exchange, REST_ARGUMENT_INVALID,
                          "'blobName' must have 1 to %d characters", UPLOAD_BLOB_NAME_MAX);
        else if (clean(uploads, call) >= UPLOADS_OF_DEVICE_MAX ||
                 uploads->pending.count >= UPLOADS_MAX)
                rest_fail(call->exchange, REST_TOO_MANY_UPLOADS,
                          "a device has at most %d uploads under way", UPLOADS_OF_DEVICE_MAX);
        else
                answer_place(uploads, call, upload_new(uploads, call, name));
}

/* --- ending ---------------------------------------------------------------------------------- */

void upload_tell(struct uploads *uploads, const struct upload *upload,
                 const struct blob_facts *facts)
{
        CLEANUP(json_cleanup) struct json_object *told = json_object_new_object();
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        char message_id[LOCAL_HUB_MESSAGE_ID_SIZE];
        struct reason reason = REASON_INIT;
        struct local_hub_command command = {.content_type = "application/json",
                                            .content_encoding = "utf-8"};

        json_add_text(told, "deviceId", upload->device_id);
        json_add_text(told, "blobUri", facts->uri);
        json_add_text(told, "blobName", upload->blob_name);
        rest_add_time(told, "lastUpdatedTime", facts->changed_ms);
        json_add_int(told, "blobSizeInBytes", facts->size);
        rest_add_time(told, "enqueuedTimeUtc", clock_wall_ms());
        json_write(&body, told);
        command.body = body.data;
        command.body_size = body.size;
        if (command_queue_send(local_hub_commands(uploads->hub), upload->hub,
                               COMMAND_FILE_NOTIFICATIONS, "", &command, clock_steady_ms(),
                               message_id, &reason) == 0)
                local_hub_commands_changed(uploads->hub, upload->hub, COMMAND_FILE_NOTIFICATIONS);
        else
                log_info("HUB_UPLOAD_UNTOLD", "Services are not told of an upload",
                         LOG_TEXT("device", upload->device_id), LOG_TEXT("reason", reason.text),
                         LOG_END);
}

/* Nothing is told of a file that is not there. */
static void tell_of_file(struct uploads *uploads, const struct https_call *call,
                         const struct upload *upload)
{
        struct blob_place place = {.name = upload->blob_name + strlen(call->device.id) + 1};
        CLEANUP(mem_cleanup) char *path = path_of(call, upload);
        CLEANUP(buf_deinit) struct buf uri = BUF_INIT;
        struct blob_facts facts = {.uri = NULL};

        memcpy(place.hub_id, call->hub_id, sizeof(place.hub_id));
        memcpy(place.device_id, call->device.id, sizeof(place.device_id));
        if (upload_store_get(uploads, &place, NULL, &facts.size, &facts.changed_ms) != 0)
                return;
        buf_add_text(&uri, "https://");
        add_host(call, &uri);
        buf_add_text(&uri, path);
        facts.uri = buf_text(&uri);
        upload_tell(uploads, upload, &facts);
}

/* The upload is over, and not in the list any more. */
static void tell(struct uploads *uploads, const struct https_call *call, struct upload *upload)
{
        CLEANUP(mem_cleanup) char *path = path_of(call, upload);

        if (uploads->endpoint) {
                upload_account_look(uploads, upload, path);
                return;
        }
        tell_of_file(uploads, call, upload);
        upload_free(upload);
}

static void end(struct uploads *uploads, struct https_call *call, struct json_object *body)
{
        const char *id =
                call->arguments[1] ? call->arguments[1] : json_text_member(body, "correlationId");
        struct upload *upload = id ? find(uploads, call, id) : NULL;

        if (!upload) {
                rest_fail(call->exchange, REST_NOT_FOUND, "there is no such upload of device '%s'",
                          call->device.id);
                return;
        }
        list_remove(&uploads->pending, &upload->node);
        if (json_bool_member(body, "isSuccess", false))
                tell(uploads, call, upload);
        else
                upload_free(upload);
        https_answer_nothing(call);
}

/* --- requests -------------------------------------------------------------------------------- */

static const struct {
        const char *pattern;
        void (*handle)(struct uploads *uploads, struct https_call *call, struct json_object *body);
} routes[] = {
        {"devices/*/files", begin},
        {"devices/*/files/notifications", end},
        {"devices/*/files/notifications/*", end},
};

static void handle(struct uploads *uploads, struct https_call *call, size_t route)
{
        const struct buf *text = http_exchange_body(call->exchange);
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *body =
                json_parse_foreign(text->data, text->size, JSON_DEPTH, JSON_VALUES_USUAL, &reason);

        if (json_object_is_type(body, json_type_object))
                routes[route].handle(uploads, call, body);
        else
                rest_fail(call->exchange, REST_ARGUMENT_INVALID, "the body must be a JSON object");
}

bool upload_device_handle(struct uploads *uploads, struct http_exchange *exchange)
{
        struct https_call call = {
                .hub = uploads->hub,
                .registry = local_hub_registry(uploads->hub),
                .exchange = exchange,
        };

        for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
                call.arguments[1] = NULL;
                if (!http_route_fits(exchange, routes[i].pattern, call.arguments) ||
                    strcmp(http_exchange_method(exchange), "POST") != 0)
                        continue;
                if (https_authorize(&call))
                        handle(uploads, &call, i);
                mem_wipe(&call.device, sizeof(call.device));
                return true;
        }
        return false;
}
