// SPDX-License-Identifier: MIT
/*
 * A command on its way to a device, in one shape for all networks, and what a network driver makes
 * of it: an HTTP request, and the meaning of the answer. Pure, as everything in networks/.
 */
#ifndef ISTHMUS_NETWORKS_DOWNLINK_H
#define ISTHMUS_NETWORKS_DOWNLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/reason.h"

/* In the order of The Things Stack's numbers (TxSchedulePriority). */
enum downlink_priority {
        DOWNLINK_LOWEST,
        DOWNLINK_LOW,
        DOWNLINK_BELOW_NORMAL,
        DOWNLINK_NORMAL,
        DOWNLINK_ABOVE_NORMAL,
        DOWNLINK_HIGH,
        DOWNLINK_HIGHEST,
};

/* LoRaWAN's application ports. */
#define DOWNLINK_PORT_MIN 1
#define DOWNLINK_PORT_MAX 223

/* One downlink; owns its texts. */
struct downlink {
        char *application;
        char *device; /* the network's id */
        uint8_t port; /* LoRaWAN FPort; 0 where there is none */
        bool confirmed;
        enum downlink_priority priority;
        bool replace;                     /* instead of what waits at the network; else behind it */
        char *payload;                    /* base64; before `decoded` */
        char *decoded;                    /* JSON object text that the network encodes; or NULL */
        char reference[CRYPTO_UUID_SIZE]; /* ours: comes back with every event about it */
        char own_id[CRYPTO_UUID_SIZE];    /* the network's, if it has told one; "" = none */
        int64_t expires_ms;               /* wall clock; 0 = never */
};

#define DOWNLINK_INIT ((struct downlink){.application = NULL})

void downlink_deinit(struct downlink *downlink);

struct downlink_driver;

/* May a payload have this many bytes? Else false, with the reason. */
bool downlink_fits(const struct downlink_driver *driver, size_t size, struct reason *reason);

/* What our own correlation ids start with; the reference follows. */
#define DOWNLINK_CORRELATION_PREFIX "isthmus:"

/* The reference in a correlation id of ours; NULL if it is another's. */
const char *downlink_reference(const char *correlation_id);

/* How to reach the network for one device; texts are the caller's. */
struct network_access {
        const char *base_url;   /* The Things Stack: ".../api/v3/as/applications"; or the API's */
        const char *webhook_id; /* The Things Stack; NULL = calls without a webhook */
        const char *api_key;    /* secret */
};

/* A way to the network for one device, as the network itself has told; owns its texts. */
struct downlink_way {
        char *base_url; /* as network_access's */
        char *webhook_id;
        char *api_key; /* secret */
};

#define DOWNLINK_WAY_INIT ((struct downlink_way){.base_url = NULL})

void downlink_way_deinit(struct downlink_way *way);
bool downlink_way_equal(const struct downlink_way *a, const struct downlink_way *b);

/*
 * Hosts that a way may lead to: "NAME" is that host, ".NAME" every host below it; ":PORT" behind
 * it allows that port instead of the scheme's own.
 */
struct downlink_hosts {
        const char *const *names;
        size_t count;
};

enum downlink_way_condition {
        DOWNLINK_E_NO_WAY = 1, /* nothing is said of a way */
        DOWNLINK_E_BAD_WAY,    /* what is said must not be followed: see the reason */
};

struct webhook;
struct event;

/* An HTTP request that a driver asks for; owns its texts. */
struct network_request {
        const char *method; /* static */
        char *url;
        char *authorization; /* secret; value of the header */
        struct buf body;     /* JSON; empty = none */
};

#define NETWORK_REQUEST_INIT ((struct network_request){.method = NULL, .body = BUF_INIT})

void network_request_deinit(struct network_request *request);

enum downlink_answer {
        DOWNLINK_TAKEN,    /* the network has it */
        DOWNLINK_REFUSED,  /* and will never take it */
        DOWNLINK_LATER,    /* not taken, but it may be later */
        DOWNLINK_BUSY,     /* not taken: another one of this device waits there, its only place */
        DOWNLINK_FAILED,   /* an error of the network itself, which need not be true: 500, 503 */
        DOWNLINK_IN_DOUBT, /* its answer is lost: something on the way has failed: 502, 504 */
};

/*
 * What a status alone says (RFC 9110, 15). Refused is only what the downlink is, or its device;
 * what speaks of keys, of the moment or of something on the way (401, 403, 409, 429, a redirection)
 * may be different later.
 */
enum downlink_answer downlink_answer_of(int status);

/* What has become of a downlink, as its network tells. */
enum downlink_news {
        DOWNLINK_NEWS_NONE,
        DOWNLINK_NEWS_QUEUED,
        DOWNLINK_NEWS_SENT,         /* a gateway has transmitted it */
        DOWNLINK_NEWS_ACKNOWLEDGED, /* by the device */
        DOWNLINK_NEWS_REQUEUED,     /* not acknowledged; the network sends it again by itself */
        DOWNLINK_NEWS_FAILED,       /* not this time: another attempt may not meet what it met */
        DOWNLINK_NEWS_REFUSED,      /* for what it is, or for its device: for good */
        DOWNLINK_NEWS_EXPIRED,      /* its time was over before it could be sent */
};

/* What a network's list of downlinks says of one. */
enum downlink_listed {
        DOWNLINK_NO_LIST, /* it can't be read */
        DOWNLINK_NOT_LISTED,
        DOWNLINK_LISTED,
        DOWNLINK_LISTED_SENT, /* and it was sent: the network waits for its acknowledgement */
};

/* More downlinks than this in one event are not ours. */
#define DOWNLINK_FATES_MAX 16

struct downlink_fate {
        enum downlink_news news;
        /* struct downlink's references, or own ids where the network has such. */
        char references[DOWNLINK_FATES_MAX][CRYPTO_UUID_SIZE];
        size_t count;
        struct reason reason; /* of a failure, for people */
};

/* What a driver supplies for downlinks, and what must be known of its network. */
struct downlink_driver {
        /* Downlinks have a port, may be confirmed, and have a queue. */
        bool has_ports;
        /* They have a priority. */
        bool has_priorities;
        /* The network itself drops a downlink at `expires_ms`. */
        bool has_expiry;
        /*
         * A list holds a confirmed downlink until it is acknowledged, and another one until it is
         * sent: what is not in it, the device has got or will never get.
         */
        bool lists_are_complete;
        /*
         * It encodes JSON objects for the device; else it takes bytes only. Where the network has
         * the setting NETWORK_APPLICATION_ENCODES, it does so for the applications that have it on.
         */
        bool encodes;
        /* Hosts that `way` may name if the settings name none. */
        struct downlink_hosts public_hosts;
        /* Bytes of a payload; 0 = the network itself says what is too short or too long. */
        size_t minimum_bytes;
        size_t maximum_bytes;
        /*
         * The request that hands the downlink over; `access` has a base URL and a key, here and
         * below. 0, or 1 with the reason why the network can never take it.
         */
        int (*request)(const struct downlink *downlink, const struct network_access *access,
                       struct network_request *request, struct reason *reason);
        /* What an answer to it means; the reason names the network's own error. */
        enum downlink_answer (*answer)(int status, const char *body, size_t size,
                                       struct reason *reason);
        /* The request that lists what waits for the device; NULL = the network can't say. */
        void (*list_request)(const struct downlink *downlink, const struct network_access *access,
                             struct network_request *request);
        /* Is the downlink in such a list? If so, a network with ids of its own fills `own_id`. */
        enum downlink_listed (*is_listed)(const struct downlink *downlink, const char *body,
                                          size_t size, char own_id[CRYPTO_UUID_SIZE]);
        /*
         * The network's own id of a downlink that it has taken, from its answer to the request;
         * false if that has none, and then it is in doubt. Events name downlinks by it, and it is
         * unique for the device. NULL = events name them by our reference.
         */
        bool (*read_own_id)(const char *body, size_t size, char own_id[CRYPTO_UUID_SIZE]);
        /*
         * What an event of the network (of the kinds EVENT_DOWNLINK_...) tells of which downlinks;
         * NULL = events tell nothing, all that is known is that a downlink was taken.
         */
        void (*fate)(const struct event *event, struct downlink_fate *fate);
        /*
         * The way to the device of an event, from the webhook that brought it; NULL = this
         * network tells none. 0 or a condition; `way` is the caller's to deinit in any case.
         */
        int (*way)(const struct webhook *webhook, const struct event *event,
                   const struct downlink_hosts *allowed, struct downlink_way *way,
                   struct reason *reason);
};

#endif
