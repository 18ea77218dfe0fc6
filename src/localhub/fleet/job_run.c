// SPDX-License-Identifier: MIT
/* Jobs at work (rule W31): their devices are chosen when they begin, then reached one by one. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/fleet/jobs.h"

#define CALLS_MAX     10 /* of one job at the same time */
#define ANSWER_DEPTH  64
#define TIMEOUT_MAX_S 300

void fleet_job_end(struct job *job, enum job_status status, const char *failure)
{
        job->status = status;
        job->end_ms = clock_wall_ms();
        job->failure = mem_text(failure);
        for (size_t i = 0; i < job->outcome_count; i++) {
                struct job_outcome *outcome = &job->outcomes[i];

                if (outcome->end_ms)
                        continue;
                outcome->status = status == JOB_CANCELLED ? JOB_CANCELLED : JOB_FAILED;
                outcome->end_ms = job->end_ms;
                outcome->error = mem_text(failure);
        }
        job->next = job->outcome_count;
}

static void end_outcome(struct job_outcome *outcome, int error_code, const char *error)
{
        if (outcome->end_ms)
                return;
        outcome->status = error_code ? JOB_FAILED : JOB_COMPLETED;
        outcome->end_ms = clock_wall_ms();
        outcome->error_code = error_code;
        outcome->error = mem_text(error);
}

/* --- its devices ----------------------------------------------------------------------------- */

static void add_device(struct job *job, size_t *capacity, const char *id)
{
        if (job->outcome_count == *capacity) {
                *capacity = *capacity ? 2 * *capacity : 64;
                job->outcomes = mem_resize(job->outcomes, *capacity, sizeof(*job->outcomes));
        }
        job->outcomes[job->outcome_count++] =
                (struct job_outcome){.device_id = mem_text(id), .status = JOB_DEVICE_WAITS};
}

/* The next of the hub's devices, or of their modules, as the condition says. */
static bool next_device(const struct fleet *fleet, const struct job *job, uint64_t *cursor,
                        struct registry_device *device)
{
        if (query_source(job->where) == QUERY_MODULES)
                return registry_module_next(fleet->registry, job->item.hub, NULL, cursor, device);
        return registry_device_next(fleet->registry, job->item.hub, cursor, device);
}

/* Nobody else touches what is written here while `selecting` is set. */
static void choose_devices(struct fleet *fleet, struct job *job)
{
        const struct fleet_documents *documents = fleet->documents;
        struct job chosen = {.outcome_count = 0};
        struct registry_device device;
        size_t capacity = 0;
        uint64_t cursor = 0;

        job->selecting = true;
        job->status = JOB_RUNNING;
        pthread_mutex_unlock(&fleet->mutex);
        while (next_device(fleet, job, &cursor, &device)) {
                CLEANUP(json_cleanup)
                struct json_object *twin = documents->twin(documents->context, &device);

                if (query_fits(job->where, twin))
                        add_device(&chosen, &capacity, device.id);
        }
        pthread_mutex_lock(&fleet->mutex);
        job->selecting = false;
        job->outcomes = chosen.outcomes;
        job->outcome_count = chosen.outcome_count;
        if (job->end_ms) /* cancelled meanwhile */
                fleet_job_end(job, job->status, NULL);
}

/* --- twins ----------------------------------------------------------------------------------- */

/* A section of the patch; null clears it. */
static int patch_section(struct fleet *fleet, const struct job *job, const char *device_id,
                         enum registry_section section, struct reason *reason)
{
        struct json_object *update = json_object_member(job->request, "updateTwin");
        struct json_object *from =
                section == REGISTRY_TAGS ? update : json_object_member(update, "properties");
        CLEANUP(json_cleanup) struct json_object *empty = json_object_new_object();
        struct json_object *patch = NULL;

        if (!from ||
            !json_object_object_get_ex(from, section == REGISTRY_TAGS ? "tags" : "desired", &patch))
                return 0;
        return registry_twin_patch(fleet->registry, job->item.hub, device_id, section,
                                   patch ? patch : empty, !patch, NULL, reason);
}

static void update_twin(struct fleet *fleet, const struct job *job, struct job_outcome *outcome)
{
        const char *etag = json_text_member(json_member(job->request, "updateTwin"), "etag");
        struct reason reason = REASON_INIT;
        struct registry_device device;
        int r;

        if (!registry_device_get(fleet->registry, job->item.hub, outcome->device_id, &device)) {
                end_outcome(outcome, 404001, "the device does not exist");
                return;
        }
        if (!text_is_empty(etag) && strcmp(etag, "*") != 0 && strcmp(etag, device.etag) != 0) {
                end_outcome(outcome, 412002, "the ETag is not the current one");
                return;
        }
        r = patch_section(fleet, job, outcome->device_id, REGISTRY_DESIRED, &reason);
        if (r == 0)
                r = patch_section(fleet, job, outcome->device_id, REGISTRY_TAGS, &reason);
        end_outcome(outcome, r == 0 ? 0 : 400004, r == 0 ? NULL : reason.text);
}

/* --- methods --------------------------------------------------------------------------------- */

struct call {
        struct fleet *fleet;
        struct job *job;
        size_t device;
};

static struct json_object *method_answer(int status, const void *payload, size_t size)
{
        struct json_object *answer = json_object_new_object();
        struct reason ignored = REASON_INIT;

        json_add_int(answer, "status", status);
        json_object_object_add(
                answer, "payload",
                size > 0 ? json_parse(payload, size, ANSWER_DEPTH, JSON_STRICT, &ignored) : NULL);
        return answer;
}

/* On the thread "hub-devices". */
static void method_done(void *context, enum local_hub_method_result result, int status,
                        const void *payload, size_t payload_size)
{
        static const struct {
                int code;
                const char *text;
        } errors[] = {
                [LOCAL_HUB_METHOD_NO_DEVICE] = {404001, "the device does not exist"},
                [LOCAL_HUB_METHOD_OFFLINE] = {404103, "the device is not online"},
                [LOCAL_HUB_METHOD_TIMEOUT] = {504101, "the device did not answer in time"},
                [LOCAL_HUB_METHOD_LOST] = {404103, "the device's connection ended"},
                [LOCAL_HUB_METHOD_ANSWERED] = {0, NULL},
        };
        struct call *call = context;
        struct fleet *fleet = call->fleet;
        struct job_outcome *outcome;

        pthread_mutex_lock(&fleet->mutex);
        outcome = &call->job->outcomes[call->device];
        if (!outcome->end_ms && result == LOCAL_HUB_METHOD_ANSWERED)
                outcome->answer = method_answer(status, payload, payload_size);
        end_outcome(outcome, errors[result].code, errors[result].text);
        call->job->running--;
        fleet_wake(fleet);
        pthread_mutex_unlock(&fleet->mutex);
        free(call);
}

static int64_t milliseconds(struct json_object *method, const char *name, int64_t fall_back_s)
{
        int64_t seconds = fall_back_s;

        if (!json_int_member(method, name, &seconds) || seconds < 0 || seconds > TIMEOUT_MAX_S)
                seconds = fall_back_s;
        return seconds * 1000;
}

static void call_method(struct fleet *fleet, struct job *job, size_t device)
{
        struct json_object *method = json_member(job->request, "cloudToDeviceMethod");
        struct json_object *payload = json_member(method, "payload");
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct call *call = mem_new(1, sizeof(*call));

        *call = (struct call){fleet, job, device};
        if (payload)
                json_write(&text, payload);
        job->running++;
        local_hub_invoke_method(
                fleet->hub, job->item.hub, job->outcomes[device].device_id,
                &(struct local_hub_method){
                        .name = json_text_member(method, "methodName"),
                        .payload = buf_text(&text),
                        .payload_size = text.size,
                        .response_timeout_ms = milliseconds(method, "responseTimeoutInSeconds", 30),
                        .connect_timeout_ms = milliseconds(method, "connectTimeoutInSeconds", 0),
                },
                method_done, call);
}

/* --- a turn ---------------------------------------------------------------------------------- */

static void reach_devices(struct fleet *fleet, struct job *job)
{
        while (job->next < job->outcome_count &&
               (job->type == JOB_TWIN || job->running < CALLS_MAX)) {
                struct job_outcome *outcome = &job->outcomes[job->next];

                outcome->start_ms = clock_wall_ms();
                outcome->status = JOB_RUNNING;
                if (job->type == JOB_TWIN)
                        update_twin(fleet, job, outcome);
                else
                        call_method(fleet, job, job->next);
                job->next++;
        }
}

/* The wall clock's time `at_ms` on the steady clock. */
static int64_t steady_of(int64_t at_ms)
{
        return clock_steady_ms() + at_ms - clock_wall_ms();
}

static void go_on(struct fleet *fleet, struct job *job, int64_t *next_ms)
{
        int64_t due_ms = steady_of(job->start_ms + job->max_s * 1000);

        reach_devices(fleet, job);
        if (job->next == job->outcome_count && job->running == 0)
                fleet_job_end(job, JOB_COMPLETED, NULL);
        else if (due_ms <= clock_steady_ms())
                fleet_job_end(job, JOB_FAILED, "the job took longer than it may");
        else if (due_ms < *next_ms)
                *next_ms = due_ms;
}

/* False if the list of jobs may have changed. */
static bool run_one(struct fleet *fleet, struct job *job, int64_t *next_ms)
{
        bool waits = job->status == JOB_QUEUED || job->status == JOB_SCHEDULED;
        int64_t due_ms = waits ? steady_of(job->start_ms) : 0;

        if (waits && due_ms <= clock_steady_ms()) {
                choose_devices(fleet, job);
                *next_ms = 0;
                return false;
        }
        if (waits && due_ms < *next_ms)
                *next_ms = due_ms;
        if (job->status == JOB_RUNNING)
                go_on(fleet, job, next_ms);
        return true;
}

void fleet_jobs_run(struct fleet *fleet, int64_t *next_ms)
{
        list_for_each (node, &fleet->items[FLEET_JOB]) {
                if (!run_one(fleet, list_entry(node, struct job, item.node), next_ms))
                        return;
        }
}
