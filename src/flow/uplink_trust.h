// SPDX-License-Identifier: MIT
/* Is an event's origin proven as far as the settings ask? */
#ifndef ISTHMUS_FLOW_UPLINK_TRUST_H
#define ISTHMUS_FLOW_UPLINK_TRUST_H

#include <stdbool.h>

#include "base/reason.h"
#include "conf/settings.h"
#include "networks/event.h"

/*
 * The Things Stack signs nothing: the webhook's key is the proof. Myriota signs each delivery, but
 * this gateway does not fetch its certificate: unless Myriota.SignatureMode is Off or Warn, its
 * deliveries are refused with that reason. Every thread.
 */
bool uplink_trust(const struct settings *settings, const struct event *event,
                  struct reason *reason);

#endif
