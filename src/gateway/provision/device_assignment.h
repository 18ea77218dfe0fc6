// SPDX-License-Identifier: MIT
/*
 * What the provisioning service has answered of each device: kept in the store, and given back as
 * long as it was said of the device as it is. All on the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_PROVISION_DEVICE_ASSIGNMENT_H
#define ISTHMUS_GATEWAY_PROVISION_DEVICE_ASSIGNMENT_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/reason.h"
#include "base/x509/certificate.h"
#include "conf/settings.h"
#include "gateway/device/device.h"
#include "store/store.h"

/*
 * Records of this kind: key the device's, value a JSON object with `hub`, `deviceId` and more;
 * without them if the service has only refused the device so far, which is no new one any more.
 */
#define DEVICE_ASSIGNMENT_KIND "assignment"

/* Tells keys apart and tells nothing of them: hex digits of a digest, with the zero byte. */
#define DEVICE_KEY_ID_SIZE 17

/* What was asked of a device, and what the service has answered; owns its texts. */
struct device_answer {
        char *registration_id;
        char *id_scope;
        char *endpoint;
        char *model_id;   /* or NULL */
        char *home_scope; /* of the settings, if the device is to stay with another one; or NULL */
        char key_id[DEVICE_KEY_ID_SIZE]; /* of its key or certificate; "" = it has none */
        char *hub;                       /* NULL = the service has refused the device */
        char *device_id;
};

void device_answer_deinit(struct device_answer *answer);

struct device_assignments;

struct device_assignments *device_assignments_new(struct store *store);
void device_assignments_free(struct device_assignments *assignments);

/* Takes a record of the kind DEVICE_ASSIGNMENT_KIND from the store. */
void device_assignments_take(struct device_assignments *assignments,
                             const struct store_record *record);

/* Forgets, but not in the store, those of devices in these shards, which have left. */
void device_assignments_forget_shards(struct device_assignments *assignments,
                                      const struct store_shards *shards);

/* Forgets it in the store, too. */
void device_assignments_forget(struct device_assignments *assignments, const struct device *device);

/* Writes what the service has answered. True if it is new. */
bool device_assignments_remember(struct device_assignments *assignments,
                                 const struct device *device, const struct device_answer *answer);

/* Has the service answered anything? */
bool device_assignments_has(const struct device_assignments *assignments,
                            const struct device *device);

/* What it has answered, if anything; the caller's. */
struct json_object *device_assignments_find(const struct device_assignments *assignments,
                                            const struct device *device);

/*
 * The same unless it was said of another scope, id, model or key, or was a refusal; else NULL. A
 * scope that the device was moved to counts while the settings have the one that it had then.
 */
struct json_object *device_assignments_recall(const struct device_assignments *assignments,
                                              const struct device *device,
                                              const struct settings_azure *azure,
                                              const struct certificate *certificate);

/* Puts the scope that the device was moved to, if any, in place of that of the settings. */
void device_assignment_use_scope(struct json_object *record, struct settings_azure *azure);

/*
 * The device's own key, from its enrolment group's; none if it has a certificate. False with the
 * reason if the group's is no key.
 */
bool device_assignment_key(const struct settings_azure *azure, const struct device *device,
                           struct buf *key, struct reason *reason);

/* Of a key, or of a certificate's fingerprint. */
void device_assignment_key_id(const char *text, char id[DEVICE_KEY_ID_SIZE]);

#endif
