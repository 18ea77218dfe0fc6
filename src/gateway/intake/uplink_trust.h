// SPDX-License-Identifier: MIT
/*
 * Uplink stage 1, its question "is it really the network's?": deliveries of networks that sign
 * are verified as far as the settings ask (rule M8). Other networks have the webhook key alone.
 *
 * Laws:
 *   - nothing of a delivery is stored before its verdict, and all its parts share the verdict;
 *   - nothing is fetched from an address that is not on the one configured host, nor from inside
 *     the operator's own network (unless the setting itself names that);
 *   - a certificate that can't be fetched is not the sender's fault: UNAVAILABLE, never REFUSED;
 *   - no thread waits for a fetch.
 */
#ifndef ISTHMUS_GATEWAY_INTAKE_UPLINK_TRUST_H
#define ISTHMUS_GATEWAY_INTAKE_UPLINK_TRUST_H

#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "http/client/http_client.h"
#include "networks/network.h"
#include "store/store.h"

struct uplink_trust;

struct uplink_trust_options {
        const struct settings *settings;
        struct http_client *http;
        struct store *store;
        int64_t (*now_ms)(void); /* for tests; NULL = the clocks */
};

/*
 * Reads the configured certificates and those that were kept. All options must outlive it. A
 * negative errno or 1, with the reason, if they can't be read or are not the network's.
 */
int uplink_trust_new(const struct uplink_trust_options *options, struct uplink_trust **trust,
                     struct reason *reason) MUST_CHECK;

/* All that is undecided is UNAVAILABLE from now on. NULL is allowed. */
void uplink_trust_stop(struct uplink_trust *trust);

/* After http_client_free, and uplink_trust_stop if it was ever asked. NULL is allowed. */
void uplink_trust_free(struct uplink_trust *trust);

enum uplink_verdict {
        UPLINK_TRUSTED,
        UPLINK_MALFORMED,   /* 400 */
        UPLINK_REFUSED,     /* 403 */
        UPLINK_UNAVAILABLE, /* 503: it can't be decided now */
        UPLINK_UNDECIDED,   /* uplink_trust_decide says it later */
};

/* A delivery whose certificate has to be fetched first. */
struct uplink_proof;

/*
 * The verdict on a delivery, with the reason unless it is UPLINK_TRUSTED. With UPLINK_UNDECIDED
 * `*proof` is the caller's, who gives it to uplink_trust_decide. Every thread.
 */
enum uplink_verdict uplink_trust_check(struct uplink_trust *trust, const struct network *network,
                                       const struct webhook *webhook, struct uplink_proof **proof,
                                       struct reason *reason) MUST_CHECK;

/* `reason` is valid during the call. */
typedef void uplink_trust_done(void *context, enum uplink_verdict verdict,
                               const struct reason *reason);

/*
 * Takes the proof, fetches, and calls `done` once with the verdict, which is never
 * UPLINK_UNDECIDED; on a thread as of certificate_cache_fetch.
 */
void uplink_trust_decide(struct uplink_proof *proof, uplink_trust_done *done, void *context);

#endif
