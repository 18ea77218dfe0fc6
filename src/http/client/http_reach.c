// SPDX-License-Identifier: MIT
#include "http/client/http_reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/text.h"

/* --- addresses ----------------------------------------------------------------------------- */

struct v4_range {
        uint32_t start;
        int bits;
};

struct v6_range {
        uint8_t start[16];
        int bits;
};

#define V4(a, b, c) (((uint32_t)(a) << 24) | ((uint32_t)(b) << 16) | ((uint32_t)(c) << 8))

static const struct v4_range v4_reserved[] = {
        {V4(0, 0, 0), 8},       /* this network, unspecified */
        {V4(10, 0, 0), 8},      /* private */
        {V4(100, 64, 0), 10},   /* shared: carrier-grade NAT */
        {V4(127, 0, 0), 8},     /* loopback */
        {V4(169, 254, 0), 16},  /* link-local, where clouds keep their metadata */
        {V4(172, 16, 0), 12},   /* private */
        {V4(192, 0, 0), 24},    /* protocol assignments */
        {V4(192, 0, 2), 24},    /* documentation */
        {V4(192, 88, 99), 24},  /* 6to4 relays */
        {V4(192, 168, 0), 16},  /* private */
        {V4(198, 18, 0), 15},   /* benchmarks */
        {V4(198, 51, 100), 24}, /* documentation */
        {V4(203, 0, 113), 24},  /* documentation */
        {V4(224, 0, 0), 3},     /* multicast, reserved, broadcast */
};

/* Within 2000::/3, outside of which nothing is public. */
static const struct v6_range v6_reserved[] = {
        {{0x20, 0x01, 0x00}, 23},       /* protocol assignments, Teredo */
        {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
        {{0x20, 0x02}, 16},             /* 6to4 */
        {{0x3f, 0xff, 0x00}, 20},       /* documentation */
};

static const struct v6_range v6_global = {{0x20}, 3};
static const struct v6_range v6_nat64 = {{0x00, 0x64, 0xff, 0x9b}, 96};

static bool is_public_v4(uint32_t address)
{
        for (size_t i = 0; i < ARRAY_SIZE(v4_reserved); i++) {
                int rest = 32 - v4_reserved[i].bits;

                if (address >> rest == v4_reserved[i].start >> rest)
                        return false;
        }
        return true;
}

static bool is_within(const uint8_t address[16], const struct v6_range *range)
{
        size_t whole = (size_t)range->bits / 8;
        int rest = range->bits % 8;

        if (memcmp(address, range->start, whole) != 0)
                return false;
        return rest == 0 || address[whole] >> (8 - rest) == range->start[whole] >> (8 - rest);
}

static bool is_public_v6(const uint8_t address[16])
{
        uint32_t embedded;

        if (is_within(address, &v6_nat64)) {
                memcpy(&embedded, address + 12, sizeof(embedded));
                return is_public_v4(ntohl(embedded));
        }
        if (!is_within(address, &v6_global))
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(v6_reserved); i++) {
                if (is_within(address, &v6_reserved[i]))
                        return false;
        }
        return true;
}

bool http_reach_is_public(const struct sockaddr *address)
{
        if (address->sa_family == AF_INET) {
                struct sockaddr_in v4;

                memcpy(&v4, address, sizeof(v4));
                return is_public_v4(ntohl(v4.sin_addr.s_addr));
        }
        if (address->sa_family == AF_INET6) {
                struct sockaddr_in6 v6;

                memcpy(&v6, address, sizeof(v6));
                return is_public_v6(v6.sin6_addr.s6_addr);
        }
        return false;
}

/* --- the proxy ----------------------------------------------------------------------------- */

/* The first of these variables that is not empty. */
static const char *first_variable(const char *const *names)
{
        for (; *names; names++) {
                const char *value = getenv(*names);

                if (!text_is_empty(value))
                        return value;
        }
        return NULL;
}

/* An entry of no_proxy: the host itself, or a domain that it is in. */
static bool covers(const char *entry, size_t size, const char *host)
{
        size_t length = strlen(host);

        if (size == 1 && entry[0] == '*')
                return true;
        if (size > 0 && entry[0] == '.') {
                entry++;
                size--;
        }
        if (size == 0 || size > length || strncasecmp(host + length - size, entry, size) != 0)
                return false;
        return size == length || host[length - size - 1] == '.';
}

static bool is_excepted(const char *host)
{
        static const char *const names[] = {"no_proxy", "NO_PROXY", NULL};
        const char *at = first_variable(names);

        while (at && *at) {
                size_t size = strcspn(at, ", \t");

                if (covers(at, size, host))
                        return true;
                at += size + strspn(at + size, ", \t");
        }
        return false;
}

/* Without user name, port and brackets. */
static void host_of(const char *url, struct buf *host)
{
        const char *start = strstr(url, "://");
        const char *end;
        const char *at;

        start = start ? start + 3 : url;
        end = start + strcspn(start, "/?#");
        at = memchr(start, '@', (size_t)(end - start));
        if (at)
                start = at + 1;
        if (*start == '[')
                buf_add(host, start + 1, strcspn(start + 1, "]/?#"));
        else
                buf_add(host, start, strcspn(start, ":/?#"));
}

const char *http_reach_proxy(const char *url)
{
        static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
        static const char *const tls[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                          NULL};
        const char *proxy = first_variable(strncasecmp(url, "https:", 6) == 0 ? tls : plain);
        CLEANUP(buf_deinit) struct buf host = BUF_INIT;

        if (!proxy)
                return NULL;
        host_of(url, &host);
        return is_excepted(buf_text(&host)) ? NULL : proxy;
}
