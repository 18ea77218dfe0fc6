// SPDX-License-Identifier: MIT
/*
 * Which hub is a device's, and with which key or certificate? By a connection string, or by the
 * Device Provisioning Service, whose answer is remembered in the store: a restart asks nothing
 * again. One registration at a time per device. All on the thread "loop".
 *
 * Law: an assignment is replaced when the service has answered with another, and forgotten only
 * when an operator releases the device.
 */
#ifndef ISTHMUS_GATEWAY_PROVISION_DEVICE_PROVISION_H
#define ISTHMUS_GATEWAY_PROVISION_DEVICE_PROVISION_H

#include <json-c/json.h>

#include "azure/dps/dps_client.h"
#include "base/error.h"
#include "base/loop.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "gateway/device/device.h"
#include "gateway/provision/device_assignment.h"
#include "monitor/monitor.h"
#include "store/store.h"

struct device_provision;

struct device_provision_options {
        const struct settings *settings;
        struct store *store;
        struct loop *loop;
        struct dps_client *dps;
        struct monitor *monitor; /* NULL = none */
};

struct device_provision *device_provision_new(const struct device_provision_options *options);

/* After the threads "http" and "loop" have ended. */
void device_provision_free(struct device_provision *provision);

/*
 * With a struct device_provision: takes a remembered assignment from the store (a record of the
 * kind DEVICE_ASSIGNMENT_KIND); forgets those of devices in these shards, which have left (struct
 * ownership_part). What is being asked of those decides nothing any more.
 */
void device_provision_take(void *context, const struct store_record *record);
void device_provision_forget_shards(void *context, const struct store_shards *shards);

/*
 * Finds out; the keeper's `decided` follows exactly once, perhaps before this returns. What is
 * remembered is the answer, unless the device's assignment is doubted: then the service is asked.
 * It is urgent if an event waits; otherwise the device is one of the bulk.
 */
void device_provision_start(struct device_provision *provision, struct device *device, bool urgent);

/* An event waits now for a device that was not urgent. */
void device_provision_hurry(struct device_provision *provision, const struct device *device);

/* How a question ended: `result` NULL = assigned. */
typedef void device_provision_told(void *context, struct device *device,
                                   const struct dps_result *result);

/*
 * Asks the service in the background, whatever the device's phase is, which goes on undisturbed;
 * `told` follows exactly once, not before it returns. The answer is remembered; if it is another
 * one, the device is connected anew (its `changed`). If the service is being asked about the device
 * already, that answer is told. -EBUSY if somebody else is to be told of it; -ENOTSUP with the
 * reason if no service assigns the device.
 */
int device_provision_ask(struct device_provision *provision, struct device *device,
                         device_provision_told *told, void *context,
                         struct reason *reason) MUST_CHECK;

/*
 * Registers the device with another ID scope. If the service of that scope assigns it, the device
 * is connected anew and stays with that scope, until the settings name another one than now; if
 * not, nothing changes. -EBUSY or -ENOTSUP with the reason as device_provision_ask.
 */
int device_provision_move(struct device_provision *provision, struct device *device,
                          const char *id_scope, struct reason *reason) MUST_CHECK;

/*
 * The assignment of the service that is remembered, if it fits the settings: an object with `hub`
 * and `deviceId`, and `movedFrom` (a hub) and `movedAt` (a time) if it was another one before; the
 * caller's. NULL if there is none.
 */
struct json_object *device_provision_recall(const struct device_provision *provision,
                                            const struct device *device);

/*
 * Looks for another certificate of a device whose own is near its end, or has it made. If there is
 * one, the device is connected anew with it.
 */
void device_provision_renew(struct device_provision *provision, struct device *device);

/*
 * May the device's assignment be doubted now? Not if no service assigns it, nor soon after the
 * service's last answer: the pauses grow, until the device has been ready for some time.
 */
bool device_provision_may_ask(const struct device_provision *provision,
                              const struct device *device);

/* Forgets what the service has answered: the device has given its id back. */
void device_provision_forget(struct device_provision *provision, const struct device *device);

#endif
