// SPDX-License-Identifier: MIT
/*
 * Myriota's satellite network: uplinks that its Device Manager posts to an HTTP destination.
 * Facts: Myriota's developer documentation and SDK, and published deliveries. The signature of a
 * delivery is a matter of its own: myriota_signature.h.
 */
#ifndef ISTHMUS_NETWORKS_MYRIOTA_MYRIOTA_H
#define ISTHMUS_NETWORKS_MYRIOTA_MYRIOTA_H

#include "base/json/json_scan.h"
#include "networks/network.h"

extern const struct network myriota;
extern const struct listing_driver myriota_listing;
extern const struct network_setting myriota_settings[];

/* --- between the myriota*.c files --------------------------------------------------------- */

/* Adds BASE/v1PATH; the base may end with '/', with the version, or with neither. */
void myriota_add_url(struct buf *url, const char *base, const char *path);

/*
 * What an answer that is an error says: the member `message` of a JSON object, or a short text.
 * The caller's; NULL if it says nothing.
 */
char *myriota_words(const char *body, size_t size);

/* What is wanted of a packet, of a webhook or of an entry. */
enum myriota_packet_slot {
        MYRIOTA_PACKET,
        MYRIOTA_TERMINAL_ID,
        MYRIOTA_PACKET_TIME,
        MYRIOTA_VALUE,
        MYRIOTA_PACKET_SLOTS
};

extern const struct json_want myriota_packet_want;

/* myriota_entry.c: network.h's `restore` and `set_aside` */
int myriota_restore(const struct webhook *entry, struct network_restored *restored,
                    struct reason *reason);
void myriota_set_aside(const struct webhook *message, const struct event_list *refused,
                       struct buf *rest);

/* myriota_downlink.c */
extern const struct downlink_driver myriota_downlink;

#endif
