// SPDX-License-Identifier: MIT
/* What an event tells of its device beside its data, if the event goes no further. */
#ifndef ISTHMUS_GATEWAY_DEVICE_DEVICE_FACTS_H
#define ISTHMUS_GATEWAY_DEVICE_DEVICE_FACTS_H

#include "gateway/device/device.h"

/*
 * device_take_facts for the device with this key, if it is known and this gateway's. Every thread,
 * before the thread "loop" ends.
 */
void device_table_tell_facts(struct device_table *table, const char *device_key,
                             const struct event *event);

#endif
