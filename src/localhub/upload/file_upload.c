// SPDX-License-Identifier: MIT
#include "localhub/upload/file_upload.h"

#include <stdlib.h>

#include "base/mem.h"
#include "localhub/upload/upload_inside.h"

struct uploads *uploads_new(struct local_hub *hub, const char *directory)
{
        struct uploads *uploads = mem_new(1, sizeof(*uploads));

        uploads->hub = hub;
        uploads->directory = directory;
        crypto_random(uploads->key, sizeof(uploads->key));
        list_init(&uploads->pending);
        return uploads;
}

void uploads_free(struct uploads *uploads)
{
        if (!uploads)
                return;
        list_for_each_safe (node, &uploads->pending)
                upload_free(uploads, list_entry(node, struct upload, node));
        mem_wipe(uploads->key, sizeof(uploads->key));
        free(uploads);
}

bool uploads_handle(struct uploads *uploads, struct http_exchange *exchange)
{
        return upload_blob_handle(uploads, exchange) || upload_device_handle(uploads, exchange);
}

bool uploads_is_blob(struct http_exchange *exchange)
{
        struct blob_place place;

        return upload_blob_place(http_exchange_path(exchange), &place);
}
