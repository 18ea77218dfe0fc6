// SPDX-License-Identifier: MIT
/*
 * Law: everything but the counters belongs to the thread "hub-dps". A device has at most one
 * operation under way; a new register request replaces it. An operation that is not known (this
 * process was restarted, or was asked once more after the end) counts as due: the service keeps
 * operations for good, here the registry gives the same answer again.
 */
#include "localhub/dps/dps_endpoint.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json/json.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "base/thread.h"
#include "http/http_route.h"
#include "localhub/dps/dps_document.h"
#include "localhub/dps/dps_enrolment.h"
#include "localhub/dps/dps_service.h"
#include "localhub/dps/dps_webhook.h"
#include "localhub/dps/provisioning.h"

#define DPS_THREAD             "hub-dps"
#define DEFAULT_RETRY_AFTER_S  3
#define CONNECTIONS_MAX        4096
#define HEADER_TIMEOUT_MS      10000
#define REQUEST_TIMEOUT_MS     60000
#define BODY_MAX               ((size_t)1024 * 1024) /* of the service side's requests */
#define DPS_BODY_MAX           ((size_t)96 * 1024)   /* the service's own limit */
#define JSON_DEPTH             64
#define OPERATIONS_MAX         200000
#define FIRST_VERSION_OF_GROUP "2021-06-01" /* that tells the enrolment group */

/* The service's error codes: HTTP status times 1000 and a detail. */
enum dps_error {
        DPS_BAD_REQUEST = 400004,
        DPS_FUNCTION_FAILED = 400207,
        DPS_NO_HUB = 400208,
        DPS_UNAUTHORIZED = 401002,
        DPS_NOT_FOUND = 404001,
        DPS_NO_REGISTRATION = 404201,
        DPS_WRONG_METHOD = 405001,
        DPS_TOO_LARGE = 413001,
        DPS_THROTTLED = 429001,
};

struct dps_endpoint {
        struct dps_endpoint_options options; /* those that are needed on */
        struct dps_quota quota;
        char *trusted_certificates;
        struct http_server *http;
        struct http_client *client; /* for functions that allocate; NULL until there is one */
        struct table operations;    /* by registration id */
        struct list by_age;
        atomic_uint_fast64_t registers;
        atomic_uint_fast64_t polls;
        atomic_uint_fast64_t assigned;
        atomic_uint_fast64_t refused;
        atomic_uint_fast64_t throttled;
        atomic_uint_fast64_t unavailable;
};

/* A registration that is not told its end yet. */
struct operation {
        struct table_entry entry;
        struct list_node age_node;
        char id[DPS_OPERATION_ID_SIZE];
        char registration_id[REGISTRY_ID_SIZE];
        char model_id[REGISTRY_ID_SIZE];
        int64_t due_ms;
        int retry_after_s;
        int failed_code;             /* it will fail so; 0 = not */
        struct dps_webhook *webhook; /* says where the device goes; NULL = nobody is asked */
        char failed_message[256];
};

/* One request, taken apart. */
struct call {
        struct dps_endpoint *dps;
        struct http_exchange *exchange;
        const char *registration_id;
        const char *arguments[HTTP_ARGUMENTS_MAX]; /* of its path */
        bool with_group;
        struct registry_enrolment enrolment;
        struct client_chain chain; /* without bytes: the client has shown no certificate */
};

/* --- operations ----------------------------------------------------------------------------- */

static struct operation *operation_find(struct dps_endpoint *dps, const char *registration_id)
{
        struct table_entry *entry = table_find(&dps->operations, registration_id);

        return entry ? table_of(entry, struct operation, entry) : NULL;
}

static void operation_free(struct dps_endpoint *dps, struct operation *operation)
{
        if (!operation)
                return;
        table_remove(&dps->operations, &operation->entry);
        list_remove(&dps->by_age, &operation->age_node);
        dps_webhook_free(operation->webhook);
        free(operation);
}

/* Spread evenly over the range. */
static int64_t draw_delay(const struct dps_endpoint *dps)
{
        int64_t range_ms = dps->options.assignment_delay_max_ms - dps->options.assignment_delay_ms;
        uint32_t chance;

        if (range_ms <= 0)
                return dps->options.assignment_delay_ms;
        crypto_random(&chance, sizeof(chance));
        return dps->options.assignment_delay_ms + (int64_t)(chance % (uint64_t)(range_ms + 1));
}

static struct operation *operation_new(const struct call *call, const char *model_id)
{
        struct dps_endpoint *dps = call->dps;
        struct operation *operation = mem_new(1, sizeof(*operation));

        operation_free(dps, operation_find(dps, call->registration_id));
        if (dps->by_age.count == OPERATIONS_MAX)
                operation_free(dps, list_entry(dps->by_age.head.next, struct operation, age_node));
        dps_operation_id(call->registration_id, operation->id);
        snprintf(operation->registration_id, sizeof(operation->registration_id), "%s",
                 call->registration_id);
        snprintf(operation->model_id, sizeof(operation->model_id), "%s", model_id);
        operation->retry_after_s = dps->options.retry_after_s;
        operation->due_ms = clock_steady_ms() + draw_delay(dps);
        operation->entry.key = operation->registration_id;
        table_add(&dps->operations, &operation->entry);
        list_push_back(&dps->by_age, &operation->age_node);
        return operation;
}

/* --- answers -------------------------------------------------------------------------------- */

static void count_status(struct dps_endpoint *dps, int status)
{
        if (status == 429)
                atomic_fetch_add(&dps->throttled, 1);
        else if (status >= 500)
                atomic_fetch_add(&dps->unavailable, 1);
        else if (status >= 400)
                atomic_fetch_add(&dps->refused, 1);
}

static void answer(const struct call *call, int status, struct json_object *document)
{
        char request_id[CRYPTO_UUID_SIZE];

        crypto_uuid4(request_id);
        http_exchange_add_header(call->exchange, "x-ms-request-id", request_id);
        count_status(call->dps, status);
        http_exchange_answer_json(call->exchange, status, document);
}

static void add_number_header(const struct call *call, const char *name, int number)
{
        char text[16];

        snprintf(text, sizeof(text), "%d", number);
        http_exchange_add_header(call->exchange, name, text);
}

static void answer_error(const struct call *call, int error_code, const char *message)
{
        add_number_header(call, "x-ms-error-code", error_code);
        answer(call, error_code / 1000, dps_document_error(error_code, message));
}

static void refuse(const struct call *call, int error_code, const struct reason *reason)
{
        log_warn("HUB_DPS_REFUSED", "Refused a provisioning request",
                 LOG_TEXT("registration", call->registration_id), LOG_INT("code", error_code),
                 LOG_TEXT("reason", reason->text), LOG_END);
        answer_error(call, error_code, reason->text);
}

static void answer_assigning(const struct call *call, const struct operation *operation)
{
        add_number_header(call, "Retry-After", operation->retry_after_s);
        answer(call, 202, dps_document_assigning(operation->id));
}

static void answer_failed(const struct call *call, const char *operation_id, int error_code,
                          const char *message)
{
        const struct dps_verdict verdict = {
                .status = "failed",
                .registration_id = call->registration_id,
                .error_code = error_code,
                .error_message = message,
        };

        atomic_fetch_add(&call->dps->refused, 1);
        log_warn("HUB_DPS_FAILED", "A registration ended as failed",
                 LOG_TEXT("registration", call->registration_id), LOG_INT("code", error_code),
                 LOG_TEXT("reason", message), LOG_END);
        answer(call, 200, dps_document_verdict(operation_id, &verdict));
}

static void answer_disabled(const struct call *call)
{
        const struct dps_verdict verdict = {
                .status = "disabled",
                .registration_id = call->registration_id,
        };
        char operation_id[DPS_OPERATION_ID_SIZE];

        atomic_fetch_add(&call->dps->refused, 1);
        dps_operation_id(call->registration_id, operation_id);
        answer(call, 200, dps_document_verdict(operation_id, &verdict));
}

/* Assigns and answers with the final document. `decision` is a function's; NULL = none was asked.
 */
static void answer_assigned(const struct call *call, const char *operation_id, const char *model_id,
                            struct json_object *decision)
{
        struct registry_registration registration;
        struct reason reason = REASON_INIT;
        const struct provisioning_device device = {
                .registration_id = call->registration_id,
                .model_id = model_id[0] ? model_id : NULL,
                .thumbprint = call->chain.own.sha1,
                .hub = json_text_member(decision, "iotHubHostName"),
                .initial_twin = json_object_member(decision, "initialTwin"),
        };
        int result = provisioning_assign(call->dps->options.registry, &call->enrolment, &device,
                                         &registration, &reason);
        struct dps_verdict verdict = {
                .status = "assigned",
                .registration_id = call->registration_id,
                .registration = &registration,
                .payload = json_member(decision, "payload"),
                .with_group = call->with_group,
        };

        if (result == PROVISIONING_E_NO_HUB) {
                answer_failed(call, operation_id, DPS_NO_HUB, reason.text);
                return;
        }
        if (result) {
                refuse(call, DPS_BAD_REQUEST, &reason);
                return;
        }
        verdict.registration_id = registration.registration_id;
        atomic_fetch_add(&call->dps->assigned, 1);
        log_debug("HUB_DPS_ASSIGNED", "Assigned a device to a hub",
                  LOG_TEXT("registration", call->registration_id),
                  LOG_TEXT("device", registration.device_id),
                  LOG_TEXT("hub", registration.hub_address), LOG_TEXT("model", model_id), LOG_END);
        answer(call, 200, dps_document_verdict(operation_id, &verdict));
}

/* --- checks --------------------------------------------------------------------------------- */

/* True if a fault was ordered that answers this request. */
static bool answer_by_fault(const struct call *call)
{
        struct dps_endpoint *dps = call->dps;
        struct fault fault;
        int error_code;

        if (faults_apply(dps->options.faults, FAULT_CONNECT, "", call->registration_id, &fault)) {
                http_exchange_drop(call->exchange);
                return true;
        }
        if (!faults_apply(dps->options.faults, FAULT_DPS_STATUS, "", call->registration_id, &fault))
                return false;
        if (fault.retry_after_s > 0)
                add_number_header(call, "Retry-After", fault.retry_after_s);
        error_code = fault.error_code ? fault.error_code : fault.status * 1000 + 1;
        add_number_header(call, "x-ms-error-code", error_code);
        answer(call, fault.status,
               dps_document_error(error_code,
                                  fault.description[0] ? fault.description : "Ordered fault"));
        return true;
}

static bool find_chain(struct call *call)
{
        const struct dps_endpoint *dps = call->dps;
        char name[HTTP_SOCKET_NAME_SIZE];

        http_exchange_socket_name(call->exchange, name);
        return dps->options.find_chain &&
               dps->options.find_chain(dps->options.other_context, name, &call->chain);
}

/* True if the caller may act for this registration; otherwise it has its answer. */
static bool authorize(struct call *call)
{
        const char *token = http_exchange_header(call->exchange, "Authorization");
        const struct provisioning_request request = {
                .id_scope = call->arguments[0],
                .registration_id = call->registration_id,
                .authorization = token ? token : "",
                .chain = !token && find_chain(call) ? &call->chain : NULL,
                .now_s = clock_wall_ms() / 1000,
        };
        struct reason reason = REASON_INIT;

        switch (provisioning_check(call->dps->options.registry, &request, &call->enrolment,
                                   &reason)) {
        case 0:
                return true;
        case PROVISIONING_E_DISABLED:
                answer_disabled(call);
                return false;
        case PROVISIONING_E_NO_SCOPE:
                refuse(call, DPS_NOT_FOUND, &reason);
                return false;
        case PROVISIONING_E_INVALID:
                refuse(call, DPS_BAD_REQUEST, &reason);
                return false;
        default:
                refuse(call, DPS_UNAUTHORIZED, &reason);
                return false;
        }
}

/* The model id in a register request's payload, "" if none; false if the body is no JSON object. */
static bool read_model_id(const struct call *call, char model_id[REGISTRY_ID_SIZE],
                          struct json_object **payload_read, struct reason *reason)
{
        const struct buf *body = http_exchange_body(call->exchange);
        CLEANUP(json_cleanup) struct json_object *document = NULL;
        struct json_object *payload;
        const char *text;

        model_id[0] = '\0';
        if (body->size == 0)
                return true;
        document =
                json_parse_foreign(body->data, body->size, JSON_DEPTH, JSON_VALUES_USUAL, reason);
        if (!document || !json_object_is_type(document, json_type_object)) {
                reason_prefix(reason, "the body must be a JSON object");
                return false;
        }
        text = json_text_member(document, "registrationId");
        if (text && !text_equal_nocase(text, call->registration_id)) {
                reason_set(reason, "the registration id in the body differs from the path's");
                return false;
        }
        *payload_read = json_object_get(json_member(document, "payload"));
        payload = json_object_member(document, "payload");
        text = json_text_member(payload, "modelId");
        if (text_is_empty(text))
                text = json_text_member(payload, "iotcModelId");
        if (text && strlen(text) >= REGISTRY_ID_SIZE) {
                reason_set(reason, "the model id is longer than %d characters",
                           REGISTRY_ID_SIZE - 1);
                return false;
        }
        snprintf(model_id, REGISTRY_ID_SIZE, "%s", text ? text : "");
        return true;
}

/* --- requests ------------------------------------------------------------------------------- */

static bool is_due(const struct operation *operation)
{
        return operation->due_ms <= clock_steady_ms() &&
               (!operation->webhook || dps_webhook_is_done(operation->webhook));
}

static void answer_end(const struct call *call, struct operation *operation)
{
        CLEANUP(json_cleanup) struct json_object *decision = NULL;
        struct reason reason = REASON_INIT;

        if (operation->webhook)
                decision = dps_webhook_answer(operation->webhook, &reason);
        if (operation->webhook && !decision)
                answer_failed(call, operation->id, DPS_FUNCTION_FAILED, reason.text);
        else
                answer_assigned(call, operation->id, operation->model_id, decision);
        operation_free(call->dps, operation);
}

/* Answers what the operation has come to; frees it at its end. */
static void answer_operation(const struct call *call, struct operation *operation)
{
        if (!is_due(operation)) {
                answer_assigning(call, operation);
        } else if (operation->failed_code) {
                answer_failed(call, operation->id, operation->failed_code,
                              operation->failed_message);
        } else {
                answer_end(call, operation);
        }
}

static void apply_registration_faults(const struct call *call, struct operation *operation)
{
        struct dps_endpoint *dps = call->dps;
        struct fault fault;

        if (faults_apply(dps->options.faults, FAULT_DPS_SLOW, "", call->registration_id, &fault)) {
                operation->due_ms =
                        clock_steady_ms() + faults_draw_delay(dps->options.faults, &fault);
                if (fault.retry_after_s > 0)
                        operation->retry_after_s = fault.retry_after_s;
        }
        if (faults_apply(dps->options.faults, FAULT_DPS_FAILED, "", call->registration_id,
                         &fault)) {
                operation->failed_code = fault.error_code ? fault.error_code : DPS_NO_HUB;
                snprintf(operation->failed_message, sizeof(operation->failed_message), "%s",
                         fault.description[0] ? fault.description : "Ordered fault");
        }
}

/* Has a function asked where the device goes, if the enrolment wants that. */
static bool ask_function(const struct call *call, struct operation *operation,
                         struct json_object *payload, struct reason *reason)
{
        struct dps_endpoint *dps = call->dps;
        CLEANUP(json_cleanup) struct json_object *extra = NULL;
        CLEANUP(json_cleanup) struct json_object *question = NULL;
        const char *url;

        if (!provisioning_needs_function(dps->options.registry, &call->enrolment,
                                         call->registration_id))
                return true;
        extra = dps_enrolment_extra(dps->options.registry, &call->enrolment);
        url = json_text_member(json_object_member(extra, "customAllocationDefinition"),
                               "webhookUrl");
        if (!dps->client &&
            http_client_new(
                    &(struct http_client_options){.trusted_certificates = dps->trusted_certificates,
                                                  .user_agent = "isthmus-hub"},
                    &dps->client, reason) != 0)
                return false;
        question = dps_webhook_question(dps->options.registry, &call->enrolment,
                                        call->registration_id, payload);
        operation->webhook = dps_webhook_ask(dps->client, url ? url : "", question);
        return true;
}

/* True if there are too many registrations; then the request has its answer. */
static bool refuse_throttled(const struct call *call)
{
        int64_t wait_ms = dps_quota_take(&call->dps->quota, clock_steady_ms());

        if (wait_ms == 0)
                return false;
        add_number_header(call, "Retry-After", (int)((wait_ms + 999) / 1000));
        answer_error(call, DPS_THROTTLED, "Too many registrations.");
        return true;
}

static void handle_register(const struct call *call)
{
        CLEANUP(json_cleanup) struct json_object *payload = NULL;
        char model_id[REGISTRY_ID_SIZE];
        struct reason reason = REASON_INIT;
        struct operation *operation;

        if (!read_model_id(call, model_id, &payload, &reason)) {
                refuse(call, DPS_BAD_REQUEST, &reason);
                return;
        }
        if (refuse_throttled(call))
                return;
        operation = operation_new(call, model_id);
        apply_registration_faults(call, operation);
        if (!ask_function(call, operation, payload, &reason)) {
                operation->failed_code = DPS_FUNCTION_FAILED;
                snprintf(operation->failed_message, sizeof(operation->failed_message), "%.255s",
                         reason.text);
        }
        answer_operation(call, operation);
}

static void handle_poll(const struct call *call)
{
        const char *id = call->arguments[2];
        struct operation *operation = operation_find(call->dps, call->registration_id);
        struct registry_registration registration;

        if (operation && strcmp(operation->id, id) == 0) {
                answer_operation(call, operation);
                return;
        }
        if (!dps_operation_belongs(id, call->registration_id)) {
                answer_error(call, DPS_NO_REGISTRATION, "There is no such operation.");
                return;
        }
        if (!registry_registration_get(call->dps->options.registry, call->registration_id,
                                       &registration))
                registration.model_id[0] = '\0';
        answer_assigned(call, id, registration.model_id, NULL);
}

static void handle_look_up(const struct call *call)
{
        struct registry_registration registration;
        struct dps_verdict verdict = {
                .status = "assigned",
                .registration_id = call->registration_id,
                .registration = &registration,
                .with_group = call->with_group,
        };

        if (!registry_registration_get(call->dps->options.registry, call->registration_id,
                                       &registration)) {
                answer_error(call, DPS_NO_REGISTRATION, "This device has never registered.");
                return;
        }
        answer(call, 200, dps_document_state(&verdict));
}

struct route {
        const char *method;
        const char *path;
        void (*handle)(const struct call *call);
};

/* The stars: an ID scope, a registration, an operation. */
static const struct route routes[] = {
        {"PUT", "*/registrations/*/register", handle_register},
        {"GET", "*/registrations/*/operations/*", handle_poll},
        {"POST", "*/registrations/*", handle_look_up},
};

/* NULL if there is no such path. */
static const struct route *find_route(struct call *call)
{
        for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
                if (http_route_fits(call->exchange, routes[i].path, call->arguments))
                        return &routes[i];
        }
        return NULL;
}

static void count_request(struct dps_endpoint *dps, const struct route *route)
{
        if (route->handle == handle_register)
                atomic_fetch_add(&dps->registers, 1);
        else if (route->handle == handle_poll)
                atomic_fetch_add(&dps->polls, 1);
}

static void handle_registration(struct call *call)
{
        const char *api_version = http_exchange_argument(call->exchange, "api-version");
        const struct route *route = find_route(call);

        if (!route) {
                answer_error(call, DPS_NOT_FOUND, "There is no such path.");
        } else if (strcmp(http_exchange_method(call->exchange), route->method) != 0) {
                answer_error(call, DPS_WRONG_METHOD, "This path has another method.");
        } else if (text_is_empty(api_version)) {
                answer_error(call, DPS_BAD_REQUEST, "The query lacks 'api-version'.");
        } else if (http_exchange_body(call->exchange)->size > DPS_BODY_MAX) {
                answer_error(call, DPS_TOO_LARGE, "The body has more than 96 KB.");
        } else {
                call->with_group = strcmp(api_version, FIRST_VERSION_OF_GROUP) >= 0;
                count_request(call->dps, route);
                if (!answer_by_fault(call) && authorize(call))
                        route->handle(call);
                client_chain_deinit(&call->chain);
        }
}

static bool is_too_large(const struct dps_endpoint *dps, struct http_exchange *exchange,
                         uint64_t size)
{
        return size > BODY_MAX && !(dps->options.is_large && dps->options.is_large(exchange));
}

/* What is too large is refused before it is there, if it says so. */
static void admit(void *context, struct http_exchange *exchange)
{
        const char *length = http_exchange_header(exchange, "Content-Length");
        int64_t size;

        if (length && text_to_int64(length, 0, INT64_MAX, &size) &&
            is_too_large(context, exchange, (uint64_t)size))
                http_exchange_problem(exchange, 413, "Too large", "a request has at most 1 MB");
}

static void handle(void *context, struct http_exchange *exchange)
{
        struct dps_endpoint *dps = context;
        struct call call = {.dps = dps, .exchange = exchange, .registration_id = ""};

        THREAD_ASSERT(DPS_THREAD);
        if (is_too_large(dps, exchange, http_exchange_body(exchange)->size)) {
                http_exchange_problem(exchange, 413, "Too large", "a request has at most 1 MB");
                return;
        }
        if (dps_service_handle(dps->options.registry, exchange))
                return;
        if (http_exchange_segment_count(exchange) >= 3 &&
            strcmp(http_exchange_segment(exchange, 1), "registrations") == 0) {
                call.registration_id = http_exchange_segment(exchange, 2);
                handle_registration(&call);
        } else if (dps->options.other) {
                dps->options.other(dps->options.other_context, exchange);
        } else {
                answer_error(&call, DPS_NOT_FOUND, "There is no such path.");
        }
}

/* --- start and stop ------------------------------------------------------------------------- */

int dps_endpoint_new(const struct dps_endpoint_options *options, struct dps_endpoint **endpoint,
                     struct reason *reason)
{
        struct dps_endpoint *dps = mem_new(1, sizeof(*dps));
        const struct http_server_options http = {
                .thread = DPS_THREAD,
                .socket = options->socket,
                .maximum_connections = CONNECTIONS_MAX,
                .upgrades = true,
                .maximum_body = options->is_large ? options->large_body : BODY_MAX,
                .admit = admit,
                .header_timeout_ms = HEADER_TIMEOUT_MS,
                .request_timeout_ms = REQUEST_TIMEOUT_MS,
                .handle = handle,
                .context = dps,
        };
        int result;

        dps->options = *options;
        if (options->retry_after_s == 0)
                dps->options.retry_after_s = DEFAULT_RETRY_AFTER_S;
        dps_quota_init(&dps->quota, &options->quota);
        dps->trusted_certificates = mem_text(options->trusted_certificates);
        dps->operations = TABLE_INIT;
        list_init(&dps->by_age);
        result = http_server_start(&http, &dps->http, reason);
        if (result) {
                reason_prefix(reason, "provisioning service");
                dps_endpoint_free(dps);
                return result;
        }
        *endpoint = dps;
        return 0;
}

void dps_endpoint_stop(struct dps_endpoint *endpoint)
{
        http_server_stop(endpoint->http);
}

void dps_endpoint_free(struct dps_endpoint *endpoint)
{
        if (!endpoint)
                return;
        http_server_free(endpoint->http);
        http_client_free(endpoint->client);
        list_for_each_safe (node, &endpoint->by_age)
                operation_free(endpoint, list_entry(node, struct operation, age_node));
        table_deinit(&endpoint->operations);
        dps_quota_deinit(&endpoint->quota);
        free(endpoint->trusted_certificates);
        free(endpoint);
}

void dps_endpoint_counts(struct dps_endpoint *endpoint, struct dps_endpoint_counts *counts)
{
        *counts = (struct dps_endpoint_counts){
                .registers = atomic_load(&endpoint->registers),
                .polls = atomic_load(&endpoint->polls),
                .assigned = atomic_load(&endpoint->assigned),
                .refused = atomic_load(&endpoint->refused),
                .throttled = atomic_load(&endpoint->throttled),
                .unavailable = atomic_load(&endpoint->unavailable),
        };
}
