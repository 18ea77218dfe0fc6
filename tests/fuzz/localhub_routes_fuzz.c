// SPDX-License-Identifier: MIT
/*
 * Requests to the hub's and the provisioning service's REST APIs (rules W14, W25, W31 to W33) from
 * somebody who has all rights: the input is `METHOD /path?query`, lines of headers, an empty line
 * and the body. Each must be answered once, also those that are nonsense. Nothing leaves.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "fuzz/fuzz.h"
#include "http/client/http_client.h"
#include "http/http_server.h"
#include "localhub/dps/dps_service.h"
#include "localhub/rest/rest_endpoint.h"

#define HEADERS_MAX 8
#define HOST        "hub.test"
#define EXPIRES     "4102444800" /* 2100 */

/* --- a request, in the place of the server's ------------------------------------------------- */

struct http_exchange {
        char *method;
        char *path;
        char *segments[HTTP_SEGMENTS_MAX];
        size_t segment_count;
        char *query;
        char *argument; /* the last one that was asked for */
        char *headers[HEADERS_MAX];
        size_t header_count;
        const char *token;
        struct buf body;
        int answers;
};

const char *http_exchange_method(const struct http_exchange *exchange)
{
        return exchange->method;
}

const char *http_exchange_path(const struct http_exchange *exchange)
{
        return exchange->path;
}

size_t http_exchange_segment_count(struct http_exchange *exchange)
{
        return exchange->segment_count;
}

const char *http_exchange_segment(const struct http_exchange *exchange, size_t index)
{
        require(index < exchange->segment_count && index < HTTP_SEGMENTS_MAX);
        return exchange->segments[index];
}

const char *http_exchange_header(const struct http_exchange *exchange, const char *name)
{
        size_t length = strlen(name);

        if (strcasecmp(name, "Authorization") == 0)
                return exchange->token;
        if (strcasecmp(name, "Host") == 0)
                return HOST;
        for (size_t i = 0; i < exchange->header_count; i++) {
                const char *line = exchange->headers[i];

                if (strncasecmp(line, name, length) == 0 && line[length] == ':')
                        return line + length + 1 + strspn(line + length + 1, " ");
        }
        return NULL;
}

/* Of `name=value&...`; the version of the API is always there. */
const char *http_exchange_argument(const struct http_exchange *exchange, const char *name)
{
        struct http_exchange *own = (struct http_exchange *)(uintptr_t)exchange;
        const char *at = exchange->query;
        size_t length = strlen(name);

        if (strcmp(name, "api-version") == 0)
                return "2021-04-12";
        for (; at; at = strchr(at, '&') ? strchr(at, '&') + 1 : NULL) {
                if (strncmp(at, name, length) != 0 || at[length] != '=')
                        continue;
                free(own->argument);
                own->argument = mem_text_n(at + length + 1, strcspn(at + length + 1, "&"));
                return own->argument;
        }
        return NULL;
}

const struct buf *http_exchange_body(const struct http_exchange *exchange)
{
        return &exchange->body;
}

void http_exchange_socket_name(const struct http_exchange *exchange,
                               char name[HTTP_SOCKET_NAME_SIZE])
{
        (void)exchange;
        name[0] = '\0';
}

void http_exchange_add_header(struct http_exchange *exchange, const char *name, const char *value)
{
        require(exchange->answers == 0 && name && value && !strpbrk(value, "\r\n"));
}

void http_exchange_answer(struct http_exchange *exchange, int status, const char *type,
                          struct buf *body)
{
        require(status >= 200 && status < 600);
        require(!body || type);
        if (body)
                buf_deinit(body);
        exchange->answers++;
}

void http_exchange_answer_json(struct http_exchange *exchange, int status,
                               struct json_object *value)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        json_write(&text, value);
        json_object_put(value);
        http_exchange_answer(exchange, status, "application/json", &text);
}

void http_exchange_problem(struct http_exchange *exchange, int status, const char *title,
                           const char *detail)
{
        require(title || detail);
        http_exchange_answer(exchange, status, NULL, NULL);
}

void http_exchange_drop(struct http_exchange *exchange)
{
        exchange->answers++;
}

/* --- nobody outside -------------------------------------------------------------------------- */

int http_client_new(const struct http_client_options *options, struct http_client **client,
                    struct reason *reason)
{
        (void)options;
        (void)reason;
        *client = NULL;
        return 0;
}

void http_client_free(struct http_client *client)
{
        (void)client;
}

/* Never answered: what waits for it waits on the fleet's own thread. */
void http_client_send(struct http_client *client, const struct http_request *request,
                      http_done *done, void *context)
{
        (void)client;
        (void)context;
        require(request->url && done);
}

/* No device is there. */
void local_hub_invoke_method(struct local_hub *hub, int hub_index, const char *device_id,
                             const struct local_hub_method *method, local_hub_method_done *done,
                             void *context)
{
        require(hub && hub_index == 0 && device_id && method->name);
        done(context, LOCAL_HUB_METHOD_OFFLINE, 0, NULL, 0);
}

/* --- the services ---------------------------------------------------------------------------- */

static struct {
        struct registry *registry;
        struct command_queue *commands;
        struct rest_endpoint rest;
        struct fleet_documents documents;
        char *hub_token;
        char *dps_token;
} site;

struct registry *local_hub_registry(struct local_hub *hub)
{
        (void)hub;
        return site.registry;
}

struct quotas *local_hub_quotas(struct local_hub *hub)
{
        (void)hub;
        return NULL;
}

struct command_queue *local_hub_commands(struct local_hub *hub)
{
        (void)hub;
        return site.commands;
}

static char *sign(const struct registry_policy *policy)
{
        static const char signed_text[] = HOST "\n" EXPIRES;
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf escaped = BUF_INIT;
        uint8_t mac[CRYPTO_SHA256_SIZE];

        require(crypto_base64_decode(&key, policy->primary_key, strlen(policy->primary_key)));
        crypto_hmac_sha256(key.data, key.size, signed_text, sizeof(signed_text) - 1, mac);
        crypto_base64_encode(&text, mac, sizeof(mac));
        text_url_escape(&escaped, buf_text(&text));
        return mem_format("SharedAccessSignature sr=" HOST "&sig=%s&se=" EXPIRES "&skn=%s",
                          buf_text(&escaped), policy->name);
}

static void start(void)
{
        static int hub_in_name;
        const struct registry_device_settings settings = {.primary_key = NULL};
        struct registry_policy policy;
        struct reason reason = REASON_INIT;
        int index;

        log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
        require(registry_open(&(struct registry_options){.directory = NULL}, &site.registry,
                              &reason) == 0);
        require(registry_hub_add(site.registry, "hub1", 1, &index, &reason) == 0);
        registry_hub_listens(site.registry, index, HOST ":5671", 5671);
        require(registry_device_put(site.registry, index, "dev1", REGISTRY_CREATE, &settings, NULL,
                                    &reason) == 0);
        require(registry_device_put(site.registry, index, "dev1/mod", REGISTRY_CREATE, &settings,
                                    NULL, &reason) == 0);
        require(registry_policy_get(site.registry, index, "iothubowner", &policy));
        site.hub_token = sign(&policy);
        registry_service_policy(site.registry, &policy);
        site.dps_token = sign(&policy);
        site.commands = command_queue_new(&(struct command_queue_options){.lock_ms = 0});
        site.rest.hub = (struct local_hub *)(void *)&hub_in_name;
        site.documents = rest_fleet_documents(&site.rest);
        require(fleet_new(
                        &(struct fleet_options){.hub = site.rest.hub, .documents = &site.documents},
                        &site.rest.fleet, &reason) == 0);
}

/* --- an input -------------------------------------------------------------------------------- */

/* The next line, its end taken off; NULL = the lines are over. */
static char *take_line(const char **at, const char *end)
{
        const char *newline = memchr(*at, '\n', (size_t)(end - *at));
        char *line;

        if (*at >= end)
                return NULL;
        newline = newline ? newline : end;
        line = mem_text_n(*at, (size_t)(newline - *at));
        *at = newline < end ? newline + 1 : end;
        return line;
}

/* As the server does it: what is no good escape stays as it is. */
static char *decode(const char *text, size_t size)
{
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;

        for (size_t i = 0; i < size; i++) {
                int high = i + 2 < size && text[i] == '%' ? text_hex_digit(text[i + 1]) : -1;
                int low = high >= 0 ? text_hex_digit(text[i + 2]) : -1;

                if (low < 0 || high * 16 + low == 0) {
                        buf_add_char(&out, text[i]);
                } else {
                        buf_add_char(&out, (char)(high * 16 + low));
                        i += 2;
                }
        }
        return mem_text(buf_text(&out));
}

static void take_target(struct http_exchange *exchange, const char *line)
{
        size_t method = strcspn(line, " ");
        const char *path = line + method + strspn(line + method, " ");
        size_t length = strcspn(path, "?");

        exchange->method = mem_text_n(line, method);
        exchange->path = decode(path, length);
        exchange->query = path[length] == '?' ? mem_text(path + length + 1) : NULL;
        for (size_t i = strspn(path, "/"); i < length;) {
                size_t size = strcspn(path + i, "/?");

                if (exchange->segment_count < HTTP_SEGMENTS_MAX)
                        exchange->segments[exchange->segment_count] = decode(path + i, size);
                exchange->segment_count++;
                i += size + 1;
        }
        if (exchange->segment_count > HTTP_SEGMENTS_MAX)
                exchange->segment_count = HTTP_SEGMENTS_MAX + 1;
}

static void forget(struct http_exchange *exchange)
{
        free(exchange->method);
        free(exchange->path);
        free(exchange->query);
        free(exchange->argument);
        for (size_t i = 0; i < HTTP_SEGMENTS_MAX; i++)
                free(exchange->segments[i]);
        for (size_t i = 0; i < exchange->header_count; i++)
                free(exchange->headers[i]);
        buf_deinit(&exchange->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct http_exchange exchange = {.body = BUF_INIT};
        const char *at = (const char *)bytes;
        const char *end = at + size;
        char *line = take_line(&at, end);

        if (!site.registry)
                start();
        if (!line)
                return 0;
        take_target(&exchange, line);
        free(line);
        while ((line = take_line(&at, end)) && line[0] != '\0') {
                if (exchange.header_count < HEADERS_MAX)
                        exchange.headers[exchange.header_count++] = line;
                else
                        free(line);
        }
        free(line);
        buf_add(&exchange.body, at, (size_t)(end - at));
        exchange.token = site.dps_token;
        if (!dps_service_handle(site.registry, &exchange)) {
                require(exchange.answers == 0);
                exchange.token = site.hub_token;
                rest_endpoint_handle(&site.rest, &exchange);
        }
        require(exchange.answers == 1);
        forget(&exchange);
        return 0;
}
