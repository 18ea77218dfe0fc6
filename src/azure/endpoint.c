// SPDX-License-Identifier: MIT
#include "azure/endpoint.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"

#define HOST_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

static bool take_port(const char *text, struct endpoint *endpoint, struct reason *reason)
{
        int64_t port;

        if (!text_to_int64(text, 1, UINT16_MAX, &port)) {
                reason_set(reason, "what stands behind the ':' is no port number (1 to 65535)");
                return false;
        }
        endpoint->port = (uint16_t)port;
        return true;
}

/* `[address]` or `[address]:port` */
static bool take_ipv6(const char *text, struct endpoint *endpoint, struct reason *reason)
{
        const char *end = strchr(text, ']');
        size_t length = end ? (size_t)(end - text) - 1 : 0;
        struct in6_addr address;

        if (length > 0 && length < sizeof(endpoint->host)) {
                memcpy(endpoint->host, text + 1, length);
                endpoint->host[length] = '\0';
        }
        if (length == 0 || inet_pton(AF_INET6, endpoint->host, &address) != 1 ||
            (end[1] != '\0' && end[1] != ':')) {
                reason_set(reason, "what starts with '[' is no IPv6 address in brackets");
                return false;
        }
        return end[1] == '\0' || take_port(end + 2, endpoint, reason);
}

bool endpoint_parse(const char *text, uint16_t default_port, struct endpoint *endpoint,
                    struct reason *reason)
{
        size_t length;

        memset(endpoint, 0, sizeof(*endpoint));
        endpoint->port = default_port;
        if (text_is_empty(text)) {
                reason_set(reason, "the host name is empty");
                return false;
        }
        if (text[0] == '[')
                return take_ipv6(text, endpoint, reason);
        if (strstr(text, "://")) {
                reason_set(reason, "give the host name only, without '%.*s'",
                           (int)(strcspn(text, ":") + 3), text);
                return false;
        }
        length = strspn(text, HOST_CHARACTERS);
        if (length == 0 || length >= sizeof(endpoint->host) ||
            (text[length] != '\0' && text[length] != ':')) {
                reason_set(reason,
                           "not a host name: at character %zu stands what is no letter, digit, "
                           "'-', '_' or '.', or it is longer than %d characters",
                           length + 1, ENDPOINT_HOST_SIZE - 1);
                return false;
        }
        memcpy(endpoint->host, text, length);
        return text[length] == '\0' || take_port(text + length + 1, endpoint, reason);
}

bool endpoint_is_loopback(const char *host)
{
        struct in_addr v4;
        struct in6_addr v6;

        if (inet_pton(AF_INET, host, &v4) == 1)
                return ntohl(v4.s_addr) >> 24 == 127;
        if (inet_pton(AF_INET6, host, &v6) == 1)
                return IN6_IS_ADDR_LOOPBACK(&v6);
        return text_equal_nocase(host, "localhost");
}
