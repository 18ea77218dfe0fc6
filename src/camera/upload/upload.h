// SPDX-License-Identifier: MIT
/*
 * Sends pictures away: into a storage account, or through the device's IoT Hub, which names a place
 * in its own storage account
 * (https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-file-upload).
 *
 * Nobody waits for it. Few pictures are under way at once; what comes beyond is dropped, and so is
 * one that was tried three times, or whose hub is not known by then: a picture, unlike a tally, is
 * not worth to be kept on disk.
 */
#ifndef ISTHMUS_CAMERA_UPLOAD_UPLOAD_H
#define ISTHMUS_CAMERA_UPLOAD_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "camera/upload/upload_picture.h"

struct http_client;
struct upload;

/* Pictures under way at once. */
#define UPLOAD_JOBS_MAX 4

struct upload_options {
        const char *camera;       /* its name, for the log; must stay */
        struct http_client *http; /* freed before upload_free */
        bool through_hub;         /* or into a storage account */
        /*
         * The connection string of Azure Storage, with a key or a signature (SAS), as it is now;
         * "" = not known yet. On the thread "http".
         */
        const char *(*storage)(void *context);
        const char *device_id; /* its container there is named after it; must stay */
        /*
         * Adds the hub's host (or host:port), the device's id there and a token for it; false
         * while no hub is known. On the thread "http".
         */
        bool (*grant)(void *context, struct buf *hub, struct buf *device_id, struct buf *token);
        void *context;
        int64_t retry_ms; /* the first pause before another attempt; 0 = 5 s */
};

struct upload *upload_new(const struct upload_options *options);

/* After http_client_free; drops what is under way. NULL is allowed. */
void upload_free(struct upload *upload);

/*
 * Begins to send a picture, all of which is copied. In a storage account the container is the
 * device id in lower case, and is made if it is missing and the key allows that. Any thread.
 */
void upload_send(struct upload *upload, const struct upload_picture *picture);

struct upload_status {
        int64_t sent;
        int64_t failed;
        int64_t dropped; /* too many were under way */
        size_t under_way;
};

/* Any thread. */
void upload_status(struct upload *upload, struct upload_status *status);

#endif
