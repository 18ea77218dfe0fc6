// SPDX-License-Identifier: MIT
/* The service's REST API: configurations (rule W33), and how many devices are connected. */
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/query/query.h"
#include "localhub/rest/rest_call.h"

#define LIST_MAX 100

/* --- one configuration ----------------------------------------------------------------------- */

static void answer_configuration(struct service_call *call, struct json_object *configuration)
{
        rest_add_etag(call->exchange, json_text_member(configuration, "etag"));
        rest_answer(call->exchange, 200, configuration);
}

/* NULL if there is none. The caller's. */
static struct json_object *find(struct service_call *call)
{
        return fleet_get(rest_fleet_of(call), FLEET_CONFIGURATION, call->hub_index,
                         call->arguments[0]);
}

static void fail_not_found(struct service_call *call)
{
        rest_fail(call->exchange, REST_CONFIGURATION_NOT_FOUND, "there is no configuration '%s'",
                  call->arguments[0]);
}

void rest_configuration_get(struct service_call *call)
{
        struct json_object *found = find(call);

        if (found)
                answer_configuration(call, found);
        else
                fail_not_found(call);
}

/* Creates, or with If-Match changes what there is. */
static void put(struct service_call *call, bool exists)
{
        struct json_object *answer = NULL;
        struct reason reason = REASON_INIT;

        switch (fleet_configuration_put(rest_fleet_of(call), call->hub_index, call->arguments[0],
                                        exists, call->body, &answer, &reason)) {
        case 0:
                answer_configuration(call, answer);
                break;
        case FLEET_E_EXISTS:
                rest_fail(call->exchange, REST_CONFIGURATION_EXISTS, "%s", reason.text);
                break;
        case FLEET_E_NOT_FOUND:
                fail_not_found(call);
                break;
        default:
                rest_fail(call->exchange, REST_ARGUMENT_INVALID, "%s", reason.text);
                break;
        }
}

void rest_configuration_put(struct service_call *call)
{
        bool changes = http_exchange_header(call->exchange, "If-Match") != NULL;
        CLEANUP(json_cleanup) struct json_object *found = changes ? find(call) : NULL;
        const char *id = json_text_member(call->body, "id");

        if (id && strcmp(id, call->arguments[0]) != 0)
                rest_fail(call->exchange, REST_ARGUMENT_INVALID,
                          "'id' in the body differs from the path's");
        else if (!found || rest_match(call, json_text_member(found, "etag"), NULL))
                put(call, changes);
}

void rest_configuration_delete(struct service_call *call)
{
        CLEANUP(json_cleanup) struct json_object *found = find(call);

        if (found && !rest_match(call, json_text_member(found, "etag"), NULL))
                return;
        if (found &&
            fleet_configuration_remove(rest_fleet_of(call), call->hub_index, call->arguments[0]))
                http_exchange_answer(call->exchange, 204, NULL, NULL);
        else
                fail_not_found(call);
}

void rest_configuration_list(struct service_call *call)
{
        struct json_object *list = json_object_new_array();
        struct json_object *configuration;
        int64_t limit = rest_read_top(call, LIST_MAX);
        uint64_t cursor = 0;

        while (limit-- > 0 && (configuration = fleet_next(rest_fleet_of(call), FLEET_CONFIGURATION,
                                                          call->hub_index, &cursor)) != NULL)
                json_object_array_add(list, configuration);
        rest_answer(call->exchange, 200, list);
}

/* --- trying conditions ----------------------------------------------------------------------- */

static struct json_object *text_or_null(bool good, const struct reason *reason)
{
        return good ? NULL : json_object_new_string(reason->text);
}

static void test_metric(struct json_object *errors, const char *name, struct json_object *value)
{
        const char *text =
                json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
        struct reason reason = REASON_INIT;
        struct query *query = NULL;

        if (query_parse(text, &query, &reason) != 0)
                json_object_object_add(errors, name, text_or_null(false, &reason));
        query_free(query);
}

void rest_configuration_test(struct service_call *call)
{
        const char *target = json_text_member(call->body, "targetCondition");
        struct json_object *metrics = json_object_member(call->body, "customMetricQueries");
        struct json_object *answer = json_object_new_object();
        struct json_object *errors = json_object_new_object();
        struct reason reason = REASON_INIT;
        struct query *query = NULL;
        bool good = fleet_condition_parse(target ? target : "", &query, &reason) == 0;

        query_free(query);
        json_object_object_add(answer, "targetConditionError", text_or_null(good, &reason));
        if (metrics) {
                json_object_object_foreach (metrics, name, value) {
                        test_metric(errors, name, value);
                }
        }
        json_object_object_add(answer, "customMetricQueryErrors", errors);
        rest_answer(call->exchange, 200, answer);
}

/* --- one device ------------------------------------------------------------------------------ */

void rest_content_apply(struct service_call *call)
{
        struct registry_device device;
        struct reason reason = REASON_INIT;

        if (!rest_find_device(call, &device))
                return;
        if (fleet_content_apply(rest_fleet_of(call), call->hub_index, device.id, call->body,
                                &reason) == 0)
                http_exchange_answer(call->exchange, 204, NULL, NULL);
        else
                rest_fail(call->exchange, REST_ARGUMENT_INVALID, "%s", reason.text);
}

void rest_service_statistics(struct service_call *call)
{
        struct json_object *answer = json_object_new_object();
        struct registry_device device;
        int64_t connected = 0;
        uint64_t cursor = 0;

        while (registry_device_next(call->registry, call->hub_index, &cursor, &device))
                connected += device.connected;
        json_add_int(answer, "connectedDeviceCount", connected);
        rest_answer(call->exchange, 200, answer);
}
