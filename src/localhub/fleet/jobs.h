// SPDX-License-Identifier: MIT
/* A job and what became of each of its devices; for jobs.c and job_run.c only. */
#ifndef ISTHMUS_LOCALHUB_FLEET_JOBS_H
#define ISTHMUS_LOCALHUB_FLEET_JOBS_H

#include "localhub/fleet/fleet_inside.h"

enum job_type {
        JOB_TWIN,
        JOB_METHOD,
};

enum job_status {
        JOB_QUEUED,
        JOB_SCHEDULED, /* waits for its time */
        JOB_RUNNING,
        JOB_COMPLETED,
        JOB_FAILED,
        JOB_CANCELLED,
        JOB_DEVICE_WAITS, /* of a device only */
        JOB_STATUS_COUNT,
};

struct job_outcome {
        char *device_id; /* or DEVICE/MODULE */
        enum job_status status;
        int64_t start_ms; /* wall clock, as all of these; 0 = not yet */
        int64_t end_ms;
        struct json_object *answer; /* of the method; NULL = none */
        int error_code;
        char *error;
};

struct job {
        struct fleet_item item; /* first */
        enum job_type type;
        enum job_status status;
        struct json_object *request;
        struct query *where;
        int64_t created_ms;
        int64_t start_ms;
        int64_t end_ms; /* 0 = not over */
        int64_t max_s;
        char *failure;  /* NULL = none */
        bool selecting; /* its devices are being chosen, without the mutex */
        struct job_outcome *outcomes;
        size_t outcome_count;
        size_t next;    /* the first device that waits */
        size_t running; /* method calls under way */
};

/* The job is over, and so are its devices; `failure` may be NULL. */
void fleet_job_end(struct job *job, enum job_status status, const char *failure);

#endif
