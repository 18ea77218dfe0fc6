// SPDX-License-Identifier: MIT
/*
 * The certificates that deliveries are verified with, by their address: fetched once, kept for a
 * month, looked at again after a day.
 *
 * Laws:
 *   - concurrent requests for one address share one fetch;
 *   - a copy is kept as long as it is not too old, whatever becomes of a further fetch;
 *   - an address that failed is not tried again for some seconds, and few addresses are tried at
 *     the same time: an outsider who makes up addresses costs little;
 *   - number, size and age are bounded. Addresses without a certificate are forgotten first.
 *
 * Copies are records of the store, so that a restart needs no fetch. Every thread may call; one
 * lock guards all of it.
 */
#ifndef ISTHMUS_GATEWAY_INTAKE_CERTIFICATE_CACHE_H
#define ISTHMUS_GATEWAY_INTAKE_CERTIFICATE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "http/client/http_client.h"
#include "networks/signature.h"
#include "store/store.h"

/* Addresses that are remembered, with a certificate or without. */
#define CERTIFICATE_CACHE_ENTRIES 32
#define CERTIFICATE_CACHE_FETCHES 4

#define CERTIFICATE_CACHE_KEEP_MS    (INT64_C(30) * 24 * 60 * 60 * 1000)
#define CERTIFICATE_CACHE_REFRESH_MS (INT64_C(24) * 60 * 60 * 1000)
/* After a refresh that failed. */
#define CERTIFICATE_CACHE_AGAIN_MS (INT64_C(60) * 60 * 1000)
/* After a first fetch that failed. */
#define CERTIFICATE_CACHE_NEGATIVE_MS 5000
#define CERTIFICATE_CACHE_TIMEOUT_MS  5000

struct certificate_cache;

struct certificate_cache_options {
        struct http_client *http;
        struct store *store;
        const char *kind;    /* of its records; static text */
        size_t maximum_size; /* bytes of a certificate */
        bool public_only;    /* as in struct http_request */
        /* As in struct signature_driver. */
        struct signature_certificate *(*read)(const void *bytes, size_t size,
                                              struct reason *reason);
        int64_t (*now_ms)(void); /* the steady clock */
};

/* Reads what the store has. `http` and `store` must outlive it. A negative errno with the reason.
 */
int certificate_cache_new(const struct certificate_cache_options *options,
                          struct certificate_cache **cache, struct reason *reason) MUST_CHECK;

/* Nobody waits any more, and from now on nobody will: UNREACHABLE is the answer. */
void certificate_cache_stop(struct certificate_cache *cache);

/* After certificate_cache_stop and http_client_free. NULL is allowed. */
void certificate_cache_free(struct certificate_cache *cache);

enum certificate_state {
        CERTIFICATE_UNKNOWN,     /* not at hand: certificate_cache_fetch */
        CERTIFICATE_KNOWN,       /* here it is */
        CERTIFICATE_WRONG,       /* there is none at this address, or not of the right kind */
        CERTIFICATE_UNREACHABLE, /* the address did not answer as it should; later it may */
};

/* What is known of an address. */
struct certificate_answer {
        enum certificate_state state;
        struct signature_certificate *certificate; /* of CERTIFICATE_KNOWN; else NULL */
        int64_t tried_ms_ago;                      /* the end of the last fetch; likewise */
        struct reason reason;                      /* of _WRONG and _UNREACHABLE */
};

/*
 * What is at hand; its certificate is the caller's to signature_certificate_free. Starts a refresh
 * if the copy is due for it.
 */
void certificate_cache_find(struct certificate_cache *cache, const char *url,
                            struct certificate_answer *answer);

/* `answer` is valid during the call, with its certificate. */
typedef void certificate_cache_done(void *context, const struct certificate_answer *answer);

/*
 * Fetches, or joins the fetch under way, and calls `done` once: on the thread "http", on that of
 * certificate_cache_stop, or before it returns. If the fetch fails and there is a copy, that is
 * the answer.
 */
void certificate_cache_fetch(struct certificate_cache *cache, const char *url,
                             certificate_cache_done *done, void *context);

#endif
