// SPDX-License-Identifier: MIT
/*
 * What the links of devices are made of, for the files device_link*.c alone. Each of them uses only
 * those above it in this list:
 *
 *   device_link        a device's way to its hub, and what goes over the link
 *   device_link_watch  hubs that are away, clocks that are wrong, idle devices
 *   device_link_leave  devices that come from another gateway, or go to one, or are released
 *
 * All on the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_LINK_DEVICE_LINK_INSIDE_H
#define ISTHMUS_GATEWAY_LINK_DEVICE_LINK_INSIDE_H

#include "azure/clock_check.h"
#include "gateway/device/hub_health.h"
#include "gateway/link/device_link.h"

struct device_link {
        struct device_keeper keeper;
        struct device_link_options options;
        struct hub_healths healths;
        struct clock_check clock;
        struct timer watch;
        int64_t certificates_ms; /* steady clock; when they are looked after next */
        int64_t idle_ms;         /* the same of idle devices */
        size_t connections;      /* to hubs, as they were counted last */
        size_t wanting;          /* devices at hubs, the same */
        int64_t hubless_ms;      /* steady clock; since when there is none; 0 = there is */
        bool unable;             /* the others were told so */
        bool stopped;
};

/* The one mover. */
void device_link_move(struct device *device, enum device_phase phase);

/* Does what can be done for this device now. */
void device_link_pump(struct device_link *links, struct device *device);

/* Closes its connections. */
void device_link_unlink(struct device *device);

/* Asks the service, whatever the device was doing. */
void device_link_doubt(struct device_link *links, struct device *device);

/* It is connected although nothing waits, if it is to be; true. */
bool device_link_connect_early(void *context, struct device *device);

/* Is it connecting to this hub, or refused by it, and may the service be asked about that? */
bool device_link_is_stuck(const struct device_link *links, const struct device *device,
                          const char *hub);

/* Was the clock set? Then those try again that were refused. */
void device_link_check_clock(struct device_link *links, int64_t now_ms);

/* Has the lane events, in memory or not? */
bool device_link_has_events(const struct device *lane);

/* Also where downlinks are switched off: the sender of a command must get an error. */
bool device_link_takes_commands(const struct device_link *links, const struct device *device);

/* After so long without an uplink a device that takes no commands is of no use here; 0 = never. */
int64_t device_link_idle_ms(const struct device_link *links);

#endif
