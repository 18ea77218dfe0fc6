// SPDX-License-Identifier: MIT
/*
 * Each device's link to its hub: registered, connected, held when it is refused, connected anew
 * when it has changed. Over it go the device's events (uplink_send.h), and its commands come.
 *
 * Law: what stops one device stops only that one.
 *
 * All on the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_DEVICE_LINK_H
#define ISTHMUS_GATEWAY_DEVICE_LINK_H

#include "azure/hub/hub_client.h"
#include "base/loop.h"
#include "conf/settings.h"
#include "gateway/device/device.h"
#include "gateway/device/device_place.h"
#include "gateway/device/device_provision.h"
#include "gateway/uplink/uplink_send.h"

struct command_arrive;
struct command_ledger;
struct device_link;

struct device_link_options {
        const struct settings *settings;
        struct loop *loop;
        struct hub_client *hubs;
        struct device_table *devices;
        struct device_places *places;
        struct device_provision *provision;
        struct uplink_sender sender;
        struct command_arrive *arrive; /* takes what the hub delivers to a device */
        struct command_ledger *ledger;
};

/* The parts may be NULL until device_link_join. Any thread. */
struct device_link *device_link_new(const struct device_link_options *options);

/* Supplies the parts that need this one to be made. Before the first event; any thread. */
void device_link_join(struct device_link *links, struct uplink_queue *queue,
                      struct device_provision *provision, struct uplink_format *format);

/* The same for commands. Before the first connection; any thread. */
void device_link_join_commands(struct device_link *links, struct command_arrive *arrive,
                               struct command_ledger *ledger);

/* From now on hubs and the clock are watched. On the thread "loop". */
void device_link_start(struct device_link *links);

/* Sends nothing and asks nothing any more. On the thread "loop". */
void device_link_stop(struct device_link *links);

/* After the thread "loop" has ended. */
void device_link_free(struct device_link *links);

/* The first waiting event of a device is there (uplink_queue_options.ready), or its result is. */
void device_link_ready(struct device_link *links, struct device *device);

/*
 * Connects the device although nothing waits to be sent: so that commands reach it, and because
 * whom a listing lists is to be seen in Azure.
 */
void device_link_connect(struct device_link *links, struct device *device);

/* The device may have changed (struct device's `changed`): connects it anew if it has. */
void device_link_renew(struct device_link *links, struct device *device);

/* A way for its commands has become known: they are received from now on. */
void device_link_receive(struct device_link *links, struct device *device);

/*
 * An operator takes the device's IoT Hub device id away (device_table_release). Refused, with the
 * reason, while something of the device is under way; with `force`, what waits to be sent becomes
 * dead letters. 0 with the key of the claim's record, as device_table_release; else -EBUSY.
 */
int device_link_release(struct device_link *links, struct device *device, bool force,
                        char **identity, struct reason *reason) MUST_CHECK;

/* What device_provision found out (device_provision_options.decided). */
void device_link_decided(struct device_link *links, struct device *device,
                         const struct dps_result *result);

#endif
