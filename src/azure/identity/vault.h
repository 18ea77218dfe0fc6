// SPDX-License-Identifier: MIT
/*
 * Reads secrets of Azure Key Vault, with a token of the gateway's own identity.
 *
 * Source: https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret
 */
#ifndef ISTHMUS_AZURE_IDENTITY_VAULT_H
#define ISTHMUS_AZURE_IDENTITY_VAULT_H

#include <stdint.h>

#include "azure/identity/identity.h"
#include "base/reason.h"
#include "http/client/http_client.h"
#include "http/client/http_watch.h"

/* What every question needs; all must outlive it. */
struct vault_means {
        struct http_client *http;
        struct identity *identity;
        struct http_watch watch; /* who is told of the requests; or nobody */
};

/* What became of a question; valid during the call. */
struct vault_answer {
        const char *value;    /* a secret; NULL = it was not read */
        const char *version;  /* of the value */
        int64_t updated_s;    /* when it was set, since 1970; 0 = not said */
        const char *code;     /* of a failure: "SecretNotFound", "403", "no token", ... */
        struct reason reason; /* of a failure: what it means */
        int64_t again_ms;     /* of a failure: when it makes sense to ask again; -1 = not said */
        bool stopped;         /* all ends: nothing may be asked any more */
};

typedef void vault_done(void *context, const struct vault_answer *answer);

/*
 * Reads the secret with this URL, which vault_reference.h has made. `done` follows exactly once, on
 * the thread "http" or in identity_free. Every thread.
 */
void vault_get(const struct vault_means *means, const char *url, vault_done *done, void *context);

#endif
