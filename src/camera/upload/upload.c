// SPDX-License-Identifier: MIT
#include "camera/upload/upload.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "camera/upload/upload_job.h"

#define RETRY_MS 5000

struct upload {
        struct upload_options options;
        pthread_mutex_t lock; /* guards what follows */
        struct list jobs;
        struct upload_status status;
        bool is_failing; /* the last one has failed: the next ones that do are not logged */
};

struct upload *upload_new(const struct upload_options *options)
{
        struct upload *made = mem_new(1, sizeof(*made));

        made->options = *options;
        if (options->retry_ms <= 0)
                made->options.retry_ms = RETRY_MS;
        pthread_mutex_init(&made->lock, NULL);
        list_init(&made->jobs);
        return made;
}

void upload_free(struct upload *upload)
{
        struct list_node *node;

        if (!upload)
                return;
        while ((node = list_pop_front(&upload->jobs)))
                upload_job_free(list_entry(node, struct upload_job, node));
        pthread_mutex_destroy(&upload->lock);
        free(upload);
}

/* --- on the thread "http" ------------------------------------------------------------------ */

static void end(struct upload_job *job, bool is_sent)
{
        struct upload *upload = job->upload;

        pthread_mutex_lock(&upload->lock);
        list_remove(&upload->jobs, &job->node);
        if (is_sent)
                upload->status.sent++;
        else
                upload->status.failed++;
        pthread_mutex_unlock(&upload->lock);
        upload_job_free(job);
}

/* True if that is new. */
static bool note_failing(struct upload *upload, bool is_failing)
{
        bool is_new;

        pthread_mutex_lock(&upload->lock);
        is_new = upload->is_failing != is_failing;
        upload->is_failing = is_failing;
        pthread_mutex_unlock(&upload->lock);
        return is_new;
}

static void end_well(struct upload_job *job)
{
        struct upload *upload = job->upload;

        if (note_failing(upload, false))
                log_info("CAMERA_UPLOAD_GOOD", "Pictures can be uploaded again",
                         LOG_TEXT("camera", upload->options.camera), LOG_END);
        log_debug("CAMERA_UPLOADED", "A picture was uploaded",
                  LOG_TEXT("camera", upload->options.camera), LOG_TEXT("name", job->name), LOG_END);
        end(job, true);
}

static void end_badly(struct upload_job *job, const struct reason *reason)
{
        struct upload *upload = job->upload;

        if (note_failing(upload, true))
                log_warn("CAMERA_UPLOAD_FAILED", "A picture can't be uploaded and is dropped",
                         LOG_TEXT("camera", upload->options.camera), LOG_TEXT("name", job->name),
                         LOG_TEXT("reason", reason->text), LOG_END);
        end(job, false);
}

static void answered(void *context, const struct http_answer *answer);

/* The first question to the hub needs one, and says who asks. */
static bool ask_grant(struct upload_job *job)
{
        const struct upload_options *options = &job->upload->options;

        if (job->step != UPLOAD_ASK)
                return true;
        buf_clear(&job->hub);
        buf_clear(&job->device_id);
        buf_wipe(&job->token);
        return options->grant(options->context, &job->hub, &job->device_id, &job->token);
}

/* What a request needs to know; `storage` stays as it is of pictures that go through the hub. */
static bool find_place(struct upload_job *job, struct storage_account *storage,
                       struct reason *reason)
{
        const struct upload_options *options = &job->upload->options;
        const char *text;

        if (options->through_hub) {
                reason_set(reason, "the device's hub is not known yet");
                return ask_grant(job);
        }
        text = options->storage(options->context);
        if (text[0] != '\0')
                return storage_account_parse(text, storage, reason);
        reason_set(reason, "AzureStorage.ConnectionString is not known yet: its Key Vault has not "
                           "given it");
        return false;
}

static void request(void *context)
{
        CLEANUP(storage_account_deinit) struct storage_account storage = STORAGE_ACCOUNT_INIT;
        struct upload_job *job = context;
        const struct upload_options *options = &job->upload->options;
        struct reason reason = REASON_INIT;

        if (find_place(job, &storage, &reason))
                upload_job_request(job, options->through_hub ? NULL : &storage, options->http,
                                   answered);
        else if (++job->attempts < UPLOAD_ATTEMPTS_MAX)
                http_client_after(options->http, options->retry_ms * job->attempts, request, job);
        else
                end_badly(job, &reason);
}

static void answered(void *context, const struct http_answer *answer)
{
        struct upload_job *job = context;
        const struct upload_options *options = &job->upload->options;
        struct reason reason = REASON_INIT;

        /* The program ends: upload_free takes what is left. */
        if (answer->failure == HTTP_E_STOPPED)
                return;
        switch (upload_job_judge(job, answer, &reason)) {
        case UPLOAD_GO_ON:
                request(job);
                break;
        case UPLOAD_AGAIN:
                http_client_after(options->http, options->retry_ms * job->attempts, request, job);
                break;
        case UPLOAD_DONE:
                end_well(job);
                break;
        default:
                end_badly(job, &reason);
                break;
        }
}

/* --- any thread ---------------------------------------------------------------------------- */

/* False if too many wait already. */
static bool queue_job(struct upload *upload, struct upload_job *job)
{
        bool room;

        pthread_mutex_lock(&upload->lock);
        room = upload->jobs.count < UPLOAD_JOBS_MAX;
        if (room)
                list_push_back(&upload->jobs, &job->node);
        else
                upload->status.dropped++;
        pthread_mutex_unlock(&upload->lock);
        return room;
}

void upload_send(struct upload *upload, const struct upload_picture *picture)
{
        const struct upload_options *options = &upload->options;
        struct upload_job *job =
                upload_job_new(upload, picture, options->through_hub ? NULL : options->device_id);

        if (queue_job(upload, job)) {
                http_client_after(options->http, 0, request, job);
                return;
        }
        log_debug("CAMERA_UPLOAD_DROPPED", "Too many pictures are being uploaded; this one is not",
                  LOG_TEXT("camera", upload->options.camera), LOG_TEXT("name", job->name), LOG_END);
        upload_job_free(job);
}

void upload_status(struct upload *upload, struct upload_status *status)
{
        pthread_mutex_lock(&upload->lock);
        *status = upload->status;
        status->under_way = upload->jobs.count;
        pthread_mutex_unlock(&upload->lock);
}
