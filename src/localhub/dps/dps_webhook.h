// SPDX-License-Identifier: MIT
/*
 * A function that says where a device goes (rule W25, allocation policy custom): a POST to its
 * address, whose answer comes some time. On the thread of the provisioning service.
 */
#ifndef ISTHMUS_LOCALHUB_DPS_DPS_WEBHOOK_H
#define ISTHMUS_LOCALHUB_DPS_DPS_WEBHOOK_H

#include <json-c/json.h>
#include <stdbool.h>

#include "base/reason.h"
#include "http/client/http_client.h"
#include "localhub/registry/registry.h"

struct dps_webhook;

/* What the service says to it: who wants to register, with which payload (NULL = none), by which
 * enrolment, and which hubs there are. The caller's. */
struct json_object *dps_webhook_question(struct registry *registry,
                                         const struct registry_enrolment *enrolment,
                                         const char *registration_id, struct json_object *payload);

/* Asks; the client must stay until it has answered. */
struct dps_webhook *dps_webhook_ask(struct http_client *client, const char *url,
                                    struct json_object *question);

/* Has it been answered? */
bool dps_webhook_is_done(const struct dps_webhook *webhook);

/*
 * Its answer, once it is done: `iotHubHostName`, perhaps `initialTwin` and `payload`. The caller's;
 * NULL with the reason if it failed.
 */
struct json_object *dps_webhook_answer(const struct dps_webhook *webhook, struct reason *reason);

/* Forgets it, answered or not. NULL is allowed. */
void dps_webhook_free(struct dps_webhook *webhook);

#endif
