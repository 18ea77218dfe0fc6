// SPDX-License-Identifier: MIT
/*
 * The message that a device of any LoRaWAN network sends to the hub (rules U1 to U14), so that one
 * model fits a type of device on all of them: of an event with a base64 payload.
 */
#ifndef ISTHMUS_NETWORKS_LORAWAN_TELEMETRY_H
#define ISTHMUS_NETWORKS_LORAWAN_TELEMETRY_H

#include "networks/network.h"

/* struct network's `telemetry`. */
int lorawan_telemetry(const struct event *event, const struct formatted *formatted,
                      const struct telemetry_options *options, struct telemetry *telemetry,
                      struct reason *reason) MUST_CHECK;

#endif
