// SPDX-License-Identifier: MIT
#include "azure/storage/storage_blob.h"

#include <stdlib.h>
#include <string.h>

#include "azure/storage/storage_xml.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"

static void finish(struct storage_queue_request *made)
{
        made->request = (struct storage_request){
                .service = STORAGE_BLOB,
                .method = "GET",
                .path = buf_text(&made->path),
                .query = buf_text(&made->query),
        };
}

void storage_blob_list(const char *container, const char *marker,
                       struct storage_queue_request *request)
{
        buf_add_format(&request->path, "/%s", container);
        buf_add_format(&request->query, "restype=container&comp=list&maxresults=%d",
                       STORAGE_BLOB_PAGE_MAX);
        if (!text_is_empty(marker)) {
                buf_add_text(&request->query, "&marker=");
                text_url_escape(&request->query, marker);
        }
        finish(request);
}

void storage_blob_get(const char *container, const char *name,
                      struct storage_queue_request *request)
{
        buf_add_format(&request->path, "/%s/", container);
        text_url_escape(&request->path, name);
        finish(request);
}

/* --- answers ---------------------------------------------------------------------------------- */

bool storage_blob_is_whole(const struct http_answer *answer, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf shown = BUF_INIT;
        CLEANUP(buf_deinit) struct buf made = BUF_INIT;
        uint8_t digest[CRYPTO_MD5_SIZE];

        /* Blobs that were put together from blocks have none. */
        if (!http_answer_header(answer, "Content-MD5", &shown))
                return true;
        crypto_md5(answer->body.data, answer->body.size, digest);
        crypto_base64_encode(&made, digest, sizeof(digest));
        if (strcmp(buf_text(&shown), buf_text(&made)) == 0)
                return true;
        reason_set(reason, "what arrived is not what its Content-MD5 is of");
        return false;
}

void storage_blob_page_deinit(struct storage_blob_page *page)
{
        for (size_t i = 0; i < page->count; i++) {
                free(page->items[i].name);
                free(page->items[i].etag);
        }
        free(page->items);
        free(page->next);
        *page = (struct storage_blob_page){.items = NULL};
}

#define RESULTS_DEPTH  1
#define SECTION_DEPTH  2
#define BLOB_DEPTH     3
#define MEMBER_DEPTH   4
#define PROPERTY_DEPTH 5

static const char *open_element(void *context, int depth, const char *name)
{
        struct storage_blob_page *page = context;

        if (depth == RESULTS_DEPTH && strcmp(name, "EnumerationResults") != 0)
                return "it is no list of blobs";
        if (depth != BLOB_DEPTH || strcmp(name, "Blob") != 0)
                return NULL;
        if (page->count == STORAGE_BLOB_PAGE_MAX)
                return "it lists more blobs than were asked for";
        page->items = mem_grow(page->items, page->count, sizeof(*page->items));
        page->items[page->count++] = (struct storage_blob){.size = -1};
        return NULL;
}

static const char *put(char **target, const struct buf *text)
{
        if (*target)
                return "something is in it twice";
        *target = mem_text_n(buf_text(text), text->size);
        return NULL;
}

static const char *close_element(void *context, int depth, const char *name, const struct buf *text)
{
        struct storage_blob_page *page = context;
        struct storage_blob *blob = page->count > 0 ? &page->items[page->count - 1] : NULL;

        if (depth == SECTION_DEPTH && strcmp(name, "NextMarker") == 0)
                return put(&page->next, text);
        if (!blob)
                return NULL;
        if (depth == MEMBER_DEPTH && strcmp(name, "Name") == 0)
                return put(&blob->name, text);
        if (depth == PROPERTY_DEPTH && strcmp(name, "Etag") == 0)
                return put(&blob->etag, text);
        if (depth == PROPERTY_DEPTH && strcmp(name, "Content-Length") == 0 &&
            !text_to_int64(buf_text(text), 0, INT64_MAX, &blob->size))
                return "a Content-Length is no number";
        if (depth == BLOB_DEPTH && strcmp(name, "Blob") == 0 &&
            (!blob->name || !blob->etag || blob->size < 0))
                return "a blob has no Name, Etag or Content-Length";
        return NULL;
}

bool storage_blob_page_read(const char *xml, size_t size, struct storage_blob_page *page,
                            struct reason *reason)
{
        const struct storage_xml_hooks hooks = {open_element, close_element, page};

        if (!storage_xml_read(xml, size, &hooks, reason))
                return false;
        if (!page->next)
                page->next = mem_text("");
        return true;
}
