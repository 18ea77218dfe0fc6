// SPDX-License-Identifier: MIT
/*
 * Each camera as a device of its own in Azure IoT: by a connection string, or assigned by the
 * provisioning service, whose answer is remembered in the store; what waits for it in the store is
 * sent in order, one at a time.
 *
 * Laws:
 *   - what is in the store leaves it only when the hub has accepted it, or has said that it never
 *     will, which makes it a dead letter;
 *   - a device that is refused, or whose hub is away, keeps what is stored and is tried again with
 *     growing pauses; no other device is delayed.
 *
 * State lives on the thread "loop". cloud_put, cloud_report and cloud_status may be called on every
 * thread.
 */
#ifndef ISTHMUS_CAMERA_CLOUD_CLOUD_H
#define ISTHMUS_CAMERA_CLOUD_CLOUD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "azure/dps/dps_client.h"
#include "azure/hub/hub_client.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/loop.h"
#include "base/reason.h"
#include "camera/settings/camera_settings.h"
#include "store/store.h"

struct cloud;
struct cloud_device;
struct cloud_call;

struct cloud_options {
        struct store *store;
        struct loop *loop;
        struct dps_client *dps;
        /* A hub does not take a secret of the settings any more; on the thread "loop". Or NULL. */
        void (*refused)(void *context);
        void *context;
};

struct cloud *cloud_new(const struct cloud_options *options);

/* After the threads "http" and "loop" have ended and the store is closed. NULL is allowed. */
void cloud_free(struct cloud *cloud);

/* What a device's camera does on behalf of the cloud; on the thread "loop". */
struct cloud_handler {
        /* A direct method: cloud_answer must follow, now or later. */
        void (*method)(void *context, struct cloud_call *call, const char *name);
        /* Desired properties of its twin, as struct hub_device_handler has them. */
        void (*desired)(void *context, const char *json, size_t size, bool is_whole);
};

/* Before cloud_start. `camera`, `handler` and `context` must stay. */
struct cloud_device *cloud_add(struct cloud *cloud, const struct camera_settings *camera,
                               const struct cloud_handler *handler, void *context);

/*
 * Reads what is remembered and what waits, and connects the devices by `hubs`. What was put and
 * reported before waits until then.
 */
int cloud_start(struct cloud *cloud, struct hub_client *hubs, struct reason *reason) MUST_CHECK;

/*
 * Secrets of the settings have changed: who is refused tries again at once, and a connection string
 * that says something else is followed. On the thread "loop".
 */
void cloud_secrets_changed(struct cloud *cloud);

/* Sends nothing any more once it has returned. Before hub_client_free; not on "loop". */
void cloud_stop(struct cloud *cloud);

/* A message that is to be kept until the hub has it. */
struct cloud_message {
        int64_t created_ns;      /* wall clock; property iothub-creation-time-utc */
        int64_t clock_offset_ms; /* by what clock: that less the steady one */
        const char *body;        /* JSON */
        size_t body_size;
};

/*
 * Stores a message and waits until that is durable. 0, or as store_put's result with the reason:
 * then it is not kept.
 */
int cloud_put(struct cloud_device *device, const struct cloud_message *message,
              struct reason *reason) MUST_CHECK;

/*
 * Reports this in the device's twin: a JSON object, merged at the hub. What was to be reported and
 * was not yet gives way. Repeated after each connection.
 */
void cloud_report(struct cloud_device *device, const char *patch, size_t size);

/* Answers a direct method; `json` NULL = {}. Any thread, once. */
void cloud_answer(struct cloud_call *call, int status, const char *json);

/*
 * What a request to the device's hub needs besides AMQP: adds its host, the device's id there, and
 * a token for an hour, a secret. False while no hub is known. Any thread.
 */
bool cloud_grant(struct cloud_device *device, struct buf *hub, struct buf *device_id,
                 struct buf *token);

enum cloud_phase {
        CLOUD_NEW,
        CLOUD_REGISTERING, /* the provisioning service was asked */
        CLOUD_CONNECTING,  /* its hub is known; not authorised there (yet, or again) */
        CLOUD_READY,
        CLOUD_HELD, /* refused, or no answer: tried again later */
};

struct cloud_status {
        enum cloud_phase phase;
        char hub[256];        /* "" = not known */
        struct reason reason; /* CLOUD_HELD: why */
};

void cloud_status(struct cloud_device *device, struct cloud_status *status);

/* "new", "registering", "connecting", "ready", "held". */
const char *cloud_phase_name(enum cloud_phase phase);

#endif
