// SPDX-License-Identifier: MIT
/* What the files upload*.c share. */
#ifndef ISTHMUS_LOCALHUB_UPLOAD_UPLOAD_INSIDE_H
#define ISTHMUS_LOCALHUB_UPLOAD_UPLOAD_INSIDE_H

#include <stdatomic.h>

#include "base/crypto.h"
#include "base/error.h"
#include "base/list.h"
#include "http/client/http_client.h"
#include "localhub/https/https_call.h"
#include "localhub/upload/block_list.h"
#include "localhub/upload/file_upload.h"

/* `uploads-HUB`, the first part of a blob's path. */
#define UPLOAD_CONTAINER "uploads-"

/* At most so many of all devices, and of one, may be under way. */
#define UPLOADS_MAX           10000
#define UPLOADS_OF_DEVICE_MAX 10
#define UPLOAD_LIFE_S         3600
#define UPLOAD_BLOB_NAME_MAX  1024

struct uploads {
        struct local_hub *hub;
        const char *directory;
        char *account;            /* the name in the tokens for blobs: the storage account's */
        struct buf key;           /* of tokens */
        char *endpoint;           /* of the account's blobs; NULL = the hub's own files */
        struct http_client *http; /* of an account */
        struct list pending;
};

/* An upload that a device has begun. */
struct upload {
        struct list_node node;
        char id[CRYPTO_UUID_SIZE];
        int hub;
        char device_id[REGISTRY_ID_SIZE];
        char *blob_name; /* with the device's id before it */
        _Atomic int64_t until_s;
};

/* A blob that has arrived. */
struct blob_facts {
        const char *uri;
        int64_t size;
        int64_t changed_ms;
};

/* Where a blob is. */
struct blob_place {
        char hub_id[REGISTRY_ID_SIZE];
        char device_id[REGISTRY_ID_SIZE];
        const char *name; /* behind the device's id */
};

/* --- upload_token.c -------------------------------------------------------------------------- */

/*
 * Adds the query of a token for a blob, `?` first. `path` is `/CONTAINER/DEVICE/NAME`, decoded
 * (learn.microsoft.com/rest/api/storageservices/create-service-sas).
 */
void upload_token_write(const struct uploads *uploads, const char *path, int64_t until_s,
                        struct buf *out);

/* Likewise of a token that may make containers (.../create-account-sas), `&` first. */
void upload_token_write_for_account(const struct uploads *uploads, int64_t until_s,
                                    struct buf *out);

/* True if the request's query has a token for its path that is good now. */
bool upload_token_check(const struct uploads *uploads, const struct http_exchange *exchange);

/* --- upload_store.c: 0 or a negative errno --------------------------------------------------- */

int upload_store_put(const struct uploads *uploads, const struct blob_place *place,
                     const struct buf *body) MUST_CHECK;
int upload_store_put_block(const struct uploads *uploads, const struct blob_place *place,
                           const char *id, const struct buf *body) MUST_CHECK;
/* Makes the blob of its blocks, which are gone then. */
int upload_store_commit(const struct uploads *uploads, const struct blob_place *place,
                        const struct buf *list) MUST_CHECK;
/* NULL `body`: only its size is asked for. */
int upload_store_get(const struct uploads *uploads, const struct blob_place *place,
                     struct buf *body, int64_t *size, int64_t *changed_ms) MUST_CHECK;

/* --- upload_blob.c: what is asked of a blob -------------------------------------------------- */

bool upload_blob_handle(struct uploads *uploads, struct http_exchange *exchange);

/* `/uploads-HUB/DEVICE/NAME`; false if the path is another. */
bool upload_blob_place(const char *path, struct blob_place *place);

/* --- upload_device.c: what devices ask ------------------------------------------------------- */

bool upload_device_handle(struct uploads *uploads, struct http_exchange *exchange);

/* What services read of a blob that has come. Any thread. */
void upload_tell(struct uploads *uploads, const struct upload *upload,
                 const struct blob_facts *facts);

/* Forgets it; it is in the list of those under way. */
void upload_drop(struct uploads *uploads, struct upload *upload);
void upload_free(struct upload *upload);

/* --- upload_account.c: blobs in a storage account ------------------------------------------ */

/* Answers with the place once the account has a container for it. Takes `place`. */
void upload_account_open(struct uploads *uploads, struct upload *upload,
                         struct http_exchange *exchange, struct json_object *place);

/* Services are told if the blob is there. Takes the upload, which is not in the list. */
void upload_account_look(struct uploads *uploads, struct upload *upload, const char *path);

#endif
