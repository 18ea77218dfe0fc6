// SPDX-License-Identifier: MIT
/*
 * Tokens of Entra ID for services of Azure: asked for when somebody needs one, shared, kept in
 * memory, renewed at half of their life. Where they come from says identity_request.h.
 *
 * One request at a time for each resource, however many wait for it; while an old token lives, a
 * renewal that fails keeps nobody waiting. A source that refuses is asked again after a pause only.
 */
#ifndef ISTHMUS_AZURE_IDENTITY_IDENTITY_H
#define ISTHMUS_AZURE_IDENTITY_IDENTITY_H

#include <stdint.h>

#include "base/reason.h"
#include "http/client/http_client.h"

/* What tokens are asked for. */
#define IDENTITY_FOR_STORAGE "https://storage.azure.com/"
#define IDENTITY_FOR_MONITOR "https://monitor.azure.com/"

struct identity;

struct identity_options {
        struct http_client *http; /* must outlive it */
        char *const *environment; /* as `environ`; what it says now counts */
        const char *arc_agent;    /* these two NULL but in tests */
        const char *arc_tokens;
};

/* Copies all but `http`. Asks nobody. Free after the client: identity_free. */
struct identity *identity_new(const struct identity_options *options);

/* After http_client_free; those who still wait are answered. NULL is allowed. */
void identity_free(struct identity *identity);

/*
 * Exactly once, on the thread of `http` or in identity_free. `token` is valid during the call and a
 * secret; NULL = there is none, for the reason, and asking again makes sense after `again_ms`;
 * IDENTITY_STOPPED: never again, since all ends.
 */
#define IDENTITY_STOPPED (-1)

typedef void identity_done(void *context, const char *token, const struct reason *reason,
                           int64_t again_ms);

struct identity_wanted {
        const char *resource; /* "https://vault.azure.net" */
        const char *client;   /* which of a machine's identities; NULL = as the environment says */
};

/* Every thread; copies `wanted`; never calls back before it returns. */
void identity_ask(struct identity *identity, const struct identity_wanted *wanted,
                  identity_done *done, void *context);

/*
 * The service has refused (401) a token of this kind: it is not given out any more. On the thread
 * of `http`. Not more than once in five minutes a new one is asked for because of that; false = not
 * now.
 */
bool identity_doubt(struct identity *identity, const struct identity_wanted *wanted);

#endif
