// SPDX-License-Identifier: MIT
#include "conf/checks.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "azure/connection_string.h"
#include "azure/device_key.h"
#include "azure/endpoint.h"
#include "azure/insights_string.h"
#include "azure/names.h"
#include "azure/storage/storage_account.h"
#include "azure/vault_reference.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "networks/network.h"

/* A whole system's bundle is a third of it. */
#define PEM_FILE_MAX (1024 * 1024)

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

bool check_listen(const char *text, struct reason *reason)
{
        const char *colon = strrchr(text, ':');
        CLEANUP(buf_deinit) struct buf host = BUF_INIT;
        struct endpoint endpoint;
        int64_t port;

        if (!colon || !text_to_int64(colon + 1, 0, UINT16_MAX, &port)) {
                reason_set(reason, "this must be host:port, for example 127.0.0.1:8080");
                return false;
        }
        buf_add(&host, text, (size_t)(colon - text));
        if (host.size > 0 && strcmp(host.data, "*") != 0 &&
            !endpoint_parse(host.data, 1, &endpoint, reason)) {
                reason_prefix(reason, "this must be host:port, for example 127.0.0.1:8080");
                return false;
        }
        return true;
}

void listen_split(const char *text, struct buf *host, uint16_t *port)
{
        const char *colon = strrchr(text, ':');
        size_t size = (size_t)(colon - text);
        int64_t number = 0;

        if (text[0] == '[')
                buf_add(host, text + 1, size - 2);
        else if (text[0] != '*')
                buf_add(host, text, size);
        text_to_int64(colon + 1, 0, UINT16_MAX, &number);
        *port = (uint16_t)number;
}

bool check_endpoint(const char *text, struct reason *reason)
{
        struct endpoint endpoint;

        return endpoint_parse(text, 1, &endpoint, reason);
}

bool check_host_pattern(const char *text, struct reason *reason)
{
        return check_endpoint(text[0] == '.' ? text + 1 : text, reason);
}

bool check_url(const char *text, struct reason *reason)
{
        const char *rest = NULL;
        CLEANUP(buf_deinit) struct buf host = BUF_INIT;

        if (strncasecmp(text, "https://", 8) == 0)
                rest = text + 8;
        else if (strncasecmp(text, "http://", 7) == 0)
                rest = text + 7;
        if (!rest) {
                reason_set(reason, "this must be a URL that begins with https://");
                return false;
        }
        if (strpbrk(rest, "?#@ \t\\")) {
                reason_set(reason, "this URL must have no user name, no blank and no '?', '#'");
                return false;
        }
        buf_add(&host, rest, strcspn(rest, "/"));
        if (check_endpoint(buf_text(&host), reason))
                return true;
        reason_prefix(reason, "this URL's host is wrong");
        return false;
}

bool check_id_scope(const char *text, struct reason *reason)
{
        if (strspn(text, LETTERS_AND_DIGITS "-_.") == strlen(text))
                return true;
        reason_set(reason, "this is no ID scope; the provisioning service's overview shows it, it "
                           "looks like 0ne00123ABC");
        return false;
}

bool check_key(const char *text, struct reason *reason)
{
        if (device_key_is_valid(text))
                return true;
        reason_set(
                reason,
                "this is no key: a key of Azure is base64, copied whole with the '=' at its end");
        return false;
}

static bool parse_connection_string(const char *text, struct connection_string *parsed,
                                    struct reason *reason)
{
        if (connection_string_parse(text, parsed, reason))
                return true;
        reason_prefix(reason, "this is no connection string of a hub");
        return false;
}

bool check_any_connection_string(const char *text, struct reason *reason)
{
        CLEANUP(connection_string_deinit)
        struct connection_string parsed = CONNECTION_STRING_INIT;

        if (!parse_connection_string(text, &parsed, reason))
                return false;
        if (!parsed.gateway_host_name && !parsed.module_id)
                return true;
        reason_set(reason, "%s is not supported here",
                   parsed.module_id ? "ModuleId" : "GatewayHostName");
        return false;
}

bool check_connection_string(const char *text, struct reason *reason)
{
        CLEANUP(connection_string_deinit)
        struct connection_string parsed = CONNECTION_STRING_INIT;

        if (!parse_connection_string(text, &parsed, reason))
                return false;
        if (!parsed.device_id && parsed.shared_access_key_name)
                return true;
        reason_set(reason, "this connection string is of one device; that of a policy with the "
                           "right DeviceConnect is needed (SharedAccessKeyName=device)");
        return false;
}

void mask_connection_string(const char *text, struct buf *out)
{
        CLEANUP(connection_string_deinit)
        struct connection_string parsed = CONNECTION_STRING_INIT;
        struct reason reason;

        if (!connection_string_parse(text, &parsed, &reason)) {
                buf_add_text(out, "***");
                return;
        }
        buf_add_format(out, "HostName=%s;", parsed.host_name);
        if (parsed.device_id)
                buf_add_format(out, "DeviceId=%s;", parsed.device_id);
        if (parsed.shared_access_key_name)
                buf_add_format(out, "SharedAccessKeyName=%s;", parsed.shared_access_key_name);
        buf_add_text(out, "SharedAccessKey=***");
}

bool check_insights(const char *text, struct reason *reason)
{
        CLEANUP(insights_string_deinit) struct insights_string parsed = INSIGHTS_STRING_INIT;

        return insights_string_parse(text, &parsed, reason);
}

bool check_insights_authentication(const char *text, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *client = NULL;

        return insights_authentication_parse(text, &client, reason);
}

void mask_insights(const char *text, struct buf *out)
{
        CLEANUP(insights_string_deinit) struct insights_string parsed = INSIGHTS_STRING_INIT;
        struct reason reason;

        if (insights_string_parse(text, &parsed, &reason))
                buf_add_format(out, "InstrumentationKey=***;IngestionEndpoint=%s/",
                               parsed.endpoint);
        else
                buf_add_text(out, "***");
}

/* One part of a model id: letters, digits and '_', a letter first, no '_' last. */
static size_t model_id_part(const char *text)
{
        size_t size = strspn(text, LETTERS_AND_DIGITS "_");

        if (size == 0 || !isalpha((unsigned char)text[0]) || text[size - 1] == '_')
                return 0;
        return size;
}

static bool is_model_id(const char *text)
{
        int64_t version;
        size_t size;

        if (strncmp(text, "dtmi:", 5) != 0 || strlen(text) > 2048)
                return false;
        for (text += 4; *text == ':'; text += size) {
                text++;
                size = model_id_part(text);
                if (size == 0)
                        return false;
        }
        return *text == ';' && text[1] != '0' && text_to_int64(text + 1, 1, 999999999, &version);
}

bool check_blob_storage(const char *text, struct reason *reason)
{
        CLEANUP(storage_account_deinit) struct storage_account account = STORAGE_ACCOUNT_INIT;

        if (!storage_account_parse(text, &account, reason))
                return false;
        if (account.endpoints[STORAGE_BLOB])
                return true;
        reason_set(reason, "BlobEndpoint is missing");
        return false;
}

bool check_blob_service(const char *text, struct reason *reason)
{
        CLEANUP(storage_account_deinit) struct storage_account account = STORAGE_ACCOUNT_INIT;

        return storage_account_by_identity(STORAGE_BLOB, text, &account, reason);
}

bool check_account_name(const char *text, struct reason *reason)
{
        return storage_account_name_is_valid(text, reason);
}

bool check_queue_name(const char *text, struct reason *reason)
{
        if (storage_queue_name_is_valid(text))
                return true;
        reason_set(reason,
                   "this is no name of a queue or container: 3 to 63 small letters, digits and "
                   "single '-' between them");
        return false;
}

bool check_vault(const char *text, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf url = BUF_INIT;

        return vault_reference_complete("secret", text, &url, reason);
}

bool check_model_id(const char *text, struct reason *reason)
{
        if (is_model_id(text))
                return true;
        reason_set(reason, "this is no DTDL model id; it looks like dtmi:company:Sensor;1, with "
                           "the version at its end");
        return false;
}

/* The placeholder at `text`, its length with braces; 0 if there is none of that name. */
static size_t placeholder(const char *text)
{
        static const char *const names[] = {"{device}", "{application}", "{dev_eui}", "{network}"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (strncmp(text, names[i], strlen(names[i])) == 0)
                        return strlen(names[i]);
        }
        return 0;
}

bool check_device_id_template(const char *text, struct reason *reason)
{
        bool tells_devices_apart = strstr(text, "{device}") || strstr(text, "{dev_eui}");

        for (const char *at = text; *at;) {
                size_t size = *at == '{' ? placeholder(at) : 1;

                if (size == 0) {
                        reason_set(reason, "only {device}, {application}, {dev_eui} and {network} "
                                           "may stand in braces");
                        return false;
                }
                if (size == 1 && !strchr(LETTERS_AND_DIGITS AZURE_DEVICE_ID_CHARACTERS, *at)) {
                        reason_set(reason, "character %zu is not allowed in ids of IoT Hub",
                                   (size_t)(at - text) + 1);
                        return false;
                }
                at += size;
        }
        if (!tells_devices_apart)
                reason_set(reason, "all devices would have the same id; {device} or {dev_eui} must "
                                   "stand in it");
        return tells_devices_apart;
}

bool check_fingerprint(const char *text, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf digits = BUF_INIT;
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

        for (const char *at = text; *at; at++) {
                if (*at != ':')
                        buf_add_char(&digits, *at);
        }
        if (crypto_hex_decode(&bytes, buf_text(&digits), digits.size) &&
            bytes.size == CRYPTO_SHA256_SIZE)
                return true;
        reason_set(reason, "this is no SHA-256 fingerprint: %d hex digits are needed",
                   CRYPTO_SHA256_SIZE * 2);
        return false;
}

bool check_network(const char *text, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf known = BUF_INIT;

        if (network_by_name(text))
                return true;
        for (size_t i = 0; networks[i]; i++)
                buf_add_format(&known, "%s%s", i > 0 ? ", " : "", networks[i]->name);
        reason_set(reason, "there is no network '%.60s'; there are %s", text, buf_text(&known));
        return false;
}

bool check_token(const char *text, struct reason *reason)
{
        for (const char *at = text; *at; at++) {
                if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f) {
                        reason_set(reason,
                                   "character %zu is white space or not ASCII, which no "
                                   "key has",
                                   (size_t)(at - text) + 1);
                        return false;
                }
        }
        return true;
}

static bool file_holds(const char *path, const char *mark, const char *what, struct reason *reason)
{
        CLEANUP(buf_wipe) struct buf text = BUF_INIT;

        if (file_read(path, PEM_FILE_MAX, &text, reason) != 0)
                return false;
        if (strstr(buf_text(&text), mark))
                return true;
        reason_set(reason, "the file '%s' holds no %s in PEM form", path, what);
        return false;
}

bool check_certificate_file(const char *path, struct reason *reason)
{
        return file_holds(path, "-----BEGIN CERTIFICATE-----", "certificate", reason);
}

bool check_key_file(const char *path, struct reason *reason)
{
        return file_holds(path, "PRIVATE KEY-----", "private key", reason);
}

bool check_one_certificate_file(const char *path, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        CLEANUP(buf_deinit) struct buf der = BUF_INIT;

        if (file_read(path, PEM_FILE_MAX, &bytes, reason) != 0)
                return false;
        if (!crypto_certificate_der(&der, bytes.data, bytes.size)) {
                reason_set(reason, "the file '%s' holds no certificate in PEM or DER form", path);
                return false;
        }
        if (crypto_count_certificates(bytes.data, bytes.size) <= 1)
                return true;
        reason_set(reason, "the file '%s' holds several certificates; put each into its own", path);
        return false;
}
