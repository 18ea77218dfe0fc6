// SPDX-License-Identifier: MIT
/* Control API: cloud-to-device messages and direct methods. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/control/control_call.h"

#define PROPERTIES_MAX 100
#define LISTED_MAX     100 /* a queue holds 50 */
#define METHOD_SECONDS 300

struct failure {
        int status;
        const char *code;
        const char *message;
};

/* --- sending --------------------------------------------------------------------------------- */

/* A message to send, with what its texts live in. */
struct sending {
        struct local_hub_command command;
        struct property properties[PROPERTIES_MAX];
        struct buf body;
};

static bool read_body(struct service_call *call, struct buf *body)
{
        struct json_object *json = json_member(call->body, "body");
        const char *text = NULL;
        const char *base64 = NULL;

        if (!control_body_text(call, "bodyText", &text) ||
            !control_body_text(call, "bodyBase64", &base64))
                return false;
        if ((json != NULL) + (text != NULL) + (base64 != NULL) > 1) {
                control_fail(call, 400, "BadBody",
                             "only one of 'body', 'bodyText' and 'bodyBase64' may be given");
                return false;
        }
        if (json)
                json_write(body, json);
        if (text)
                buf_add_text(body, text);
        if (base64 && !crypto_base64_decode(body, base64, strlen(base64))) {
                control_fail(call, 400, "BadBody", "'bodyBase64' is not base64");
                return false;
        }
        return true;
}

static bool read_properties(struct service_call *call, struct sending *sending)
{
        struct json_object *properties = json_member(call->body, "properties");

        if (!properties)
                return true;
        if (!json_object_is_type(properties, json_type_object) ||
            json_object_object_length(properties) > PROPERTIES_MAX) {
                control_fail(call, 400, "BadBody",
                             "'properties' must be an object of at most %d texts", PROPERTIES_MAX);
                return false;
        }
        json_object_object_foreach (properties, name, value) {
                if (!json_object_is_type(value, json_type_string)) {
                        control_fail(call, 400, "BadBody", "the property '%s' must be a text",
                                     name);
                        return false;
                }
                sending->properties[sending->command.property_count++] = (struct property){
                        .name = name,
                        .value = json_object_get_string(value),
                };
        }
        sending->command.properties = sending->properties;
        return true;
}

static bool read_ack(struct service_call *call, enum local_hub_ack *ack)
{
        const char *name = NULL;

        if (!control_body_text(call, "ack", &name))
                return false;
        for (size_t i = 0; i < LOCAL_HUB_ACK_COUNT; i++) {
                if (!name || strcmp(name, local_hub_ack_names[i]) == 0) {
                        *ack = (enum local_hub_ack)i;
                        return true;
                }
        }
        control_fail(call, 400, "BadBody", "'ack' must be none, positive, negative or full");
        return false;
}

static bool read_expiry(struct service_call *call, int64_t *expires_ms)
{
        int64_t seconds = 0;

        if (!control_body_number(call, "expiresInSeconds", 1, CONTROL_SECONDS_MAX, &seconds))
                return false;
        if (seconds > 0)
                *expires_ms = clock_wall_ms() + seconds * 1000;
        return true;
}

static bool read_sending(struct service_call *call, struct sending *sending)
{
        static const char *const names[] = {
                "body",      "bodyText",         "bodyBase64",  "properties",
                "messageId", "correlationId",    "contentType", "contentEncoding",
                "userId",    "expiresInSeconds", "ack",         NULL};
        struct local_hub_command *command = &sending->command;

        return control_body_only(call, names) && read_body(call, &sending->body) &&
               read_properties(call, sending) && read_ack(call, &command->ack) &&
               read_expiry(call, &command->expires_ms) &&
               control_body_text(call, "messageId", &command->message_id) &&
               control_body_text(call, "correlationId", &command->correlation_id) &&
               control_body_text(call, "contentType", &command->content_type) &&
               control_body_text(call, "contentEncoding", &command->content_encoding) &&
               control_body_text(call, "userId", &command->user_id);
}

static void answer_sent(struct service_call *call, const char *message_id)
{
        struct json_object *answer = json_object_new_object();

        json_add_text(answer, "messageId", message_id);
        json_add_text(answer, "deviceId", call->arguments[0]);
        control_add_hub(answer, call->registry, call->hub_index);
        control_answer(call, 201, answer);
}

static void send_message(struct service_call *call, struct sending *sending)
{
        static const struct failure failures[] = {
                [LOCAL_HUB_E_NO_DEVICE] = {404, "DeviceNotFound", "the device is gone"},
                [LOCAL_HUB_E_QUEUE_FULL] = {403, "DeviceMaximumQueueDepthExceeded",
                                            "50 messages wait for this device already"},
                [LOCAL_HUB_E_TOO_LARGE] = {413, "MessageTooLarge",
                                           "a message to a device has at most 64 KB"},
                [LOCAL_HUB_E_INVALID] = {0, NULL, NULL}, /* the reason says it */
        };
        char message_id[LOCAL_HUB_MESSAGE_ID_SIZE];
        struct reason reason = REASON_INIT;
        int r;

        sending->command.body = buf_text(&sending->body);
        sending->command.body_size = sending->body.size;
        r = local_hub_send_command(call->hub, call->hub_index, call->arguments[0],
                                   &sending->command, message_id, &reason);
        if (r == 0)
                answer_sent(call, message_id);
        else if (failures[r].status)
                control_fail(call, failures[r].status, failures[r].code, "%s", failures[r].message);
        else
                control_fail(call, 400, "BadMessage", "%s", reason.text);
}

void control_message_send(struct service_call *call)
{
        struct sending *sending = mem_new(1, sizeof(*sending));

        if (control_find_device(call) && read_sending(call, sending))
                send_message(call, sending);
        buf_deinit(&sending->body);
        free(sending);
}

/* --- states ---------------------------------------------------------------------------------- */

static struct json_object *status_entry(const struct local_hub_command_status *status)
{
        struct json_object *entry = json_object_new_object();

        json_add_text(entry, "messageId", status->message_id);
        json_add_text(entry, "deviceId", status->device_id);
        json_add_text(entry, "state", local_hub_command_state_name(status->state));
        json_add_int(entry, "sequenceNumber", (int64_t)status->sequence_number);
        json_add_int(entry, "deliveries", status->deliveries);
        json_add_int(entry, "abandoned", status->abandoned);
        json_add_int(entry, "locksLost", status->locks_lost);
        control_add_time(entry, "enqueuedTimeUtc", status->enqueued_ms);
        control_add_time(entry, "expiryTimeUtc", status->expires_ms);
        control_add_time(entry, "settledTimeUtc", status->settled_ms);
        return entry;
}

void control_message_list(struct service_call *call)
{
        struct local_hub_command_status list[LISTED_MAX];
        struct json_object *array;
        size_t count;

        if (!control_find_device(call))
                return;
        count = command_queue_list(local_hub_commands(call->hub), call->hub_index,
                                   call->arguments[0], list, LISTED_MAX);
        array = json_object_new_array();
        for (size_t i = 0; i < count && i < LISTED_MAX; i++)
                json_object_array_add(array, status_entry(&list[i]));
        control_answer_list(call, "messages", array);
}

void control_message_state(struct service_call *call)
{
        struct local_hub_command_status status;

        if (!control_find_device(call))
                return;
        if (command_queue_status(local_hub_commands(call->hub), call->hub_index, call->arguments[0],
                                 call->arguments[1], &status))
                control_answer(call, 200, status_entry(&status));
        else
                control_fail(call, 404, "MessageNotFound", "no message '%s' is known",
                             call->arguments[1]);
}

void control_message_purge(struct service_call *call)
{
        struct json_object *answer;

        if (!control_find_device(call))
                return;
        answer = json_object_new_object();
        json_add_int(answer, "purged",
                     (int64_t)command_queue_purge(local_hub_commands(call->hub), call->hub_index,
                                                  call->arguments[0]));
        control_answer(call, 200, answer);
}

/* --- direct methods -------------------------------------------------------------------------- */

/* On the thread "hub-devices". */
static void method_done(void *context, enum local_hub_method_result result, int status,
                        const void *payload, size_t payload_size)
{
        static const struct failure failures[] = {
                [LOCAL_HUB_METHOD_NO_DEVICE] = {404, "DeviceNotFound", "the device is gone"},
                [LOCAL_HUB_METHOD_OFFLINE] = {404, "DeviceNotOnline",
                                              "the device does not listen for direct methods"},
                [LOCAL_HUB_METHOD_TIMEOUT] = {504, "GatewayTimeout",
                                              "the device did not answer in time"},
                [LOCAL_HUB_METHOD_LOST] = {502, "ConnectionLost",
                                           "the device's connection ended before its answer"},
        };
        struct service_call call = {.exchange = context};

        if (result == LOCAL_HUB_METHOD_ANSWERED)
                control_answer(&call, 200, service_method_answer(status, payload, payload_size));
        else
                control_fail(&call, failures[result].status, failures[result].code, "%s",
                             failures[result].message);
}

void control_method_invoke(struct service_call *call)
{
        static const char *const names[] = {"payload", "responseTimeoutSeconds",
                                            "connectTimeoutSeconds", NULL};
        int64_t response_s = 0;
        int64_t connect_s = 0;

        if (!control_body_only(call, names) || !control_find_device(call) ||
            !control_body_number(call, "responseTimeoutSeconds", 1, METHOD_SECONDS, &response_s) ||
            !control_body_number(call, "connectTimeoutSeconds", 0, METHOD_SECONDS, &connect_s))
                return;
        if (!service_invoke(call, call->arguments[0],
                            (struct local_hub_method){
                                    .name = call->arguments[1],
                                    .response_timeout_ms = response_s * 1000,
                                    .connect_timeout_ms = connect_s * 1000,
                            },
                            json_member(call->body, "payload"), method_done))
                control_fail(call, 413, "PayloadTooLarge", "a method's payload has at most 128 KB");
}
