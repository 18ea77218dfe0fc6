// SPDX-License-Identifier: MIT
#include "azure/storage/storage_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/crypto.h"
#include "base/text.h"

#define PARAMETERS_MAX 8

struct parameter {
        const char *name;
        size_t name_size;
        const char *value;
        size_t value_size;
};

static int compare_parameters(const void *a, const void *b)
{
        const struct parameter *left = a;
        const struct parameter *right = b;
        size_t shorter = left->name_size < right->name_size ? left->name_size : right->name_size;
        int order = memcmp(left->name, right->name, shorter);

        if (order != 0)
                return order;
        return (left->name_size > right->name_size) - (left->name_size < right->name_size);
}

/* Each parameter once, as we send them; ours have lower-case names. */
static size_t split_query(const char *query, struct parameter *parameters)
{
        size_t count = 0;

        while (query[0] != '\0' && count < PARAMETERS_MAX) {
                size_t size = strcspn(query, "&");
                const char *equals = memchr(query, '=', size);
                size_t name_size = equals ? (size_t)(equals - query) : size;

                parameters[count++] = (struct parameter){
                        .name = query,
                        .name_size = name_size,
                        .value = query + name_size + (equals ? 1 : 0),
                        .value_size = equals ? size - name_size - 1 : 0,
                };
                query += size + (query[size] == '&' ? 1 : 0);
        }
        return count;
}

static void add_resource(const struct storage_account *account,
                         const struct storage_request *request, struct buf *out)
{
        const char *endpoint = account->endpoints[request->service];
        const char *path = strchr(strstr(endpoint, "://") + 3, '/');
        struct parameter parameters[PARAMETERS_MAX];
        size_t count = split_query(request->query, parameters);

        buf_add_format(out, "/%s%s%s", account->name, path ? path : "", request->path);
        qsort(parameters, count, sizeof(parameters[0]), compare_parameters);
        for (size_t i = 0; i < count; i++) {
                buf_add_char(out, '\n');
                buf_add(out, parameters[i].name, parameters[i].name_size);
                buf_add_char(out, ':');
                text_url_unescape(out, parameters[i].value, parameters[i].value_size);
        }
}

static const char *or_empty(const char *text)
{
        return text ? text : "";
}

/* What the signature covers. */
static void add_string_to_sign(const struct storage_account *account,
                               const struct storage_request *request, const char *date,
                               struct buf *out)
{
        char length[24] = "";

        if (request->body_size > 0)
                snprintf(length, sizeof(length), "%zu", request->body_size);
        /* Content-Encoding, -Language, -Length, -MD5, -Type, Date, If-Modified-Since, -Match,
         * -None-Match, -Unmodified-Since, Range */
        buf_add_format(out, "%s\n\n\n%s\n\n%s\n\n\n\n%s\n\n\n", request->method, length,
                       or_empty(request->content_type), or_empty(request->if_none_match));
        if (request->blob_type)
                buf_add_format(out, "x-ms-blob-type:%s\n", request->blob_type);
        buf_add_format(out, "x-ms-date:%s\n", date);
        if (request->tags)
                buf_add_format(out, "x-ms-tags:%s\n", request->tags);
        buf_add_text(out, "x-ms-version:" STORAGE_VERSION "\n");
        add_resource(account, request, out);
}

static void add_authorization(const struct storage_account *account,
                              const struct storage_request *request, const char *date,
                              struct buf *out)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        uint8_t mac[CRYPTO_SHA256_SIZE];

        add_string_to_sign(account, request, date, &text);
        crypto_hmac_sha256(account->key.data, account->key.size, text.data, text.size, mac);
        buf_add_format(out, "SharedKey %s:", account->name);
        crypto_base64_encode(out, mac, sizeof(mac));
}

static void add_header(struct storage_signed *made, const char *name, const char *value)
{
        if (value)
                made->headers[made->request.header_count++] =
                        (struct http_header){.name = name, .value = value};
}

static void add_url(const struct storage_account *account, const struct storage_request *request,
                    struct buf *out)
{
        char separator = '?';

        buf_add_format(out, "%s%s", account->endpoints[request->service], request->path);
        if (request->query[0] != '\0') {
                buf_add_format(out, "%c%s", separator, request->query);
                separator = '&';
        }
        if (account->signature)
                buf_add_format(out, "%c%s", separator, account->signature);
}

void storage_sign(const struct storage_account *account, const struct storage_request *request,
                  int64_t now_s, struct storage_signed *made)
{
        time_t now = now_s;
        struct tm time;

        *made = STORAGE_SIGNED_INIT;
        gmtime_r(&now, &time);
        strftime(made->date, sizeof(made->date), "%a, %d %b %Y %H:%M:%S GMT", &time);
        add_url(account, request, &made->url);
        made->request.method = request->method;
        made->request.url = buf_text(&made->url);
        made->request.body = request->body;
        made->request.body_size = request->body_size;
        made->request.headers = made->headers;
        add_header(made, "x-ms-version", STORAGE_VERSION);
        add_header(made, "x-ms-date", made->date);
        add_header(made, "x-ms-blob-type", request->blob_type);
        add_header(made, "x-ms-tags", request->tags);
        /* libcurl would name a type of its own, which the signature does not cover. */
        add_header(made, "Content-Type", request->body ? or_empty(request->content_type) : NULL);
        add_header(made, "If-None-Match", request->if_none_match);
        if (request->token)
                buf_add_format(&made->authorization, "Bearer %s", request->token);
        else if (account->key.size > 0)
                add_authorization(account, request, made->date, &made->authorization);
        else
                return;
        add_header(made, "Authorization", buf_text(&made->authorization));
}

void storage_signed_deinit(struct storage_signed *made)
{
        buf_wipe(&made->url);
        buf_wipe(&made->authorization);
}
