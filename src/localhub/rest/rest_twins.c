// SPDX-License-Identifier: MIT
/* The service's REST API: twins, the query for all of them, direct methods. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/rest/rest_call.h"

#define METADATA_DEPTH 24
#define TIMEOUT_MAX_S  300

/* --- documents ------------------------------------------------------------------------------- */

/* Desired or reported properties with their `$metadata`. */
static struct json_object *with_metadata(struct service_call *call, const char *device_id,
                                         enum registry_section section)
{
        struct json_object *properties = service_twin_section(call, device_id, section);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct reason ignored = REASON_INIT;

        if (properties &&
            registry_twin_metadata(call->registry, call->hub_index, device_id, section, &text))
                json_object_object_add(properties, "$metadata",
                                       json_parse(buf_text(&text), text.size, METADATA_DEPTH,
                                                  JSON_STRICT, &ignored));
        return properties;
}

struct json_object *rest_twin_document(struct service_call *call,
                                       const struct registry_device *device)
{
        struct json_object *document = json_object_new_object();
        struct json_object *properties = json_object_new_object();

        rest_add_device_state(document, call, device);
        json_add_text(document, "deviceEtag", device->etag);
        json_add_int(document, "version", device->twin_version);
        rest_add_time(document, "statusUpdateTime", device->status_updated_ms);
        json_add_text(document, "authenticationType",
                      registry_authentication_names[device->authentication]);
        rest_add_thumbprints(document, device);
        json_object_object_add(document, "modelId", json_object_new_string(device->model_id));
        json_object_object_add(document, "tags",
                               service_twin_section(call, device->id, REGISTRY_TAGS));
        json_object_object_add(properties, "desired",
                               with_metadata(call, device->id, REGISTRY_DESIRED));
        json_object_object_add(properties, "reported",
                               with_metadata(call, device->id, REGISTRY_REPORTED));
        json_object_object_add(document, "properties", properties);
        fleet_describe(rest_fleet_of(call), device->hub, device->id, document);
        return document;
}

void rest_twin_get(struct service_call *call)
{
        struct registry_device device;

        if (rest_find_device(call, &device))
                rest_answer_device(call, &device, rest_twin_document(call, &device));
}

/* --- changes --------------------------------------------------------------------------------- */

/* A member that is null clears its section. False if the call has been answered. */
static bool change_section(struct service_call *call, struct json_object *from, const char *name,
                           enum registry_section which, bool replace)
{
        CLEANUP(json_cleanup) struct json_object *empty = json_object_new_object();
        struct json_object *patch = NULL;
        struct reason reason = REASON_INIT;

        if (!json_object_is_type(from, json_type_object) ||
            !json_object_object_get_ex(from, name, &patch))
                return true;
        if (registry_twin_patch(call->registry, call->hub_index, call->arguments[0], which,
                                patch ? patch : empty, replace || !patch, NULL, &reason) == 0)
                return true;
        rest_fail(call->exchange, REST_ARGUMENT_INVALID, "%s", reason.text);
        return false;
}

/* What a service got with the twin and sends back is not its own to set. */
static void drop_metadata(struct json_object *desired)
{
        if (!desired)
                return;
        json_object_object_del(desired, "$metadata");
        json_object_object_del(desired, "$version");
}

/* PUT replaces, PATCH merges. */
void rest_twin_write(struct service_call *call)
{
        bool replace = strcmp(http_exchange_method(call->exchange), "PUT") == 0;
        struct json_object *properties = json_object_member(call->body, "properties");
        struct registry_device device;

        if (!rest_find_device(call, &device) || !rest_match(call, device.etag, NULL))
                return;
        drop_metadata(json_object_member(properties, "desired"));
        if (change_section(call, properties, "desired", REGISTRY_DESIRED, replace) &&
            change_section(call, call->body, "tags", REGISTRY_TAGS, replace))
                rest_twin_get(call);
}

/* --- direct methods -------------------------------------------------------------------------- */

/* Method errors are a JSON text inside of `Message`. */
static void fail_method(struct http_exchange *exchange, enum rest_error error, const char *message)
{
        CLEANUP(json_cleanup) struct json_object *inner = json_object_new_object();
        struct json_object *answer = json_object_new_object();
        char tracking_id[CRYPTO_UUID_SIZE];

        crypto_uuid4(tracking_id);
        json_add_int(inner, "errorCode", error);
        json_add_text(inner, "trackingId", tracking_id);
        json_add_text(inner, "message", message);
        rest_add_time(inner, "timestampUtc", clock_wall_ms());
        json_add_text(answer, "Message",
                      json_object_to_json_string_ext(inner, JSON_C_TO_STRING_PLAIN));
        json_object_object_add(answer, "ExceptionMessage", json_object_new_string(""));
        rest_answer(exchange, (int)error / 1000, answer);
}

void rest_fail_method(struct http_exchange *exchange, enum local_hub_method_result result)
{
        if (result == LOCAL_HUB_METHOD_NO_DEVICE)
                rest_fail(exchange, REST_DEVICE_NOT_FOUND, "there is no such device");
        else if (result == LOCAL_HUB_METHOD_TIMEOUT)
                fail_method(exchange, REST_GATEWAY_TIMEOUT,
                            "Timed out waiting for the response from device.");
        else
                fail_method(exchange, REST_DEVICE_NOT_ONLINE,
                            "The operation failed because the requested device isn't online.");
}

/* On the thread "hub-devices". */
static void method_done(void *context, enum local_hub_method_result result, int status,
                        const void *payload, size_t payload_size)
{
        struct http_exchange *exchange = context;

        if (result == LOCAL_HUB_METHOD_ANSWERED)
                rest_answer(exchange, 200, service_method_answer(status, payload, payload_size));
        else
                rest_fail_method(exchange, result);
}

static int64_t seconds(struct json_object *body, const char *name, int64_t fall_back)
{
        int64_t value = fall_back;

        if (!json_int_member(body, name, &value) || value < 0 || value > TIMEOUT_MAX_S)
                return fall_back;
        return value;
}

void rest_method_invoke(struct service_call *call)
{
        const char *name = json_text_member(call->body, "methodName");
        struct registry_device device;

        if (!rest_find_device(call, &device))
                return;
        if (text_is_empty(name))
                rest_fail(call->exchange, REST_ARGUMENT_INVALID, "'methodName' is missing");
        else if (!service_invoke(
                         call, device.id,
                         (struct local_hub_method){
                                 .name = name,
                                 .response_timeout_ms =
                                         seconds(call->body, "responseTimeoutInSeconds", 30) * 1000,
                                 .connect_timeout_ms =
                                         seconds(call->body, "connectTimeoutInSeconds", 0) * 1000,
                         },
                         json_member(call->body, "payload"), method_done))
                rest_fail(call->exchange, REST_PAYLOAD_TOO_LARGE,
                          "a method's payload has at most 128 KB");
}
