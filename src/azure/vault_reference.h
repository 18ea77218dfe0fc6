// SPDX-License-Identifier: MIT
/*
 * How configurations name a secret of Azure Key Vault: by its URL, by its name where the vault is
 * known, and in the words of Azure App Service:
 *
 *   @Microsoft.KeyVault(SecretUri=https://VAULT.vault.azure.net/secrets/NAME[/VERSION])
 *   @Microsoft.KeyVault(VaultName=VAULT;SecretName=NAME[;SecretVersion=VERSION])
 *
 * Sources: https://learn.microsoft.com/azure/app-service/app-service-key-vault-references,
 * https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates
 */
#ifndef ISTHMUS_AZURE_VAULT_REFERENCE_H
#define ISTHMUS_AZURE_VAULT_REFERENCE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

/* True if the text says that it is one of App Service's words, in any case; it may be malformed. */
bool vault_reference_is(const char *text);

/*
 * Adds the URL of the secret, https://VAULT.vault.azure.net/secrets/NAME[/VERSION], which a text of
 * App Service's form names; false with the reason, which names what is missing or wrong.
 */
bool vault_reference_read(const char *text, struct buf *url, struct reason *reason) MUST_CHECK;

/*
 * The same of a URL, or of the secret's name alone, which lies in the vault `vault_url` (NULL =
 * none is known). Hosts of Key Vault over https only (rule K11): the token of the gateway goes
 * there.
 */
bool vault_reference_complete(const char *text, const char *vault_url, struct buf *url,
                              struct reason *reason) MUST_CHECK;

/* Does a URL that was made here name a version, so that its secret never changes? */
bool vault_reference_is_fixed(const char *url);

#endif
