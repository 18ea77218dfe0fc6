// SPDX-License-Identifier: MIT
/* What the files of camera/cloud share. */
#ifndef ISTHMUS_CAMERA_CLOUD_CLOUD_INSIDE_H
#define ISTHMUS_CAMERA_CLOUD_CLOUD_INSIDE_H

#include <pthread.h>

#include "azure/clock_check.h"
#include "base/list.h"
#include "base/process.h"
#include "base/timers.h"
#include "camera/cloud/cloud.h"

/* Which hub is a device's, as the service or a connection string says; texts are its own. */
struct cloud_assignment {
        char *hub; /* NULL = not known */
        char *device_id;
        char *key;      /* secret */
        char *key_name; /* of a policy; or NULL */
        bool is_new;    /* not what the link was opened with */
};

/* What waits in the store, and the part of it that is in memory. */
struct cloud_queue {
        struct list events;     /* struct cloud_event, oldest first */
        int64_t last_id;        /* everything up to it is or was in `events` */
        bool is_unread;         /* the store may hold more */
        bool is_reading;        /* `take` is under way */
        bool is_in_flight;      /* the first one was sent and not answered */
        struct store_take take; /* the store's while reading */
        int take_result;
        struct list taken;
};

/* An answer of the provisioning service on its way from thread "http" to "loop". */
struct cloud_answer {
        struct dps_result result;
        char *hub;
        char *device_id;
};

struct cloud_device {
        struct list_node node;
        struct cloud *cloud;
        const struct camera_settings *camera;
        const struct cloud_handler *handler;
        void *context;
        char *key; /* in the store */

        struct cloud_assignment assignment; /* is changed under the lock: others read it there */
        char *remembered;                   /* record of the last assignment, JSON; or NULL */
        struct cloud_answer answer;
        struct hub_device *link;
        struct timer timer; /* tries again; or doubts the hub, which is away */
        struct timer send_timer;
        struct cloud_queue queue;
        enum cloud_phase phase;
        int failures;      /* to connect, in a row */
        int send_failures; /* in a row */
        bool is_asking;    /* the service, and it has not answered */
        bool is_report_due;
        bool is_reporting;

        pthread_mutex_t lock; /* guards what follows */
        struct buf patch;     /* to be reported */
        struct cloud_status status;
        bool is_awake; /* cloud_wake was posted */
};

/* A direct method that is not answered yet. */
struct cloud_call {
        struct list_node node;
        struct cloud *cloud;
        struct hub_method *method; /* NULL = nobody waits any more */
        int status;
        char *answer;
};

struct cloud {
        struct cloud_options options;
        struct hub_client *hubs; /* from cloud_start on */
        char boot[PROCESS_BOOT_ID_SIZE];
        struct clock_check clock; /* thread "loop" */
        struct timer clock_timer;
        struct list devices;
        struct list calls; /* thread "loop" */
        bool is_stopped;   /* thread "loop" */
};

#define CLOUD_KEY_PREFIX      "camera/"
#define CLOUD_ASSIGNMENT_KIND "assignment"

/* cloud_device.c: the way to the hub. */
void cloud_device_open(struct cloud_device *device);
void cloud_device_close(struct cloud_device *device);
/* The assignment is known (`result` NULL), or why it is not. */
void cloud_device_decided(struct cloud_device *device, const struct dps_result *result);

/* The clock was set, or secrets have changed: a device that is refused is tried again at once. */
void cloud_device_try_held(struct cloud_device *device);

/* cloud_calls.c: direct methods. */
void cloud_call_begin(struct cloud_device *device, struct hub_method *method);
/* The program ends: whoever waits is told so. */
void cloud_calls_stop(struct cloud *cloud);
void cloud_calls_free(struct cloud *cloud);

/* cloud_assign.c: which hub? cloud_device_decided follows, perhaps before it returns. */
void cloud_assign(struct cloud_device *device, bool is_doubted);
void cloud_assignment_deinit(struct cloud_assignment *assignment);

/* cloud_queue.c: what waits. */
void cloud_queue_init(struct cloud_queue *queue);
void cloud_queue_deinit(struct cloud_queue *queue);
/* Sends the next one, if the device is ready and none is under way; reads more if need be. */
void cloud_queue_pump(struct cloud_device *device);
/* The answer to the one that was sent. */
void cloud_queue_outcome(struct cloud_device *device, uint64_t token, enum hub_outcome outcome,
                         const struct reason *reason);

#endif
