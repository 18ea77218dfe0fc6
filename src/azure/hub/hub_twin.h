// SPDX-License-Identifier: MIT
/*
 * Reported properties: a pair of links on the device's twin, joined by a correlation id, attached
 * when there is something to report (rule W10). One report at a time.
 */
#ifndef ISTHMUS_AZURE_HUB_HUB_TWIN_H
#define ISTHMUS_AZURE_HUB_HUB_TWIN_H

#include <proton/engine.h>
#include <stdbool.h>

#include "azure/hub/hub_core.h"
#include "base/crypto.h"

struct hub_device;
struct hub_send;

struct hub_twin {
        pn_link_t *requests;
        pn_link_t *answers;
        struct hub_send *report; /* whose answer is waited for; or NULL */
        struct buf patch;        /* JSON; until it is sent */
        bool is_sent;
        char correlation[CRYPTO_UUID_SIZE]; /* of request and answer */
        uint64_t count;                     /* of delivery tags */
        struct timer timer;                 /* ends the waiting */
};

void hub_twin_init(struct hub_twin *twin);
void hub_twin_deinit(struct hub_twin *twin);

/* Ends the links: a report that was not answered has outcome HUB_UNKNOWN. */
void hub_twin_detach(struct hub_device *device, const char *why);

/* The token of the report that the hub has not answered yet; false if there is none. */
bool hub_twin_under_way(const struct hub_device *device, uint64_t *token);

/* That is not to be tried again; nothing happens if there is none. */
void hub_twin_reject(struct hub_device *device, const char *why);

/* An event of one of the links. */
void hub_twin_event(struct hub_device *device, pn_event_t *event);

#endif
