// SPDX-License-Identifier: MIT
/*
 * File upload (rule W26). A device asks where to put a file, puts it there, and says that it is
 * done; services are told over AMQP.
 *
 *   POST /devices/ID/files                         a place for a blob, with a token for it
 *   POST /devices/ID/files/notifications[/UPLOAD]  how it went
 *   PUT, GET, HEAD /CONTAINER/ID/BLOB              the blob itself: whole, or in blocks
 *
 * Blobs are files in DIR/uploads/HUB/DEVICE/; or, with a storage account, blobs there, and the hub
 * only looks whether one has come. A token is good for an hour; those for files also end when the
 * hub is stopped, since its key for them is made anew at each start. All on the thread of the HTTPS
 * server.
 */
#ifndef ISTHMUS_LOCALHUB_UPLOAD_FILE_UPLOAD_H
#define ISTHMUS_LOCALHUB_UPLOAD_FILE_UPLOAD_H

#include "http/http_server.h"
#include "localhub/local_hub.h"

/* The most bytes of a request that brings a blob, or a part of one. */
#define UPLOAD_BODY_MAX ((size_t)100 * 1024 * 1024)

struct uploads;

/* A storage account with its key. */
struct upload_account {
        const char *endpoint; /* https://HOST[:PORT][/PATH] of its blobs, without `/` at its end */
        const char *name;
        const struct buf *key;            /* decoded */
        const char *trusted_certificates; /* PEM file, beside the system's */
};

/*
 * `directory` must stay; the hub outlives the uploads. `account` NULL: blobs are the hub's own
 * files. A negative errno, with the reason, if the account's certificates can't be read.
 */
int uploads_new(struct local_hub *hub, const char *directory, const struct upload_account *account,
                struct uploads **uploads, struct reason *reason) MUST_CHECK;

/* After the HTTPS server has stopped, and before it is freed. NULL is allowed. */
void uploads_free(struct uploads *uploads);

/* Answers a request; false if its path is none of these. */
bool uploads_handle(struct uploads *uploads, struct http_exchange *exchange);

/* True if the path is that of a blob, so that a large body may be meant. */
bool uploads_is_blob(struct http_exchange *exchange);

#endif
