// SPDX-License-Identifier: MIT
/*
 * What the local hub knows for good: its hubs with their policies and devices (identity, keys,
 * twin), and the provisioning service's enrolments and registrations. Kept in memory, written to
 * DIR/registry.json by a thread of its own ("hub-registry"), so that a restarted hub knows its
 * devices and their keys.
 *
 * Every function may be called on every thread; one mutex inside guards everything and is never
 * held while a callback of the caller runs. Readers get copies. Times are wall clock
 * milliseconds; 0 = never.
 */
#ifndef ISTHMUS_LOCALHUB_REGISTRY_REGISTRY_H
#define ISTHMUS_LOCALHUB_REGISTRY_REGISTRY_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

/* Sizes with the zero byte. Ids have at most 128 characters, keys are base64 of 16 to 64 bytes. */
#define REGISTRY_ID_SIZE 129
/* A module is a device, too, whose id is `DEVICE/MODULE`: both are identities. */
#define REGISTRY_IDENTITY_SIZE 258
#define REGISTRY_SCOPE_SIZE    192
#define REGISTRY_KEY_SIZE      89
#define REGISTRY_ADDRESS_SIZE  262
#define REGISTRY_TAG_SIZE      40
#define REGISTRY_HUBS_MAX      50

/* A thumbprint in hex digits, SHA-1 or SHA-256; the name of a certificate. With the zero byte. */
#define REGISTRY_THUMBPRINT_SIZE 65
#define REGISTRY_NAME_SIZE       192

struct registry;

enum registry_condition {
        REGISTRY_E_NOT_FOUND = 1,
        REGISTRY_E_EXISTS,
        REGISTRY_E_INVALID, /* an id, a key or a document breaks a rule: see the reason */
};

struct registry_options {
        const char *directory; /* must exist; NULL = keep nothing */
        const char *id_scope;  /* NULL = the one kept, else a new one */
};

/*
 * Reads DIR/registry.json if there is one, and locks the directory: a second process on it gets
 * -EBUSY. A file that can't be understood is -EBADMSG, which says where, and is never overwritten.
 */
int registry_open(const struct registry_options *options, struct registry **registry,
                  struct reason *reason) MUST_CHECK;

/* Writes what is not written yet. NULL is allowed. */
void registry_close(struct registry *registry);

/* The provisioning service's; valid as long as the registry. */
const char *registry_id_scope(const struct registry *registry);

struct registry_policy;

/* Its policy `provisioningserviceowner`, with all rights in its REST API; kept as the scope is. */
void registry_service_policy(struct registry *registry, struct registry_policy *policy);

/* --- hubs ------------------------------------------------------------------------------------ */

/* Where a hub listens besides AMQP. */
enum registry_port {
        REGISTRY_PORT_MQTT,
        REGISTRY_PORT_HTTPS,
        REGISTRY_PORT_PLAIN, /* AMQP without TLS */
        REGISTRY_PORT_COUNT,
};

/* Hubs are numbered from 0 in the order in which they were first added. */
struct registry_hub {
        char id[REGISTRY_ID_SIZE];           /* its name in files and options: `hub1` */
        char address[REGISTRY_ADDRESS_SIZE]; /* what clients connect to: `localhost:5671` */
        uint16_t port;                       /* where it listens for AMQP */
        uint16_t other_ports[REGISTRY_PORT_COUNT];
        int weight;  /* for evenly weighted allocation; 0 = none */
        bool active; /* false: kept in the file, but not run this time */
        size_t device_count;
};

/*
 * Adds a hub, or takes up one that the file knows, with its policies and devices. `address` may
 * be "" until the port is known (registry_hub_listens).
 */
int registry_hub_add(struct registry *registry, const char *id, int weight, int *hub,
                     struct reason *reason) MUST_CHECK;

void registry_hub_listens(struct registry *registry, int hub, const char *address, uint16_t port);

/*
 * Every name under a domain is this hub's, too: `pattern` is `*.azure-devices.net`. NULL = none.
 * Copies.
 */
void registry_hub_set_pattern(struct registry *registry, int hub, const char *pattern);

/* It is called by this port, too. */
void registry_hub_set_port(struct registry *registry, int hub, enum registry_port which,
                           uint16_t port);

int registry_hub_count(struct registry *registry);
bool registry_hub_get(struct registry *registry, int hub, struct registry_hub *found);

/* By id, address, or any name that only one hub has, with or without a port; -1 = none. */
int registry_hub_find(struct registry *registry, const char *name);

/* The hub that a client of this hub's port means by a name: hubs may share a port; -1 = none. */
int registry_hub_choose(struct registry *registry, int hub, const char *name);

/* True if a client may call this hub so: its address or a name of this machine, case ignored,
 * without a port or with one of its own. `host` need not end in a zero byte. */
bool registry_hub_is_called(struct registry *registry, int hub, const char *host, size_t size);

enum registry_right {
        REGISTRY_RIGHT_READ = 1,
        REGISTRY_RIGHT_WRITE = 2,
        REGISTRY_RIGHT_SERVICE = 4,
        REGISTRY_RIGHT_DEVICE = 8,
};

struct registry_policy {
        char name[REGISTRY_ID_SIZE];
        char primary_key[REGISTRY_KEY_SIZE];
        char secondary_key[REGISTRY_KEY_SIZE];
        unsigned rights; /* enum registry_right */
};

/* iothubowner, service, device, registryRead, registryReadWrite; made with the hub. */
bool registry_policy_get(struct registry *registry, int hub, const char *name,
                         struct registry_policy *found);

/* Adds `HostName=...;SharedAccessKeyName=...;SharedAccessKey=...`; false if there is none. */
bool registry_policy_string(struct registry *registry, int hub, const char *name, struct buf *out);

/* Adds the Event Hubs compatible `Endpoint=sb://...;...;EntityPath=ID` of the policy `service`. */
bool registry_events_string(struct registry *registry, int hub, struct buf *out);

/* True if If-Match, or a text in its place, says this ETag or any; quotes do not matter. */
bool registry_etag_fits(const char *wanted, const char *etag);

/* --- devices --------------------------------------------------------------------------------- */

/* How a device says who it is. */
enum registry_authentication {
        REGISTRY_SAS,         /* tokens, signed with its keys */
        REGISTRY_SELF_SIGNED, /* a certificate with one of its thumbprints */
        REGISTRY_AUTHORITY,   /* a certificate in its name from a trusted authority */
        REGISTRY_AUTHENTICATION_COUNT,
};

/* By enum registry_authentication, as the service's REST API calls them: `selfSigned`. */
extern const char *const registry_authentication_names[REGISTRY_AUTHENTICATION_COUNT];

struct registry_device {
        int hub;
        char id[REGISTRY_IDENTITY_SIZE];
        char primary_key[REGISTRY_KEY_SIZE];
        char secondary_key[REGISTRY_KEY_SIZE];
        enum registry_authentication authentication;
        char thumbprints[2][REGISTRY_THUMBPRINT_SIZE]; /* primary and secondary; "" = none */
        char model_id[REGISTRY_ID_SIZE]; /* DTDL, as the device last announced it; "" = none */
        char generation_id[REGISTRY_TAG_SIZE];
        char etag[REGISTRY_TAG_SIZE];
        bool enabled;
        bool edge;                              /* capability iotEdge; noted only */
        char scope[REGISTRY_SCOPE_SIZE];        /* of an edge device, or of its parent; "" = none */
        char parent_scope[REGISTRY_SCOPE_SIZE]; /* "" = none */
        bool connected;                         /* has links now */
        int64_t twin_version;                   /* raised with each change of its twin */
        int64_t created_ms;
        int64_t status_updated_ms;
        int64_t connection_updated_ms;
        int64_t last_activity_ms;
};

/* NULL members stay as they are; on a new device NULL or "" keys are made, and it is enabled. */
struct registry_device_settings {
        const char *primary_key;
        const char *secondary_key;
        const enum registry_authentication *authentication;
        const char *thumbprints[2]; /* "" = none any more */
        const char *model_id;
        const bool *enabled;
        const bool *edge;
        const char *scope;        /* of a new device that is no edge device: its parent's */
        const char *parent_scope; /* of an edge device */
};

enum registry_put {
        REGISTRY_CREATE, /* REGISTRY_E_EXISTS if it is there */
        REGISTRY_UPDATE, /* REGISTRY_E_NOT_FOUND unless it is there */
        REGISTRY_UPSERT,
};

/* `result` may be NULL. */
int registry_device_put(struct registry *registry, int hub, const char *id, enum registry_put how,
                        const struct registry_device_settings *settings,
                        struct registry_device *result, struct reason *reason) MUST_CHECK;

/* False if there is none. `found` may be NULL. */
bool registry_device_get(struct registry *registry, int hub, const char *id,
                         struct registry_device *found);

/* With its modules. */
bool registry_device_remove(struct registry *registry, int hub, const char *id);

/*
 * The next device of a hub in the order of their creation; `*cursor` is 0 at first and is moved
 * on. False = that was all. Devices made or removed in between do not disturb the others.
 */
bool registry_device_next(struct registry *registry, int hub, uint64_t *cursor,
                          struct registry_device *device);

/* The same for the modules of a device, NULL = of all. */
bool registry_module_next(struct registry *registry, int hub, const char *device_id,
                          uint64_t *cursor, struct registry_device *module);

/* What the AMQP endpoint saw; not an error for a device that has gone. NULL model id = keep. */
void registry_device_seen(struct registry *registry, int hub, const char *id, bool connected,
                          const char *model_id);

bool registry_device_string(struct registry *registry, int hub, const char *id, struct buf *out);

enum registry_change {
        REGISTRY_DEVICE_REMOVED,
        REGISTRY_DEVICE_CHANGED, /* enabled flag, keys or thumbprints */
        REGISTRY_TWIN_DESIRED,
};

/*
 * Called on the thread that made the change, after it; set before other threads start. `patch` is
 * what changed in the desired properties, as JSON text with `$version`; else NULL.
 */
typedef void registry_watcher(void *context, enum registry_change change, int hub,
                              const char *device_id, const char *patch);
void registry_watch(struct registry *registry, registry_watcher *watcher, void *context);

/* --- twins ----------------------------------------------------------------------------------- */

enum registry_section {
        REGISTRY_DESIRED,
        REGISTRY_REPORTED,
        REGISTRY_TAGS, /* has no version of its own */
};

/* Adds the section as JSON text, `$version` included; false if there is no such device. */
bool registry_twin_read(struct registry *registry, int hub, const char *id,
                        enum registry_section section, struct buf *out);

/* Adds its `$metadata`: when each property was last written; tags have none. False likewise. */
bool registry_twin_metadata(struct registry *registry, int hub, const char *id,
                            enum registry_section section, struct buf *out);

/*
 * Merges (RFC 7396, null deletes) or replaces a section, and raises its version. The limits of
 * the twin (32 KB, 8 KB for tags, depth 10, key rules) are REGISTRY_E_INVALID.
 * `version` may be NULL.
 */
int registry_twin_patch(struct registry *registry, int hub, const char *id,
                        enum registry_section section, struct json_object *patch, bool replace,
                        int64_t *version, struct reason *reason) MUST_CHECK;

/* --- provisioning service -------------------------------------------------------------------- */

enum registry_enrolment_kind {
        REGISTRY_GROUP,      /* `id` names the group; keys are the group's */
        REGISTRY_INDIVIDUAL, /* `id` is the registration id; keys are the device's */
};

/* How an enrolment's devices come to a hub, if it names none. */
enum registry_allocation {
        REGISTRY_HASHED,      /* evenly weighted */
        REGISTRY_GEO_LATENCY, /* the nearest one: the first */
        REGISTRY_STATIC,      /* the first */
        REGISTRY_CUSTOM,      /* a function is asked */
        REGISTRY_ALLOCATION_COUNT,
};

struct registry_enrolment {
        enum registry_enrolment_kind kind;
        /*
         * Not "": devices show a certificate instead of signing with keys. The registry has it by
         * these names: of a group those of its authorities, of an individual one the device's own.
         */
        char certificates[2][REGISTRY_NAME_SIZE];
        char id[REGISTRY_ID_SIZE];
        char primary_key[REGISTRY_KEY_SIZE];
        char secondary_key[REGISTRY_KEY_SIZE];
        char device_id[REGISTRY_ID_SIZE]; /* individual only; "" = the registration id */
        char hub_id[REGISTRY_ID_SIZE];    /* this hub, whatever the allocation; "" = none */
        enum registry_allocation allocation;
        bool keeps_hub;   /* registering again changes the hub never */
        bool resets_data; /* a twin is not moved with its device */
        bool edge;        /* devices are made with the capability iotEdge */
        bool enabled;
        char etag[REGISTRY_TAG_SIZE];
        int64_t created_ms;
        int64_t updated_ms;
};

/* Its devices show certificates instead of signing with keys. */
bool registry_enrolment_has_certificates(const struct registry_enrolment *enrolment);

/* Adds or replaces. Empty keys are made, or kept; etag and times are the registry's. */
int registry_enrolment_put(struct registry *registry, const struct registry_enrolment *enrolment,
                           struct registry_enrolment *result, struct reason *reason) MUST_CHECK;

/*
 * Settings of an enrolment that the provisioning service alone reads, as the text of a JSON object;
 * NULL or "" = none. Nothing happens if there is no such enrolment.
 */
void registry_enrolment_set_extra(struct registry *registry, enum registry_enrolment_kind kind,
                                  const char *id, const char *json);
void registry_enrolment_extra(struct registry *registry, enum registry_enrolment_kind kind,
                              const char *id, struct buf *out);

/* Individual enrolments are found whatever the case of `id` is, as registration ids are. */
bool registry_enrolment_get(struct registry *registry, enum registry_enrolment_kind kind,
                            const char *id, struct registry_enrolment *found);

bool registry_enrolment_remove(struct registry *registry, enum registry_enrolment_kind kind,
                               const char *id);

/* As registry_device_next. */
bool registry_enrolment_next(struct registry *registry, enum registry_enrolment_kind kind,
                             uint64_t *cursor, struct registry_enrolment *enrolment);

/* What became of a device when it registered last. */
enum registry_move {
        REGISTRY_MOVE_NONE,
        REGISTRY_MOVE_DATA,  /* to another hub, with its twin */
        REGISTRY_MOVE_RESET, /* to another hub, as new */
        REGISTRY_MOVE_COUNT,
};

struct registry_registration {
        char registration_id[REGISTRY_ID_SIZE]; /* as first written by the device */
        char device_id[REGISTRY_ID_SIZE];
        char group[REGISTRY_ID_SIZE]; /* "" = individual */
        char model_id[REGISTRY_ID_SIZE];
        char hub_address[REGISTRY_ADDRESS_SIZE];
        char thumbprint[REGISTRY_THUMBPRINT_SIZE]; /* of a certificate shown now; "" = a key's */
        int hub;
        char etag[REGISTRY_TAG_SIZE];
        int64_t created_ms;
        int64_t updated_ms;
        int64_t count; /* how often this device has registered */
        enum registry_move move;
};

/*
 * Records what provisioning_assign decided: `wanted` says registration id, device id, group, model
 * id, thumbprint, move and hub (the rest is the registry's), the device gets these keys. A device
 * that was registered to another hub before is moved with its twin. REGISTRY_E_INVALID if an id is.
 */
int registry_registration_put(struct registry *registry, const struct registry_registration *wanted,
                              const char *primary_key, const char *secondary_key,
                              struct registry_registration *result,
                              struct reason *reason) MUST_CHECK;

bool registry_registration_get(struct registry *registry, const char *registration_id,
                               struct registry_registration *found);

bool registry_registration_remove(struct registry *registry, const char *registration_id);

bool registry_registration_next(struct registry *registry, uint64_t *cursor,
                                struct registry_registration *registration);

/* --- certificates ---------------------------------------------------------------------------- */

enum registry_certificate_use {
        REGISTRY_FOR_DEVICES, /* an authority that stands for devices of all hubs, and of groups */
        REGISTRY_FOR_ENROLMENTS, /* of the enrolments that name it only */
};

struct registry_certificate {
        char name[REGISTRY_NAME_SIZE];
        enum registry_certificate_use use;
};

/* Adds or replaces; `pem` is one certificate. REGISTRY_E_INVALID for a name that breaks rules. */
int registry_certificate_put(struct registry *registry, const char *name,
                             enum registry_certificate_use use, const char *pem,
                             struct reason *reason) MUST_CHECK;

/* Adds it to `pem`; false if there is none. */
bool registry_certificate_get(struct registry *registry, const char *name, struct buf *pem);

bool registry_certificate_remove(struct registry *registry, const char *name);

/* As registry_device_next. */
bool registry_certificate_next(struct registry *registry, uint64_t *cursor,
                               struct registry_certificate *certificate);

/* Adds all that are for devices. */
void registry_authorities(struct registry *registry, struct buf *pem);

/* --- rules for names ------------------------------------------------------------------------- */

/* IoT Hub's device ids and DPS's registration ids (rule W3). */
bool registry_is_device_id(const char *id);
/* `DEVICE` or `DEVICE/MODULE`. */
bool registry_is_identity(const char *id);
bool registry_is_registration_id(const char *id);

#endif
