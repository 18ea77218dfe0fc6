// SPDX-License-Identifier: MIT
#include "localhub/upload/file_upload.h"

#include <stdlib.h>

#include "base/mem.h"
#include "localhub/upload/upload_inside.h"

#define OWN_ACCOUNT  "isthmus"
#define OWN_KEY_SIZE 32

static int use_account(struct uploads *uploads, const struct upload_account *account,
                       struct reason *reason)
{
        uploads->account = mem_text(account->name);
        uploads->endpoint = mem_text(account->endpoint);
        buf_add(&uploads->key, account->key->data, account->key->size);
        return http_client_new(
                &(struct http_client_options){.trusted_certificates = account->trusted_certificates,
                                              .user_agent = "isthmus-hub"},
                &uploads->http, reason);
}

static void use_files(struct uploads *uploads)
{
        uint8_t key[OWN_KEY_SIZE];

        uploads->account = mem_text(OWN_ACCOUNT);
        crypto_random(key, sizeof(key));
        buf_add(&uploads->key, key, sizeof(key));
        mem_wipe(key, sizeof(key));
}

int uploads_new(struct local_hub *hub, const char *directory, const struct upload_account *account,
                struct uploads **uploads, struct reason *reason)
{
        struct uploads *made = mem_new(1, sizeof(*made));
        int r = 0;

        made->hub = hub;
        made->directory = directory;
        list_init(&made->pending);
        if (account)
                r = use_account(made, account, reason);
        else
                use_files(made);
        if (r == 0)
                *uploads = made;
        else
                uploads_free(made);
        return r;
}

void uploads_free(struct uploads *uploads)
{
        if (!uploads)
                return;
        http_client_free(uploads->http);
        list_for_each_safe (node, &uploads->pending)
                upload_drop(uploads, list_entry(node, struct upload, node));
        buf_wipe(&uploads->key);
        free(uploads->account);
        free(uploads->endpoint);
        free(uploads);
}

bool uploads_handle(struct uploads *uploads, struct http_exchange *exchange)
{
        return (!uploads->endpoint && upload_blob_handle(uploads, exchange)) ||
               upload_device_handle(uploads, exchange);
}

bool uploads_is_blob(struct http_exchange *exchange)
{
        struct blob_place place;

        return upload_blob_place(http_exchange_path(exchange), &place);
}
