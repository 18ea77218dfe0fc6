// SPDX-License-Identifier: MIT
/* Control API: the provisioning service's enrolments and registrations. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "localhub/control/control_call.h"
#include "localhub/x509/client_chain.h"

static const char *const kind_names[] = {
        [REGISTRY_GROUP] = "group",
        [REGISTRY_INDIVIDUAL] = "individual",
};

static struct json_object *enrolment_entry(const struct registry_enrolment *enrolment)
{
        struct json_object *entry = json_object_new_object();

        json_add_text(entry, "id", enrolment->id);
        json_add_text(entry, "kind", kind_names[enrolment->kind]);
        json_add_text(entry, "status", enrolment->enabled ? "enabled" : "disabled");
        if (registry_enrolment_has_certificates(enrolment)) {
                json_add_text(entry, "certificate", enrolment->certificates[0]);
                json_add_text(entry, "secondaryCertificate", enrolment->certificates[1]);
        } else {
                json_add_text(entry, "primaryKey", enrolment->primary_key);
                json_add_text(entry, "secondaryKey", enrolment->secondary_key);
        }
        if (enrolment->device_id[0])
                json_add_text(entry, "deviceId", enrolment->device_id);
        if (enrolment->hub_id[0])
                json_add_text(entry, "hub", enrolment->hub_id);
        control_add_time(entry, "createdTimeUtc", enrolment->created_ms);
        control_add_time(entry, "updatedTimeUtc", enrolment->updated_ms);
        return entry;
}

static void add_enrolments(struct registry *registry, enum registry_enrolment_kind kind,
                           struct json_object *list)
{
        struct registry_enrolment enrolment;
        uint64_t cursor = 0;

        while (json_object_array_length(list) < CONTROL_LIST_MAX &&
               registry_enrolment_next(registry, kind, &cursor, &enrolment))
                json_object_array_add(list, enrolment_entry(&enrolment));
}

void control_enrolments(struct service_call *call)
{
        struct registry *registry = call->registry;
        struct json_object *answer = json_object_new_object();
        struct json_object *list = json_object_new_array();

        json_add_text(answer, "idScope", registry_id_scope(registry));
        add_enrolments(registry, REGISTRY_GROUP, list);
        add_enrolments(registry, REGISTRY_INDIVIDUAL, list);
        json_object_object_add(answer, "enrollments", list);
        control_answer(call, 200, answer);
}

/* The first argument of the path; false if it was answered. */
static bool argument_kind(struct service_call *call, enum registry_enrolment_kind *kind)
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

/* A certificate of the body, or the name of one that the registry has; "" = none any more. */
static bool read_certificate(struct service_call *call, const char *member, char *name)
{
        CLEANUP(buf_deinit) struct buf pem = BUF_INIT;
        struct certificate_facts facts;
        struct reason reason = REASON_INIT;
        const char *text = NULL;

        if (!control_body_text(call, member, &text))
                return false;
        if (text && text[0] && !registry_certificate_get(call->registry, text, &pem)) {
                CLEANUP(mem_cleanup)
                char *own = mem_format("enrollments/%s/%s/%s", call->arguments[0],
                                       call->arguments[1], member);

                if (!device_certificate_read(text, &facts, &pem, &reason) ||
                    registry_certificate_put(call->registry, own, REGISTRY_FOR_ENROLMENTS,
                                             buf_text(&pem), &reason) != 0) {
                        control_fail(call, 400, "BadCertificate", "'%s': %s", member, reason.text);
                        return false;
                }
                snprintf(name, REGISTRY_NAME_SIZE, "%s", own);
        } else if (text) {
                snprintf(name, REGISTRY_NAME_SIZE, "%s", text);
        }
        return true;
}

static bool read_enrolment(struct service_call *call, struct registry_enrolment *enrolment)
{
        static const char *const names[] = {
                "primaryKey",           "secondaryKey", "deviceId", "certificate",
                "secondaryCertificate", "hub",          "status",   NULL};

        return control_body_only(call, names) &&
               control_body_copy(call, "primaryKey", enrolment->primary_key,
                                 sizeof(enrolment->primary_key)) &&
               control_body_copy(call, "secondaryKey", enrolment->secondary_key,
                                 sizeof(enrolment->secondary_key)) &&
               control_body_copy(call, "deviceId", enrolment->device_id,
                                 sizeof(enrolment->device_id)) &&
               control_body_copy(call, "hub", enrolment->hub_id, sizeof(enrolment->hub_id)) &&
               control_body_status(call, &enrolment->enabled) &&
               read_certificate(call, "certificate", enrolment->certificates[0]) &&
               read_certificate(call, "secondaryCertificate", enrolment->certificates[1]);
}

void control_enrolment_put(struct service_call *call)
{
        struct registry *registry = call->registry;
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

void control_enrolment_delete(struct service_call *call)
{
        enum registry_enrolment_kind kind;

        if (!argument_kind(call, &kind))
                return;
        if (registry_enrolment_remove(call->registry, kind, call->arguments[1]))
                http_exchange_answer(call->exchange, 204, NULL, NULL);
        else
                control_fail(call, 404, "EnrollmentNotFound", "there is no such enrollment");
}

/* --- authorities for devices ------------------------------------------------------------------ */

void control_authorities(struct service_call *call)
{
        struct json_object *list = json_object_new_array();
        struct registry_certificate certificate;
        uint64_t cursor = 0;

        while (registry_certificate_next(call->registry, &cursor, &certificate)) {
                CLEANUP(buf_deinit) struct buf pem = BUF_INIT;
                struct json_object *entry;

                if (certificate.use != REGISTRY_FOR_DEVICES ||
                    !registry_certificate_get(call->registry, certificate.name, &pem))
                        continue;
                entry = json_object_new_object();
                json_add_text(entry, "name", certificate.name);
                json_add_text(entry, "certificate", buf_text(&pem));
                json_object_array_add(list, entry);
        }
        control_answer_list(call, "authorities", list);
}

void control_authority_put(struct service_call *call)
{
        static const char *const names[] = {"certificate", NULL};
        CLEANUP(buf_deinit) struct buf pem = BUF_INIT;
        struct certificate_facts facts;
        struct reason reason = REASON_INIT;
        const char *text = NULL;
        bool good;

        if (!control_body_only(call, names) || !control_body_text(call, "certificate", &text))
                return;
        good = device_certificate_read(text ? text : "", &facts, &pem, &reason);
        if (good && !facts.is_authority)
                reason_set(&reason, "this is no certificate of an authority");
        if (good && facts.is_authority &&
            registry_certificate_put(call->registry, call->arguments[0], REGISTRY_FOR_DEVICES,
                                     buf_text(&pem), &reason) == 0)
                http_exchange_answer(call->exchange, 204, NULL, NULL);
        else
                control_fail(call, 400, "BadCertificate", "%s", reason.text);
}

void control_authority_delete(struct service_call *call)
{
        if (registry_certificate_remove(call->registry, call->arguments[0]))
                http_exchange_answer(call->exchange, 204, NULL, NULL);
        else
                control_fail(call, 404, "AuthorityNotFound", "there is no such authority");
}

/* --- registrations --------------------------------------------------------------------------- */

static struct json_object *registration_entry(struct registry *registry,
                                              const struct registry_registration *registration)
{
        struct json_object *entry = json_object_new_object();

        json_add_text(entry, "registrationId", registration->registration_id);
        json_add_text(entry, "deviceId", registration->device_id);
        control_add_hub(entry, registry, registration->hub);
        json_add_text(entry, "assignedHub", registration->hub_address);
        json_add_text(entry, "modelId", registration->model_id);
        if (registration->group[0])
                json_add_text(entry, "enrollmentGroupId", registration->group);
        json_add_int(entry, "count", registration->count);
        control_add_time(entry, "createdTimeUtc", registration->created_ms);
        control_add_time(entry, "updatedTimeUtc", registration->updated_ms);
        return entry;
}

/* False if that was all. */
static bool add_registrations(struct registry *registry, uint64_t *cursor, int64_t limit,
                              struct json_object *list)
{
        struct registry_registration next;

        for (; limit > 0; limit--) {
                if (!registry_registration_next(registry, cursor, &next))
                        return false;
                json_object_array_add(list, registration_entry(registry, &next));
        }
        return true;
}

void control_registrations(struct service_call *call)
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
        if (add_registrations(call->registry, &cursor, limit, list)) {
                CLEANUP(mem_cleanup) char *next = mem_format("%" PRIu64, cursor);

                json_add_text(answer, "continuation", next);
        }
        json_object_object_add(answer, "registrations", list);
        control_answer(call, 200, answer);
}

void control_registration_delete(struct service_call *call)
{
        if (registry_registration_remove(call->registry, call->arguments[0]))
                http_exchange_answer(call->exchange, 204, NULL, NULL);
        else
                control_fail(call, 404, "RegistrationNotFound", "there is no such registration");
}
