// SPDX-License-Identifier: MIT
/*
 * How a program shows Entra ID (or a machine's own service) who it is: the request for a token, and
 * its answer. The first of these sources that the environment names counts, in the order of the
 * official SDKs' chain:
 *
 *   secret or certificate of an application, workload identity (Kubernetes), App Service and
 *   Container Apps, Azure Arc, the metadata service of a virtual machine
 *
 * Sources: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow,
 * https://learn.microsoft.com/azure/app-service/overview-managed-identity,
 * https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication,
 * https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 */
#ifndef ISTHMUS_AZURE_IDENTITY_IDENTITY_REQUEST_H
#define ISTHMUS_AZURE_IDENTITY_IDENTITY_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "http/client/http_client.h"

enum identity_source {
        IDENTITY_SECRET,
        IDENTITY_CERTIFICATE,
        IDENTITY_WORKLOAD,
        IDENTITY_APP_SERVICE,
        IDENTITY_ARC,
        IDENTITY_MACHINE,
};

/* Where Azure Arc's agent is, and where it puts the files that show who may read them. */
#define IDENTITY_ARC_AGENT  "/opt/azcmagent/bin/himds"
#define IDENTITY_ARC_TOKENS "/var/opt/azcmagent/tokens"

/* What the environment says; copies. */
struct identity_facts {
        enum identity_source source;
        char *tenant;
        char *client; /* the application, or which of several identities of a machine; or NULL */
        char *secret;
        char *file;       /* of the certificate, or of the workload's token */
        char *authority;  /* URL without '/' at its end */
        char *endpoint;   /* URL of App Service, of Arc, or of the machine's service */
        char *header;     /* App Service's */
        char *arc_tokens; /* folder of the files that Arc's agent may name */
};

/*
 * Chooses the source. `environment` is like `environ`; `arc_agent` and `arc_tokens` are
 * IDENTITY_ARC_AGENT and IDENTITY_ARC_TOKENS but in tests. False with the reason if what the
 * environment names is no URL of https (or of this machine).
 */
bool identity_facts_read(char *const *environment, const char *arc_agent, const char *arc_tokens,
                         struct identity_facts *facts, struct reason *reason) MUST_CHECK;

/* Overwrites the secrets; fit for CLEANUP. */
void identity_facts_deinit(struct identity_facts *facts);

/* "managed identity of Azure Arc" and the like, for people. */
const char *identity_source_name(enum identity_source source);

#define IDENTITY_HEADERS_MAX 2

/* Ready to be sent; owns all that `request` points to. */
struct identity_request {
        struct http_request request;
        struct http_header headers[IDENTITY_HEADERS_MAX];
        struct buf url;
        struct buf body;   /* a secret */
        struct buf header; /* value of a header; a secret */
};

#define IDENTITY_REQUEST_INIT ((struct identity_request){.url = BUF_INIT})

/* Overwrites the secrets; fit for CLEANUP. */
void identity_request_deinit(struct identity_request *request);

/*
 * The request for a token for `resource` (for example https://vault.azure.net); `client` chooses
 * one of a machine's identities, NULL = as the environment says. `made` is IDENTITY_REQUEST_INIT,
 * and must not move before it was sent. Reads the file that the source has. False with the reason
 * if that can't be used.
 */
bool identity_request_make(const struct identity_facts *facts, const char *resource,
                           const char *client, struct identity_request *made,
                           struct reason *reason) MUST_CHECK;

/*
 * Arc's agent answers 401 first, and names a file that only its group may read; its content goes
 * into the request, which is then sent again. Only names that end in .key, directly in the agent's
 * folder, are followed, to plain files of at most 4,096 bytes. False with the reason if this is no
 * such answer, or none that may be followed.
 */
bool identity_request_prove(const struct identity_facts *facts, const struct http_answer *answer,
                            struct identity_request *made, struct reason *reason) MUST_CHECK;

/* A token, and for how long from now it is good. */
struct identity_answer {
        struct buf token; /* a secret */
        int64_t life_ms;
};

/* Reads a good answer's body. `answer` is zero before, and the caller's to wipe in any case. */
bool identity_answer_read(const char *body, size_t size, int64_t now_ms,
                          struct identity_answer *answer, struct reason *reason) MUST_CHECK;

/* Says what a refusal means, as its body tells it. */
void identity_answer_explain(const struct http_answer *answer, struct reason *reason);

#endif
