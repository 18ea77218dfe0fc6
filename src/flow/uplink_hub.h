// SPDX-License-Identifier: MIT
/*
 * Uplink stage 5: each device's events to its hub, in order; settled in the store.
 *
 * Laws:
 *   - one event per device is under way at a time, so that no failure can change their order;
 *     throughput comes from many devices;
 *   - an event leaves the store only when the hub has accepted it, or with a reason to the dead
 *     letters;
 *   - what stops one device stops only that one.
 *
 * All on the thread "hub".
 */
#ifndef ISTHMUS_FLOW_UPLINK_HUB_H
#define ISTHMUS_FLOW_UPLINK_HUB_H

#include "azure/hub_client.h"
#include "conf/settings.h"
#include "flow/device.h"
#include "flow/device_provision.h"
#include "flow/uplink_format.h"
#include "flow/uplink_queue.h"
#include "store/store.h"

struct uplink_hub;

struct uplink_hub_options {
        const struct settings *settings;
        struct store *store;
        struct hub_client *hubs;
        struct uplink_queue *queue;
        struct device_table *devices;
        struct device_provision *provision;
        struct uplink_format *format;
        /* What the hub delivers to a device; see struct hub_device_handler. */
        void (*command)(void *context, struct device *device, struct hub_command *command);
        void (*command_lost)(void *context, struct hub_command *command);
        void (*method)(void *context, struct device *device, struct hub_method *method);
        void *context;
};

/* The parts may be NULL until uplink_hub_join. Any thread. */
struct uplink_hub *uplink_hub_new(const struct uplink_hub_options *options);

/* Supplies the parts that need this one to be made. Before the first event; any thread. */
void uplink_hub_join(struct uplink_hub *hub, struct uplink_queue *queue,
                     struct device_provision *provision, struct uplink_format *format);

/* Sends nothing and asks nothing any more. On the thread "hub". */
void uplink_hub_stop(struct uplink_hub *hub);

/* After the thread "hub" has ended. */
void uplink_hub_free(struct uplink_hub *hub);

/* The first waiting event of a device is there (uplink_queue_options.ready), or its result is. */
void uplink_hub_ready(struct uplink_hub *hub, struct device *device);

/*
 * Connects the device although nothing waits to be sent: so that commands reach it, and because
 * whom a registry lists is to be seen in Azure.
 */
void uplink_hub_connect(struct uplink_hub *hub, struct device *device);

/* The device may have changed (struct device's `changed`): connects it anew if it has. */
void uplink_hub_renew(struct uplink_hub *hub, struct device *device);

/* A way for its commands has become known: they are received from now on. */
void uplink_hub_receive(struct uplink_hub *hub, struct device *device);

/* What device_provision found out (device_provision_options.decided). */
void uplink_hub_decided(struct uplink_hub *hub, struct device *device,
                        const struct dps_result *result);

#endif
