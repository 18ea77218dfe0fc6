// SPDX-License-Identifier: MIT
#include "localhub/websocket_door.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"

#define KEY_SIZE 24 /* base64 of 16 bytes */

/* The sub-protocols by what Microsoft's SDKs ask for. */
static const struct {
        const char *name;
        enum local_hub_protocol protocol;
} known[] = {
        {"mqtt", LOCAL_HUB_MQTT},
        {"AMQPWSB10", LOCAL_HUB_AMQP},
        {"amqp", LOCAL_HUB_AMQP},
};

/* True if one of the parts between commas is `wanted`, in any case. */
static bool has_part(const char *list, const char *wanted)
{
        while (list && *list) {
                size_t size = strcspn(list, ",");
                size_t start = strspn(list, " \t");
                size_t end = size;

                while (end > start && (list[end - 1] == ' ' || list[end - 1] == '\t'))
                        end--;
                if (end > start && end - start == strlen(wanted) &&
                    strncasecmp(list + start, wanted, end - start) == 0)
                        return true;
                list += size + (list[size] == ',');
        }
        return false;
}

/* RFC 6455, 4.2.2. */
static void add_accept(struct http_exchange *exchange, const char *key)
{
        CLEANUP(mem_cleanup)
        char *text = mem_format("%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
        CLEANUP(buf_deinit) struct buf accept = BUF_INIT;
        uint8_t digest[CRYPTO_SHA1_SIZE];

        crypto_sha1(text, strlen(text), digest);
        crypto_base64_encode(&accept, digest, sizeof(digest));
        http_exchange_add_header(exchange, "Sec-WebSocket-Accept", accept.data);
}

struct visit {
        struct local_hub *hub;
        int hub_index;
        enum local_hub_protocol protocol;
};

static void on_closed(void *context)
{
        http_upgraded_close(context);
}

static void begin(void *context, int socket, const struct buf *first,
                  struct http_upgraded *upgraded)
{
        struct visit *visit = context;

        if (socket >= 0)
                local_hub_adopt(visit->hub, visit->hub_index, visit->protocol,
                                &(struct local_hub_socket){.socket = socket,
                                                           .first = first,
                                                           .closed = on_closed,
                                                           .context = upgraded});
        free(visit);
}

/* Hubs that share a name are told apart by what the client says later. */
static int hub_of(struct local_hub *hub, const char *host)
{
        int index = host ? registry_hub_find(local_hub_registry(hub), host) : -1;

        return index < 0 ? 0 : index;
}

static void welcome(struct local_hub *hub, struct http_exchange *exchange, size_t which)
{
        struct visit *visit = mem_new(1, sizeof(*visit));

        *visit = (struct visit){
                .hub = hub,
                .hub_index = hub_of(hub, http_exchange_header(exchange, "Host")),
                .protocol = known[which].protocol,
        };
        add_accept(exchange, http_exchange_header(exchange, "Sec-WebSocket-Key"));
        http_exchange_add_header(exchange, "Sec-WebSocket-Protocol", known[which].name);
        http_exchange_upgrade(exchange, &(const struct http_upgrade){.protocol = "websocket",
                                                                     .begin = begin,
                                                                     .context = visit});
}

bool websocket_door_handle(struct local_hub *hub, struct http_exchange *exchange)
{
        const char *path = http_exchange_path(exchange);
        const char *key = http_exchange_header(exchange, "Sec-WebSocket-Key");
        const char *version = http_exchange_header(exchange, "Sec-WebSocket-Version");
        const char *protocols = http_exchange_header(exchange, "Sec-WebSocket-Protocol");
        size_t which = 0;

        if (strcasecmp(path, "/$iothub/websocket") != 0 &&
            strcasecmp(path, "/$servicebus/websocket") != 0)
                return false;
        while (which < ARRAY_SIZE(known) && !has_part(protocols, known[which].name))
                which++;
        if (!has_part(http_exchange_header(exchange, "Upgrade"), "websocket") ||
            !text_equal(version, "13") || !key || strlen(key) != KEY_SIZE) {
                http_exchange_add_header(exchange, "Sec-WebSocket-Version", "13");
                http_exchange_problem(exchange, 426, "WebSocket wanted",
                                      "this path is for WebSockets of version 13");
        } else if (which == ARRAY_SIZE(known)) {
                http_exchange_problem(exchange, 400, "No such protocol",
                                      "Sec-WebSocket-Protocol must be mqtt or AMQPWSB10");
        } else {
                welcome(hub, exchange, which);
        }
        return true;
}
