// SPDX-License-Identifier: MIT
#include "azure/dps/dps_answer.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "azure/device_id.h"
#include "azure/endpoint.h"
#include "azure/names.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/utf8.h"

/* A custom allocation's payload may be nested; nothing else is. */
#define DEPTH_MAX 32

/* Operation ids have about 50 characters. */
#define OPERATION_ID_MAX 512
#define MESSAGE_MAX      300

void dps_answer_deinit(struct dps_answer *answer)
{
        free(answer->operation_id);
        free(answer->assigned_hub);
        free(answer->device_id);
        free(answer->message);
        free(answer->tracking_id);
        *answer = DPS_ANSWER_INIT;
}

static bool take_status(struct dps_answer *answer, const char *name)
{
        static const struct {
                const char *name;
                enum dps_answer_status status;
        } rows[] = {
                {AZURE_DPS_UNASSIGNED, DPS_ANSWER_ASSIGNING},
                {AZURE_DPS_ASSIGNING, DPS_ANSWER_ASSIGNING},
                {AZURE_DPS_ASSIGNED, DPS_ANSWER_ASSIGNED},
                {AZURE_DPS_FAILED, DPS_ANSWER_FAILED},
                {AZURE_DPS_DISABLED, DPS_ANSWER_DISABLED},
        };

        if (!name)
                return true;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (text_equal_nocase(rows[i].name, name)) {
                        answer->status = rows[i].status;
                        return true;
                }
        }
        return false;
}

/* One line that can't disturb a terminal or a log; cut at a character. */
static char *copy_message(const char *text)
{
        CLEANUP(buf_deinit) struct buf line = BUF_INIT;
        size_t size = text ? strlen(text) : 0;
        size_t at = 0;

        while (at < size && line.size < MESSAGE_MAX) {
                size_t length = utf8_length(text + at, size - at);
                bool printable = length > 1 || (length == 1 && text[at] >= ' ' && text[at] != 0x7f);

                if (printable)
                        buf_add(&line, text + at, length);
                else
                        buf_add_char(&line, ' ');
                at += length > 0 ? length : 1;
        }
        return line.size > 0 ? buf_take(&line) : NULL;
}

static int code_member(struct json_object *object, const char *name)
{
        int64_t code;

        if (!json_int_member(object, name, &code) || code < 0 || code > INT_MAX)
                return 0;
        return (int)code;
}

static void take_state(struct dps_answer *answer, struct json_object *state)
{
        const char *hub = json_text_member(state, "assignedHub");
        const char *device_id = json_text_member(state, "deviceId");
        struct endpoint endpoint;

        if (hub && endpoint_parse(hub, AZURE_AMQP_PORT, &endpoint, NULL))
                answer->assigned_hub = mem_text(hub);
        if (device_id && device_id_is_valid(device_id, NULL))
                answer->device_id = mem_text(device_id);
}

/* An error stands at the top, or in the state of a registration that failed. */
static void take_error(struct dps_answer *answer, struct json_object *document,
                       struct json_object *state)
{
        const char *message = json_text_member(document, "message");
        const char *tracking_id = json_text_member(document, "trackingId");

        answer->error_code = code_member(document, "errorCode");
        if (answer->error_code == 0)
                answer->error_code = code_member(state, "errorCode");
        answer->message = copy_message(message ? message : json_text_member(state, "errorMessage"));
        /* A UUID; nothing that could disturb a terminal. */
        if (tracking_id && device_id_is_valid(tracking_id, NULL))
                answer->tracking_id = mem_text(tracking_id);
}

static bool is_usable(const struct dps_answer *answer, struct json_object *document,
                      struct reason *reason)
{
        if (answer->status == DPS_ANSWER_ASSIGNED &&
            (!answer->assigned_hub || !answer->device_id)) {
                reason_set(reason, "the answer says \"assigned\" without a usable assignedHub and "
                                   "deviceId");
                return false;
        }
        if (answer->status == DPS_ANSWER_ASSIGNING && json_member(document, "operationId") &&
            !answer->operation_id) {
                reason_set(reason, "the answer's operationId is no text, empty or too long");
                return false;
        }
        return true;
}

bool dps_answer_parse(struct dps_answer *answer, const char *body, size_t size,
                      struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *document = NULL;
        struct json_object *state;
        const char *operation_id;
        const char *status;

        *answer = DPS_ANSWER_INIT;
        document = json_parse_foreign(body ? body : "", size, DEPTH_MAX, JSON_VALUES_USUAL, reason);
        if (!document) {
                reason_prefix(reason, "the answer");
                return false;
        }
        if (!json_object_is_type(document, json_type_object)) {
                reason_set(reason, "the answer is no JSON object");
                return false;
        }
        operation_id = json_text_member(document, "operationId");
        state = json_object_member(document, "registrationState");
        status = json_text_member(document, "status");
        if (!take_status(answer, status ? status : json_text_member(state, "status"))) {
                reason_set(reason, "the answer has a status that is not known");
                return false;
        }
        if (!text_is_empty(operation_id) && strlen(operation_id) <= OPERATION_ID_MAX)
                answer->operation_id = mem_text(operation_id);
        take_state(answer, state);
        take_error(answer, document, state);
        return is_usable(answer, document, reason);
}
