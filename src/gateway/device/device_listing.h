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
#include "http/http_client.h"

struct device_listing;

struct device_listing_options {
        const struct settings *settings;
        struct http_client *http;
        struct loop *loop;
        struct device_table *devices; /* takes them up; their keeper is woken */
};

/* Any thread. */
struct device_listing *device_listing_new(const struct device_listing_options *options);

/* Begins to read. */
void device_listing_start(struct device_listing *listing);

/* Reads now what waits for its time to be read, or to be read again. */
void device_listing_refresh(struct device_listing *listing);

/* Asks nothing any more. */
void device_listing_stop(struct device_listing *listing);

/* After the threads "http" and "loop" have ended; NULL is allowed. */
void device_listing_free(struct device_listing *listing);

#endif
