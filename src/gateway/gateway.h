// SPDX-License-Identifier: MIT
/* The gateway: builds the stages, joins them, and ends them in order. */
#ifndef ISTHMUS_GATEWAY_GATEWAY_H
#define ISTHMUS_GATEWAY_GATEWAY_H

#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "store/store.h"

struct gateway;

/* What the settings say of the store; its texts are theirs. */
struct store_options gateway_store_options(const struct settings *settings);

/*
 * Starts everything; webhooks are taken when it returns 0. Else the reason says what is in the
 * way. The settings must stay; secrets in them change where they stand elsewhere. The gateway is
 * the caller's: gateway_stop.
 */
int gateway_start(struct settings *settings, struct gateway **gateway,
                  struct reason *reason) MUST_CHECK;

/*
 * The same of one that only registers devices, as its control socket is told: it takes no webhooks
 * and connects nobody. It holds the data directory as the other one does.
 */
int gateway_start_to_provision(struct settings *settings, struct gateway **gateway,
                               struct reason *reason) MUST_CHECK;

/* The port that webhooks are taken at. */
uint16_t gateway_port(const struct gateway *gateway);

/*
 * Reads the networks' lists of devices now, whenever their time would come, and again the secrets
 * that stand in files and vaults, and the files for TLS.
 */
void gateway_refresh(struct gateway *gateway);

/*
 * Takes no more webhooks, answers those under way, waits shortly for the hubs' answers, and closes
 * the store. What was not accepted yet is sent after the next start.
 */
void gateway_stop(struct gateway *gateway);

#endif
