// SPDX-License-Identifier: MIT
#include "azure/insights_string.h"

#include <stdlib.h>
#include <string.h>

#include "azure/endpoint.h"
#include "azure/key_values.h"
#include "base/mem.h"
#include "base/text.h"

#define DEFAULT_ENDPOINT "https://dc.services.visualstudio.com"
#define GUID_SIZE        36

enum part {
        KEY,
        ENDPOINT,
        SUFFIX,
        LOCATION,
        AUDIENCE,
        LIVE,        /* not used here: shown while somebody looks at it */
        APPLICATION, /* not used here: for queries */
        AUTHORIZATION,
        PART_COUNT,
};

static const char *const part_names[PART_COUNT] = {
        [KEY] = "InstrumentationKey",    [ENDPOINT] = "IngestionEndpoint",
        [SUFFIX] = "EndpointSuffix",     [LOCATION] = "Location",
        [AUDIENCE] = "AADAudience",      [LIVE] = "LiveEndpoint",
        [APPLICATION] = "ApplicationId", [AUTHORIZATION] = "Authorization",
};

void insights_string_deinit(struct insights_string *parsed)
{
        key_values_wipe_text(&parsed->key);
        free(parsed->endpoint);
        free(parsed->audience);
        *parsed = INSIGHTS_STRING_INIT;
}

static bool is_guid(const char *text)
{
        for (size_t i = 0; i < GUID_SIZE; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;

                if (dash ? text[i] != '-' : text_hex_digit(text[i]) < 0)
                        return false;
        }
        return text[GUID_SIZE] == '\0';
}

/* The URL's host, with its port if it has one. */
static bool take_host(const char *url, struct endpoint *host, struct reason *reason)
{
        const char *start = strstr(url, "://") + strlen("://");
        CLEANUP(mem_cleanup) char *text = mem_text_n(start, strcspn(start, "/"));

        return endpoint_parse(text, 0, host, reason);
}

bool insights_endpoint_check(const char *url, struct reason *reason)
{
        bool secure = strncmp(url, "https://", strlen("https://")) == 0;
        struct endpoint host;

        if (!secure && strncmp(url, "http://", strlen("http://")) != 0) {
                reason_set(reason, "it must begin with https://");
                return false;
        }
        if (strpbrk(url, "?#@ ")) {
                reason_set(reason, "it must have neither query nor user name");
                return false;
        }
        if (!take_host(url, &host, reason))
                return false;
        if (secure || endpoint_is_loopback(host.host))
                return true;
        reason_set(reason, "http:// is for this machine only; use https://");
        return false;
}

/* Where the string says that items go. */
static char *make_endpoint(const struct key_values *pieces)
{
        char *url;

        if (key_values_has(pieces, ENDPOINT))
                url = mem_text(pieces->values[ENDPOINT]);
        else if (!key_values_has(pieces, SUFFIX))
                url = mem_text(DEFAULT_ENDPOINT);
        else if (key_values_has(pieces, LOCATION))
                url = mem_format("https://%s.dc.%s", pieces->values[LOCATION],
                                 pieces->values[SUFFIX]);
        else
                url = mem_format("https://dc.%s", pieces->values[SUFFIX]);
        for (size_t length = strlen(url); length > 0 && url[length - 1] == '/'; length--)
                url[length - 1] = '\0';
        return url;
}

static bool fill(const struct key_values *pieces, struct insights_string *parsed,
                 struct reason *reason)
{
        const char *key = pieces->values[KEY];

        if (!key_values_need(pieces, KEY, reason))
                return false;
        if (!is_guid(key)) {
                reason_set(reason, "InstrumentationKey is no GUID, which looks like "
                                   "11111111-2222-3333-4444-555555555555");
                return false;
        }
        parsed->key = mem_text(key);
        text_lower(parsed->key);
        parsed->endpoint = make_endpoint(pieces);
        parsed->audience = mem_text(pieces->values[AUDIENCE]);
        parsed->is_blank = strspn(key, "0-") == GUID_SIZE && !key_values_has(pieces, ENDPOINT) &&
                           !key_values_has(pieces, SUFFIX);
        if (insights_endpoint_check(parsed->endpoint, reason))
                return true;
        reason_prefix(reason, "%s",
                      part_names[key_values_has(pieces, ENDPOINT) ? ENDPOINT : SUFFIX]);
        return false;
}

bool insights_string_parse(const char *text, struct insights_string *parsed, struct reason *reason)
{
        CLEANUP(key_values_deinit)
        struct key_values pieces = {.names = part_names, .count = PART_COUNT};

        *parsed = INSIGHTS_STRING_INIT;
        if (strchr(text, '=') || !is_guid(text)) {
                if (!key_values_read(&pieces, text, reason))
                        return false;
        } else {
                pieces.values[KEY] = mem_text(text);
        }
        if (fill(&pieces, parsed, reason))
                return true;
        insights_string_deinit(parsed);
        return false;
}

bool insights_authentication_parse(const char *text, char **client, struct reason *reason)
{
        enum {
                KIND,
                CLIENT,
                COUNT
        };
        static const char *const names[COUNT] = {[KIND] = "Authorization", [CLIENT] = "ClientId"};
        CLEANUP(key_values_deinit) struct key_values pieces = {.names = names, .count = COUNT};

        *client = NULL;
        if (!key_values_read(&pieces, text, reason))
                return false;
        if (!key_values_has(&pieces, KIND) || strcasecmp(pieces.values[KIND], "AAD") != 0) {
                reason_set(reason, "it must be Authorization=AAD, with ClientId=... behind it for "
                                   "one of several identities of this machine");
                return false;
        }
        if (key_values_has(&pieces, CLIENT))
                *client = key_values_take(&pieces, CLIENT);
        return true;
}
