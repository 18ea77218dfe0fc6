// SPDX-License-Identifier: MIT
/*
 * A request to Azure Storage with what shows who sends it: Shared Key, the account's SAS, or the
 * token of an identity.
 *
 * Source: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
 */
#ifndef ISTHMUS_AZURE_STORAGE_STORAGE_REQUEST_H
#define ISTHMUS_AZURE_STORAGE_STORAGE_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "azure/storage/storage_account.h"
#include "base/buf.h"
#include "http/client/http_client.h"

/* The version of the services' interface that is asked for; the storage emulator knows it too. */
#define STORAGE_VERSION "2021-12-02"

#define STORAGE_HEADERS_MAX 7

struct storage_request {
        enum storage_service service; /* the account must have an endpoint of it */
        const char *method;
        const char *path;         /* behind the endpoint, percent-encoded, from '/' */
        const char *query;        /* percent-encoded; "" = none */
        const char *content_type; /* of the body; NULL = none */
        const char *if_none_match;
        const char *blob_type; /* x-ms-blob-type; NULL = none */
        const char *tags;      /* x-ms-tags; NULL = none */
        const char *body;      /* NULL = none; "" for a PUT without one */
        size_t body_size;
        const char *token; /* of an identity, for an account without key and signature; or NULL */
};

/* Ready to be sent. Owns what `request` points to, but for the body and the method. */
struct storage_signed {
        struct http_request request;
        struct http_header headers[STORAGE_HEADERS_MAX];
        struct buf url;           /* a secret, if it has a signature in it */
        struct buf authorization; /* a secret */
        char date[32];
};

#define STORAGE_SIGNED_INIT ((struct storage_signed){.date = ""})

/*
 * Fills `made`, which is the caller's to storage_signed_deinit, and must not move before the
 * request was sent. `now_s`: the wall clock, since 1970; the services refuse one that is off by 15
 * minutes.
 */
void storage_sign(const struct storage_account *account, const struct storage_request *request,
                  int64_t now_s, struct storage_signed *made);

/* Overwrites the secrets and frees; fit for CLEANUP. */
void storage_signed_deinit(struct storage_signed *made);

#endif
