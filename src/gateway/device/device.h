// SPDX-License-Identifier: MIT
/*
 * The gateway's devices: (network, application, network's device id), each with one identity in
 * IoT Hub. All on the thread "loop", unless a function says otherwise.
 *
 * Law: two devices never share an IoT Hub device id in the same hub or ID scope; the one that came
 * first keeps it, also over a restart.
 */
#ifndef ISTHMUS_GATEWAY_DEVICE_DEVICE_H
#define ISTHMUS_GATEWAY_DEVICE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "azure/hub/hub_client.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/reason.h"
#include "base/table.h"
#include "base/x509/certificate.h"
#include "conf/settings.h"
#include "gateway/device/device_directory.h"
#include "gateway/device/uplink_event.h"
#include "networks/downlink.h"
#include "networks/event.h"
#include "networks/network.h"
#include "store/store.h"
#include "store/store_shard.h"

/* Where a device stands on its way to its hub; device_link.c moves it. */
enum device_phase {
        DEVICE_NEW,         /* nothing asked yet */
        DEVICE_CLAIMING,    /* the store was asked whose its identity is */
        DEVICE_REGISTERING, /* the provisioning service was asked */
        DEVICE_CONNECTING,  /* its hub is known; not authorised there (yet, or again) */
        DEVICE_READY,       /* authorised: events go out */
        DEVICE_HELD,        /* refused by DPS, by the hub or by us: kept, tried again slowly */
        DEVICE_ELSEWHERE,   /* another gateway has it; what comes late of it here does nothing */
        DEVICE_PHASE_COUNT,
};

/* Every thread. */
const char *device_phase_name(enum device_phase phase);
enum metrics_gauge device_phase_gauge(enum device_phase phase);
bool device_phase_can_follow(enum device_phase before, enum device_phase after);

/* What is known of its place in Azure; texts are the device's own. */
struct device_assignment {
        char *hub;                       /* host or host:port; NULL = not known */
        char *device_id;                 /* in that hub */
        char *key;                       /* base64 */
        char *key_name;                  /* policy; NULL = device key */
        struct certificate *certificate; /* shared; instead of a key; or NULL */
        bool doubted; /* the hub refuses it or is away: the service is asked at the next turn */
};

/* Is the identity in IoT Hub the device's? The store alone knows. */
enum device_claim {
        DEVICE_UNCLAIMED,
        DEVICE_CLAIM_ASKED, /* the keeper is woken when the answer is there */
        DEVICE_CLAIMED,
};

struct device;
struct dps_result;

/* Who decides what becomes of devices: device_link.c. On the thread "loop". */
struct device_keeper {
        /* An event of the device has come; its turn may be much later. */
        void (*arrived)(struct device *device, const struct uplink_event *event);
        /* Something that it may have waited for is there: see who calls it. */
        void (*wake)(struct device *device);
        /*
         * Its assignment is known (`result` NULL), or not (its `reason` says why; with
         * DPS_UNAVAILABLE it is worth asking again soon).
         */
        void (*decided)(struct device *device, const struct dps_result *result);
        /* It has the place that it was assigned to (`refusal` NULL), or not. */
        void (*placed)(struct device *device, const struct reason *refusal);
};

struct device {
        char *key; /* "network/application/device", as event_device_key or device_table_place */
        char *network;
        char *application;
        char *name;                   /* the network's device id */
        struct table_entry admission; /* device_limit.h */
        char *lane_key;      /* of its lane, perhaps `key`: by it the store knows whose it is */
        int shard;           /* of that; its owner among the gateways has the device */
        struct device *lane; /* in whose queue its events wait: itself, or see device_table_place */
        int64_t taken_over_ms; /* steady clock; since when its events wait for it here; 0 = none
                                  did when it came, or one was sent since */
        int64_t adopted_ms; /* steady clock; since when `application` is its; 0 = not in this run */
        char *hub_id;       /* IoT Hub device id (and DPS registration id) by the template */
        char *model_id;
        struct device_attributes attributes; /* what the network's listing says of it */
        struct event_facts *facts;           /* how it is heard; NULL = not told in this run */
        struct downlink_way way;             /* for its commands, as its uplinks told */
        bool way_refused;                    /* it was logged that the way back is not followed */
        bool listed;                         /* the network's listing has it */
        bool off;                            /* not to be in Azure; not connected */
        bool changed; /* what it is connected as is out of date: device_link.c connects it anew */
        char *clash;  /* why it can never be sent: no id, or another device has it; else NULL */
        enum device_claim claim;
        int64_t claim_after_ms; /* steady clock; not sooner is one that clashes claimed again */

        enum device_phase phase;
        char *held_because; /* DEVICE_HELD: why, for people; else NULL */
        struct device_assignment assignment;
        int failures;         /* in a row; for the backoff */
        int64_t ready_ms;     /* steady clock; since when it is DEVICE_READY; 0 = it is not */
        int asks;             /* answers of the service since it was last ready for some time */
        int64_t ask_after_ms; /* steady clock; not sooner is a known assignment asked again */
        int thefts;  /* of its link by another connection, since it was last ready for some time */
        bool leaves; /* another gateway is to have it: nothing new is begun */
        bool network_busy; /* the network said so (DOWNLINK_BUSY), and nothing since */

        struct uplink_backlog backlog;
        struct hub_device *link;
        struct hub_device *leaving;     /* to the hub before, until `link` stands; or NULL */
        struct uplink_event *in_flight; /* of its queue: the oldest event, sent and not settled */
        struct list commands;           /* not finished, in the order of arrival */
        struct list command_line;       /* of these, those that the network does not have */
        struct list held_commands;      /* there is no room for them among those */
        int64_t replaced_up_to;         /* arrival of the newest `replace` that was taken */
        struct command *handing_over;   /* to the network, the one whose turn it is; or NULL */
        struct timer command_timer;
        void *command_owner;       /* struct command_ledger, for the timer */
        int64_t contact_ms;        /* steady clock; its last uplink in this run; 0 = none */
        int64_t joined_ms;         /* steady clock; its last join that was told of; 0 = none */
        int64_t next_command_ms;   /* steady clock; not sooner is the next one handed over */
        struct clock_moment taken; /* when the network took the last one */

        struct timer timer;
        struct device_keeper *keeper;
};

struct device_table;

/* `directory` must stay. Answers of the store come by `loop`. */
struct device_table *device_table_new(const struct settings *settings, struct store *store,
                                      struct device_directory *directory, struct loop *loop);
void device_table_free(struct device_table *table);

/* The keeper of all devices, which stays the caller's. Before the first one is made. */
void device_table_keep(struct device_table *table, struct device_keeper *keeper);

/*
 * The shards that this gateway has: none at first; since when, by the steady clock. A device whose
 * shard is lost stays, since answers may be on their way to it.
 */
void device_table_gain(struct device_table *table, const struct store_shards *shards,
                       int64_t since_ms);
void device_table_lose(struct device_table *table, const struct store_shards *shards);
bool device_table_owns(const struct device_table *table, int shard);
bool device_table_owns_all(const struct device_table *table);

/* Steady clock; when the shard was gained last: since then all its uplinks are heard here. */
int64_t device_table_since(const struct device_table *table, int shard);

/*
 * With a struct device_table: takes a record of the kind DEVICE_OWNER_KIND from the store, and
 * makes the device; forgets whose the ids of these shards' devices are, which have left (struct
 * ownership_part).
 */
void device_table_take(void *context, const struct store_record *record);
void device_table_forget(void *context, const struct store_shards *shards);

/*
 * Takes up what an event of the device tells beside its data: that it has joined, how its network
 * hears it, and its battery; in memory only.
 */
void device_take_facts(struct device *device, const struct event *event);

/* The device in whose queue the event waits; made if it is new. Never NULL. */
struct device *device_table_get(struct device_table *table, const struct uplink_event *event);

/* Asks the store for the identity of a device that is DEVICE_UNCLAIMED and does not clash. */
void device_table_claim(struct device_table *table, struct device *device);

/*
 * The device as which an event of a queue is sent. Where device ids are unique in the network,
 * several applications may name one device, and each event goes to the place that its own
 * application has in Azure: if that is another IoT Hub device than `lane`, it is a device of its
 * own (made if it is new, key "network/application/device") without a queue. If only the model is
 * another, the device takes it up, but not again before DEVICE_APPLICATION_PAUSE_MS are over.
 */
struct device *device_table_place(struct device_table *table, struct device *lane,
                                  const struct event *event);

#define DEVICE_APPLICATION_PAUSE_MS (10 * 60 * 1000)

/*
 * The device that a network lists (`application` NULL = not known), made if it is new. Takes up
 * what the listing says of it, and keeps that in the directory. NULL, with the reason, if it can't
 * be made: yet, because its id in IoT Hub needs what only its uplinks tell; or at all.
 */
struct device *device_table_list(struct device_table *table, const struct network *network,
                                 const char *application, const struct listed_device *listed,
                                 struct reason *reason);

/* A part of a listing was read to its end: device_directory_publish. */
void device_table_listed(struct device_table *table);

/*
 * The directory says something new of the device, as another gateway has read it in a listing: it
 * is taken up, or made, if it is this gateway's, and its keeper is woken.
 */
void device_table_follow(struct device_table *table, const char *device_key);

/* The same of all devices of these shards that are listed and not known. */
void device_table_take_listed(struct device_table *table, const struct store_shards *shards);

/*
 * True if events of this device may be stored: it is known, or there was room for a new one, and it
 * is known from now on; else false with the reason. Every thread.
 */
bool device_table_admit(struct device_table *table, const char *device_key, struct reason *reason);

/*
 * Gives the device's IoT Hub device id free: whoever sends next and wants it gets it, the device
 * itself, too. Until then it has a `clash`. Its record in the store is the caller's to delete: kind
 * DEVICE_OWNER_KIND, with the key that comes back (the caller's to free). NULL, with the reason, if
 * the device has no id of its own.
 */
char *device_table_release(struct device_table *table, struct device *device,
                           struct reason *reason);

/*
 * Records of this kind: key device_identity_claim; value the key of the device that owns it, a line
 * feed, and the template that made the id; and if the key has the id in small letters only, a line
 * feed and the id.
 */
#define DEVICE_OWNER_KIND "owner"

/* What such a record says. */
struct device_owner {
        char *device;      /* its key */
        char *template;    /* within `device` */
        char *hub_id;      /* IoT Hub device id */
        const char *scope; /* within the record's key */
};

/* False if it is no such record. In any case to be deinitialised. */
bool device_owner_read(const struct store_record *record, struct device_owner *owner);
void device_owner_deinit(struct device_owner *owner);

/* The device with this key; NULL if it is not known. */
struct device *device_table_find(const struct device_table *table, const char *device_key);

/* On the thread "loop": loop_warm for what sending as this device needs; NULL is allowed. */
void device_warm(const struct device *device);

/* The driver of the device's network; NULL if this program does not know it. */
const struct network *device_network(const struct device *device);

/* Ends when `visit` returns false. */
void device_table_each(struct device_table *table,
                       bool (*visit)(void *context, struct device *device), void *context);

#endif
