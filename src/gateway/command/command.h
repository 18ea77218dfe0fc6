// SPDX-License-Identifier: MIT
/* One command on its way from the cloud to a device, and its form in the store. */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "azure/hub/hub_client.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "networks/downlink.h"

/* How far it has come. It goes back if it was surely not taken, and by a new attempt. */
enum command_state {
        COMMAND_WAITING,   /* recorded; its turn to be handed to the network comes */
        COMMAND_BEGUN,     /* on disk; the request that hands it over goes out, or is under way */
        COMMAND_DENIED,    /* the network has answered with an error of its own */
        COMMAND_UNCERTAIN, /* the answer is lost: whether the network has it is not known */
        COMMAND_QUEUED,    /* the network has it */
        COMMAND_SENT,      /* a gateway has transmitted it */
        COMMAND_FINISHED,  /* see the outcome */
        COMMAND_STATE_COUNT,
};

/* What became of it, and how its cloud-to-device message is settled then. */
enum command_outcome {
        COMMAND_NO_OUTCOME,
        COMMAND_DELIVERED,  /* as far as its policy asks: complete */
        COMMAND_REFUSED,    /* it can never be delivered: reject */
        COMMAND_FAILED,     /* not this time: abandon; a redelivery is a new attempt */
        COMMAND_SUPERSEDED, /* a later `replace` has removed it at the network: reject */
        COMMAND_EXPIRED,    /* its time was over: reject */
        COMMAND_CANCELLED,  /* by `isthmus command cancel`: reject */
        COMMAND_OUTCOME_COUNT,
};

struct device;

struct command {
        struct list_node node; /* on its device's list of commands, in the order of arrival */
        struct device *device;
        char *device_key;
        char *identity;   /* the hub's: the same at every redelivery */
        char *message_id; /* of the cloud-to-device message; "" if it has none */
        char *name;       /* of the IoT Central command or method; or NULL */
        struct downlink downlink;
        char *formatter; /* that makes the payload when its turn comes; or NULL */
        char *body;      /* as it came, for the formatter; base64, or NULL */
        enum command_state state;
        enum command_outcome outcome;
        enum settings_settlement policy; /* never SETTINGS_SETTLE_INHERIT */
        bool is_method;
        bool early;    /* its policy had it completed, or answered, before its outcome */
        bool requeued; /* not acknowledged: it waits at the network again, by itself */
        int attempt;   /* from 1; a part of the reference */
        enum command_state failed_in; /* COMMAND_FAILED: where the next attempt starts */
        bool waits;  /* the network takes one after the other: it may wait here for days */
        bool behind; /* when it was last handed over, another may have waited there */
        struct clock_moment begun; /* when it came to COMMAND_BEGUN last */
        uint64_t sequence;         /* the hub's number of the message; 0 = not said */
        int64_t arrival;           /* grows from one command of the ledger to the next */
        struct clock_moment received;
        int64_t expires_ms;                   /* by the wall clock at its arrival; 0 = never */
        int64_t reached_ms[COMMAND_FINISHED]; /* wall clock, in this attempt; 0 = not (yet) */
        struct clock_moment finished;
        char *reason; /* for people; or NULL */

        /* Not in the store. */
        struct hub_command *delivery; /* the newest one that is locked by us; or NULL */
        struct hub_method *call;
        struct timer timer;          /* of a call's answer; of the pause before a new attempt */
        void *owner;                 /* whose the timer is */
        int unwritten;               /* records on their way to the disk */
        struct recording *recording; /* the last of them (command_record.c) */
        bool record_failed;          /* the last one could not be written */
        bool held;          /* not in the ledger: its device has too many; they wait in order */
        bool resting;       /* its new attempt comes after a pause */
        int failures;       /* of handing it over, in a row */
        int refusal_status; /* of the answer to its call, if refused; 0 = the usual one */
        int busy_count;     /* answers DOWNLINK_BUSY, in a row */
        int64_t listen_until_ms; /* steady clock; so long an event may tell of it, in doubt */
        int64_t started_ns;      /* steady clock */
};

const char *command_state_name(enum command_state state);
const char *command_outcome_name(enum command_outcome outcome);

void command_free(struct command *command);

/* It has expired: by both clocks it is here for as long as it may live. */
bool command_is_over(const struct command *command, const struct clock_moment *now);

/* A direct method that nobody waits for any more. */
bool command_has_lost_caller(const struct command *command);

/* Moves it to a state, and notes when; those behind it are forgotten. */
void command_reach(struct command *command, enum command_state state);

/* Sets downlink.reference from the identity and the attempt. */
void command_make_reference(struct command *command);

/* Its form in the store: JSON text. */
void command_encode(const struct command *command, struct buf *out);

/* A command from its record, without a device; NULL with the reason. The caller's. */
struct command *command_decode(const char *record, size_t size, struct reason *reason) MUST_CHECK;

#endif
