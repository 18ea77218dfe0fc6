// SPDX-License-Identifier: MIT
/* What a network's webhook says, in one shape for all networks; struct event owns its texts. */
#ifndef ISTHMUS_NETWORKS_EVENT_H
#define ISTHMUS_NETWORKS_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/reason.h"
#include "networks/event_facts.h"

enum event_kind {
        EVENT_UPLINK, /* data of a device: always telemetry */
        /* Told about a device; telemetry only if configured. */
        EVENT_JOIN_ACCEPT,
        EVENT_UPLINK_NORMALIZED,
        EVENT_LOCATION_SOLVED,
        EVENT_SERVICE_DATA,
        /* The fate of a downlink. */
        EVENT_DOWNLINK_QUEUED,
        EVENT_DOWNLINK_SENT,
        EVENT_DOWNLINK_ACK,
        EVENT_DOWNLINK_NACK,
        EVENT_DOWNLINK_FAILED,
        EVENT_DOWNLINK_QUEUE_INVALIDATED,
        /* Telemetry only if configured. */
        EVENT_DEVICE_STATUS, /* what the device has answered to its network: battery, margin */
        EVENT_NETWORK_LOG,   /* what the network has to say of the device, for people */
        /* Made by the gateway, not by a network: the outcome of a command; always telemetry. */
        EVENT_COMMAND_OUTCOME,
        EVENT_KIND_COUNT,
        EVENT_NETWORK_KIND_COUNT = EVENT_COMMAND_OUTCOME, /* those that a webhook may bring */
};

/* The network's own name of the kind: "uplink_message", "join_accept", ... */
const char *event_kind_name(enum event_kind kind);

struct device_attributes;

struct event {
        const char *network; /* static: struct network's name */
        enum event_kind kind;
        size_t part; /* of its webhook, from 1; 0 = the webhook has none. Not kept */
        char message_id[CRYPTO_UUID_SIZE]; /* the same for the same event, however often it comes */
        int64_t duplicate_window_ms;       /* as store_event's */
        char *application;
        char *application_name; /* for people, where that is another text; or NULL */
        char *device;           /* the network's id of the device */
        char *dev_eui;          /* or NULL */
        int64_t time_ns;        /* the event's own instant (rules U5, M4), wall clock */
        uint8_t port;           /* LoRaWAN FPort; 0 where there is none */
        bool simulated;
        bool encrypted; /* rule U18: no formatter may be run on the payload */
        char *payload;  /* as the network wrote it: base64 or hex; or NULL */
        char *decoded;  /* JSON object text decoded by the network; or NULL */
        char *details;  /* JSON object text: what else the kind carries; or NULL */
        /*
         * All that the webhook says of the device as a listing would (device_attributes.h); NULL =
         * it says nothing of that kind.
         */
        struct device_attributes *attributes;
        struct event_facts facts; /* of how the device is heard; on disk only where that is asked */
};

/* The limits that JSON from outside must keep. */
#define NETWORK_JSON_DEPTH 64

/* Puts an EUI into upper case, whoever wrote it; NULL is allowed. */
void event_eui(char *text);

/* True for 1970 to 2260, which is what an event's time may be. */
bool event_time_is_valid(int64_t time_ns);

#define EVENT_INIT ((struct event){.network = NULL})

void event_deinit(struct event *event);

#endif
