// SPDX-License-Identifier: MIT
/*
 * Models of devices in DTDL (versions 2 and 3; rule W37): what a device says is compared with the
 * model that it announces. Nothing is refused; what differs is told as warnings. Read at the start,
 * never changed afterwards: every thread.
 */
#ifndef ISTHMUS_LOCALHUB_MODEL_MODELS_H
#define ISTHMUS_LOCALHUB_MODEL_MODELS_H

#include <json-c/json.h>

#include "base/error.h"
#include "base/reason.h"

struct models;

/* A file with one interface or a list of them, or a folder of such files (*.json). */
int models_load(const char *path, struct models **models, struct reason *reason) MUST_CHECK;

/* NULL is allowed. */
void models_free(struct models *models);

/*
 * Adds texts to the array `warnings`: what of a message's body the model, or its component (NULL or
 * "" = the root), does not have or has otherwise. Nothing without models (NULL) or model id.
 */
void models_check_telemetry(const struct models *models, const char *model_id,
                            const char *component, struct json_object *body,
                            struct json_object *warnings);

/* The same for a twin's reported properties. */
void models_check_reported(const struct models *models, const char *model_id,
                           struct json_object *reported, struct json_object *warnings);

#endif
