// SPDX-License-Identifier: MIT
/* One picture on its way: which request comes next, and what its answer means. */
#ifndef ISTHMUS_CAMERA_UPLOAD_UPLOAD_JOB_H
#define ISTHMUS_CAMERA_UPLOAD_UPLOAD_JOB_H

#include <stdbool.h>

#include "azure/storage/storage_account.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/reason.h"
#include "camera/upload/upload_marks.h"
#include "camera/upload/upload_picture.h"
#include "http/client/http_client.h"

enum upload_step {
        UPLOAD_ASK,       /* the hub, where the picture may go */
        UPLOAD_PUT,       /* the picture itself */
        UPLOAD_CONTAINER, /* make it, because it is missing */
        UPLOAD_TELL,      /* the hub, what became of it */
};

enum upload_verdict {
        UPLOAD_GO_ON, /* with the job's step */
        UPLOAD_AGAIN, /* the same, later */
        UPLOAD_DONE,
        UPLOAD_FAILED, /* the reason says why */
};

struct upload;

/* Of one request. */
#define UPLOAD_ATTEMPTS_MAX 3

struct upload_job {
        struct list_node node;
        struct upload *upload;
        enum upload_step step;
        unsigned int attempts; /* at this step */
        bool has_container;    /* it was made for this job */
        bool is_put;           /* the picture is there */
        char *name;
        char *container; /* in an account of ours; NULL = through the hub */
        struct buf hub;
        struct buf device_id; /* there */
        struct buf token;     /* secret */
        struct buf bytes;
        struct upload_marks marks; /* none is left if the storage wants no tags */
        /* Of the hub's answer. */
        char *correlation_id;
        struct buf blob_url;  /* with its signature: secret */
        struct reason reason; /* why the picture is not there */
};

/* `device_id` names the container in an account of ours; NULL = through the hub. */
struct upload_job *upload_job_new(struct upload *upload, const struct upload_picture *picture,
                                  const char *device_id);
void upload_job_free(struct upload_job *job);

/* Sends the request of the job's step; `storage` NULL = through the hub. */
void upload_job_request(struct upload_job *job, const struct storage_account *storage,
                        struct http_client *http, http_done *done);

/* Takes an answer and sets the next step. */
enum upload_verdict upload_job_judge(struct upload_job *job, const struct http_answer *answer,
                                     struct reason *reason);

#endif
