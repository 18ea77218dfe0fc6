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
#include "base/table.h"
#include "conf/settings.h"
#include "networks/downlink.h"

/* How far it has come. command_can_reach says from which state which one can follow. */
enum command_state {
        COMMAND_HELD,      /* not in the ledger: new, or its device has too many */
        COMMAND_RESTING,   /* a pause before a new attempt, which starts as `resume` says */
        COMMAND_WAITING,   /* its turn to be handed to the network comes */
        COMMAND_BEGUN,     /* on disk; the request that hands it over goes out, or is under way */
        COMMAND_DENIED,    /* the network has answered with an error of its own */
        COMMAND_UNCERTAIN, /* the answer is lost: whether the network has it is not known */
        /* The same two where another downlink may be in the network's only place. */
        COMMAND_BEGUN_BEHIND,
        COMMAND_UNCERTAIN_BEHIND,
        COMMAND_QUEUED,   /* the network has it */
        COMMAND_SENT,     /* a gateway has transmitted it */
        COMMAND_REQUEUED, /* not acknowledged: it waits at the network again, by itself */
        COMMAND_FINISHED, /* see the outcome */
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

/* What the cloud is told before the outcome is known: its message is completed then. */
enum command_told {
        COMMAND_TOLD_NOTHING,
        COMMAND_TOLD_WAITS, /* the network takes one after the other: it may wait here for days */
        COMMAND_TOLD_DONE,  /* it had come as far as its policy asks */
        COMMAND_TOLD_COUNT,
};

struct device;
struct command_ledger;
struct command_recording;

/*
 * What may be together, beside the state:
 *
 *   outcome     COMMAND_NO_OUTCOME until COMMAND_FINISHED, and another one from then on
 *   told        COMMAND_TOLD_WAITS before COMMAND_FINISHED alone, COMMAND_TOLD_DONE after it alone
 *   resume      counts in COMMAND_RESTING, and of one that has ended as COMMAND_FAILED: where the
 *               next attempt starts
 *   is_renewed  counts in doubt alone (command_is_in_doubt)
 *   is_unheard  of what an earlier run has left, until its network tells of it again
 */
struct command {
        struct list_node node; /* its device's list, by arrival; or that of finished ones */
        struct list_node open; /* all that are not finished */
        struct list_node line; /* its device's, while its network does not have it */
        struct table_entry by_key;
        struct table_entry by_reference;
        struct table_entry by_own_id;
        char *own_key; /* "device key\nown id", once the network has told its id; or NULL */
        struct device *device;
        char *key; /* "device key\nidentity": that of its record, too */
        char *device_key;
        char *identity;   /* the hub's: the same at every redelivery */
        char *message_id; /* of the cloud-to-device message; "" if it has none */
        char *name;       /* of the IoT Central command or method; or NULL */
        struct downlink downlink;
        char *formatter; /* that makes the payload when its turn comes; or NULL */
        char *body;      /* as it came, for the formatter; base64, or NULL */
        enum command_state state;
        enum command_state resume; /* where the next attempt starts: COMMAND_WAITING, or in doubt */
        enum command_outcome outcome;
        enum command_told told;
        enum settings_settlement policy; /* never SETTINGS_SETTLE_INHERIT */
        bool is_method;
        int attempt;       /* from 1; a part of the reference */
        uint64_t sequence; /* the hub's number of the message; 0 = not said */
        int64_t arrival;   /* grows from one command of the ledger to the next */
        struct clock_moment received;
        int64_t reached_ms[COMMAND_FINISHED]; /* wall clock, in this attempt; 0 = not (yet) */
        struct clock_moment begun;            /* when its request went out last */
        struct clock_moment finished;
        char *reason; /* for people; or NULL */

        /* Not in the store. */
        struct hub_command *delivery; /* the newest one that is locked by us; or NULL */
        struct hub_method *call;
        struct timer timer;           /* of a call's answer; of the pause before a new attempt */
        struct command_ledger *owner; /* whose the timer is */
        struct command_recording *recording; /* the last one on its way to the disk; or NULL */
        int unwritten;                       /* so many are on their way */
        bool record_failed;                  /* the last one could not be written */
        bool is_fenced;     /* the last one was refused: the device is another's, nothing goes on */
        bool is_unheard;    /* of an earlier run: what was told of it meanwhile may be lost */
        bool is_missing;    /* its network has said that it has it no more */
        int64_t had_ms;     /* steady clock; when its network was last known to have it */
        int looks;          /* how often its network was asked since it came this far */
        int64_t look_ms;    /* steady clock; when it is asked next; 0 = that is not set yet */
        bool is_renewed;    /* in doubt, and on disk that it goes out once more */
        bool is_forgotten;  /* on no list any more; freed when nothing refers to it */
        int holds;          /* stages that wait for an answer about it */
        int failures;       /* of handing it over, in a row */
        int refusal_status; /* of the answer to its call, if refused; 0 = the usual one */
        int busy_count;     /* answers DOWNLINK_BUSY, in a row */
        int64_t listen_until_ms; /* steady clock; so long an event may tell of it, in doubt */
        int64_t started_ns;      /* steady clock */
};

/* For people: one word may stand for two states. */
const char *command_state_name(enum command_state state);
const char *command_outcome_name(enum command_outcome outcome);

void command_free(struct command *command);

/* It has expired: by both clocks it is here for as long as it may live. */
bool command_is_over(const struct command *command, const struct clock_moment *now);

/* A direct method that nobody waits for any more. */
bool command_has_lost_caller(const struct command *command);

/* It was handed over, and whether the network has it is not known. */
bool command_is_in_doubt(const struct command *command);

/* It is, or may be, among what waits at the network. */
bool command_may_be_queued(const struct command *command);

/* May this state follow its own? */
bool command_can_reach(const struct command *command, enum command_state state);

/* Moves it to a state that can follow, and notes when; those behind it are forgotten. */
void command_reach(struct command *command, enum command_state state);

/* "device key\nidentity". The caller's. */
char *command_key(const char *device_key, const char *identity) MUST_CHECK;

/* Sets downlink.reference from the key and the attempt. */
void command_make_reference(struct command *command);

/* Its form in the store: JSON text. */
void command_encode(const struct command *command, struct buf *out);

/* A command from its record, without a device; NULL with the reason. The caller's. */
struct command *command_decode(const char *record, size_t size, struct reason *reason) MUST_CHECK;

#endif
