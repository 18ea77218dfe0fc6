// SPDX-License-Identifier: MIT
/*
 * Requests to a container of blobs, and what is answered. Pure: nothing is sent here.
 *
 * Sources: https://learn.microsoft.com/rest/api/storageservices/list-blobs and get-blob
 */
#ifndef ISTHMUS_AZURE_STORAGE_STORAGE_BLOB_H
#define ISTHMUS_AZURE_STORAGE_STORAGE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "azure/storage/storage_queue.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

/* Blobs that one answer lists at most. */
#define STORAGE_BLOB_PAGE_MAX 5000

/* `marker`: the answer's before, "" = from the beginning. */
void storage_blob_list(const char *container, const char *marker,
                       struct storage_queue_request *request);

void storage_blob_get(const char *container, const char *name,
                      struct storage_queue_request *request);

/* Has a blob arrived as it is kept, by the answer's Content-MD5 if it has one? False with the
 * reason. */
bool storage_blob_is_whole(const struct http_answer *answer, struct reason *reason) MUST_CHECK;

struct storage_blob {
        char *name;
        char *etag; /* without quotes */
        int64_t size;
};

struct storage_blob_page {
        struct storage_blob *items;
        size_t count;
        char *next; /* marker; "" = this was the last page */
};

/* Fit for CLEANUP. */
void storage_blob_page_deinit(struct storage_blob_page *page);

/* Reads an answer to storage_blob_list. `page` is zero before, and the caller's to deinit in any
 * case. */
bool storage_blob_page_read(const char *xml, size_t size, struct storage_blob_page *page,
                            struct reason *reason) MUST_CHECK;

#endif
