// SPDX-License-Identifier: MIT
/*
 * What `isthmus queue` and `isthmus device` see of a store: the gateway that runs with it is asked;
 * without one, the store's file is read.
 */
#ifndef ISTHMUS_CLI_GATEWAY_QUEUE_LOOK_H
#define ISTHMUS_CLI_GATEWAY_QUEUE_LOOK_H

#include "base/error.h"
#include "base/reason.h"
#include "cli/gateway/gateway_control.h"
#include "store/store.h"

struct queue_look {
        struct http_client *gateway; /* or NULL */
        struct store *store;         /* or NULL */
};

/* 0, or not with the reason; queue_look_close in either case. */
int queue_look_open(struct queue_look *look, const struct store_options *options,
                    struct reason *reason) MUST_CHECK;
void queue_look_close(struct queue_look *look);

/* An event that waits (`reason` NULL) or a dead letter; false ends it. */
typedef bool queue_look_visit(void *context, const struct store_dead_letter *letter);

/*
 * The devices with waiting events, and how much there is in all; the waiting events of one device;
 * all dead letters, both without their records. 0, or not with the reason.
 */
int queue_look_devices(struct queue_look *look, struct store_state *state,
                       bool (*visit)(void *context, const char *device, int64_t waiting),
                       void *context, struct reason *reason) MUST_CHECK;
int queue_look_events(struct queue_look *look, const char *device, queue_look_visit *visit,
                      void *context, struct reason *reason) MUST_CHECK;
int queue_look_letters(struct queue_look *look, queue_look_visit *visit, void *context,
                       struct reason *reason) MUST_CHECK;

/* The event or dead letter with this id, with its record; not 0 with the reason if there is none.
 */
int queue_look_one(struct queue_look *look, int64_t id, queue_look_visit *visit, void *context,
                   struct reason *reason) MUST_CHECK;

#endif
