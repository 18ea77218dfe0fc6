// SPDX-License-Identifier: MIT
/* Jobs (rule W31): what a service asks for, and what it is told of them. */
#include "localhub/fleet/jobs.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"

#define MAX_S_DEFAULT 3600
#define MAX_S_LIMIT   INT64_C(31622400) /* 366 days */

static const char *const type_names[] = {"scheduleUpdateTwin", "scheduleDeviceMethod"};

static const char *const status_names[] = {
        [JOB_QUEUED] = "queued",       [JOB_RUNNING] = "running",     [JOB_COMPLETED] = "completed",
        [JOB_FAILED] = "failed",       [JOB_CANCELLED] = "cancelled", [JOB_SCHEDULED] = "scheduled",
        [JOB_DEVICE_WAITS] = "pending"};

/* --- documents ------------------------------------------------------------------------------- */

static struct json_object *statistics(const struct job *job)
{
        struct json_object *counts = json_object_new_object();
        size_t by_status[JOB_STATUS_COUNT] = {0};

        for (size_t i = 0; i < job->outcome_count; i++)
                by_status[job->outcomes[i].status]++;
        json_add_int(counts, "deviceCount", (int64_t)job->outcome_count);
        json_add_int(counts, "failedCount",
                     (int64_t)(by_status[JOB_FAILED] + by_status[JOB_CANCELLED]));
        json_add_int(counts, "succeededCount", (int64_t)by_status[JOB_COMPLETED]);
        json_add_int(counts, "runningCount", (int64_t)by_status[JOB_RUNNING]);
        json_add_int(counts, "pendingCount", (int64_t)by_status[JOB_DEVICE_WAITS]);
        return counts;
}

struct json_object *fleet_job_document(const void *item)
{
        const struct job *job = item;
        static const char *const members[] = {"queryCondition", "updateTwin",
                                              "cloudToDeviceMethod"};
        struct json_object *made = json_object_new_object();

        json_add_text(made, "jobId", job->item.id);
        json_add_text(made, "type", type_names[job->type]);
        json_add_text(made, "status", status_names[job->status]);
        fleet_add_time(made, "createdTime", job->created_ms);
        fleet_add_time(made, "startTime", job->start_ms);
        fleet_add_time(made, "endTime", job->end_ms);
        json_add_int(made, "maxExecutionTimeInSeconds", job->max_s);
        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                struct json_object *member = json_member(job->request, members[i]);

                if (member)
                        json_object_object_add(made, members[i], fleet_copy(member));
        }
        json_add_text(made, "failureReason", job->failure);
        json_add_text(made, "statusMessage", job->failure);
        json_object_object_add(made, "deviceJobStatistics", statistics(job));
        return made;
}

static void add_identity(struct json_object *made, const char *identity)
{
        size_t size = strcspn(identity, "/");
        CLEANUP(mem_cleanup) char *device = mem_text_n(identity, size);

        json_add_text(made, "deviceId", device);
        if (identity[size])
                json_add_text(made, "moduleId", identity + size + 1);
}

static struct json_object *outcome_document(const struct job *job,
                                            const struct job_outcome *outcome)
{
        struct json_object *made = json_object_new_object();
        struct json_object *told = json_object_new_object();
        struct json_object *error;

        add_identity(made, outcome->device_id);
        json_add_text(made, "jobId", job->item.id);
        json_add_text(made, "jobType", type_names[job->type]);
        json_add_text(made, "status", status_names[outcome->status]);
        fleet_add_time(made, "startTimeUtc", outcome->start_ms);
        fleet_add_time(made, "endTimeUtc", outcome->end_ms);
        fleet_add_time(made, "createdDateTimeUtc", job->created_ms);
        fleet_add_time(made, "lastUpdatedDateTimeUtc",
                       outcome->end_ms ? outcome->end_ms : outcome->start_ms);
        json_object_object_add(told, "deviceMethodResponse", fleet_copy(outcome->answer));
        json_object_object_add(made, "outcome", told);
        if (outcome->status == JOB_FAILED) {
                error = json_object_new_object();
                json_add_int(error, "code", outcome->error_code);
                json_add_text(error, "description", outcome->error);
                json_object_object_add(made, "error", error);
        }
        return made;
}

/* The cursor is the job's serial number and, in the lower half, how many of its devices came. */
struct json_object *fleet_outcome_next(struct fleet *fleet, int hub, uint64_t *cursor)
{
        struct json_object *made = NULL;
        uint64_t serial = *cursor >> 32;
        size_t index = (uint32_t)*cursor;
        const struct job *job;

        pthread_mutex_lock(&fleet->mutex);
        while (!made && (job = fleet_from(&fleet->items[FLEET_JOB], hub, serial)) != NULL) {
                if (job->item.serial > serial)
                        index = 0;
                serial = job->item.serial;
                if (index < job->outcome_count) {
                        made = outcome_document(job, &job->outcomes[index++]);
                } else {
                        serial++;
                        index = 0;
                }
        }
        pthread_mutex_unlock(&fleet->mutex);
        *cursor = serial << 32 | index;
        return made;
}

/* --- coming and going ------------------------------------------------------------------------ */

static void job_free(struct job *job)
{
        for (size_t i = 0; i < job->outcome_count; i++) {
                free(job->outcomes[i].device_id);
                free(job->outcomes[i].error);
                json_object_put(job->outcomes[i].answer);
        }
        free(job->outcomes);
        query_free(job->where);
        json_object_put(job->request);
        free(job->failure);
        free(job->item.id);
        free(job);
}

void fleet_jobs_deinit(struct fleet *fleet)
{
        struct list_node *node;

        while ((node = list_pop_front(&fleet->items[FLEET_JOB])) != NULL)
                job_free(list_entry(node, struct job, item.node));
}

static bool is_over(const struct job *job)
{
        return job->end_ms != 0;
}

static void forget_oldest(struct fleet *fleet)
{
        list_for_each (node, &fleet->items[FLEET_JOB]) {
                struct job *job = list_entry(node, struct job, item.node);

                if (!is_over(job) || job->selecting || job->running > 0)
                        continue;
                list_remove(&fleet->items[FLEET_JOB], node);
                job_free(job);
                return;
        }
}

static bool read_type(struct json_object *request, enum job_type *type)
{
        const char *text = json_text_member(request, "type");

        for (size_t i = 0; i < ARRAY_SIZE(type_names); i++) {
                *type = (enum job_type)i;
                if (text_equal_nocase(text, type_names[i]))
                        return true;
        }
        return false;
}

/* Now, or at a time to come. */
static bool read_start(struct json_object *request, int64_t *start_ms)
{
        const char *text = json_text_member(request, "startTime");
        int64_t ns;

        *start_ms = clock_wall_ms();
        if (text_is_empty(text))
                return true;
        if (!clock_parse_utc(text, &ns))
                return false;
        *start_ms = ns / CLOCK_NS_PER_MS;
        return true;
}

/* False with the reason. */
static bool read_request(struct job *job, struct json_object *request, struct reason *reason)
{
        const char *condition = json_text_member(request, "queryCondition");
        struct json_object *method = json_object_member(request, "cloudToDeviceMethod");

        job->max_s = MAX_S_DEFAULT;
        (void)json_int_member(request, "maxExecutionTimeInSeconds", &job->max_s);
        if (!registry_is_device_id(job->item.id))
                reason_set(reason, "'%.140s' can't be the id of a job", job->item.id);
        else if (!read_type(request, &job->type))
                reason_set(reason, "'type' must be scheduleUpdateTwin or scheduleDeviceMethod");
        else if (!read_start(request, &job->start_ms))
                reason_set(reason, "'startTime' must be a time as 2026-01-02T03:04:05Z");
        else if (job->max_s < 1 || job->max_s > MAX_S_LIMIT)
                reason_set(reason, "'maxExecutionTimeInSeconds' is out of range");
        else if (text_is_empty(condition))
                reason_set(reason, "'queryCondition' is missing");
        else if (job->type == JOB_TWIN && !json_object_member(request, "updateTwin"))
                reason_set(reason, "'updateTwin' is missing");
        else if (job->type == JOB_METHOD && text_is_empty(json_text_member(method, "methodName")))
                reason_set(reason, "'cloudToDeviceMethod' or its 'methodName' is missing");
        else if (fleet_condition_parse(condition, &job->where, reason) != 0)
                return false;
        else if (query_source(job->where) == QUERY_JOBS)
                reason_set(reason, "'queryCondition' must ask for devices or devices.modules");
        else
                return true;
        return false;
}

/* The answer says `queued`, as the service's does, also where the job waits for its time. */
static struct json_object *add(struct fleet *fleet, struct job *job)
{
        struct json_object *answer = fleet_job_document(job);

        job->item.serial = ++fleet->last_serial;
        if (job->start_ms > job->created_ms)
                job->status = JOB_SCHEDULED;
        list_push_back(&fleet->items[FLEET_JOB], &job->item.node);
        if (fleet->items[FLEET_JOB].count > FLEET_HISTORY_MAX)
                forget_oldest(fleet);
        fleet_wake(fleet);
        return answer;
}

int fleet_job_put(struct fleet *fleet, int hub, const char *id, struct json_object *request,
                  struct json_object **answer, struct reason *reason)
{
        struct job *job = mem_new(1, sizeof(*job));
        int r = FLEET_E_INVALID;

        job->item.hub = hub;
        job->item.id = mem_text(id);
        job->request = fleet_copy(request);
        job->created_ms = clock_wall_ms();
        if (read_request(job, request, reason)) {
                pthread_mutex_lock(&fleet->mutex);
                r = fleet_find(&fleet->items[FLEET_JOB], hub, id) ? FLEET_E_EXISTS : 0;
                if (r == 0)
                        *answer = add(fleet, job);
                pthread_mutex_unlock(&fleet->mutex);
        }
        if (r == FLEET_E_EXISTS)
                reason_set(reason, "there is a job '%s' already", id);
        if (r != 0)
                job_free(job);
        return r;
}

int fleet_job_cancel(struct fleet *fleet, int hub, const char *id)
{
        struct job *job;
        int r = FLEET_E_NOT_FOUND;

        pthread_mutex_lock(&fleet->mutex);
        job = fleet_find(&fleet->items[FLEET_JOB], hub, id);
        if (job)
                r = is_over(job) ? FLEET_E_OVER : 0;
        if (r == 0)
                fleet_job_end(job, JOB_CANCELLED, NULL);
        pthread_mutex_unlock(&fleet->mutex);
        return r;
}
