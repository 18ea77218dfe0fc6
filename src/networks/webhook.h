// SPDX-License-Identifier: MIT
/* What the drivers share when they read a webhook. */
#ifndef ISTHMUS_NETWORKS_WEBHOOK_H
#define ISTHMUS_NETWORKS_WEBHOOK_H

#include <json-c/json.h>

#include "base/reason.h"
#include "networks/network.h"

/*
 * The body as a JSON object within NETWORK_JSON_DEPTH (the caller's, json_object_put), or NULL
 * with the reason.
 */
struct json_object *webhook_object(const struct webhook *webhook, struct reason *reason) MUST_CHECK;

/*
 * A member that is a text; NULL if it is absent, of another type, or holds U+0000, which no C
 * string can carry. The text belongs to `object`.
 */
const char *webhook_text(struct json_object *object, const char *name);

#endif
