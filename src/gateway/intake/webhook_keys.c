// SPDX-License-Identifier: MIT
#include "gateway/intake/webhook_keys.h"

#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "http/http_server.h"

/* What each request has where there are no keys. */
static const struct settings_webhook_key everything = {.name = NULL};

/* Compares with every key, so that the time does not tell which one came close. */
static const struct settings_webhook_key *match(const struct webhook_keys *keys, const char *text,
                                                size_t size)
{
        const struct settings_webhook_key *found = NULL;

        for (size_t i = 0; i < keys->count; i++) {
                const char *key = conf_secret_text(&keys->keys[i].key);

                if (!conf_secret_is_awaited(key) && crypto_equal(text, size, key, strlen(key)))
                        found = &keys->keys[i];
        }
        return found;
}

static const struct settings_webhook_key *match_text(const struct webhook_keys *keys,
                                                     const char *text)
{
        return text ? match(keys, text, strlen(text)) : NULL;
}

static const struct settings_webhook_key *match_basic(const struct webhook_keys *keys,
                                                      const char *authorization)
{
        CLEANUP(buf_wipe) struct buf pair = BUF_INIT;
        const char *encoded;
        const char *colon;

        if (!authorization || strncasecmp(authorization, "Basic ", 6) != 0)
                return NULL;
        encoded = authorization + 6 + strspn(authorization + 6, " ");
        if (!crypto_base64_decode(&pair, encoded, strlen(encoded)))
                return NULL;
        colon = memchr(buf_text(&pair), ':', pair.size);
        return colon ? match(keys, colon + 1, pair.size - (size_t)(colon + 1 - buf_text(&pair)))
                     : NULL;
}

const struct settings_webhook_key *webhook_keys_find(const struct webhook_keys *keys,
                                                     const struct http_exchange *exchange)
{
        const struct settings_webhook_key *const brought[] = {
                match_text(keys, http_exchange_header(exchange, "X-Api-Key")),
                match_text(keys, http_exchange_header(exchange, "x-functions-key")),
                match_basic(keys, http_exchange_header(exchange, "Authorization")),
                match_text(keys, http_exchange_argument(exchange, "code")),
        };

        if (keys->count == 0)
                return &everything;
        for (size_t i = 0; i < ARRAY_SIZE(brought); i++) {
                if (brought[i])
                        return brought[i];
        }
        return NULL;
}

/* An empty list holds everything. */
static bool holds(const struct conf_texts *list, const char *text)
{
        for (size_t i = 0; i < list->count; i++) {
                if (text_equal(list->texts[i], text))
                        return true;
        }
        return list->count == 0;
}

bool webhook_key_has_network(const struct settings_webhook_key *key, const char *network)
{
        return holds(&key->networks, network);
}

const struct event *webhook_key_foreign(const struct settings_webhook_key *key,
                                        const struct event_list *events)
{
        for (size_t i = 0; i < events->count; i++) {
                if (!holds(&key->applications, events->events[i].application))
                        return &events->events[i];
        }
        return NULL;
}

void webhook_keys_report(struct webhook_keys *keys, const struct settings_webhook_key *key,
                         const char *network, const char *application)
{
        CLEANUP(mem_cleanup) char *place = mem_format("WebhookKeys.%s", key->name);
        int64_t unlogged;

        metrics_add(METRIC_WEBHOOK_FORBIDDEN, 1);
        if (!log_pause_take(&keys->misused, &unlogged))
                return;
        log_warn("WEBHOOK_KEY_MISUSED", "A key was used for events that it may not send",
                 LOG_TEXT("key", place), LOG_TEXT("network", network),
                 LOG_TEXT("application", application), LOG_INT("unlogged", unlogged), LOG_END);
}
