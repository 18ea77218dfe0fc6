// SPDX-License-Identifier: MIT
/*
 * Uplink stage 5: the oldest event of a device goes to its hub, as a message or into the twin, and
 * is settled in the store.
 *
 * Laws:
 *   - one event per device is under way at a time, so that no failure can change their order;
 *     throughput comes from many devices;
 *   - an event leaves the store only when the hub has accepted it, or with a reason to the dead
 *     letters.
 *
 * All on the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_UPLINK_UPLINK_SEND_H
#define ISTHMUS_GATEWAY_UPLINK_UPLINK_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "azure/hub/hub_client.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "gateway/device/device.h"
#include "gateway/uplink/uplink_format.h"
#include "gateway/uplink/uplink_queue.h"
#include "gateway/uplink/uplink_recent.h"
#include "monitor/monitor.h"
#include "store/store.h"

struct uplink_sender {
        const struct settings *settings;
        struct store *store;
        struct uplink_queue *queue;
        struct uplink_format *format;
        struct monitor *monitor;      /* NULL = none */
        struct uplink_recent *recent; /* NULL = none */
        /* uplink_send's own: the message of the moment, whose memory the next one uses. */
        struct telemetry message;
};

void uplink_sender_deinit(struct uplink_sender *sender);

/* The event of this lane whose turn it is; NULL if there is none, or nothing may become of it yet.
 */
struct uplink_event *uplink_send_next(const struct uplink_sender *sender, struct device *lane);

/*
 * Sends that event as this device, which is connected. False if it is on its way, or must be tried
 * again later; true if it can never be sent and was set aside: the next one has its turn.
 */
bool uplink_send(struct uplink_sender *sender, struct device *device, struct uplink_event *event);

/* That event becomes a dead letter. */
void uplink_send_set_aside(const struct uplink_sender *sender, const struct device *device,
                           const struct uplink_event *event, const char *reason);

enum uplink_send_result {
        UPLINK_SEND_NOT_OURS, /* nobody waits for this answer any more */
        UPLINK_SEND_SETTLED,  /* the event has left the store: the next one has its turn */
        UPLINK_SEND_AGAIN,    /* it must be sent again, after a pause */
};

/* The hub's answer to what was sent as this device (struct hub_device_handler). */
enum uplink_send_result uplink_send_settle(const struct uplink_sender *sender,
                                           struct device *device, uint64_t token,
                                           enum hub_outcome outcome, const struct reason *reason);

#endif
