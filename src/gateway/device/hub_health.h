// SPDX-License-Identifier: MIT
/*
 * Is it a device's own fault that it does not get to its hub, or is something wrong with the hub?
 * If the hub is at fault, one of its devices asks the provisioning service for all, with growing
 * pauses: perhaps the hub was deleted or replaced, or has forgotten its devices.
 *
 * Pure: the caller says what happened and what time it is (steady milliseconds). All on the thread
 * "loop".
 */
#ifndef ISTHMUS_GATEWAY_DEVICE_HUB_HEALTH_H
#define ISTHMUS_GATEWAY_DEVICE_HUB_HEALTH_H

#include <stdint.h>

#include "azure/hub/hub_client.h"
#include "base/list.h"

struct device;

enum hub_health_state {
        HUB_HEALTH_GOOD,
        HUB_HEALTH_AWAY,     /* no device is authorised, and no connection holds */
        HUB_HEALTH_REFUSING, /* it refuses all devices alike (HUB_REFUSAL_COMMON) */
};

/* One hub. */
struct hub_health {
        struct list_node node;
        char *name; /* as its devices give it */
        enum hub_health_state state;
        int64_t next_ask_ms;  /* not sooner does a device ask for all; unless GOOD */
        int asks;             /* since it was GOOD */
        struct device *asker; /* the one that is asking; NULL = nobody */
};

/* All hubs that something was said of. */
struct hub_healths {
        struct list hubs;
};

void hub_healths_init(struct hub_healths *healths);
void hub_healths_deinit(struct hub_healths *healths);

/* What the client says of a hub now; to be called every few seconds for each. */
void hub_health_observe(struct hub_healths *healths, const struct hub_summary *summary,
                        int64_t now_ms);

/* The clock was set: what hubs said before counts no more, so that nobody asks for a while. */
void hub_healths_clock_was_set(struct hub_healths *healths, int64_t now_ms);

/* The hub has authorised a device. */
void hub_health_works(struct hub_healths *healths, const char *hub);

/* The hub refuses a device with HUB_REFUSAL_COMMON. */
void hub_health_refuses(struct hub_healths *healths, const char *hub, int64_t now_ms);

/* Is it time for a device of this hub to ask the service for all? */
bool hub_health_is_due(const struct hub_health *health, int64_t now_ms);

/* This device asks for all; NULL if there is none that could. */
void hub_health_ask(struct hub_health *health, struct device *asker, int64_t now_ms);

/* The device has its answer. The hub that it asked for; NULL if it asked for itself only. */
struct hub_health *hub_health_answered(struct hub_healths *healths, const struct device *asker);

#endif
