// SPDX-License-Identifier: MIT
/*
 * Enrolments as the provisioning service's REST API has them (rule W25). Settings that the
 * registry does not know itself are kept with the enrolment as one JSON object, its extra:
 * `iotHubs`, `initialTwin`, `customAllocationDefinition`, `optionalDeviceInformation`, `tpm`.
 */
#ifndef ISTHMUS_LOCALHUB_DPS_DPS_ENROLMENT_H
#define ISTHMUS_LOCALHUB_DPS_DPS_ENROLMENT_H

#include <json-c/json.h>

#include "base/error.h"
#include "base/reason.h"
#include "localhub/registry/registry.h"

/* The document without keys; the caller's. */
struct json_object *dps_enrolment_document(struct registry *registry,
                                           const struct registry_enrolment *enrolment);

/* Its `attestation` alone, with keys; the caller's. */
struct json_object *dps_enrolment_attestation(struct registry *registry,
                                              const struct registry_enrolment *enrolment);

/* The extra; the caller's, never NULL. */
struct json_object *dps_enrolment_extra(struct registry *registry,
                                        const struct registry_enrolment *enrolment);

/*
 * Makes or changes what `enrolment` says by kind and id from a document. Keys and certificates that
 * it lacks stay, or keys are made. REGISTRY_E_INVALID with the reason.
 */
int dps_enrolment_put(struct registry *registry, struct json_object *document,
                      struct registry_enrolment *enrolment, struct reason *reason) MUST_CHECK;

#endif
