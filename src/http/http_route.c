// SPDX-License-Identifier: MIT
#include "http/http_route.h"

#include <string.h>

bool http_route_fits(struct http_exchange *exchange, const char *pattern,
                     const char *arguments[HTTP_ARGUMENTS_MAX])
{
        size_t count = http_exchange_segment_count(exchange);
        size_t argument = 0;

        for (size_t i = 0; i < count && i < HTTP_SEGMENTS_MAX; i++) {
                const char *segment = http_exchange_segment(exchange, i);
                size_t size = strcspn(pattern, "/");

                if (size == 1 && pattern[0] == '*')
                        arguments[argument++] = segment;
                else if (size == 0 || strlen(segment) != size ||
                         memcmp(segment, pattern, size) != 0)
                        return false;
                pattern += size;
                if (*pattern == '/')
                        pattern++;
                else if (i + 1 < count)
                        return false;
        }
        return count > 0 && *pattern == '\0';
}
