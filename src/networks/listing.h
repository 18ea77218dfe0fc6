// SPDX-License-Identifier: MIT
/*
 * What a network's own listing says of its devices, and what a network driver does to read it:
 * an HTTP request for a page, and the meaning of the answer. Pure, as everything in networks/.
 */
#ifndef ISTHMUS_NETWORKS_LISTING_H
#define ISTHMUS_NETWORKS_LISTING_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "networks/device_attributes.h"
#include "networks/downlink.h"

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
