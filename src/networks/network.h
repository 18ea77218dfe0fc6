// SPDX-License-Identifier: MIT
/*
 * A network is one folder that supplies one struct network, and one line in the table of
 * table/networks.c. Network drivers are pure: bytes to events, an event to telemetry, a command to
 * an HTTP request. They open nothing, wait for nothing and keep nothing, and may be called on every
 * thread.
 */
#ifndef ISTHMUS_NETWORKS_NETWORK_H
#define ISTHMUS_NETWORKS_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/property.h"
#include "base/reason.h"
#include "networks/downlink.h"
#include "networks/event.h"
#include "networks/listing.h"
#include "networks/network_setting.h"

enum network_condition {
        NETWORK_E_MALFORMED = 1, /* not what this network sends: 400, with the reason */
        NETWORK_E_IGNORED,       /* understood, and nothing is to be done: 2xx */
};

/* A webhook as it arrived. */
struct webhook {
        const char *path; /* what followed the network's route, without leading '/'; never NULL */
        const char *body;
        size_t body_size;
        size_t maximum_values; /* that JSON in it may hold; more is malformed */
        int64_t arrived_ns;    /* wall clock */
        /* As webhook_header and webhook_query, for which they are; NULL = it came without any. */
        const char *(*header)(const struct webhook *webhook, const char *name);
        const char *(*query)(const struct webhook *webhook, const char *name);
        void *context; /* for both */
};

/* The value of a request header (name in any case), of an argument of the query; or NULL. */
const char *webhook_header(const struct webhook *webhook, const char *name);
const char *webhook_query(const struct webhook *webhook, const char *name);

/* A part of a webhook that is not taken; owns its texts. */
struct event_refusal {
        size_t part;  /* as struct event's */
        char *device; /* or NULL */
        char *why;
};

/* Events of one webhook, and the parts of it that are none; owns both. */
struct event_list {
        struct event *events;
        size_t count;
        struct event_refusal *refusals;
        size_t refusal_count;
};

#define EVENT_LIST_INIT ((struct event_list){.events = NULL})

void event_list_deinit(struct event_list *list);
struct event *event_list_add(struct event_list *list);

/* Names a part that is not taken. The texts are copied. */
void event_list_refuse(struct event_list *list, const struct event_refusal *refusal);

/* Of one page of a network's list of devices: 1,000 devices with a hundred values each. */
#define NETWORK_PAGE_VALUES ((size_t)100000)

/* One device-to-cloud message. */
struct telemetry {
        struct buf body;             /* a JSON object, UTF-8 */
        struct property *properties; /* application properties, in order */
        size_t property_count;
        size_t property_capacity;
        struct buf texts; /* those of the properties */
};

#define TELEMETRY_INIT ((struct telemetry){.body = BUF_INIT, .texts = BUF_INIT})

void telemetry_deinit(struct telemetry *telemetry);

/* Empties it for another message, which uses its memory again. */
void telemetry_clear(struct telemetry *telemetry);

/* Copies both; a name that is there already gets the new value. */
void telemetry_set_property(struct telemetry *telemetry, const char *name, const char *value);

/* The same for a name that is not there. */
void telemetry_add_property(struct telemetry *telemetry, const char *name, const char *value);

struct telemetry_options {
        /* The older shape: the decoded object as one member `PayloadDecoded`. */
        bool payload_decoded_member;
        /* Times without fraction and `Z`, exactly as the originals wrote them (rule U5). */
        bool times_without_zone;
};

/* What a payload formatter made of an event; NULL where none ran. */
struct formatted {
        const char *data;                  /* JSON object text */
        const struct property *properties; /* that the formatter asked for */
        size_t property_count;
};

struct signature_driver;

/* A webhook as it was before an earlier program had put it into a queue; owns its texts. */
struct network_restored {
        struct buf body;
        char *path; /* what followed the network's route; or NULL */
        int64_t arrived_ns;
};

#define NETWORK_RESTORED_INIT ((struct network_restored){.body = BUF_INIT})

void network_restored_deinit(struct network_restored *restored);

struct network {
        const char *name;  /* "things-stack": in the store, in logs */
        const char *route; /* "/things-stack": the webhook's path; more below it is allowed */
        const struct network_setting *settings; /* ends with a NULL path */

        /*
         * Bytes to events. Returns 0 with at least one event, NETWORK_E_IGNORED, or
         * NETWORK_E_MALFORMED with the reason; `events` is the caller's to deinit in any case.
         * A webhook with good and bad parts gives the good ones, and refuses the bad ones by
         * name (event_list_refuse, rule M1). With 0 and NETWORK_E_IGNORED, what was odd or left
         * out stands in the reason, with the device it is about.
         */
        int (*parse)(const struct webhook *webhook, struct event_list *events,
                     struct reason *reason);

        /*
         * An event to the message that is sent to the hub. `telemetry` is initialised, and the
         * caller's to deinit in any case. Returns 0, or 1 with the reason why it can never be.
         */
        int (*telemetry)(const struct event *event, const struct formatted *formatted,
                         const struct telemetry_options *options, struct telemetry *telemetry,
                         struct reason *reason);

        /*
         * Adds the bytes of the event's payload, for a formatter; none where it has no payload.
         * Returns 0, or 1 with the reason why it can't be read.
         */
        int (*payload)(const struct event *event, struct buf *bytes, struct reason *reason);

        /*
         * Takes the entry of a storage queue that the network's earlier connector has made back to
         * the webhook that it was. Returns 0, NETWORK_E_IGNORED if it is a webhook as the network
         * sends it, or NETWORK_E_MALFORMED with the reason. `restored` is initialised, and the
         * caller's to deinit in any case. NULL = the earlier connector queued the webhooks.
         */
        int (*restore)(const struct webhook *entry, struct network_restored *restored,
                       struct reason *reason);

        /*
         * What of a storage queue's message could not be taken, as a message of its own that the
         * network would take: the parts that `refused` names, as they are in it, and why. `rest`
         * stays empty where that can't be said. NULL = its webhooks have no parts.
         */
        void (*set_aside)(const struct webhook *message, const struct event_list *refused,
                          struct buf *rest);

        /* How commands reach its devices; NULL = they can't. */
        const struct downlink_driver *downlink;

        /* How a delivery proves its origin (networks/signature.h); NULL = by the key alone. */
        const struct signature_driver *signature;

        /* How its list of devices is read; NULL = it has none. */
        const struct listing_driver *listing;

        /*
         * A device's id is unique in the whole network: there is one device with it, whatever the
         * application that a webhook names, and a listing lists it without an application.
         */
        bool ids_are_unique;

        /*
         * A webhook that is not answered 2xx is sent again. Where it is not, and NETWORK_REPEATS
         * says nothing else, what can't be taken is lost, and what it would have told of downlinks
         * is asked for.
         */
        bool repeats;
};

/* All networks; ends with NULL. */
extern const struct network *const networks[];

/* More than the table holds. */
#define NETWORKS_MAX 8

/* By name; NULL if there is none. */
const struct network *network_by_name(const char *name);

/* The place of a network in the table. */
size_t network_index(const struct network *network);

/*
 * "network/application/device": whose order counts; every part percent-escaped. The application is
 * left empty in a network whose ids are unique (network.h).
 */
void event_device_key(const struct event *event, struct buf *out);

/*
 * The key of the device in whose queue the events of this one wait: itself, or the one without an
 * application in a network whose ids are unique.
 */
void event_lane_key(const char *device_key, struct buf *out);

/* The path of a network's setting in the configuration; NULL if it has none for that. */
const char *network_setting_path(const struct network *network, enum network_field field);

/* The network whose route is `path` or a parent of it; sets `*rest` to what follows. Or NULL. */
const struct network *network_by_path(const char *path, const char **rest);

#endif
