// SPDX-License-Identifier: MIT
/*
 * One delivery of a network, however it came: is it authentic, what does it say, and is all that is
 * wanted of it on disk?
 *
 * Laws:
 *   - DELIVERY_STORED is said only after store_put answered 0 for every event of it, also for those
 *     that tell the fate of a downlink and are not sent; for these there is room in a full store;
 *   - nothing of a delivery that is malformed, foreign or not authentic is stored;
 *   - no thread waits for the disk or for a certificate.
 */
#ifndef ISTHMUS_GATEWAY_INTAKE_DELIVERY_H
#define ISTHMUS_GATEWAY_INTAKE_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "gateway/command/command_confirm.h"
#include "gateway/device/device.h"
#include "gateway/device/device_directory.h"
#include "gateway/intake/uplink_trust.h"
#include "gateway/uplink/uplink_queue.h"
#include "monitor/monitor.h"
#include "networks/network.h"
#include "store/store.h"

/* What every delivery needs; must outlive them all. */
struct delivery_means {
        const struct settings *settings;
        struct store *store;
        struct uplink_queue *queue; /* of what is stored */
        struct uplink_trust *trust;
        struct device_directory *directory;
        struct device_table *devices;
        struct uplink_holds *holds; /* they call delivery_source's `left` */
        struct monitor *monitor;    /* NULL = none */
};

enum delivery_fate {
        DELIVERY_STORED,    /* all of it, but for the parts that `not_stored` names */
        DELIVERY_IGNORED,   /* understood, and nothing of it is wanted */
        DELIVERY_MALFORMED, /* it is not what the network sends */
        DELIVERY_UNFIT,     /* nothing of it can ever be taken */
        DELIVERY_UNTRUSTED, /* it is not authentic */
        DELIVERY_FOREIGN,   /* it has events of an application that is not its sender's */
        DELIVERY_NOT_NOW,   /* nothing of it was stored; it may be taken later */
};

struct delivery_source;

/* Valid during the call of `delivery_done` only. */
struct delivery_result {
        const struct delivery_source *source;
        enum delivery_fate fate;
        const struct reason *reason; /* "" with STORED and IGNORED */
        struct buf *not_stored;      /* {"stored":N,"notStored":[...]}, or empty; may be taken */
        const struct event_list *refused; /* with STORED: its refusals are those of `not_stored` */
        const char *foreign_application;  /* with DELIVERY_FOREIGN */
        bool held;                        /* `left` of the source follows, or was called already */
        /* Of its events that are (to be) stored, if there is a monitor: */
        const char *application; /* of the first one; or NULL */
        const char *message_id;  /* of the first one; or NULL */
        const char *message_ids; /* of all, if there are several; or NULL */
        int32_t stands_for;      /* of their operation */
};

/* Once per delivery; on the thread that takes it, "store", "loop", or "http". */
typedef void delivery_done(void *context, const struct delivery_result *result);

struct delivery_source {
        const struct network *network;
        const struct settings_webhook_key *key; /* of the sender; NULL = may send everything */
        struct webhook received;                /* its texts must stay until `done` */
        int64_t arrived_ns;                     /* steady clock, for the time until it is stored */
        bool vouched; /* authentic for another reason than a signature of its own */
        /*
         * When no event of it waits any more: each was accepted by a hub, or is a dead letter. With
         * the context of `done`, on any thread, perhaps before `done`; not at all when the gateway
         * stops before. NULL = nobody wants to know.
         */
        void (*left)(void *context);
};

struct delivery;

/* Looks whether it is authentic. It is the caller's until delivery_take. Every thread. */
struct delivery *delivery_new(const struct delivery_means *means,
                              const struct delivery_source *source, delivery_done *done,
                              void *context);

/* True if a certificate must be fetched before anything can be said. */
bool delivery_must_wait(const struct delivery *delivery);

/* Goes on, until `done` was called; takes the delivery. */
void delivery_take(struct delivery *delivery);

#endif
