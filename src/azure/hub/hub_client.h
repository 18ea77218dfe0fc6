// SPDX-License-Identifier: MIT
/*
 * Many devices' connections to many IoT Hubs over AMQP 1.0: at most 995 devices share one TLS
 * connection, twenty a session, each authorised by a CBS token of its own (rules W4 and W5). A
 * device with a certificate has a connection of its own instead, with SASL EXTERNAL and no tokens.
 *
 * Its thread drives the loop that it is given, and is the thread "loop": all functions but
 * hub_client_new and hub_client_free must be called on it, and all handlers are called on it.
 *
 * The client reconnects by itself, with backoff and jitter per hub, and authorises the devices
 * again at a rate that is given, or found from its answers 429. Tokens are renewed before they
 * expire, spread over their life. It does not decide what becomes
 * of a device that the hub refuses: it says so (HUB_DEVICE_REFUSED), stays quiet for that device,
 * and waits for hub_device_retry or hub_device_close.
 */
#ifndef ISTHMUS_AZURE_HUB_HUB_CLIENT_H
#define ISTHMUS_AZURE_HUB_HUB_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/property.h"
#include "base/reason.h"
#include "base/x509/certificate.h"

struct hub_client;

struct hub_client_options {
        struct loop *loop;                /* driven until hub_client_free; stays its owner's */
        const char *trusted_certificates; /* PEM file beside the system's; or NULL */
        uint16_t port;                    /* where a hub's name says none; 0 = 5671 */
        int devices_per_connection;       /* 0 = 995, the most */
        int64_t token_lifetime_ms;        /* 0 = 1 hour */
        int64_t backoff_min_ms;           /* 0 = 500 */
        int64_t backoff_max_ms;           /* 0 = 60 s */
        int devices_per_second;           /* to authorise, per hub; 0 = as many as it takes */
        int64_t telemetry_idle_ms;        /* links so long without a message end; 0 = none does */
        bool without_methods;             /* devices receive commands, but no direct methods */
        const char *client_version;       /* "isthmus/0.2.0": product name sent to the hub */
        /*
         * Or NULL. Given the context of a device: may anything be said for it now? Asked before
         * each token, link, message, report, settlement and answer.
         */
        bool (*may_act)(const void *context);
};

int hub_client_new(const struct hub_client_options *options, struct hub_client **client,
                   struct reason *reason) MUST_CHECK;

/*
 * Closes links and connections in order, waits at most `patience_ms` for the hubs' answers, joins
 * the thread, frees the devices that were not closed. What was posted before is run. No handler is
 * called afterwards; unsettled sends have had outcome HUB_UNKNOWN.
 */
void hub_client_free(struct hub_client *client, int64_t patience_ms);

/* What is going on with one hub. */
struct hub_summary {
        const char *name;   /* as its devices give it */
        size_t connections; /* that are open */
        size_t devices;
        size_t ready;        /* of them, authorised */
        size_t refused;      /* of them, by the hub */
        int failures;        /* connections lost in a row since a device was authorised */
        int rate;            /* devices a second that it was found to authorise; 0 = not found */
        const char *invalid; /* why its name can't be used; or NULL */
};

/* Each hub that devices were opened for; the summary is valid during the call. */
void hub_client_each(struct hub_client *client,
                     void (*visit)(void *context, const struct hub_summary *hub), void *context);

/* So many devices a second to authorise, per hub, from now on; as in the options. */
void hub_client_set_rate(struct hub_client *client, int devices_per_second);

/* Links and sessions of closed devices that the hub has not ended yet; 0: it has let go of all. */
size_t hub_client_closing(struct hub_client *client);

/* --- devices ------------------------------------------------------------------------------ */

struct hub_device;

struct hub_identity {
        const char *hub; /* host or host:port */
        const char *device_id;
        const char *key;                 /* base64; the device's, or a hub policy's */
        const char *key_name;            /* the policy's name; NULL or "" = a device key */
        struct certificate *certificate; /* instead of a key: the device's own; shared */
        const char *model_id;            /* DTDL model id; NULL or "" = none */
        bool receive_commands;           /* also attach cloud-to-device and direct method links */
        bool follow_desired; /* also be told of the twin's desired properties (rule W10) */
};

enum hub_device_state {
        HUB_DEVICE_CONNECTING, /* not authorised (yet, or again) */
        HUB_DEVICE_READY,      /* authorised: sends go out */
        HUB_DEVICE_REFUSED,    /* the hub does not want this device; see enum hub_refusal */
};

enum hub_refusal {
        HUB_REFUSAL_NONE,
        HUB_REFUSAL_UNAUTHORIZED, /* wrong or expired key, disabled device */
        HUB_REFUSAL_NOT_FOUND,    /* no such device, or no such hub */
        HUB_REFUSAL_OTHER,        /* anything else that is not worth repeating at once */
        /*
         * Many devices of the hub were refused within seconds and none was accepted: most likely
         * our clock or the hub is wrong, not this device. Nothing should be forgotten, and nothing
         * need be done: the client tries one of them after the other, and all of them when one was
         * accepted. States follow by themselves; hub_device_retry does nothing meanwhile.
         */
        HUB_REFUSAL_COMMON,
        HUB_REFUSAL_STOLEN, /* another connection uses the device: the newest one has it */
};

enum hub_outcome {
        HUB_ACCEPTED,  /* stored by the hub */
        HUB_REJECTED,  /* can never be sent (too large, bad argument), or was tried too often */
        HUB_THROTTLED, /* not stored: quota or too many; later */
        HUB_UNKNOWN,   /* link or connection ended before the answer: send again */
};

/* A device-to-cloud message. Texts and property names are UTF-8; content type and encoding ASCII.
 */
struct hub_message {
        const char *message_id;
        const char *correlation_id;   /* or NULL */
        const char *content_type;     /* or NULL */
        const char *content_encoding; /* or NULL */
        const struct property *properties;
        size_t property_count;
        const void *body;
        size_t body_size;
};

/* A cloud-to-device message, locked by us until hub_command_settle. Valid until then. */
struct hub_command {
        const char *message_id;   /* "" if the sender gave none */
        uint64_t sequence_number; /* the hub's, per device; 0 = not said */
        int64_t expires_ms;       /* wall clock; 0 = never */
        int64_t enqueued_ms;      /* wall clock; 0 = not said */
        const struct property *properties;
        size_t property_count;
        const void *body;
        size_t body_size;
        void *owner; /* its owner's; NULL at first */
};

enum hub_settlement {
        HUB_COMPLETE, /* accepted */
        HUB_ABANDON,  /* released: the hub delivers it again */
        HUB_REJECT,   /* rejected: the hub's dead letters */
};

/* A direct method call; valid until hub_method_answer. */
struct hub_method {
        const char *name;
        const void *payload;
        size_t payload_size;
};

#define HUB_CONDITION_SIZE 64

/* The AMQP condition that such a reason tells of, as `amqp:not-allowed`; "" = none. */
void hub_reason_condition(const struct reason *reason, char condition[HUB_CONDITION_SIZE]);

struct hub_device_handler {
        void (*state)(void *context, enum hub_device_state state, enum hub_refusal refusal,
                      const struct reason *reason);
        /* Of a hub_device_send, exactly once each. */
        void (*outcome)(void *context, uint64_t token, enum hub_outcome outcome,
                        const struct reason *reason);
        /* Both may be NULL unless the identity receives commands. */
        void (*command)(void *context, struct hub_command *command);
        /*
         * The lock of a command that was not settled yet is gone (link or connection lost): the
         * hub will deliver it again. It must still be given to hub_command_settle.
         */
        void (*command_lost)(void *context, struct hub_command *command);
        void (*method)(void *context, struct hub_method *method);
        /*
         * Desired properties, a JSON object with `$version`: all there are, after each connection,
         * or what has changed since (null: removed). May be NULL unless the identity follows them.
         */
        void (*desired)(void *context, const char *json, size_t size, bool is_whole);
};

/* Copies the identity; `handler` must stay. States are told later, not before it returns. */
struct hub_device *hub_device_open(struct hub_client *client, const struct hub_identity *identity,
                                   const struct hub_device_handler *handler, void *context);

/* As if its identity had said `receive_commands`. */
void hub_device_receive_commands(struct hub_device *device);

/* Something waits to be sent: it connects and authorises before those that have nothing. */
void hub_device_hurry(struct hub_device *device);

/* From now on this handler is told, with the same context. */
void hub_device_hand_over(struct hub_device *device, const struct hub_device_handler *handler);

/* Its hub's name as its identity gave it; valid while the device is. */
const char *hub_device_hub(const struct hub_device *device);

/* After HUB_DEVICE_REFUSED: try once more with the same identity. */
void hub_device_retry(struct hub_device *device);

/*
 * Detaches and forgets; unsettled sends get HUB_UNKNOWN before it returns. Frees the device, but
 * not the commands and methods that its owner holds: they must still be settled and answered,
 * which answers false then.
 */
void hub_device_close(struct hub_device *device);

/* loop_warm for what hub_device_send needs. */
void hub_device_warm(const struct hub_device *device);

/*
 * Sends now; allowed in HUB_DEVICE_READY only. Copies the message. False when the link has no
 * credit or 100 messages are unsettled: nothing was sent, and the handler's `state` says
 * HUB_DEVICE_READY again when it has. So it is with a device's first send: it attaches the link.
 */
bool hub_device_send(struct hub_device *device, const struct hub_message *message,
                     uint64_t token) MUST_CHECK;

/*
 * Reports properties of the device's twin: `patch` is JSON (an object; null removes a member), at
 * most 32 KiB as the hub counts. Its outcome is told as that of a send. False, and nothing is
 * told, unless the device is ready and no other report is under way.
 */
bool hub_device_report(struct hub_device *device, const char *patch, size_t size,
                       uint64_t token) MUST_CHECK;

/* Settles and frees; false if the lock was lost before (the command is freed as well). */
bool hub_command_settle(struct hub_command *command, enum hub_settlement settlement);

/* True if the link that it came on has ended: no answer can reach the caller any more. */
bool hub_method_is_lost(const struct hub_method *method);

/* Answers and frees; false if the caller has gone. `payload` is JSON text. */
bool hub_method_answer(struct hub_method *method, int status, const void *payload,
                       size_t payload_size);

#endif
