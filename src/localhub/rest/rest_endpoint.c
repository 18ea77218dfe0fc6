// SPDX-License-Identifier: MIT
#include "localhub/rest/rest_endpoint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/gate/token_check.h"
#include "localhub/rest/rest_call.h"

#define METHOD_UNIT 4096 /* bytes that count as one call */

static const struct service_route routes[] = {
        {"GET", "devices", REGISTRY_RIGHT_READ, rest_device_list},
        {"POST", "devices", REGISTRY_RIGHT_WRITE, rest_device_bulk},
        {"POST", "devices/query", REGISTRY_RIGHT_READ, rest_query},
        {"GET", "devices/*", REGISTRY_RIGHT_READ, rest_device_get},
        {"PUT", "devices/*", REGISTRY_RIGHT_WRITE, rest_device_put},
        {"DELETE", "devices/*", REGISTRY_RIGHT_WRITE, rest_device_delete},
        {"GET", "devices/*/modules", REGISTRY_RIGHT_READ, rest_module_list},
        {"GET", "devices/*/modules/*", REGISTRY_RIGHT_READ, rest_device_get},
        {"PUT", "devices/*/modules/*", REGISTRY_RIGHT_WRITE, rest_device_put},
        {"DELETE", "devices/*/modules/*", REGISTRY_RIGHT_WRITE, rest_device_delete},
        {"DELETE", "devices/*/commands", REGISTRY_RIGHT_SERVICE, rest_command_purge},
        {"POST", "devices/*/applyConfigurationContent", REGISTRY_RIGHT_WRITE, rest_content_apply},
        {"GET", "digitaltwins/*", REGISTRY_RIGHT_SERVICE, rest_digital_twin_get},
        {"PATCH", "digitaltwins/*", REGISTRY_RIGHT_SERVICE, rest_digital_twin_patch},
        {"POST", "digitaltwins/*/commands/*", REGISTRY_RIGHT_SERVICE, rest_digital_twin_command},
        {"POST", "digitaltwins/*/components/*/commands/*", REGISTRY_RIGHT_SERVICE,
         rest_digital_twin_component_command},
        {"GET", "statistics/devices", REGISTRY_RIGHT_READ, rest_statistics},
        {"GET", "statistics/service", REGISTRY_RIGHT_READ, rest_service_statistics},
        {"GET", "configurations", REGISTRY_RIGHT_READ, rest_configuration_list},
        {"POST", "configurations/testQueries", REGISTRY_RIGHT_READ, rest_configuration_test},
        {"GET", "configurations/*", REGISTRY_RIGHT_READ, rest_configuration_get},
        {"PUT", "configurations/*", REGISTRY_RIGHT_WRITE, rest_configuration_put},
        {"DELETE", "configurations/*", REGISTRY_RIGHT_WRITE, rest_configuration_delete},
        {"GET", "jobs/v2/query", REGISTRY_RIGHT_READ, rest_job_query},
        {"GET", "jobs/v2/*", REGISTRY_RIGHT_READ, rest_job_get},
        {"PUT", "jobs/v2/*", REGISTRY_RIGHT_WRITE, rest_job_put},
        {"POST", "jobs/v2/*/cancel", REGISTRY_RIGHT_WRITE, rest_job_cancel},
        {"POST", "jobs/create", REGISTRY_RIGHT_WRITE, rest_transfer_start},
        {"GET", "jobs", REGISTRY_RIGHT_READ, rest_transfer_list},
        {"GET", "jobs/*", REGISTRY_RIGHT_READ, rest_transfer_get},
        {"DELETE", "jobs/*", REGISTRY_RIGHT_WRITE, rest_transfer_cancel},
        {"GET", "twins/*", REGISTRY_RIGHT_SERVICE, rest_twin_get},
        {"PATCH", "twins/*", REGISTRY_RIGHT_SERVICE, rest_twin_write},
        {"PUT", "twins/*", REGISTRY_RIGHT_SERVICE, rest_twin_write},
        {"POST", "twins/*/methods", REGISTRY_RIGHT_SERVICE, rest_method_invoke},
        {"GET", "twins/*/modules/*", REGISTRY_RIGHT_SERVICE, rest_twin_get},
        {"PATCH", "twins/*/modules/*", REGISTRY_RIGHT_SERVICE, rest_twin_write},
        {"PUT", "twins/*/modules/*", REGISTRY_RIGHT_SERVICE, rest_twin_write},
        {"POST", "twins/*/modules/*/methods", REGISTRY_RIGHT_SERVICE, rest_method_invoke},
};

/* --- answers --------------------------------------------------------------------------------- */

void rest_add_time(struct json_object *object, const char *name, int64_t wall_ms)
{
        char text[CLOCK_TEXT_SIZE] = "0001-01-01T00:00:00Z";

        if (wall_ms > 0)
                clock_format_utc(text, wall_ms * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        json_add_text(object, name, text);
}

void rest_add_etag(struct http_exchange *exchange, const char *etag)
{
        CLEANUP(mem_cleanup) char *quoted = mem_format("\"%s\"", etag);

        http_exchange_add_header(exchange, "ETag", quoted);
}

void rest_answer_device(struct service_call *call, const struct registry_device *device,
                        struct json_object *document)
{
        rest_add_etag(call->exchange, device->etag);
        rest_answer(call->exchange, 200, document);
}

void rest_answer(struct http_exchange *exchange, int status, struct json_object *value)
{
        char request_id[CRYPTO_UUID_SIZE];

        crypto_uuid4(request_id);
        http_exchange_add_header(exchange, "x-ms-request-id", request_id);
        http_exchange_answer_json(exchange, status, value);
}

static const char *error_name(enum rest_error error)
{
        static const struct {
                enum rest_error error;
                const char *name;
        } names[] = {
                {REST_ARGUMENT_INVALID, "ArgumentInvalid"},
                {REST_UNAUTHORIZED, "IotHubUnauthorizedAccess"},
                {REST_QUOTA_EXCEEDED, "IotHubQuotaExceeded"},
                {REST_JOB_QUOTA_EXCEEDED, "JobQuotaExceeded"},
                {REST_TOO_MANY_UPLOADS, "DeviceMaximumActiveFileUploadLimitExceeded"},
                {REST_DEVICE_NOT_FOUND, "DeviceNotFound"},
                {REST_JOB_NOT_FOUND, "JobNotFound"},
                {REST_CONFIGURATION_NOT_FOUND, "ConfigurationNotFound"},
                {REST_NOT_FOUND, "NotFound"},
                {REST_DEVICE_NOT_ONLINE, "DeviceNotOnline"},
                {REST_METHOD_NOT_ALLOWED, "MethodNotAllowed"},
                {REST_DEVICE_EXISTS, "DeviceAlreadyExists"},
                {REST_JOB_EXISTS, "JobAlreadyExists"},
                {REST_CONFIGURATION_EXISTS, "ConfigurationAlreadyExists"},
                {REST_PRECONDITION_FAILED, "PreconditionFailed"},
                {REST_LOCK_LOST, "DeviceMessageLockLost"},
                {REST_MESSAGE_TOO_LARGE, "MessageTooLarge"},
                {REST_SERVER_BUSY, "ServerBusy"},
                {REST_PAYLOAD_TOO_LARGE, "RequestEntityTooLarge"},
                {REST_THROTTLED, "ThrottlingException"},
                {REST_NOT_IMPLEMENTED, "NotImplemented"},
                {REST_GATEWAY_TIMEOUT, "GatewayTimeout"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (names[i].error == error)
                        return names[i].name;
        }
        return "ServerError";
}

void rest_fail(struct http_exchange *exchange, enum rest_error error, const char *format, ...)
{
        struct json_object *answer = json_object_new_object();
        char tracking_id[CRYPTO_UUID_SIZE];
        char message[640];
        char text[800];
        va_list values;

        va_start(values, format);
        vsnprintf(message, sizeof(message), format, values);
        va_end(values);
        crypto_uuid4(tracking_id);
        snprintf(text, sizeof(text), "ErrorCode:%s;%s", error_name(error), message);
        json_add_text(answer, "Message", text);
        snprintf(text, sizeof(text), "Tracking ID:%s", tracking_id);
        json_add_text(answer, "ExceptionMessage", text);
        http_exchange_add_header(exchange, "iothub-errorcode", error_name(error));
        rest_answer(exchange, (int)error / 1000, answer);
}

/* --- what is asked --------------------------------------------------------------------------- */

bool rest_find_device(struct service_call *call, struct registry_device *device)
{
        if (registry_device_get(call->registry, call->hub_index, call->arguments[0], device))
                return true;
        rest_fail(call->exchange, REST_DEVICE_NOT_FOUND, "there is no device '%s'",
                  call->arguments[0]);
        return false;
}

bool rest_match(struct service_call *call, const char *etag, bool *given)
{
        const char *wanted = http_exchange_header(call->exchange, "If-Match");

        if (given)
                *given = wanted != NULL;
        if (!wanted || registry_etag_fits(wanted, etag))
                return true;
        rest_fail(call->exchange, REST_PRECONDITION_FAILED,
                  "the ETag in If-Match is not the current one");
        return false;
}

int64_t rest_read_top(struct service_call *call, int64_t most)
{
        const char *top = http_exchange_argument(call->exchange, "top");
        int64_t limit = most;

        return top && text_to_int64(top, 1, most, &limit) ? limit : most;
}

/* --- requests -------------------------------------------------------------------------------- */

/* The hub whose key signed the token, if the token allows what is asked; -1: answered. */
static int authorize(struct service_call *call, unsigned right)
{
        const char *token = http_exchange_header(call->exchange, "Authorization");
        struct reason reason = REASON_INIT;
        struct token_grant grant;

        reason_set(&reason, "the request has no Authorization");
        if (token && token_check_any_hub(call->registry, token, clock_wall_ms() / 1000, &grant,
                                         &reason) == 0) {
                if ((grant.rights & right) == right && !grant.device_id[0])
                        return grant.hub;
                reason_set(&reason, "the policy '%s' does not allow this", grant.key_name);
        }
        log_warn("HUB_REST_REFUSED", "Refused a service request",
                 LOG_TEXT("path", http_exchange_path(call->exchange)),
                 LOG_TEXT("reason", reason.text), LOG_END);
        rest_fail(call->exchange, REST_UNAUTHORIZED, "%s", reason.text);
        return -1;
}

/* A date, perhaps with `-preview`; the service has none before its first public one. */
static bool is_api_version(const char *text)
{
        static const char pattern[] = "0000-00-00";
        static const char first[] = "2016-02-03";

        for (size_t i = 0; i < strlen(pattern); i++) {
                if (pattern[i] == '-' ? text[i] != '-' : text[i] < '0' || text[i] > '9')
                        return false;
        }
        return strncmp(text, first, strlen(first)) >= 0 &&
               (text[10] == '\0' || strcmp(text + 10, "-preview") == 0);
}

/* What a route counts as; methods count by their size. */
static const struct {
        const char *pattern; /* begins with this */
        const char *method;  /* NULL = any */
        enum quota_kind kind;
} kinds[] = {
        {"devices/query", NULL, QUOTA_QUERIES},
        {"devices", NULL, QUOTA_REGISTRY},
        {"statistics", NULL, QUOTA_REGISTRY},
        {"jobs", NULL, QUOTA_JOBS},
        {"configurations", NULL, QUOTA_CONFIGURATIONS},
        {"twins", "GET", QUOTA_TWIN_READS},
        {"twins", "POST", QUOTA_METHODS},
        {"twins", NULL, QUOTA_TWIN_WRITES},
        {"digitaltwins", "GET", QUOTA_TWIN_READS},
        {"digitaltwins", "POST", QUOTA_METHODS},
        {"digitaltwins", NULL, QUOTA_TWIN_WRITES},
};

/* False, and answered, if it is one too many. */
static bool take_quota(struct service_call *call, const struct service_route *route)
{
        size_t size = http_exchange_body(call->exchange)->size;
        int64_t count = 1;
        size_t i = 0;

        while (i < ARRAY_SIZE(kinds) &&
               (strncmp(route->pattern, kinds[i].pattern, strlen(kinds[i].pattern)) != 0 ||
                (kinds[i].method && strcmp(route->method, kinds[i].method) != 0)))
                i++;
        if (i == ARRAY_SIZE(kinds))
                return true;
        if (kinds[i].kind == QUOTA_METHODS)
                count = 1 + (int64_t)(size / METHOD_UNIT);
        if (quotas_take(local_hub_quotas(call->hub), call->hub_index, kinds[i].kind, count,
                        clock_steady_ms()) == QUOTA_TAKEN)
                return true;
        rest_fail(call->exchange, REST_THROTTLED, "the rate of these operations is over the limit");
        return false;
}

static bool admit(struct service_call *call, const struct service_route *route)
{
        const char *version = http_exchange_argument(call->exchange, "api-version");

        if (text_is_empty(version) || !is_api_version(version)) {
                rest_fail(call->exchange, REST_ARGUMENT_INVALID,
                          text_is_empty(version) ? "the query lacks 'api-version'"
                                                 : "there is no such 'api-version'");
                return false;
        }
        call->hub_index = authorize(call, route->right);
        if (call->hub_index >= 0 && call->arguments[0] && strchr(call->arguments[0], '/')) {
                rest_fail(call->exchange, REST_ARGUMENT_INVALID, "an id has no slash");
                return false;
        }
        return call->hub_index >= 0 && take_quota(call, route);
}

/* What Azure has here and the local hub does not: nobody should look for a missing device. */
static const char *find_missing(struct service_call *call)
{
        static const struct {
                const char *pattern;
                const char *what;
        } missing[] = {
                {"twins/*/streams/*", "device streams"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
                if (http_route_fits(call->exchange, missing[i].pattern, call->arguments))
                        return missing[i].what;
        }
        return NULL;
}

static void fail(struct service_call *call, int status, const char *message)
{
        static const enum rest_error errors[] = {REST_NOT_FOUND, REST_METHOD_NOT_ALLOWED};
        const char *missing = status == 404 ? find_missing(call) : NULL;

        if (missing) {
                rest_fail(call->exchange, REST_NOT_IMPLEMENTED, "the local hub has no %s", missing);
                return;
        }
        rest_fail(call->exchange, status == 400 ? REST_ARGUMENT_INVALID : errors[status - 404],
                  "%s", message);
}

static const struct service_api rest = {
        .routes = routes,
        .route_count = ARRAY_SIZE(routes),
        .admit = admit,
        .fail = fail,
};

struct fleet *rest_fleet_of(const struct service_call *call)
{
        const struct rest_endpoint *endpoint = call->context;

        return endpoint->fleet;
}

void rest_endpoint_handle(void *context, struct http_exchange *exchange)
{
        struct rest_endpoint *endpoint = context;
        struct service_call call = {
                .api = &rest, .context = endpoint, .hub = endpoint->hub, .exchange = exchange};

        service_handle(&call);
}
