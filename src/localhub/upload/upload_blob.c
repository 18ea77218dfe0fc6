// SPDX-License-Identifier: MIT
/* A small part of a storage account's REST API for blobs: enough for uploads, and to look. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/upload/upload_inside.h"

#define HTTP_TIME_SIZE 40

bool upload_blob_place(const char *path, struct blob_place *place)
{
        const char *container = path + (path[0] == '/');
        size_t container_size = strcspn(container, "/");
        const char *device = container[container_size] ? container + container_size + 1 : "";
        size_t device_size = strcspn(device, "/");
        size_t prefix = strlen(UPLOAD_CONTAINER);

        if (strncmp(container, UPLOAD_CONTAINER, prefix) != 0 || container_size == prefix ||
            container_size - prefix >= sizeof(place->hub_id) || device_size == 0 ||
            device_size >= sizeof(place->device_id) || !device[device_size] ||
            !device[device_size + 1])
                return false;
        snprintf(place->hub_id, sizeof(place->hub_id), "%.*s", (int)(container_size - prefix),
                 container + prefix);
        snprintf(place->device_id, sizeof(place->device_id), "%.*s", (int)device_size, device);
        place->name = device + device_size + 1;
        return true;
}

/* --- answers --------------------------------------------------------------------------------- */

static void add_common(struct http_exchange *exchange)
{
        char id[CRYPTO_UUID_SIZE];

        crypto_uuid4(id);
        http_exchange_add_header(exchange, "x-ms-request-id", id);
        http_exchange_add_header(exchange, "x-ms-version", "2021-12-02");
}

static void fail(struct http_exchange *exchange, int status, const char *code, const char *message)
{
        struct buf body = BUF_INIT;

        buf_add_format(&body,
                       "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>%s</Code>"
                       "<Message>%s</Message></Error>",
                       code, message);
        add_common(exchange);
        http_exchange_add_header(exchange, "x-ms-error-code", code);
        http_exchange_answer(exchange, status, "application/xml", &body);
}

static void fail_file(struct http_exchange *exchange, int error)
{
        if (error == -ENOENT)
                fail(exchange, 404, "BlobNotFound", "there is no such blob");
        else if (error == -ENAMETOOLONG)
                fail(exchange, 400, "InvalidResourceName", "the blob's name is too long");
        else
                fail(exchange, 500, "InternalError", "the blob's file can't be read or written");
}

/* RFC 9110, 5.6.7. */
static void write_time(char text[HTTP_TIME_SIZE], int64_t wall_ms)
{
        time_t seconds = (time_t)(wall_ms / 1000);
        struct tm parts;

        text[0] = '\0';
        if (gmtime_r(&seconds, &parts))
                strftime(text, HTTP_TIME_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &parts);
}

/* With what is known of the blob. */
static void answer_blob(struct uploads *uploads, struct http_exchange *exchange,
                        const struct blob_place *place, int status)
{
        char etag[48];
        char time[HTTP_TIME_SIZE];
        struct buf body = BUF_INIT;
        int64_t size = 0;
        int64_t changed_ms = 0;
        bool wanted = status == 200 && strcmp(http_exchange_method(exchange), "GET") == 0;
        int r = upload_store_get(uploads, place, wanted ? &body : NULL, &size, &changed_ms);

        if (r != 0) {
                buf_deinit(&body);
                fail_file(exchange, r);
                return;
        }
        snprintf(etag, sizeof(etag), "\"0x%llX%llX\"", (unsigned long long)changed_ms,
                 (unsigned long long)size);
        write_time(time, changed_ms);
        add_common(exchange);
        http_exchange_add_header(exchange, "ETag", etag);
        http_exchange_add_header(exchange, "Last-Modified", time);
        if (status == 200)
                http_exchange_add_header(exchange, "x-ms-blob-type", "BlockBlob");
        http_exchange_answer(exchange, status, status == 200 ? "application/octet-stream" : NULL,
                             &body);
}

/* --- what is asked --------------------------------------------------------------------------- */

static void put_block(struct uploads *uploads, struct http_exchange *exchange,
                      const struct blob_place *place)
{
        const char *id = http_exchange_argument(exchange, "blockid");
        int r;

        if (!id || !block_id_is_sound(id)) {
                fail(exchange, 400, "InvalidQueryParameterValue",
                     "blockid must be base64 of at most 64 bytes");
                return;
        }
        r = upload_store_put_block(uploads, place, id, http_exchange_body(exchange));
        if (r != 0) {
                fail_file(exchange, r);
                return;
        }
        add_common(exchange);
        http_exchange_answer(exchange, 201, NULL, NULL);
}

static void put_block_list(struct uploads *uploads, struct http_exchange *exchange,
                           const struct blob_place *place)
{
        const struct buf *body = http_exchange_body(exchange);
        size_t count;
        int r;

        if (!block_list_is_sound(body, &count)) {
                fail(exchange, 400, "InvalidXmlDocument", "the body must be a block list");
                return;
        }
        r = upload_store_commit(uploads, place, body);
        if (r == -ENOENT)
                fail(exchange, 400, "InvalidBlockList", "a block of the list was not put");
        else if (r != 0)
                fail_file(exchange, r);
        else
                answer_blob(uploads, exchange, place, 201);
}

static void put_whole(struct uploads *uploads, struct http_exchange *exchange,
                      const struct blob_place *place)
{
        int r;

        if (!text_equal_nocase(http_exchange_header(exchange, "x-ms-blob-type"), "BlockBlob")) {
                fail(exchange, 400, "InvalidHeaderValue", "x-ms-blob-type must be BlockBlob");
                return;
        }
        r = upload_store_put(uploads, place, http_exchange_body(exchange));
        if (r != 0)
                fail_file(exchange, r);
        else
                answer_blob(uploads, exchange, place, 201);
}

static void put(struct uploads *uploads, struct http_exchange *exchange,
                const struct blob_place *place)
{
        const char *what = http_exchange_argument(exchange, "comp");

        if (!what)
                put_whole(uploads, exchange, place);
        else if (strcmp(what, "block") == 0)
                put_block(uploads, exchange, place);
        else if (strcmp(what, "blocklist") == 0)
                put_block_list(uploads, exchange, place);
        else
                fail(exchange, 501, "NotImplemented", "the local hub has whole blobs and blocks");
}

bool upload_blob_handle(struct uploads *uploads, struct http_exchange *exchange)
{
        const char *method = http_exchange_method(exchange);
        struct blob_place place;

        if (!upload_blob_place(http_exchange_path(exchange), &place))
                return false;
        if (!upload_token_check(uploads, exchange)) {
                log_info("HUB_UPLOAD_REFUSED", "A request for a blob had no good token",
                         LOG_TEXT("device", place.device_id), LOG_TEXT("blob", place.name),
                         LOG_END);
                fail(exchange, 403, "AuthenticationFailed",
                     "the query must have the token of this blob, which is good for an hour");
        } else if (strcmp(method, "PUT") == 0) {
                put(uploads, exchange, &place);
        } else if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
                answer_blob(uploads, exchange, &place, 200);
        } else {
                fail(exchange, 405, "UnsupportedHttpVerb", "blobs take PUT, GET and HEAD");
        }
        return true;
}
