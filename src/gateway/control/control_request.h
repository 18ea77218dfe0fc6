// SPDX-License-Identifier: MIT
/* What somebody asks the running gateway for at its control socket. Pure; every thread. */
#ifndef ISTHMUS_GATEWAY_CONTROL_CONTROL_REQUEST_H
#define ISTHMUS_GATEWAY_CONTROL_CONTROL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/reason.h"
#include "gateway/command/command_view.h"
#include "gateway/device/device.h"

#define CONTROL_LIMIT_DEFAULT 1000
#define CONTROL_LIMIT_MAX     10000

/* Devices that one bulk may be limited to. */
#define CONTROL_BULK_MAX 10000000

/* Dead letters that one request may name. */
#define CONTROL_IDS_MAX 100

enum control_call {
        CONTROL_STATUS,      /* GET /status */
        CONTROL_DEVICES,     /* GET /devices */
        CONTROL_COMMANDS,    /* GET /commands */
        CONTROL_COMMAND,     /* GET /commands/REFERENCE */
        CONTROL_CANCEL,      /* DELETE /commands/REFERENCE */
        CONTROL_REPLAY,      /* POST /letters/replay */
        CONTROL_DROP,        /* POST /letters/drop */
        CONTROL_DEVICE,      /* GET /devices/DEVICE */
        CONTROL_RELEASE,     /* DELETE /devices/DEVICE */
        CONTROL_PROVISION,   /* POST /provision */
        CONTROL_NAME,        /* POST /provision/devices */
        CONTROL_PROVISIONED, /* GET /provision */
        CONTROL_UNPROVISION, /* DELETE /provision */
        CONTROL_RECENT,      /* GET /recent */
        CONTROL_LOG,         /* GET /log */
        CONTROL_QUEUE,       /* GET /queue */
        CONTROL_STORED,      /* GET /queue/ID */
        CONTROL_EVENTS,      /* GET /events */
        CONTROL_LETTERS,     /* GET /letters */
        CONTROL_CALL_COUNT,
};

/* The request as it came; texts are the caller's and must stay as long as what is made of them. */
struct control_source {
        const char *method;
        const char *path; /* without the query, percent escapes done */
        /* The value of an argument of the query, percent escapes done; NULL if it is not there. */
        const char *(*argument)(void *context, const char *name);
        void *context;
};

struct control_request {
        enum control_call call;
        const char *reference;        /* of one command, or its beginning */
        struct command_filter filter; /* `device` counts for all lists, and is the one of a path */
        bool has_phase;               /* only devices in this phase */
        enum device_phase phase;
        bool moved;   /* only devices that have moved from another hub */
        bool force;   /* cancel also what the network may have; release in spite of events */
        size_t limit; /* of a list, and of letters that are changed */
        int64_t ids[CONTROL_IDS_MAX]; /* of dead letters, ascending */
        size_t id_count;              /* 0 = all below `before` */
        int64_t before;               /* 0 = all there are */
        int64_t id;                   /* of the one event or dead letter */
        int64_t after;                /* a list begins behind this id */
        /* Of CONTROL_PROVISION (device_bulk.h), whose `limit` may be 0 = none. */
        bool again;
        bool dry_run;
        bool lists;
        const char *application;
        bool more; /* of CONTROL_NAME: further devices follow */
};

/* 0; or an HTTP status (400, 404, 405) with the reason. */
int control_request_parse(const struct control_source *source, struct control_request *request,
                          struct reason *reason) MUST_CHECK;

#endif
