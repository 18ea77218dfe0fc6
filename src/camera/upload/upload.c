// SPDX-License-Identifier: MIT
#include "camera/upload/upload.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "camera/upload/upload_job.h"

#define RETRY_MS 5000

struct upload {
        char *camera;
        struct http_client *http;
        struct storage_account storage;
        char *device_id;
        bool (*grant)(void *context, struct buf *hub, struct buf *device_id, struct buf *token);
        void *context;
        bool through_hub;
        int64_t retry_ms;

        pthread_mutex_t lock; /* guards what follows */
        struct list jobs;
        struct upload_status status;
        bool is_failing; /* the last one has failed: the next ones that do are not logged */
};

int upload_new(const struct upload_options *options, struct upload **upload, struct reason *reason)
{
        struct upload *made = mem_new(1, sizeof(*made));

        *upload = NULL;
        made->storage = STORAGE_ACCOUNT_INIT;
        made->through_hub = !options->storage;
        if (options->storage && !storage_account_parse(options->storage, &made->storage, reason)) {
                free(made);
                return -EINVAL;
        }
        if (options->storage && !made->storage.endpoints[STORAGE_BLOB]) {
                reason_set(reason, "the connection string names no blob endpoint");
                storage_account_deinit(&made->storage);
                free(made);
                return -EINVAL;
        }
        made->camera = mem_text(options->camera);
        made->http = options->http;
        made->device_id = mem_text(options->device_id);
        made->grant = options->grant;
        made->context = options->context;
        made->retry_ms = options->retry_ms > 0 ? options->retry_ms : RETRY_MS;
        pthread_mutex_init(&made->lock, NULL);
        list_init(&made->jobs);
        *upload = made;
        return 0;
}

void upload_free(struct upload *upload)
{
        struct list_node *node;

        if (!upload)
                return;
        while ((node = list_pop_front(&upload->jobs)))
                upload_job_free(list_entry(node, struct upload_job, node));
        storage_account_deinit(&upload->storage);
        pthread_mutex_destroy(&upload->lock);
        free(upload->camera);
        free(upload->device_id);
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

static bool is_news(struct upload *upload, bool is_failing)
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

        if (is_news(upload, false))
                log_info("CAMERA_UPLOAD_GOOD", "Pictures can be uploaded again",
                         LOG_TEXT("camera", upload->camera), LOG_END);
        log_debug("CAMERA_UPLOADED", "A picture was uploaded", LOG_TEXT("camera", upload->camera),
                  LOG_TEXT("name", job->name), LOG_END);
        end(job, true);
}

static void end_badly(struct upload_job *job, const struct reason *reason)
{
        struct upload *upload = job->upload;

        if (is_news(upload, true))
                log_warn("CAMERA_UPLOAD_FAILED", "A picture can't be uploaded and is dropped",
                         LOG_TEXT("camera", upload->camera), LOG_TEXT("name", job->name),
                         LOG_TEXT("reason", reason->text), LOG_END);
        end(job, false);
}

static void answered(void *context, const struct http_answer *answer);

/* The first question to the hub needs one, and says who asks. */
static bool has_grant(struct upload_job *job)
{
        const struct upload *upload = job->upload;

        if (!upload->through_hub || job->step != UPLOAD_ASK)
                return true;
        buf_clear(&job->hub);
        buf_clear(&job->device_id);
        buf_wipe(&job->token);
        return upload->grant(upload->context, &job->hub, &job->device_id, &job->token);
}

static void request(void *context)
{
        static const struct reason no_hub = {.text = "the device's hub is not known yet"};
        struct upload_job *job = context;
        const struct upload *upload = job->upload;

        if (!has_grant(job)) {
                if (++job->attempts < UPLOAD_ATTEMPTS_MAX)
                        http_client_after(upload->http, upload->retry_ms * job->attempts, request,
                                          job);
                else
                        end_badly(job, &no_hub);
                return;
        }
        upload_job_request(job, upload->through_hub ? NULL : &upload->storage, upload->http,
                           answered);
}

static void answered(void *context, const struct http_answer *answer)
{
        struct upload_job *job = context;
        struct upload *upload = job->upload;
        struct reason reason = REASON_INIT;

        /* The program ends: upload_free takes what is left. */
        if (answer->failure == HTTP_E_STOPPED)
                return;
        switch (upload_job_judge(job, answer, &reason)) {
        case UPLOAD_GO_ON:
                request(job);
                break;
        case UPLOAD_AGAIN:
                http_client_after(upload->http, upload->retry_ms * job->attempts, request, job);
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

static bool has_room(struct upload *upload, struct upload_job *job)
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
        struct upload_job *job =
                upload_job_new(upload, picture, upload->through_hub ? NULL : upload->device_id);

        if (has_room(upload, job)) {
                http_client_after(upload->http, 0, request, job);
                return;
        }
        log_debug("CAMERA_UPLOAD_DROPPED", "Too many pictures are being uploaded; this one is not",
                  LOG_TEXT("camera", upload->camera), LOG_TEXT("name", job->name), LOG_END);
        upload_job_free(job);
}

void upload_status(struct upload *upload, struct upload_status *status)
{
        pthread_mutex_lock(&upload->lock);
        *status = upload->status;
        status->under_way = upload->jobs.count;
        pthread_mutex_unlock(&upload->lock);
}
