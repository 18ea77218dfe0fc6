// SPDX-License-Identifier: MIT
/* The service's REST API: jobs (rule W31), import and export (rule W32). */
#include <string.h>

#include "base/json/json.h"
#include "base/text.h"
#include "localhub/rest/rest_call.h"
#include "localhub/rest/rest_endpoint.h"

/* --- jobs ------------------------------------------------------------------------------------ */

static void fail_not_found(struct service_call *call)
{
        rest_fail(call->exchange, REST_JOB_NOT_FOUND, "there is no job '%s'", call->arguments[0]);
}

/* Takes `job`; NULL = there is none. */
static void answer_job(struct service_call *call, struct json_object *job)
{
        if (job)
                rest_answer(call->exchange, 200, job);
        else
                fail_not_found(call);
}

void rest_job_get(struct service_call *call)
{
        answer_job(call,
                   fleet_get(rest_fleet_of(call), FLEET_JOB, call->hub_index, call->arguments[0]));
}

/* `error` is 0, or why the fleet did not take what it was asked for. */
static void answer_put(struct service_call *call, int error, struct json_object *answer,
                       const struct reason *reason)
{
        if (error == 0)
                rest_answer(call->exchange, 200, answer);
        else
                rest_fail(call->exchange,
                          error == FLEET_E_EXISTS ? REST_JOB_EXISTS
                          : error == FLEET_E_BUSY ? REST_JOB_QUOTA_EXCEEDED
                                                  : REST_ARGUMENT_INVALID,
                          "%s", reason->text);
}

void rest_job_put(struct service_call *call)
{
        struct json_object *answer = NULL;
        struct reason reason = REASON_INIT;
        int r = fleet_job_put(rest_fleet_of(call), call->hub_index, call->arguments[0], call->body,
                              &answer, &reason);

        answer_put(call, r, answer, &reason);
}

void rest_job_cancel(struct service_call *call)
{
        int r = fleet_job_cancel(rest_fleet_of(call), call->hub_index, call->arguments[0]);

        if (r == FLEET_E_OVER)
                rest_fail(call->exchange, REST_ARGUMENT_INVALID, "the job '%s' has ended already",
                          call->arguments[0]);
        else
                rest_job_get(call);
}

static bool has_value(struct service_call *call, const char *argument, struct json_object *job,
                      const char *member)
{
        const char *wanted = http_exchange_argument(call->exchange, argument);

        return text_is_empty(wanted) || text_equal_nocase(wanted, json_text_member(job, member));
}

void rest_job_query(struct service_call *call)
{
        struct json_object *list;
        struct json_object *job;
        struct query_page page;

        if (!rest_read_page(call, &page))
                return;
        list = json_object_new_array();
        while (page.limit > 0 && (job = fleet_next(rest_fleet_of(call), FLEET_JOB, call->hub_index,
                                                   &page.cursor)) != NULL) {
                if (has_value(call, "jobType", job, "type") &&
                    has_value(call, "jobStatus", job, "status")) {
                        json_object_array_add(list, job);
                        page.limit--;
                } else {
                        json_object_put(job);
                }
        }
        if (page.limit == 0)
                rest_add_continuation(call, &page);
        http_exchange_add_header(call->exchange, "x-ms-item-type", "JobResponse");
        rest_answer(call->exchange, 200, list);
}

/* --- import and export ----------------------------------------------------------------------- */

void rest_transfer_start(struct service_call *call)
{
        struct json_object *answer = NULL;
        struct reason reason = REASON_INIT;
        int r = fleet_transfer_start(rest_fleet_of(call), call->hub_index, call->body, &answer,
                                     &reason);

        answer_put(call, r, answer, &reason);
}

void rest_transfer_get(struct service_call *call)
{
        answer_job(call, fleet_get(rest_fleet_of(call), FLEET_TRANSFER, call->hub_index,
                                   call->arguments[0]));
}

void rest_transfer_list(struct service_call *call)
{
        struct json_object *list = json_object_new_array();
        struct json_object *transfer;
        uint64_t cursor = 0;

        while ((transfer =
                        fleet_next(rest_fleet_of(call), FLEET_TRANSFER, call->hub_index, &cursor)))
                json_object_array_add(list, transfer);
        rest_answer(call->exchange, 200, list);
}

void rest_transfer_cancel(struct service_call *call)
{
        int r = fleet_transfer_cancel(rest_fleet_of(call), call->hub_index, call->arguments[0]);

        if (r == FLEET_E_NOT_FOUND)
                fail_not_found(call);
        else if (r == FLEET_E_OVER)
                rest_fail(call->exchange, REST_ARGUMENT_INVALID, "the job has ended already");
        else
                http_exchange_answer(call->exchange, 204, NULL, NULL);
}

/* --- how the fleet writes and reads devices -------------------------------------------------- */

static struct service_call call_for(void *context, int hub)
{
        struct rest_endpoint *endpoint = context;

        return (struct service_call){.context = endpoint,
                                     .hub = endpoint->hub,
                                     .registry = local_hub_registry(endpoint->hub),
                                     .hub_index = hub};
}

static struct json_object *twin_of(void *context, const struct registry_device *device)
{
        struct service_call call = call_for(context, device->hub);

        return rest_twin_document(&call, device);
}

static void move_member(struct json_object *to, const char *name, struct json_object *from,
                        const char *old_name)
{
        json_object_object_add(to, name, json_object_get(json_member(from, old_name)));
}

static struct json_object *write_line(void *context, const struct registry_device *device,
                                      bool without_keys)
{
        CLEANUP(json_cleanup) struct json_object *twin = twin_of(context, device);
        struct json_object *line = json_object_new_object();
        struct json_object *how = rest_authentication(device);

        if (without_keys)
                json_object_object_del(how, "symmetricKey");
        move_member(line, "id", twin, "deviceId");
        if (json_member(twin, "moduleId"))
                move_member(line, "moduleId", twin, "moduleId");
        move_member(line, "eTag", twin, "etag");
        move_member(line, "status", twin, "status");
        json_object_object_add(line, "authentication", how);
        move_member(line, "twinETag", twin, "etag");
        move_member(line, "tags", twin, "tags");
        move_member(line, "properties", twin, "properties");
        move_member(line, "capabilities", twin, "capabilities");
        return line;
}

static int read_line(void *context, int hub, struct json_object *line, struct reason *reason)
{
        struct service_call call = call_for(context, hub);

        if (!json_object_is_type(line, json_type_object)) {
                reason_set(reason, "the line is no object");
                return REST_ARGUMENT_INVALID;
        }
        if (!json_member(line, "importMode"))
                json_add_text(line, "importMode", "createOrUpdate");
        return rest_import_device(&call, line, reason);
}

struct fleet_documents rest_fleet_documents(struct rest_endpoint *endpoint)
{
        return (struct fleet_documents){
                .twin = twin_of, .write = write_line, .read = read_line, .context = endpoint};
}
