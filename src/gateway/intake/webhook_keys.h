// SPDX-License-Identifier: MIT
/*
 * Whose key is it: finds the one of WebhookKeys that a request brings, and what it may send.
 * Any thread that may ask the exchange.
 */
#ifndef ISTHMUS_GATEWAY_INTAKE_WEBHOOK_KEYS_H
#define ISTHMUS_GATEWAY_INTAKE_WEBHOOK_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "conf/settings.h"
#include "networks/network.h"

struct http_exchange;

/* The configured keys, which stay the settings'; all else zero. */
struct webhook_keys {
        const struct settings_webhook_key *keys;
        size_t count; /* 0 = everybody may send everything (loopback only) */
        struct log_pause misused;
};

/*
 * The key that the request brings: as X-Api-Key, x-functions-key (the name that Azure Functions
 * gives it), password of basic authentication or ?code=, the first of these that is one. NULL if
 * none is; without any keys, one that may send everything. It takes the same time whether a wrong
 * key came close or not.
 */
const struct settings_webhook_key *webhook_keys_find(const struct webhook_keys *keys,
                                                     const struct http_exchange *exchange);

/* May the key send events of this network? */
bool webhook_key_has_network(const struct settings_webhook_key *key, const char *network);

/* The first of the events that the key may not send; NULL = it may send all. */
const struct event *webhook_key_foreign(const struct settings_webhook_key *key,
                                        const struct event_list *events);

/*
 * Counts a key that was used for what is not its own, and logs it, at most every ten seconds.
 * `application` NULL = none of the network.
 */
void webhook_keys_report(struct webhook_keys *keys, const struct settings_webhook_key *key,
                         const char *network, const char *application);

#endif
