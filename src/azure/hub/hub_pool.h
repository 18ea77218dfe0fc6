// SPDX-License-Identifier: MIT
/* The hubs by name, and who goes on which connection. */
#ifndef ISTHMUS_AZURE_HUB_HUB_POOL_H
#define ISTHMUS_AZURE_HUB_HUB_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "azure/hub/hub_core.h"
#include "azure/hub/hub_doubt.h"
#include "base/reason.h"

/* Where a device is; its place is the list that it is on, and hub_device.c the one mover. */
enum hub_place {
        HUB_PLACE_WAITING,     /* of its hub: for a seat on a connection */
        HUB_PLACE_SUSPECT,     /* of its hub: for a seat on a connection for suspects */
        HUB_PLACE_REFUSED,     /* of its hub: for hub_device_retry */
        HUB_PLACE_DOUBTED,     /* of its hub: refused, but perhaps everybody is (hub_doubt.h) */
        HUB_PLACE_AUTHORISING, /* of its connection: a token is to be sent or to be answered */
        HUB_PLACE_READY,       /* of its connection: authorised */
        HUB_PLACE_PAUSED,      /* of its connection: authorises again when its timer says so */
        HUB_PLACES,
};

struct hub {
        struct hub_client *client;
        struct list_node node; /* of client->hubs */
        char *name;            /* as its devices give it: host or host:port */
        char *host;
        uint16_t port;
        unsigned which; /* of its addresses, which to try next */
        char *invalid;  /* why its name can't be used; or NULL */
        struct list connections;
        struct list devices[HUB_PLACES]; /* those of its own places; the others stay empty */
        struct timer seat_timer;         /* seats the waiting devices */
        int failures;                    /* connections lost since a token was accepted */
        int64_t not_before_ms;           /* no new connection before */
        struct timer rate_timer;         /* goes on with tokens that the rate held back */
        int64_t rate_us;                 /* up to when the rate has been paid for */
        uint64_t accepted;               /* messages and reports so far */
        struct hub_doubt doubt;
        size_t suspects; /* devices; see hub_trial.h */
};

/* The hub of that name; made if it is new. */
struct hub *hub_pool_hub(struct hub_client *client, const char *name);
void hub_pool_free(struct hub *hub);

/* Seats the waiting devices soon. */
void hub_pool_seat_soon(struct hub *hub);

/* A connection was lost or could not be made: the next one waits. */
void hub_pool_back_off(struct hub *hub);

/* A token was accepted: this hub works. */
void hub_pool_works(struct hub *hub);

/* May one more device be authorised now? If not, the tokens go on when the rate allows. */
bool hub_pool_rate_allows(struct hub *hub);

#endif
