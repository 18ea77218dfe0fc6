// SPDX-License-Identifier: MIT
/*
 * Each device's link to its hub: registered, connected, held when it is refused, connected anew
 * when it has changed. Over it go the device's events (uplink_send.h), and its commands come.
 *
 * Law: what stops one device stops only that one.
 *
 * All on the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_LINK_DEVICE_LINK_H
#define ISTHMUS_GATEWAY_LINK_DEVICE_LINK_H

#include "azure/hub/hub_client.h"
#include "base/loop.h"
#include "conf/settings.h"
#include "gateway/command/command_arrive.h"
#include "gateway/device/device.h"
#include "gateway/device/device_place.h"
#include "gateway/device/downlink_route.h"
#include "gateway/provision/device_provision.h"
#include "gateway/uplink/uplink_send.h"

struct command_network;
struct device_link;

struct device_link_options {
        const struct settings *settings;
        struct loop *loop;
        struct hub_client *hubs;
        struct device_table *devices;
        struct device_places *places;
        struct device_provision *provision;
        struct downlink_routes *routes;
        struct uplink_sender sender;
        struct command_arrive arrive;    /* takes what the hub delivers to a device */
        struct command_network *network; /* hears of uplinks */
        bool is_idle;                    /* it connects nobody */
        void (*refused)(void *context);  /* a hub refuses a device's key; on "loop"; or NULL */
        void *context;
};

/* It is the keeper of all devices from now on. Before there are any; any thread. */
struct device_link *device_link_new(const struct device_link_options *options);

/*
 * From now on hubs and the clock are watched. Devices that come are connected although nothing
 * waits to be sent, if the settings want that and they take commands or are listed. "loop".
 */
void device_link_start(struct device_link *links);

/* Has those try again that were refused or had no way: something may be other now. "loop". */
void device_link_try_held(struct device_link *links);

/*
 * Shards have come, and all that the store has of their devices is loaded: from now on these are
 * connected and sent for. Shards are lost: their devices are DEVICE_ELSEWHERE; links are closed,
 * what was in flight is of no interest any more. On the thread "loop".
 */
void device_link_gain(struct device_link *links, const struct store_shards *shards);
void device_link_lose(struct device_link *links, const struct store_shards *shards);

/* Others are to have them: nothing new is begun for their devices. "loop". */
void device_link_prepare_to_lose(struct device_link *links, const struct store_shards *shards);

/* Is nothing of them under way, to a hub or to a network? "loop". */
bool device_link_is_quiet(struct device_link *links, const struct store_shards *shards);

/* As struct hub_client_options wants it. "loop". */
bool device_link_may_act(const void *device);

/* Sends nothing and asks nothing any more. On the thread "loop". */
void device_link_stop(struct device_link *links);

/* After the thread "loop" has ended. */
void device_link_free(struct device_link *links);

/*
 * An operator takes the device's IoT Hub device id away (device_table_release). Refused, with the
 * reason, while something of the device is under way; with `force`, what waits to be sent becomes
 * dead letters. 0 with the key of the claim's record, as device_table_release; else -EBUSY.
 */
int device_link_release(struct device_link *links, struct device *device, bool force,
                        char **identity, struct reason *reason) MUST_CHECK;

#endif
