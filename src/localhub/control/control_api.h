// SPDX-License-Identifier: MIT
/*
 * The local hub's control API: plain HTTP with JSON, for people, demos and tests; no real hub has
 * it. It has no password, so it belongs on a loopback address, and it refuses what a web page
 * could have sent (a foreign Host, any Origin). docs/local-hub.md describes every route.
 */
#ifndef ISTHMUS_LOCALHUB_CONTROL_CONTROL_API_H
#define ISTHMUS_LOCALHUB_CONTROL_CONTROL_API_H

#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "localhub/dps/dps_endpoint.h"
#include "localhub/local_hub.h"
#include "localhub/model/models.h"

struct control_api;

struct control_api_options {
        struct local_hub *hub; /* must outlive the control API */
        struct dps_endpoint *dps;
        const struct models *models; /* with which messages are compared; NULL = none */
        uint16_t port;               /* 0 = any free one */
        /*
         * NULL: it listens on 127.0.0.1, for every program of this machine but web pages. Else on
         * `address`, for whoever says `Authorization: Bearer TOKEN`. Both must stay.
         */
        const char *token;
        const char *address;
};

int control_api_new(const struct control_api_options *options, struct control_api **api,
                    struct reason *reason) MUST_CHECK;

uint16_t control_api_port(const struct control_api *api);

/* No request is served afterwards; method calls under way may still be answered by the hub. */
void control_api_stop(struct control_api *api);

/* Stops first. The hub must have ended, so that it answers no method call any more. NULL is
 * allowed. */
void control_api_free(struct control_api *api);

#endif
