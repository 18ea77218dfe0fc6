// SPDX-License-Identifier: MIT
/*
 * Reads the listings of the networks: at start, and again when their refresh time has come. The
 * pages of all listings are asked for one at a time, on the thread "http"; a listing that is
 * away is asked again with backoff, or when it says so (Retry-After), and stops nobody else.
 *
 * All on the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_DEVICE_DEVICE_LISTING_H
#define ISTHMUS_GATEWAY_DEVICE_DEVICE_LISTING_H

#include "base/loop.h"
#include "conf/settings.h"
#include "gateway/device/device.h"
#include "http/client/http_client.h"
#include "monitor/monitor.h"

struct device_listing;

/* Whose list it is. */
struct listing_of {
        const struct network *network;
        const char *application; /* NULL = all of the network */
};

/* Who hears what lists say: device_bulk.c. On the thread "loop". */
struct device_listing_ear {
        /* May devices that are listed be made, and their keeper be woken? */
        bool (*lets_make)(struct device_listing_ear *ear);
        /* One device; `device` NULL = it can't be made, for the reason, or must not (lets_make). */
        void (*listed)(struct device_listing_ear *ear, const struct listing_of *listing,
                       const struct listed_device *listed, struct device *device,
                       const struct reason *reason);
        /* A list was read to its end, or could not be, and will be tried again (`failure`). */
        void (*read)(struct device_listing_ear *ear, const struct listing_of *listing,
                     const struct reason *failure);
};

struct device_listing_options {
        const struct settings *settings;
        struct http_client *http;
        struct loop *loop;
        struct device_table *devices; /* takes them up; their keeper is woken */
        struct device_listing_ear *ear;
        struct monitor *monitor; /* NULL = none */
};

/* Any thread. */
struct device_listing *device_listing_new(const struct device_listing_options *options);

/*
 * Begins to read, or ends it: where several gateways share a store one of them reads for all. What
 * is under way when it ends changes nothing more. Until the first call nothing is read unless
 * device_listing_refresh asks for it.
 */
void device_listing_turn(struct device_listing *listing, bool reads);

/*
 * Reads now what waits for its time to be read, or to be read again, also before
 * device_listing_turn; nothing if that has said that another gateway reads. Returns how many lists
 * there are.
 */
size_t device_listing_refresh(struct device_listing *listing);

/* How many lists were not read yet, nor failed, since the last device_listing_refresh. */
size_t device_listing_pending(const struct device_listing *listing);

/* Asks nothing any more. */
void device_listing_stop(struct device_listing *listing);

/* After the threads "http" and "loop" have ended; NULL is allowed. */
void device_listing_free(struct device_listing *listing);

#endif
