// SPDX-License-Identifier: MIT
#include "azure/vault_reference.h"

#include <string.h>
#include <strings.h>

#include "azure/key_values.h"

#define WORD "@Microsoft.KeyVault("

/* The longest names and versions. */
#define NAME_MAX_SIZE 127

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

static const char *skip_blanks(const char *text)
{
        return text + strspn(text, " \t\r\n");
}

bool vault_reference_is(const char *text)
{
        return strncasecmp(skip_blanks(text), WORD, strlen(WORD)) == 0;
}

static bool is_name(const char *text, size_t size)
{
        return size > 0 && size <= NAME_MAX_SIZE && strspn(text, LETTERS DIGITS "-") >= size;
}

/* "VAULT.vault.azure.net" and its like in other clouds. */
static bool is_vault(const char *host, size_t size)
{
        static const char *const clouds[] = {".vault.azure.net", ".vault.azure.cn",
                                             ".vault.usgovcloudapi.net"};
        size_t name = strspn(host, LETTERS DIGITS "-");

        for (size_t i = 0; i < ARRAY_SIZE(clouds); i++) {
                if (name > 0 && size == name + strlen(clouds[i]) &&
                    strncasecmp(host + name, clouds[i], strlen(clouds[i])) == 0)
                        return true;
        }
        return false;
}

/* The host of a vault's URL; NULL with the reason. */
static const char *vault_host(const char *url, size_t *size, struct reason *reason)
{
        const char *host = url + strlen("https://");

        if (strncasecmp(url, "https://", strlen("https://")) != 0) {
                reason_set(reason, "a Key Vault is reached by https:// only");
                return NULL;
        }
        *size = strcspn(host, "/?#");
        if (is_vault(host, *size))
                return host;
        reason_set(reason,
                   "'%.*s' is no host of a Key Vault: those are called "
                   "VAULT.vault.azure.net, .vault.azure.cn or .vault.usgovcloudapi.net",
                   (int)(*size < 100 ? *size : 100), host);
        return NULL;
}

static bool complete_url(const char *text, struct buf *url, struct reason *reason)
{
        static const char folder[] = "/secrets/";
        size_t host_size = 0;
        const char *host = vault_host(text, &host_size, reason);
        const char *name = host ? host + host_size + strlen(folder) : NULL;
        size_t name_size;
        size_t version_size;

        if (!host)
                return false;
        if (strncasecmp(host + host_size, folder, strlen(folder)) != 0) {
                reason_set(reason, "the URL of a secret goes on with /secrets/NAME");
                return false;
        }
        name_size = strcspn(name, "/");
        version_size = strlen(name) - name_size;
        if (version_size > 0 && name[name_size + version_size - 1] == '/')
                version_size--;
        if (!is_name(name, name_size) ||
            (version_size > 0 && !is_name(name + name_size + 1, version_size - 1))) {
                reason_set(reason, "behind /secrets/ stands NAME or NAME/VERSION, of letters, "
                                   "digits and '-'");
                return false;
        }
        buf_add_format(url, "https://%.*s/secrets/%.*s", (int)host_size, host,
                       (int)(name_size + version_size), name);
        return true;
}

bool vault_reference_complete(const char *text, const char *vault_url, struct buf *url,
                              struct reason *reason)
{
        size_t host_size = 0;
        const char *host;

        if (strstr(text, "://"))
                return complete_url(text, url, reason);
        if (!is_name(text, strlen(text))) {
                reason_set(reason, "this is neither the URL of a secret nor its name, which has "
                                   "letters, digits and '-'");
                return false;
        }
        if (!vault_url) {
                reason_set(reason,
                           "the vault of '%s' is not known: give KeyVaultURI, or the "
                           "secret's whole URL",
                           text);
                return false;
        }
        host = vault_host(vault_url, &host_size, reason);
        if (!host) {
                reason_prefix(reason, "KeyVaultURI");
                return false;
        }
        buf_add_format(url, "https://%.*s/secrets/%s", (int)host_size, host, text);
        return true;
}

/* --- App Service's words -------------------------------------------------------------------- */

enum part {
        URI,
        VAULT,
        SECRET,
        VERSION,
        PART_COUNT,
};

static const char *const part_names[PART_COUNT] = {
        [URI] = "SecretUri",
        [VAULT] = "VaultName",
        [SECRET] = "SecretName",
        [VERSION] = "SecretVersion",
};

static bool join_parts(const struct key_values *parts, struct buf *url, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf whole = BUF_INIT;

        if (key_values_has(parts, URI))
                return complete_url(parts->values[URI], url, reason);
        if (!key_values_has(parts, VAULT) || !key_values_has(parts, SECRET)) {
                reason_set(reason, "%s is missing; it needs SecretUri, or VaultName and SecretName",
                           part_names[key_values_has(parts, VAULT) ? SECRET : VAULT]);
                return false;
        }
        buf_add_format(&whole, "https://%s.vault.azure.net/secrets/%s", parts->values[VAULT],
                       parts->values[SECRET]);
        if (key_values_has(parts, VERSION))
                buf_add_format(&whole, "/%s", parts->values[VERSION]);
        return complete_url(buf_text(&whole), url, reason);
}

static bool read_parts(const char *text, struct buf *url, struct reason *reason)
{
        CLEANUP(key_values_deinit)
        struct key_values parts = {.names = part_names, .count = PART_COUNT};
        CLEANUP(buf_deinit) struct buf content = BUF_INIT;

        buf_add_text(&content, skip_blanks(text) + strlen(WORD));
        buf_trim_end(&content, " \t\r\n");
        if (content.size == 0 || content.data[content.size - 1] != ')') {
                reason_set(reason, "the ')' at its end is missing");
                return false;
        }
        content.data[--content.size] = '\0';
        if (key_values_read(&parts, buf_text(&content), NULL))
                return join_parts(&parts, url, reason);
        reason_set(reason, "between the brackets stands SecretUri=..., or VaultName=...;"
                           "SecretName=..., each once");
        return false;
}

bool vault_reference_read(const char *text, struct buf *url, struct reason *reason)
{
        if (read_parts(text, url, reason))
                return true;
        reason_prefix(reason, "@Microsoft.KeyVault(...)");
        return false;
}

bool vault_reference_is_fixed(const char *url)
{
        const char *name = strstr(url, "/secrets/");

        return name && strchr(name + strlen("/secrets/"), '/');
}
