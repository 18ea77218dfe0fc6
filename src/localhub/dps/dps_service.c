// SPDX-License-Identifier: MIT
#include "localhub/dps/dps_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/dps/dps_document.h"
#include "localhub/dps/dps_enrolment.h"
#include "localhub/gate/token_check.h"
#include "localhub/query/query.h"

#define JSON_DEPTH   64
#define BULK_MAX     10 /* the service's own limit */
#define PAGE_DEFAULT 100
#define PAGE_MAX     1000

enum service_error {
        SERVICE_BAD_REQUEST = 400004,
        SERVICE_UNAUTHORIZED = 401002,
        SERVICE_NOT_FOUND = 404201,
        SERVICE_WRONG_METHOD = 405001,
        SERVICE_EXISTS = 409201,
        SERVICE_PRECONDITION = 412001,
};

struct call {
        struct registry *registry;
        struct http_exchange *exchange;
        enum registry_enrolment_kind kind;
        const char *id; /* of the path; "" = none */
        struct json_object *body;
};

/* --- answers --------------------------------------------------------------------------------- */

static void answer(const struct call *call, int status, struct json_object *document)
{
        char request_id[CRYPTO_UUID_SIZE];

        crypto_uuid4(request_id);
        http_exchange_add_header(call->exchange, "x-ms-request-id", request_id);
        if (document)
                http_exchange_answer_json(call->exchange, status, document);
        else
                http_exchange_answer(call->exchange, status, NULL, NULL);
}

static void fail(const struct call *call, enum service_error error, const char *message)
{
        char text[16];

        snprintf(text, sizeof(text), "%d", (int)error);
        http_exchange_add_header(call->exchange, "x-ms-error-code", text);
        answer(call, (int)error / 1000, dps_document_error((int)error, message));
}

static void fail_missing(const struct call *call)
{
        CLEANUP(mem_cleanup) char *text = mem_format("There is no '%.140s'.", call->id);

        fail(call, SERVICE_NOT_FOUND, text);
}

/* What is not said is not demanded. */
static bool etag_fits(const char *wanted, const char *etag)
{
        return text_is_empty(wanted) || registry_etag_fits(wanted, etag);
}

/* False, and answered, if the request's If-Match does not fit. */
static bool match(const struct call *call, const char *etag)
{
        if (etag_fits(http_exchange_header(call->exchange, "If-Match"), etag))
                return true;
        fail(call, SERVICE_PRECONDITION, "The ETag in If-Match is not the current one.");
        return false;
}

/* --- enrolments ------------------------------------------------------------------------------ */

static void answer_enrolment(const struct call *call, const struct registry_enrolment *enrolment)
{
        CLEANUP(mem_cleanup) char *etag = mem_format("\"%s\"", enrolment->etag);

        http_exchange_add_header(call->exchange, "ETag", etag);
        answer(call, 200, dps_enrolment_document(call->registry, enrolment));
}

/* The enrolment of the path; false if it was answered. */
static bool find(const struct call *call, struct registry_enrolment *enrolment)
{
        if (registry_enrolment_get(call->registry, call->kind, call->id, enrolment))
                return true;
        fail_missing(call);
        return false;
}

/* A new one of this id; false if the id is too long to be one. */
static bool begin(enum registry_enrolment_kind kind, const char *id,
                  struct registry_enrolment *enrolment)
{
        *enrolment = (struct registry_enrolment){.kind = kind, .enabled = true};
        return snprintf(enrolment->id, sizeof(enrolment->id), "%s", id) <
               (int)sizeof(enrolment->id);
}

static void handle_put(struct call *call)
{
        const char *wanted = http_exchange_header(call->exchange, "If-Match");
        const char *member = call->kind == REGISTRY_GROUP ? "enrollmentGroupId" : "registrationId";
        const char *named = json_text_member(call->body, member);
        struct registry_enrolment enrolment;
        struct reason reason = REASON_INIT;
        bool known = registry_enrolment_get(call->registry, call->kind, call->id, &enrolment);

        if (named && !text_equal_nocase(named, call->id)) {
                fail(call, SERVICE_BAD_REQUEST, "The id in the body differs from the path's.");
        } else if (!known && !text_is_empty(wanted)) {
                fail_missing(call);
        } else if (known && text_is_empty(wanted)) {
                fail(call, SERVICE_EXISTS, "It exists: to change it, say its ETag in If-Match.");
        } else if (!known && !begin(call->kind, call->id, &enrolment)) {
                fail(call, SERVICE_BAD_REQUEST, "The id has more than 128 characters.");
        } else if (!known || match(call, enrolment.etag)) {
                if (dps_enrolment_put(call->registry, call->body, &enrolment, &reason) == 0)
                        answer_enrolment(call, &enrolment);
                else
                        fail(call, SERVICE_BAD_REQUEST, reason.text);
        }
}

static void handle_get(struct call *call)
{
        struct registry_enrolment enrolment;

        if (find(call, &enrolment))
                answer_enrolment(call, &enrolment);
}

static void handle_delete(struct call *call)
{
        struct registry_enrolment enrolment;

        if (!find(call, &enrolment) || !match(call, enrolment.etag))
                return;
        (void)registry_enrolment_remove(call->registry, call->kind, call->id);
        answer(call, 204, NULL);
}

static void handle_attestation(struct call *call)
{
        struct registry_enrolment enrolment;

        if (find(call, &enrolment))
                answer(call, 200, dps_enrolment_attestation(call->registry, &enrolment));
}

/* --- bulk ------------------------------------------------------------------------------------ */

enum bulk_mode {
        BULK_CREATE,
        BULK_UPDATE,
        BULK_UPDATE_IF_MATCH,
        BULK_DELETE,
        BULK_MODE_COUNT,
};

static const char *const bulk_modes[] = {
        [BULK_CREATE] = "create",
        [BULK_UPDATE] = "update",
        [BULK_UPDATE_IF_MATCH] = "updateIfMatchETag",
        [BULK_DELETE] = "delete",
};

/* 0, or the error code with the reason. */
static int do_one(const struct call *call, enum bulk_mode mode, struct json_object *entry,
                  struct reason *reason)
{
        const char *id = json_text_member(entry, "registrationId");
        struct registry_enrolment enrolment;
        bool known;

        if (text_is_empty(id) || !begin(REGISTRY_INDIVIDUAL, id, &enrolment)) {
                reason_set(reason, "the enrollment has no 'registrationId'");
                return SERVICE_BAD_REQUEST;
        }
        known = registry_enrolment_get(call->registry, REGISTRY_INDIVIDUAL, id, &enrolment);
        if (mode == BULK_CREATE ? known : !known) {
                reason_set(reason, known ? "the enrollment exists" : "there is no such enrollment");
                return known ? SERVICE_EXISTS : SERVICE_NOT_FOUND;
        }
        if (mode == BULK_UPDATE_IF_MATCH &&
            !etag_fits(json_text_member(entry, "etag"), enrolment.etag)) {
                reason_set(reason, "the ETag is not the current one");
                return SERVICE_PRECONDITION;
        }
        if (mode == BULK_DELETE) {
                (void)registry_enrolment_remove(call->registry, REGISTRY_INDIVIDUAL, id);
                return 0;
        }
        return dps_enrolment_put(call->registry, entry, &enrolment, reason) == 0
                       ? 0
                       : SERVICE_BAD_REQUEST;
}

static void add_error(struct json_object *errors, struct json_object *entry, int code,
                      const char *message)
{
        struct json_object *error = json_object_new_object();
        const char *id = json_text_member(entry, "registrationId");

        json_add_text(error, "registrationId", id ? id : "");
        json_add_int(error, "errorCode", code);
        json_add_text(error, "errorStatus", message);
        json_object_array_add(errors, error);
}

static bool read_mode(struct json_object *body, enum bulk_mode *mode)
{
        const char *text = json_text_member(body, "mode");

        for (size_t i = 0; text && i < BULK_MODE_COUNT; i++) {
                if (text_equal_nocase(text, bulk_modes[i])) {
                        *mode = (enum bulk_mode)i;
                        return true;
                }
        }
        return false;
}

static void handle_bulk(struct call *call)
{
        struct json_object *list = json_member(call->body, "enrollments");
        struct json_object *result;
        struct json_object *errors;
        enum bulk_mode mode;

        if (!read_mode(call->body, &mode) || !json_object_is_type(list, json_type_array) ||
            json_object_array_length(list) == 0 || json_object_array_length(list) > BULK_MAX) {
                fail(call, SERVICE_BAD_REQUEST,
                     "The body needs a 'mode' (create, update, updateIfMatchETag, delete) and 1 to "
                     "10 'enrollments'.");
                return;
        }
        errors = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *entry = json_object_array_get_idx(list, i);
                struct reason reason = REASON_INIT;
                int code = do_one(call, mode, entry, &reason);

                if (code != 0)
                        add_error(errors, entry, code, reason.text);
        }
        result = json_object_new_object();
        json_add_bool(result, "isSuccessful", json_object_array_length(errors) == 0);
        json_object_object_add(result, "errors", errors);
        answer(call, 200, result);
}

/* --- queries --------------------------------------------------------------------------------- */

/* What is asked for, the caller's; NULL if it was answered. */
static struct query *read_query(const struct call *call)
{
        const char *text = json_text_member(call->body, "query");
        struct reason reason = REASON_INIT;
        struct query *query = NULL;

        if (query_parse_enrolments(text ? text : "", &query, &reason) != 0)
                fail(call, SERVICE_BAD_REQUEST, reason.text);
        return query;
}

/* False if it was answered. */
static bool read_page(const struct call *call, struct query_page *page)
{
        const char *size = http_exchange_header(call->exchange, "x-ms-max-item-count");
        const char *continuation = http_exchange_header(call->exchange, "x-ms-continuation");

        *page = (struct query_page){.limit = PAGE_DEFAULT};
        if (!text_is_empty(size) && !text_to_int64(size, 1, PAGE_MAX, &page->limit))
                fail(call, SERVICE_BAD_REQUEST, "x-ms-max-item-count must be from 1 to 1000.");
        else if (!query_page_continue(page, continuation))
                fail(call, SERVICE_BAD_REQUEST, "The continuation token is none of this service.");
        else
                return true;
        return false;
}

/* What is no document as it is kept has the type `unknown`, as the SDKs call it. */
static void answer_query(struct call *call, const char *type, query_next *next)
{
        struct query *query = read_query(call);
        struct json_object *list;
        struct query_page page;

        if (query && read_page(call, &page)) {
                list = query_answers(query, next, call, &page);
                if (query_goes_on(query, next, call, &page)) {
                        CLEANUP(mem_cleanup) char *token = query_page_token(&page);

                        http_exchange_add_header(call->exchange, "x-ms-continuation", token);
                }
                http_exchange_add_header(call->exchange, "x-ms-item-type",
                                         query_is_whole(query) ? type : "unknown");
                answer(call, 200, list);
        }
        query_free(query);
}

static struct json_object *next_enrolment(void *context, uint64_t *cursor)
{
        const struct call *call = context;
        struct registry_enrolment enrolment;

        if (!registry_enrolment_next(call->registry, call->kind, cursor, &enrolment))
                return NULL;
        return dps_enrolment_document(call->registry, &enrolment);
}

static void handle_query(struct call *call)
{
        answer_query(call, call->kind == REGISTRY_GROUP ? "enrollmentGroup" : "enrollment",
                     next_enrolment);
}

/* --- registrations --------------------------------------------------------------------------- */

static struct json_object *state_of(const struct registry_registration *registration)
{
        const struct dps_verdict verdict = {
                .status = "assigned",
                .registration_id = registration->registration_id,
                .registration = registration,
        };

        return dps_document_state(&verdict);
}

static void handle_registration_get(struct call *call)
{
        struct registry_registration registration;

        if (registry_registration_get(call->registry, call->id, &registration))
                answer(call, 200, state_of(&registration));
        else
                fail_missing(call);
}

static void handle_registration_delete(struct call *call)
{
        struct registry_registration registration;

        if (!registry_registration_get(call->registry, call->id, &registration)) {
                fail_missing(call);
        } else if (match(call, registration.etag)) {
                (void)registry_registration_remove(call->registry, call->id);
                answer(call, 204, NULL);
        }
}

/* Of this group, or of this individual enrolment. */
static struct json_object *next_state(void *context, uint64_t *cursor)
{
        const struct call *call = context;
        struct registry_registration registration;

        while (registry_registration_next(call->registry, cursor, &registration)) {
                if (registration.group[0]
                            ? strcmp(registration.group, call->id) == 0
                            : text_equal_nocase(registration.registration_id, call->id))
                        return state_of(&registration);
        }
        return NULL;
}

static void handle_registration_query(struct call *call)
{
        answer_query(call, "deviceRegistration", next_state);
}

/* --- requests -------------------------------------------------------------------------------- */

struct route {
        const char *method;
        const char *first; /* segment */
        const char *last;  /* segment behind the id, or in its place; NULL = none */
        bool has_id;
        enum registry_enrolment_kind kind;
        void (*handle)(struct call *call);
};

#define ENROLMENT_ROUTES(first, kind)                                                              \
        {"PUT", first, NULL, true, kind, handle_put},                                              \
                {"GET", first, NULL, true, kind, handle_get},                                      \
                {"DELETE", first, NULL, true, kind, handle_delete},                                \
                {"POST", first, "attestationmechanism", true, kind, handle_attestation},           \
        {                                                                                          \
                "POST", first, "query", false, kind, handle_query                                  \
        }

static const struct route routes[] = {
        ENROLMENT_ROUTES("enrollments", REGISTRY_INDIVIDUAL),
        ENROLMENT_ROUTES("enrollmentGroups", REGISTRY_GROUP),
        {"POST", "enrollments", NULL, false, REGISTRY_INDIVIDUAL, handle_bulk},
        {"GET", "registrations", NULL, true, REGISTRY_GROUP, handle_registration_get},
        {"DELETE", "registrations", NULL, true, REGISTRY_GROUP, handle_registration_delete},
        {"POST", "registrations", "query", true, REGISTRY_GROUP, handle_registration_query},
};

static bool fits(struct http_exchange *exchange, const struct route *route)
{
        size_t count = http_exchange_segment_count(exchange);
        size_t wanted = 1U + route->has_id + (route->last != NULL);

        return count == wanted && strcmp(http_exchange_method(exchange), route->method) == 0 &&
               strcasecmp(http_exchange_segment(exchange, 0), route->first) == 0 &&
               (!route->last ||
                strcasecmp(http_exchange_segment(exchange, count - 1), route->last) == 0);
}

static bool is_ours(struct http_exchange *exchange)
{
        const char *first =
                http_exchange_segment_count(exchange) > 0 ? http_exchange_segment(exchange, 0) : "";

        return strcasecmp(first, "enrollments") == 0 ||
               strcasecmp(first, "enrollmentGroups") == 0 ||
               (strcasecmp(first, "registrations") == 0 &&
                http_exchange_segment_count(exchange) <= 3);
}

/* The host of a token's resource or of a request, without its port. */
static bool same_host(const char *one, const char *other)
{
        size_t length = strcspn(one, ":/");

        return length == strcspn(other, ":/") && strncasecmp(one, other, length) == 0;
}

static bool is_signed(const struct token *token, const struct registry_policy *policy)
{
        return strcmp(token->key_name, policy->name) == 0 &&
               (token_is_signed_by(token, policy->primary_key) ||
                token_is_signed_by(token, policy->secondary_key));
}

static bool check_token(const struct call *call, struct reason *reason)
{
        const char *text = http_exchange_header(call->exchange, "Authorization");
        const char *host = http_exchange_header(call->exchange, "Host");
        CLEANUP(token_deinit) struct token token = {.signed_text = NULL};
        struct registry_policy policy;
        bool good = false;

        if (!text) {
                reason_set(reason, "the request has no Authorization");
                return false;
        }
        if (token_parse(text, strlen(text), &token, reason) < 0)
                return false;
        registry_service_policy(call->registry, &policy);
        if (token.expires_s + TOKEN_CLOCK_SKEW_S <= clock_wall_ms() / 1000)
                reason_set(reason, "the token has expired");
        else if (!same_host(token.resource, host ? host : ""))
                reason_set(reason, "the token is for '%.255s', not for this service",
                           token.resource);
        else if (!is_signed(&token, &policy))
                reason_set(reason, "the token is not signed with a key of policy '%s'",
                           policy.name);
        else
                good = true;
        mem_wipe(&policy, sizeof(policy));
        return good;
}

/* False if it was answered. */
static bool admit(struct call *call)
{
        const struct buf *body = http_exchange_body(call->exchange);
        struct reason reason = REASON_INIT;

        if (text_is_empty(http_exchange_argument(call->exchange, "api-version"))) {
                fail(call, SERVICE_BAD_REQUEST, "The query lacks 'api-version'.");
                return false;
        }
        if (!check_token(call, &reason)) {
                log_warn("HUB_DPS_REFUSED", "Refused a provisioning request",
                         LOG_TEXT("registration", call->id), LOG_INT("code", SERVICE_UNAUTHORIZED),
                         LOG_TEXT("reason", reason.text), LOG_END);
                fail(call, SERVICE_UNAUTHORIZED, reason.text);
                return false;
        }
        if (body->size == 0)
                return true;
        call->body =
                json_parse_foreign(body->data, body->size, JSON_DEPTH, JSON_VALUES_USUAL, &reason);
        if (call->body)
                return true;
        reason_prefix(&reason, "the body is no JSON");
        fail(call, SERVICE_BAD_REQUEST, reason.text);
        return false;
}

bool dps_service_handle(struct registry *registry, struct http_exchange *exchange)
{
        struct call call = {.registry = registry, .exchange = exchange, .id = ""};

        if (!is_ours(exchange))
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
                if (!fits(exchange, &routes[i]))
                        continue;
                call.kind = routes[i].kind;
                if (routes[i].has_id)
                        call.id = http_exchange_segment(exchange, 1);
                if (admit(&call))
                        routes[i].handle(&call);
                json_object_put(call.body);
                return true;
        }
        fail(&call, SERVICE_WRONG_METHOD, "This path has another method, or there is none such.");
        return true;
}
