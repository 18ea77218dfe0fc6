// SPDX-License-Identifier: MIT
/* Inside the registry: shared by its files registry*.c only. Functions here want the mutex held,
 * except where said. */
#ifndef ISTHMUS_LOCALHUB_REGISTRY_REGISTRY_DATA_H
#define ISTHMUS_LOCALHUB_REGISTRY_REGISTRY_DATA_H

#include <pthread.h>

#include "base/table.h"
#include "localhub/registry/ordered.h"
#include "localhub/registry/registry.h"

#define REGISTRY_POLICY_COUNT 5

struct twin_section {
        char *json;     /* without `$version`; NULL = {} */
        char *metadata; /* JSON text; NULL = nothing was ever written */
        int64_t version;
};

struct device_data {
        struct table_entry by_id;
        uint64_t serial;
        char *id;
        char *primary_key;
        char *secondary_key;
        enum registry_authentication authentication;
        char *thumbprints[2]; /* NULL = none */
        char *model_id;       /* NULL = none */
        uint64_t generation;
        uint64_t revision; /* of the etag */
        bool enabled;
        bool edge;
        char *scope; /* NULL = none, or an edge device's own */
        char *parent_scope;
        bool connected;
        int64_t created_ms;
        int64_t status_updated_ms;
        int64_t connection_updated_ms;
        int64_t last_activity_ms;
        struct twin_section twin[3]; /* by enum registry_section */
};

struct hub_data {
        struct registry_hub public;          /* but for its number of devices */
        char pattern[REGISTRY_ADDRESS_SIZE]; /* `*.DOMAIN`; "" = none */
        struct registry_policy policies[REGISTRY_POLICY_COUNT];
        struct table devices; /* and modules */
        struct ordered order;
        size_t module_count;
};

struct enrolment_data {
        struct table_entry by_id;
        uint64_t serial;
        char key[REGISTRY_ID_SIZE]; /* the id; of individual ones in lower case */
        uint64_t revision;
        char *extra; /* NULL = none */
        struct registry_enrolment public;
};

struct registration_data {
        struct table_entry by_id;
        uint64_t serial;
        char key[REGISTRY_ID_SIZE]; /* the registration id in lower case */
        char *registration_id;
        char *device_id; /* NULL = the registration id */
        char *group;     /* NULL = individual */
        char *model_id;  /* NULL = none */
        int hub;
        enum registry_move move;
        uint64_t revision;
        int64_t created_ms;
        int64_t updated_ms;
        int64_t count;
};

struct certificate_data {
        struct table_entry by_id;
        uint64_t serial;
        char *pem;
        struct registry_certificate public;
};

struct registry {
        pthread_mutex_t mutex;
        pthread_cond_t changed; /* wakes the writer */
        char id_scope[REGISTRY_ID_SIZE];
        struct registry_policy service_policy;
        struct hub_data *hubs[REGISTRY_HUBS_MAX];
        int hub_count;
        struct collection enrolments[2]; /* by enum registry_enrolment_kind */
        struct collection registrations;
        struct collection certificates;
        uint64_t last_revision;
        registry_watcher *watcher;
        void *watcher_context;

        char *directory; /* NULL = nothing is kept */
        int lock;        /* descriptor of DIR/lock; -1 = none */
        pthread_t writer;
        bool writing; /* the writer runs */
        bool closing;
        uint64_t changes; /* counted */
        uint64_t changes_written;
        int write_error; /* of the last attempt */
};

/* Notes that the file is out of date. */
void registry_touch(struct registry *registry);

/* Gives a new revision for an etag. */
uint64_t registry_revision(struct registry *registry);
void registry_etag(uint64_t revision, char etag[REGISTRY_TAG_SIZE]);

struct hub_data *registry_hub_at(struct registry *registry, int hub);

/* A hub as it is in the file or new; NULL = REGISTRY_HUBS_MAX reached. Its number is returned. */
struct hub_data *registry_hub_make(struct registry *registry, const char *id, int *hub);

struct device_data *registry_find_device(struct registry *registry, int hub, const char *id);
struct device_data *registry_add_device(struct registry *registry, int hub, const char *id);
/* Takes it off its hub without freeing it. */
void registry_unlink_device(struct registry *registry, int hub, struct device_data *device);
/* Puts an unlinked one into a hub that has none of its id. */
void registry_link_device(struct registry *registry, int hub, struct device_data *device);
void registry_free_device(struct device_data *device);

/* As registry_enrolment_put and registry_registration_put find and make them. */
struct enrolment_data *registry_make_enrolment(struct registry *registry,
                                               enum registry_enrolment_kind kind, const char *id);
struct registration_data *registry_make_registration(struct registry *registry, const char *id);
void registry_free_collections(struct registry *registry);
void registry_free_certificates(struct registry *registry);

struct certificate_data *registry_make_certificate(struct registry *registry, const char *name);
/* Removes those that only this enrolment has named. */
void registry_drop_certificates(struct registry *registry,
                                const struct registry_enrolment *enrolment);

/* Replaces a text of our own: "" by NULL, and NULL changes nothing. True if it is another now. */
bool registry_set_text(char **text, const char *given);

/* Replaces a key, which is wiped; NULL = none. */
void registry_set_secret(char **secret, const char *given);

/* 16 to 64 bytes in base64. */
bool registry_is_key(const char *key);
/* A random one of 32 bytes. */
void registry_make_key(char key[REGISTRY_KEY_SIZE]);

/* Tells the watcher; without the mutex. */
void registry_tell(struct registry *registry, enum registry_change change, int hub,
                   const char *device_id, const char *patch);

/* Without the mutex, before the writer runs. -ENOENT: no file yet. */
int registry_load(struct registry *registry, struct reason *reason) MUST_CHECK;
/* Without the mutex: takes it for a moment at a time, so that nobody waits for the disk. */
int registry_save(struct registry *registry) MUST_CHECK;

/* Notes what a patch that was taken has written; section->version is the new one. */
void registry_metadata_patch(struct twin_section *section, enum registry_section kind,
                             struct json_object *patch, bool replace);

/* True if a section fits the limits of a twin. */
bool registry_twin_is_sound(struct json_object *section, enum registry_section kind,
                            struct reason *reason);

#endif
