// SPDX-License-Identifier: MIT
/*
 * Myriota's satellite network: uplinks that its Device Manager posts to an HTTP destination.
 * Facts: Myriota's developer documentation and SDK, and published deliveries. The signature of a
 * delivery is a matter of its own: myriota_signature.h.
 */
#ifndef ISTHMUS_NETWORKS_MYRIOTA_H
#define ISTHMUS_NETWORKS_MYRIOTA_H

#include "networks/network.h"

extern const struct network myriota;

/* myriota_downlink.c */
extern const struct downlink_driver myriota_downlink;

#endif
