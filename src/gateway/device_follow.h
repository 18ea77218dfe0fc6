// SPDX-License-Identifier: MIT
/*
 * Where several gateways share a store: follows what the one that reads the networks' listings
 * writes into the directory. A thread of its own, `directory`, looks every 5 seconds whether there
 * is something new; then it reads the whole, and is at work for a tenth of the time at most.
 */
#ifndef ISTHMUS_GATEWAY_DEVICE_FOLLOW_H
#define ISTHMUS_GATEWAY_DEVICE_FOLLOW_H

#include "base/loop.h"
#include "gateway/device/device.h"
#include "gateway/device/device_directory.h"

struct device_follow;

/* After device_directory_load. The thread "loop" runs until device_follow_stop has returned. */
struct device_follow *device_follow_start(struct loop *loop, struct device_directory *directory,
                                          struct device_table *devices);

/* Frees it; NULL is allowed. */
void device_follow_stop(struct device_follow *follow);

#endif
