// SPDX-License-Identifier: MIT
/*
 * What a network's own listing says of its devices, and what a network driver does to read it:
 * an HTTP request for a page, and the meaning of the answer. Pure, as everything in networks/.
 *
 * Whoever maintains the listing writes attributes, free texts by name. These are understood, in
 * any case and with or without dashes, in every network:
 *
 *     azureintegration                            true or false: connect this device or not
 *     dtdlmodelid                                 its DTDL model id
 *     lorawanclass                                A, B or C
 *     payloadformatteruplink,   uplinkdefault     names of payload formatters; of two spellings
 *     payloadformatterdownlink, downlinkdefault   the longer one counts
 */
#ifndef ISTHMUS_NETWORKS_LISTING_H
#define ISTHMUS_NETWORKS_LISTING_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "networks/downlink.h"

enum device_integration {
        INTEGRATION_UNSAID, /* the settings decide */
        INTEGRATION_ON,
        INTEGRATION_OFF,
};

/* LoRaWAN's classes: when a device can hear. */
enum device_class {
        DEVICE_CLASS_NOT_KNOWN,
        DEVICE_CLASS_A, /* for some seconds after each of its uplinks, and never else */
        DEVICE_CLASS_B, /* in slots, many in an hour */
        DEVICE_CLASS_C, /* always */
};

/* Owns its texts; NULL = not said. */
struct device_attributes {
        char *model_id;           /* beats those of the settings */
        char *uplink_formatter;   /* name of a payload formatter */
        char *downlink_formatter; /* the same */
        enum device_integration integration;
        enum device_class device_class;
};

void device_attributes_deinit(struct device_attributes *attributes);
void device_attributes_copy(struct device_attributes *to, const struct device_attributes *from);
bool device_attributes_equal(const struct device_attributes *a, const struct device_attributes *b);

/*
 * Reads those of a JSON object of texts; NULL and what is no object give none. An empty text says
 * nothing. `remark` names what can't be used.
 */
void device_attributes_read(struct json_object *object, struct device_attributes *attributes,
                            struct reason *remark);

/* Adds those that say something to a record of ours; and reads them back, into ones that say
 * nothing. */
void device_attributes_write(const struct device_attributes *attributes,
                             struct json_object *record);
void device_attributes_restore(struct json_object *record, struct device_attributes *attributes);

/* One device of a list; owns its texts. */
struct listed_device {
        char *device;  /* the network's id; never empty */
        char *dev_eui; /* or NULL */
        struct device_attributes attributes;
        char *remark; /* what of it can't be used, for people; or NULL */
};

/* A page of a listing; owns everything in it. */
struct device_list {
        struct listed_device *devices;
        size_t count;
        char *next; /* how to ask for the next page; NULL = this is the last one */
};

#define DEVICE_LIST_INIT ((struct device_list){.devices = NULL})

void device_list_deinit(struct device_list *list);

/* Adds a device with these attributes (a JSON object, or NULL). Copies the texts. */
void device_list_add(struct device_list *list, const char *device, const char *dev_eui,
                     struct json_object *attributes);

/* How to reach a listing; texts are the caller's. */
struct listing_access {
        const char *base_url;
        const char *api_key;          /* secret */
        const char *application;      /* whose devices; NULL where a list is of all */
        const char *paging_parameter; /* Myriota: name of the query parameter */
        int64_t page_size;            /* The Things Stack: devices per page */
};

/* Longest text that may stand for a page. */
#define LISTING_PAGE_SIZE 2048

struct listing_driver {
        /* The request for a page; `page` NULL = the first. */
        void (*request)(const struct listing_access *access, const char *page,
                        struct network_request *request);
        /*
         * Takes the body of an answer 200 apart; `list` is the caller's to deinit in any case.
         * 0, or 1 with the reason why it is no list. What of a good list can't be used is left
         * out and named in the reason.
         */
        int (*read)(const char *page, const char *body, size_t size, struct device_list *list,
                    struct reason *reason);
        /*
         * Remarks on a configured URL, whose host is there, of which it is known that no list can
         * be there; NULL = nothing is known of any.
         */
        void (*doubt_url)(const char *url, struct reason *reason);
        /* What another status means, and what to do about it. */
        void (*explain)(int status, const char *body, size_t size, struct reason *reason);
};

#endif
