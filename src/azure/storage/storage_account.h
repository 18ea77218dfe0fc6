// SPDX-License-Identifier: MIT
/*
 * Connection strings of Azure Storage (key_values.h is their form):
 *
 *   DefaultEndpointsProtocol=https;AccountName=...;AccountKey=...;EndpointSuffix=core.windows.net
 *   QueueEndpoint=https://...;BlobEndpoint=https://...;SharedAccessSignature=sv=...&sig=...
 *   UseDevelopmentStorage=true[;DevelopmentStorageProxyUri=http://HOST]
 *
 * Source: https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
 */
#ifndef ISTHMUS_AZURE_STORAGE_STORAGE_ACCOUNT_H
#define ISTHMUS_AZURE_STORAGE_STORAGE_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

enum storage_service {
        STORAGE_QUEUE,
        STORAGE_BLOB,
        STORAGE_SERVICE_COUNT,
};

/* It has a key or a signature, or is opened by a token of an identity. */
struct storage_account {
        char *name;                             /* NULL with a signature */
        char *endpoints[STORAGE_SERVICE_COUNT]; /* URL without '/' at its end; NULL if not named */
        struct buf key;                         /* the account's, decoded; empty with a signature */
        char *signature;                        /* a SAS: query without '?'; or NULL */
        bool by_identity; /* neither; each request needs a token (storage_request.h) */
};

#define STORAGE_ACCOUNT_INIT ((struct storage_account){.key = BUF_INIT})

/*
 * Reads and checks a string. False with a reason that names the part which is missing or wrong and
 * never holds a secret; `account` is then empty. Plain http is taken to this machine only.
 */
bool storage_account_parse(const char *text, struct storage_account *account,
                           struct reason *reason) MUST_CHECK;

/*
 * An account that is opened by an identity, of the URL of one of its services
 * (https://ACCOUNT.queue.core.windows.net). False with the reason if it is none.
 */
bool storage_account_by_identity(enum storage_service service, const char *url,
                                 struct storage_account *account, struct reason *reason) MUST_CHECK;

/* Overwrites the secrets and frees everything; fit for CLEANUP. */
void storage_account_deinit(struct storage_account *account);

/*
 * When the signature ends, in seconds since 1970; INT64_MAX if the account has none or its query
 * names no end (then a stored policy of the container or queue does).
 */
int64_t storage_account_expires_s(const struct storage_account *account);

/*
 * True if the signature gives a right: a letter of its `sp`. Also true if it names no rights,
 * which a stored policy then does, and for a key, which may do everything.
 */
bool storage_account_may(const struct storage_account *account, char right);

/*
 * False with the reason if the signature is an account's (`ss`, `srt`) and leaves the service out,
 * or its containers (which queues are, too) or the objects in them.
 */
bool storage_account_reaches(const struct storage_account *account, enum storage_service service,
                             struct reason *reason) MUST_CHECK;

/* False with the reason for what is no account's name: 3 to 24 small letters and digits. */
bool storage_account_name_is_valid(const char *name, struct reason *reason);

/* True for a queue's name: 3 to 63 small letters, digits and single '-' between them. */
bool storage_queue_name_is_valid(const char *name);

#endif
