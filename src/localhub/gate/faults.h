// SPDX-License-Identifier: MIT
/*
 * Faults to order: rules that the control API sets and the endpoints ask at the places where a
 * real service fails. A rule applies to a hub and a device or to all, for a number of times or
 * until it is removed, always or with a probability. Every thread; while no rule of a kind
 * exists, asking costs one atomic read.
 */
#ifndef ISTHMUS_LOCALHUB_GATE_FAULTS_H
#define ISTHMUS_LOCALHUB_GATE_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"

enum fault_kind {
        FAULT_CONNECT,     /* new TCP connections are closed at once (AMQP), or refused (DPS) */
        FAULT_OPEN,        /* the AMQP OPEN is answered by CLOSE with `condition` */
        FAULT_TOKEN,       /* put-token is answered with `status`; 0 = not answered */
        FAULT_ATTACH,      /* a device's link is refused with `condition` */
        FAULT_CREDIT,      /* a telemetry link gets no further credit while the rule exists */
        FAULT_REJECT,      /* telemetry is rejected with `condition`, and not recorded */
        FAULT_DETACH,      /* telemetry is not recorded, its link detached with `condition` */
        FAULT_DISPOSITION, /* telemetry is recorded, but its disposition never sent */
        FAULT_SLOW,        /* telemetry is recorded, its disposition comes after `delay` */
        FAULT_CUT,         /* telemetry is recorded, then the connection is cut at once */
        FAULT_DPS_STATUS, /* DPS register and poll answer `status`, `error_code`, `retry_after_s` */
        FAULT_DPS_FAILED, /* the registration ends as `failed` with `error_code` */
        FAULT_DPS_SLOW,   /* the registration stays `assigning` for `delay` */
        FAULT_KIND_COUNT,
};

enum fault_distribution {
        FAULT_DELAY_FIXED,       /* `delay_ms` */
        FAULT_DELAY_UNIFORM,     /* between `delay_ms` and `delay_max_ms` */
        FAULT_DELAY_EXPONENTIAL, /* mean `delay_ms`, cut at `delay_max_ms` unless that is 0 */
};

struct fault {
        uint64_t id; /* given by faults_add */
        enum fault_kind kind;
        char hub[129];         /* hub id; "" = every hub */
        char device[129];      /* device or registration id; "" = every one */
        int64_t remaining;     /* how often it still applies; -1 = until removed */
        double probability;    /* 0 to 1; every time it is asked */
        char condition[96];    /* AMQP error condition */
        char description[256]; /* what is sent along; "" = the usual text of the condition */
        int status;            /* HTTP or CBS status */
        int error_code;        /* the service's, for example 429001 */
        int retry_after_s;     /* header Retry-After; 0 = none */
        enum fault_distribution distribution;
        int64_t delay_ms;
        int64_t delay_max_ms;
        int64_t applied; /* how often it has applied */
};

/* Applies to everything, always, until removed; the fields of its kind are still to be set. */
#define FAULT_INIT(fault_kind)                                                                     \
        ((struct fault){.kind = (fault_kind), .remaining = -1, .probability = 1.0})

struct faults;

struct faults *faults_new(void);
void faults_free(struct faults *faults);

/* Adds a rule; returns its id, or 0 with the reason if it makes no sense or there are too many. */
uint64_t faults_add(struct faults *faults, const struct fault *fault, struct reason *reason);

/* False if there is none (it may have used itself up). */
bool faults_remove(struct faults *faults, uint64_t id);
void faults_clear(struct faults *faults);

/* Copies the rules that exist; returns how many (at most `max`). */
size_t faults_list(struct faults *faults, struct fault *list, size_t max);

#define FAULTS_MAX 1000

/*
 * Asks whether a fault happens here and now: the oldest rule that fits is counted and copied to
 * `applied`. `hub` and `device` may be "" where there is none yet.
 */
bool faults_apply(struct faults *faults, enum fault_kind kind, const char *hub, const char *device,
                  struct fault *applied);

/* As faults_apply, but only looks: nothing is counted, no probability is drawn. */
bool faults_exist(struct faults *faults, enum fault_kind kind, const char *hub, const char *device);

/* A delay drawn from the rule's distribution, in milliseconds. */
int64_t faults_draw_delay(struct faults *faults, const struct fault *fault);

/* Makes what is drawn repeatable. */
void faults_seed(struct faults *faults, uint64_t seed);

/* Called after every add, remove and clear, on that thread, for example to grant credit again;
 * set before other threads start. */
void faults_watch(struct faults *faults, void (*changed)(void *context), void *context);

/* `token`, `reject`, `dps_status`, ...: the names in the control API. */
const char *fault_kind_name(enum fault_kind kind);
bool fault_kind_parse(const char *name, enum fault_kind *kind);

#endif
