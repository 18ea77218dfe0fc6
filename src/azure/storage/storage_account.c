// SPDX-License-Identifier: MIT
#include "azure/storage/storage_account.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "azure/endpoint.h"
#include "azure/key_values.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"

/* The emulator's account, key and ports are public: see the documentation of Azurite. */
#define EMULATOR_ACCOUNT "devstoreaccount1"
#define EMULATOR_KEY                                                                               \
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
#define EMULATOR_HOST "http://127.0.0.1"

enum key {
        PROTOCOL,
        ACCOUNT,
        KEY,
        SUFFIX,
        QUEUE_ENDPOINT,
        BLOB_ENDPOINT,
        SIGNATURE,
        EMULATOR,
        EMULATOR_URI,
        KEY_COUNT,
};

static const char *const key_names[KEY_COUNT] = {
        [PROTOCOL] = "DefaultEndpointsProtocol",
        [ACCOUNT] = "AccountName",
        [KEY] = "AccountKey",
        [SUFFIX] = "EndpointSuffix",
        [QUEUE_ENDPOINT] = "QueueEndpoint",
        [BLOB_ENDPOINT] = "BlobEndpoint",
        [SIGNATURE] = "SharedAccessSignature",
        [EMULATOR] = "UseDevelopmentStorage",
        [EMULATOR_URI] = "DevelopmentStorageProxyUri",
};

static const struct {
        enum key key;          /* of an endpoint of its own */
        const char *host_part; /* ACCOUNT.queue.SUFFIX */
        int emulator_port;
} services[STORAGE_SERVICE_COUNT] = {
        [STORAGE_QUEUE] = {QUEUE_ENDPOINT, "queue", 10001},
        [STORAGE_BLOB] = {BLOB_ENDPOINT, "blob", 10000},
};

void storage_account_deinit(struct storage_account *account)
{
        key_values_wipe_text(&account->name);
        key_values_wipe_text(&account->signature);
        for (size_t i = 0; i < STORAGE_SERVICE_COUNT; i++)
                key_values_wipe_text(&account->endpoints[i]);
        buf_wipe(&account->key);
}

/* A URL without what may stand at its end; NULL if there is none. */
static char *take_endpoint(struct key_values *pieces, enum key key)
{
        char *url = key_values_has(pieces, key) ? key_values_take(pieces, key) : NULL;
        size_t length = url ? strlen(url) : 0;

        while (length > 0 && url[length - 1] == '/')
                url[--length] = '\0';
        return url;
}

static bool check_endpoint_url(const char *name, const char *url, struct reason *reason)
{
        bool plain = strncasecmp(url, "http://", 7) == 0;
        const char *authority = url + (plain ? 7 : 8);
        struct endpoint endpoint;

        if (!plain && strncasecmp(url, "https://", 8) != 0) {
                reason_set(reason, "%s is no https:// URL", name);
                return false;
        }
        CLEANUP(mem_cleanup) char *host = mem_text_n(authority, strcspn(authority, "/?"));

        if (strpbrk(authority, "?#") || !endpoint_parse(host, 443, &endpoint, reason)) {
                reason_set(reason, "%s is not the URL of a service, without a query", name);
                return false;
        }
        if (plain && !endpoint_is_loopback(endpoint.host)) {
                reason_set(reason,
                           "%s is plain http, on which everybody could read along; https is needed "
                           "to other machines",
                           name);
                return false;
        }
        return true;
}

bool storage_account_name_is_valid(const char *name, struct reason *reason)
{
        size_t length = strlen(name);

        if (length >= 3 && length <= 24 &&
            strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") == length)
                return true;
        reason_set(reason, "AccountName is 3 to 24 small letters and digits");
        return false;
}

static bool check_protocol(const struct key_values *pieces, struct reason *reason)
{
        const char *protocol = pieces->values[PROTOCOL];

        if (!protocol || text_equal_nocase(protocol, "https") ||
            text_equal_nocase(protocol, "http"))
                return true;
        reason_set(reason, "DefaultEndpointsProtocol is https");
        return false;
}

static bool take_key(struct key_values *pieces, struct storage_account *account,
                     struct reason *reason)
{
        const char *key = pieces->values[KEY];

        if (!key_values_need(pieces, KEY, reason))
                return false;
        if (!crypto_base64_decode(&account->key, key, strlen(key)) || account->key.size == 0) {
                reason_set(reason, "AccountKey is not valid base64: copy it whole, with the '=' "
                                   "signs at its end");
                return false;
        }
        return true;
}

/* The URL of a service that has none of its own in the string, by the account's name. */
static char *name_endpoint(const struct key_values *pieces, const struct storage_account *account,
                           enum storage_service service)
{
        return mem_format("https://%s.%s.%s", account->name, services[service].host_part,
                          key_values_has(pieces, SUFFIX) ? pieces->values[SUFFIX]
                                                         : "core.windows.net");
}

/* Its own URLs; with https those of the other services by its name. */
static bool take_endpoints(struct key_values *pieces, struct storage_account *account,
                           struct reason *reason)
{
        bool plain =
                pieces->values[PROTOCOL] && text_equal_nocase(pieces->values[PROTOCOL], "http");
        bool named = false;

        for (int i = 0; i < STORAGE_SERVICE_COUNT; i++) {
                char **url = &account->endpoints[i];

                *url = take_endpoint(pieces, services[i].key);
                if (!*url && !plain)
                        *url = name_endpoint(pieces, account, (enum storage_service)i);
                named = named || *url;
                if (*url && !check_endpoint_url(key_names[services[i].key], *url, reason))
                        return false;
        }
        if (!named)
                reason_set(reason, "DefaultEndpointsProtocol is plain http, on which everybody "
                                   "could read along; https is needed to other machines");
        return named;
}

static bool take_account_with_key(struct key_values *pieces, struct storage_account *account,
                                  struct reason *reason)
{
        if (!key_values_need(pieces, ACCOUNT, reason))
                return false;
        account->name = key_values_take(pieces, ACCOUNT);
        return storage_account_name_is_valid(account->name, reason) &&
               check_protocol(pieces, reason) && take_key(pieces, account, reason) &&
               take_endpoints(pieces, account, reason);
}

static bool take_account_with_signature(struct key_values *pieces, struct storage_account *account,
                                        struct reason *reason)
{
        const char *signature = pieces->values[SIGNATURE];
        bool named = false;

        if (!strstr(signature, "sig=")) {
                reason_set(reason, "SharedAccessSignature has no sig=");
                return false;
        }
        account->signature = mem_text(signature + (signature[0] == '?' ? 1 : 0));
        for (size_t i = 0; i < STORAGE_SERVICE_COUNT; i++) {
                account->endpoints[i] = take_endpoint(pieces, services[i].key);
                if (!account->endpoints[i])
                        continue;
                if (!check_endpoint_url(key_names[services[i].key], account->endpoints[i], reason))
                        return false;
                named = true;
        }
        if (!named)
                reason_set(reason, "a SharedAccessSignature needs QueueEndpoint or BlobEndpoint "
                                   "beside it");
        return named;
}

static bool take_emulator(struct key_values *pieces, struct storage_account *account,
                          struct reason *reason)
{
        CLEANUP(mem_cleanup) char *named = take_endpoint(pieces, EMULATOR_URI);
        const char *host = named ? named : EMULATOR_HOST;

        if (!crypto_base64_decode(&account->key, EMULATOR_KEY, strlen(EMULATOR_KEY))) {
                reason_set(reason, "the emulator's key can't be read");
                return false;
        }
        account->name = mem_text(EMULATOR_ACCOUNT);
        for (size_t i = 0; i < STORAGE_SERVICE_COUNT; i++)
                account->endpoints[i] =
                        mem_format("%s:%d/" EMULATOR_ACCOUNT, host, services[i].emulator_port);
        return check_endpoint_url(key_names[EMULATOR_URI], host, reason);
}

static bool take_account(struct key_values *pieces, struct storage_account *account,
                         struct reason *reason)
{
        if (key_values_has(pieces, EMULATOR) && text_equal_nocase(pieces->values[EMULATOR], "true"))
                return take_emulator(pieces, account, reason);
        if (key_values_has(pieces, SIGNATURE))
                return take_account_with_signature(pieces, account, reason);
        return take_account_with_key(pieces, account, reason);
}

bool storage_account_parse(const char *text, struct storage_account *account, struct reason *reason)
{
        CLEANUP(key_values_deinit)
        struct key_values pieces = {.names = key_names, .count = KEY_COUNT};

        *account = STORAGE_ACCOUNT_INIT;
        if (key_values_read(&pieces, text, reason) && take_account(&pieces, account, reason))
                return true;
        storage_account_deinit(account);
        return false;
}

bool storage_account_by_identity(enum storage_service service, const char *url,
                                 struct storage_account *account, struct reason *reason)
{
        *account = STORAGE_ACCOUNT_INIT;
        if (!check_endpoint_url("the service's URL", url, reason))
                return false;
        account->endpoints[service] = mem_text_n(url, text_size_without(url, "/"));
        account->by_identity = true;
        return true;
}

/* --- the signature's own words -------------------------------------------------------------- */

/* The value of a parameter, decoded; false if there is none. */
static bool find_parameter(const struct storage_account *account, const char *name,
                           struct buf *value)
{
        size_t length = strlen(name);

        for (const char *at = account->signature; at; at = strchr(at, '&')) {
                at += at[0] == '&' ? 1 : 0;
                if (strncmp(at, name, length) != 0 || at[length] != '=')
                        continue;
                at += length + 1;
                text_url_unescape(value, at, strcspn(at, "&"));
                return true;
        }
        return false;
}

int64_t storage_account_expires_s(const struct storage_account *account)
{
        CLEANUP(buf_deinit) struct buf end = BUF_INIT;
        struct tm time = {.tm_mday = 1};

        if (!find_parameter(account, "se", &end) ||
            !strptime(buf_text(&end),
                      end.size > strlen("2026-11-30") ? "%Y-%m-%dT%H:%M" : "%Y-%m-%d", &time))
                return INT64_MAX;
        return timegm(&time);
}

bool storage_account_may(const struct storage_account *account, char right)
{
        CLEANUP(buf_deinit) struct buf rights = BUF_INIT;

        return !find_parameter(account, "sp", &rights) || strchr(buf_text(&rights), right);
}

bool storage_account_reaches(const struct storage_account *account, enum storage_service service,
                             struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf allowed = BUF_INIT;
        CLEANUP(buf_deinit) struct buf types = BUF_INIT;
        char letter = service == STORAGE_QUEUE ? 'q' : 'b';

        if (find_parameter(account, "ss", &allowed) && !strchr(buf_text(&allowed), letter))
                reason_set(reason, "its SharedAccessSignature is not for this service (ss=%c)",
                           letter);
        else if (find_parameter(account, "srt", &types) &&
                 (!strchr(buf_text(&types), 'c') || !strchr(buf_text(&types), 'o')))
                reason_set(reason, "its SharedAccessSignature is not for containers and objects "
                                   "(srt=co), so that some requests are refused");
        else
                return true;
        return false;
}

bool storage_queue_name_is_valid(const char *name)
{
        size_t length = strlen(name);

        return length >= 3 && length <= 63 &&
               strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length && name[0] != '-' &&
               name[length - 1] != '-' && !strstr(name, "--");
}
