// SPDX-License-Identifier: MIT
/* Control API: the provisioning service's enrolments and registrations. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "localhub/control/control_call.h"

#define PAGE 100

static const char *const kind_names[] = {
        [REGISTRY_GROUP] = "group",
        [REGISTRY_INDIVIDUAL] = "individual",
};

static struct json_object *enrolment_entry(const struct registry_enrolment *enrolment)
{
        struct json_object *entry = json_object_new_object();

        control_add_text(entry, "id", enrolment->id);
        control_add_text(entry, "kind", kind_names[enrolment->kind]);
        control_add_text(entry, "status", enrolment->enabled ? "enabled" : "disabled");
        control_add_text(entry, "primaryKey", enrolment->primary_key);
        control_add_text(entry, "secondaryKey", enrolment->secondary_key);
        if (enrolment->device_id[0])
                control_add_text(entry, "deviceId", enrolment->device_id);
        if (enrolment->hub_id[0])
                control_add_text(entry, "hub", enrolment->hub_id);
        control_add_time(entry, "createdTimeUtc", enrolment->created_ms);
        control_add_time(entry, "updatedTimeUtc", enrolment->updated_ms);
        return entry;
}

static void add_enrolments(struct registry *registry, enum registry_enrolment_kind kind,
                           struct json_object *list)
{
        struct registry_enrolment *page = mem_new(PAGE, sizeof(*page));
        uint64_t cursor = 0;
        size_t got;

        while ((got = registry_enrolment_list(registry, kind, &cursor, page, PAGE)) > 0 &&
               json_object_array_length(list) < CONTROL_LIST_MAX) {
                for (size_t i = 0; i < got; i++)
                        json_object_array_add(list, enrolment_entry(&page[i]));
        }
        free(page);
}

void control_enrolments(struct control_call *call)
{
        struct registry *registry = local_hub_registry(call->api->hub);
        struct json_object *answer = json_object_new_object();
        struct json_object *list = json_object_new_array();

        control_add_text(answer, "idScope", registry_id_scope(registry));
        add_enrolments(registry, REGISTRY_GROUP, list);
        add_enrolments(registry, REGISTRY_INDIVIDUAL, list);
        json_object_object_add(answer, "enrollments", list);
        control_answer(call, 200, answer);
}

/* The first argument of the path; false if it was answered. */
static bool argument_kind(struct control_call *call, enum registry_enrolment_kind *kind)
{
        for (size_t i = 0; i < ARRAY_SIZE(kind_names); i++) {
                if (strcmp(call->arguments[0], kind_names[i]) == 0) {
                        *kind = (enum registry_enrolment_kind)i;
                        return true;
                }
        }
        control_fail(call, 404, "NotFound", "enrollments are of kind 'group' or 'individual'");
        return false;
}

/* Copies a text of the body if it is there. */
static bool copy_text(struct control_call *call, const char *name, char *out, size_t size)
{
        const char *text = NULL;

        if (!control_body_text(call, name, &text))
                return false;
        if (!text)
                return true;
        if (strlen(text) < size) {
                memcpy(out, text, strlen(text) + 1);
                return true;
        }
        control_fail(call, 400, "BadBody", "'%s' has at most %zu characters", name, size - 1);
        return false;
}

static bool read_status(struct control_call *call, bool *enabled)
{
        const char *status = NULL;

        if (!control_body_text(call, "status", &status))
                return false;
        if (!status)
                return true;
        *enabled = strcmp(status, "enabled") == 0;
        if (*enabled || strcmp(status, "disabled") == 0)
                return true;
        control_fail(call, 400, "BadBody", "'status' must be 'enabled' or 'disabled'");
        return false;
}

static bool read_enrolment(struct control_call *call, struct registry_enrolment *enrolment)
{
        static const char *const names[] = {"primaryKey", "secondaryKey", "deviceId",
                                            "hub",        "status",       NULL};

        return control_body_only(call, names) &&
               copy_text(call, "primaryKey", enrolment->primary_key,
                         sizeof(enrolment->primary_key)) &&
               copy_text(call, "secondaryKey", enrolment->secondary_key,
                         sizeof(enrolment->secondary_key)) &&
               copy_text(call, "deviceId", enrolment->device_id, sizeof(enrolment->device_id)) &&
               copy_text(call, "hub", enrolment->hub_id, sizeof(enrolment->hub_id)) &&
               read_status(call, &enrolment->enabled);
}

void control_enrolment_put(struct control_call *call)
{
        struct registry *registry = local_hub_registry(call->api->hub);
        struct registry_enrolment enrolment = {.enabled = true};
        struct reason reason = REASON_INIT;
        enum registry_enrolment_kind kind;
        bool exists;

        if (!argument_kind(call, &kind))
                return;
        exists = registry_enrolment_get(registry, kind, call->arguments[1], &enrolment);
        enrolment.kind = kind;
        if (strlen(call->arguments[1]) >= sizeof(enrolment.id)) {
                control_fail(call, 400, "BadEnrollment", "the id has more than 128 characters");
                return;
        }
        snprintf(enrolment.id, sizeof(enrolment.id), "%s", call->arguments[1]);
        if (!read_enrolment(call, &enrolment))
                return;
        if (registry_enrolment_put(registry, &enrolment, &enrolment, &reason) == 0)
                control_answer(call, exists ? 200 : 201, enrolment_entry(&enrolment));
        else
                control_fail(call, 400, "BadEnrollment", "%s", reason.text);
}

void control_enrolment_delete(struct control_call *call)
{
        enum registry_enrolment_kind kind;

        if (!argument_kind(call, &kind))
                return;
        if (registry_enrolment_remove(local_hub_registry(call->api->hub), kind, call->arguments[1]))
                http_exchange_answer(call->exchange, 204, NULL, NULL);
        else
                control_fail(call, 404, "EnrollmentNotFound", "there is no such enrollment");
}

/* --- registrations --------------------------------------------------------------------------- */

static struct json_object *registration_entry(struct registry *registry,
                                              const struct registry_registration *registration)
{
        struct json_object *entry = json_object_new_object();

        control_add_text(entry, "registrationId", registration->registration_id);
        control_add_text(entry, "deviceId", registration->device_id);
        control_add_hub(entry, registry, registration->hub);
        control_add_text(entry, "assignedHub", registration->hub_address);
        control_add_text(entry, "modelId", registration->model_id);
        if (registration->group[0])
                control_add_text(entry, "enrollmentGroupId", registration->group);
        control_add_number(entry, "count", registration->count);
        control_add_time(entry, "createdTimeUtc", registration->created_ms);
        control_add_time(entry, "updatedTimeUtc", registration->updated_ms);
        return entry;
}

static bool add_registrations(struct registry *registry, uint64_t *cursor, size_t limit,
                              struct json_object *list)
{
        struct registry_registration *page = mem_new(PAGE, sizeof(*page));
        bool more = true;

        while (limit > 0 && more) {
                size_t wanted = limit < PAGE ? limit : PAGE;
                size_t got = registry_registration_list(registry, cursor, page, wanted);

                for (size_t i = 0; i < got; i++)
                        json_object_array_add(list, registration_entry(registry, &page[i]));
                limit -= got;
                more = got > 0;
        }
        free(page);
        return more;
}

void control_registrations(struct control_call *call)
{
        struct json_object *answer;
        struct json_object *list;
        int64_t limit;
        int64_t start;
        uint64_t cursor;

        if (!control_query_number(call, "limit", CONTROL_LIST_LIMIT, CONTROL_LIST_MAX, &limit) ||
            !control_query_number(call, "continuation", 0, INT64_MAX, &start))
                return;
        answer = json_object_new_object();
        list = json_object_new_array();
        cursor = (uint64_t)start;
        if (add_registrations(local_hub_registry(call->api->hub), &cursor, (size_t)limit, list)) {
                CLEANUP(mem_cleanup) char *next = mem_format("%" PRIu64, cursor);

                control_add_text(answer, "continuation", next);
        }
        json_object_object_add(answer, "registrations", list);
        control_answer(call, 200, answer);
}

void control_registration_delete(struct control_call *call)
{
        if (registry_registration_remove(local_hub_registry(call->api->hub), call->arguments[0]))
                http_exchange_answer(call->exchange, 204, NULL, NULL);
        else
                control_fail(call, 404, "RegistrationNotFound", "there is no such registration");
}
