// SPDX-License-Identifier: MIT
#include "localhub/dps/dps_document.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json/json.h"

#define ID_HASH_BYTES 8
#define ID_PREFIX     (2 + 2 * ID_HASH_BYTES + 1) /* `5.`, the hex digits, `.` */

static void id_prefix(const char *registration_id, struct buf *out)
{
        CLEANUP(buf_deinit) struct buf lower = BUF_INIT;
        uint8_t digest[CRYPTO_SHA256_SIZE];

        for (const char *c = registration_id; *c; c++)
                buf_add_char(&lower, (char)tolower((unsigned char)*c));
        crypto_sha256(buf_text(&lower), lower.size, digest);
        buf_add_text(out, "5.");
        crypto_hex_encode(out, digest, ID_HASH_BYTES);
        buf_add_char(out, '.');
}

void dps_operation_id(const char *registration_id, char id[DPS_OPERATION_ID_SIZE])
{
        CLEANUP(buf_deinit) struct buf prefix = BUF_INIT;
        char uuid[CRYPTO_UUID_SIZE];

        id_prefix(registration_id, &prefix);
        crypto_uuid4(uuid);
        snprintf(id, DPS_OPERATION_ID_SIZE, "%s%s", buf_text(&prefix), uuid);
}

bool dps_operation_belongs(const char *id, const char *registration_id)
{
        CLEANUP(buf_deinit) struct buf prefix = BUF_INIT;

        id_prefix(registration_id, &prefix);
        return strlen(id) == DPS_OPERATION_ID_SIZE - 1 &&
               memcmp(id, buf_text(&prefix), ID_PREFIX) == 0 &&
               strspn(id + ID_PREFIX, "0123456789abcdef-") == CRYPTO_UUID_SIZE - 1;
}

void dps_document_add_time(struct json_object *object, const char *name, int64_t wall_ms)
{
        char text[CLOCK_TEXT_SIZE];

        clock_format_utc(text, wall_ms * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        json_add_text(object, name, text);
}

struct json_object *dps_document_assigning(const char *operation_id)
{
        struct json_object *document = json_object_new_object();

        json_add_text(document, "operationId", operation_id);
        json_add_text(document, "status", "assigning");
        return document;
}

static const char *const substatuses[] = {
        [REGISTRY_MOVE_NONE] = "initialAssignment",
        [REGISTRY_MOVE_DATA] = "deviceDataMigrated",
        [REGISTRY_MOVE_RESET] = "deviceDataReset",
};

static void add_assignment(struct json_object *state, const struct dps_verdict *verdict)
{
        const struct registry_registration *registration = verdict->registration;

        dps_document_add_time(state, "createdDateTimeUtc", registration->created_ms);
        /* "" of a hub that there is no more */
        json_object_object_add(state, "assignedHub",
                               json_object_new_string(registration->hub_address));
        json_add_text(state, "deviceId", registration->device_id);
        json_add_text(state, "substatus", substatuses[registration->move]);
        dps_document_add_time(state, "lastUpdatedDateTimeUtc", registration->updated_ms);
        json_add_text(state, "etag", registration->etag);
        if (verdict->with_group && registration->group[0]) {
                struct json_object *key = json_object_new_object();

                json_add_text(key, "enrollmentGroupId", registration->group);
                json_object_object_add(state, "symmetricKey", key);
        }
}

struct json_object *dps_document_state(const struct dps_verdict *verdict)
{
        struct json_object *state = json_object_new_object();

        json_add_text(state, "registrationId", verdict->registration_id);
        json_add_text(state, "status", verdict->status);
        if (verdict->registration)
                add_assignment(state, verdict);
        if (verdict->payload)
                json_object_object_add(state, "payload", json_object_get(verdict->payload));
        if (verdict->error_code) {
                json_add_int(state, "errorCode", verdict->error_code);
                json_add_text(state, "errorMessage", verdict->error_message);
        }
        return state;
}

struct json_object *dps_document_verdict(const char *operation_id,
                                         const struct dps_verdict *verdict)
{
        struct json_object *document = json_object_new_object();

        json_add_text(document, "operationId", operation_id);
        json_add_text(document, "status", verdict->status);
        json_object_object_add(document, "registrationState", dps_document_state(verdict));
        return document;
}

struct json_object *dps_document_error(int error_code, const char *message)
{
        struct json_object *document = json_object_new_object();
        char tracking_id[CRYPTO_UUID_SIZE];

        crypto_uuid4(tracking_id);
        json_add_int(document, "errorCode", error_code);
        json_add_text(document, "trackingId", tracking_id);
        json_add_text(document, "message", message);
        dps_document_add_time(document, "timestampUtc", clock_wall_ms());
        return document;
}
