// SPDX-License-Identifier: MIT
/*
 * The way back to a device that its network tells with each webhook, for applications that have
 * none in the settings. Kept in the store, so that commands work after a restart.
 *
 * Laws:
 *   - a way is used for the one device that it was told for, and only if its host is allowed;
 *   - unless the settings name the hosts, all devices of an application have the host that was
 *     heard first for one of them: whoever may post webhooks can't lead its commands elsewhere;
 *   - it is written when it has changed, not with every uplink;
 *   - its key is in the store and nowhere else.
 *
 * On the thread "loop", but downlink_hear (every thread), downlink_routes_new and _free.
 */
#ifndef ISTHMUS_GATEWAY_DEVICE_DOWNLINK_ROUTE_H
#define ISTHMUS_GATEWAY_DEVICE_DOWNLINK_ROUTE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "gateway/device/network_settings.h"
#include "gateway/device/uplink_event.h"
#include "networks/downlink.h"
#include "networks/network.h"
#include "store/store.h"

struct device;

/*
 * The way for a device's commands: as the settings say, else as its uplinks told. Fills `access`
 * with texts of either. Unless the way is open, the reason (or NULL) says what stands in it.
 */
enum downlink_access downlink_route(const struct settings *settings, const struct device *device,
                                    struct network_access *access, struct reason *reason);

/*
 * What a webhook tells of the way to the device of its event. NULL if it tells nothing, or nothing
 * that is needed. The caller's.
 */
struct downlink_heard *downlink_hear(const struct settings *settings, const struct webhook *webhook,
                                     const struct event *event);

struct device_table;
struct downlink_routes;

/* `devices` must stay. */
struct downlink_routes *downlink_routes_new(struct store *store, struct device_table *devices);
void downlink_routes_free(struct downlink_routes *routes);

/*
 * With a struct downlink_routes: takes a record of the kind DOWNLINK_WAY_KIND from the store, of a
 * known device (struct ownership_part).
 */
void downlink_routes_take(void *context, const struct store_record *record);

/* Forgets those of devices in these shards, which have left (struct ownership_part). */
void downlink_routes_forget(void *context, const struct store_shards *shards);

/* Records of this kind: key the device's; value a JSON object. */
#define DOWNLINK_WAY_KIND "way"

/* Takes over what was heard for this device; true if it has become known or another now. */
bool downlink_routes_learn(struct downlink_routes *routes, struct device *device,
                           struct downlink_heard *heard);

#endif
