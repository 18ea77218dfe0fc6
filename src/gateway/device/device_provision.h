// SPDX-License-Identifier: MIT
/*
 * Which hub is a device's, and with which key? By a connection string, or by the Device
 * Provisioning Service, whose answer is remembered in the store: a restart asks nothing again.
 * One registration at a time per device. All on the thread "loop".
 *
 * Law: an assignment is replaced when the service has answered with another, and forgotten only
 * when an operator releases the device.
 */
#ifndef ISTHMUS_GATEWAY_DEVICE_DEVICE_PROVISION_H
#define ISTHMUS_GATEWAY_DEVICE_DEVICE_PROVISION_H

#include "azure/dps/dps_client.h"
#include "base/error.h"
#include "base/loop.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "gateway/device/device.h"
#include "store/store.h"

struct device_provision;

struct device_provision_options {
        const struct settings *settings;
        struct store *store;
        struct loop *loop;
        struct dps_client *dps;
};

struct device_provision *device_provision_new(const struct device_provision_options *options);

/* After the threads "http" and "loop" have ended. */
void device_provision_free(struct device_provision *provision);

/* Reads the remembered assignments. Before the first device_provision_start; any thread. */
int device_provision_load(struct device_provision *provision, struct reason *reason) MUST_CHECK;

/*
 * Finds out; the keeper's `decided` follows exactly once, perhaps before this returns. What is
 * remembered is the answer, unless the device's assignment is doubted: then the service is asked.
 */
void device_provision_start(struct device_provision *provision, struct device *device);

/*
 * May the device's assignment be doubted now? Not if no service assigns it, nor soon after the
 * service's last answer: the pauses grow, until the device has been ready for some time.
 */
bool device_provision_may_ask(const struct device_provision *provision,
                              const struct device *device);

/* Forgets what the service has answered: the device has given its id back. */
void device_provision_forget(struct device_provision *provision, const struct device *device);

/*
 * Records of this kind: key the device's, value a JSON object with `hub`, `deviceId` and more;
 * without them if the service has only refused the device so far, which is no new one any more.
 */
#define DEVICE_ASSIGNMENT_KIND "assignment"

#endif
