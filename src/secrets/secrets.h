// SPDX-License-Identifier: MIT
/*
 * Secrets that stand outside a configuration: reads those that a Key Vault keeps, looks again
 * whether they have changed, and puts them in force. For every program that has a configuration.
 *
 * Laws:
 *   - a vault that is away stops nothing: what is known stays in force, what is not is asked for
 *     again and again;
 *   - no value, token or assertion is in a log or an error.
 */
#ifndef ISTHMUS_SECRETS_SECRETS_H
#define ISTHMUS_SECRETS_SECRETS_H

#include <stdbool.h>
#include <stdint.h>

#include "azure/identity/identity.h"
#include "base/reason.h"
#include "conf/engine/schema.h"
#include "http/client/http_client.h"
#include "http/client/http_watch.h"

struct secrets;

struct secrets_options {
        const struct conf_schema *schema;
        void *target;             /* that was loaded by it; its secrets change, and nothing else */
        struct http_client *http; /* this and the next must outlive it */
        struct identity *identity;
        struct http_watch watch; /* who is told of requests to vaults; or nobody */
        /* One or more have changed; on the thread "http" or that of secrets_refresh. Or NULL. */
        void (*changed)(void *context);
        void *context;
};

/* Begins to read. */
struct secrets *secrets_new(const struct secrets_options *options);

/* After http_client_free and identity_free. NULL is allowed. */
void secrets_free(struct secrets *secrets);

/* Waits until each vault has answered once about each of its secrets, but not longer. */
void secrets_wait(struct secrets *secrets, int64_t most_ms);

/*
 * Reads files again, and asks the vaults for all secrets that are not known or whose version is not
 * fixed, both at once. Any thread but "http".
 */
void secrets_refresh(struct secrets *secrets);

/* A service has refused what it was shown: asks the vaults, at most every five minutes. Any thread.
 */
void secrets_doubt(struct secrets *secrets);

/* What is known of a secret that a vault keeps. */
struct secrets_state {
        const char *path; /* of the setting */
        const char *url;  /* in the vault */
        bool known;
        const char *version; /* of what is in force; "" = not said */
        int64_t updated_s;   /* when it was set, since 1970; 0 = not said */
        const char *code;    /* of the last failure; "" = none since the last success */
        const char *reason;  /* that it was answered */
};

/* In their order; the texts are valid during the call. */
void secrets_each(struct secrets *secrets,
                  void (*visit)(void *context, const struct secrets_state *state), void *context);

#endif
