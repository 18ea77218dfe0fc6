// SPDX-License-Identifier: MIT
/* How configurations refer to secrets of Azure Key Vault, for the `refer` of their schemas. */
#ifndef ISTHMUS_CONF_VAULT_REFER_H
#define ISTHMUS_CONF_VAULT_REFER_H

#include "conf/engine/schema.h"

/* The setting that names the vault of secrets that are given by name alone. */
#define VAULT_REFER_PATH "KeyVaultURI"
#define VAULT_REFER_MEANING                                                                        \
        "Key Vault of the secrets that are given as {\"KeyVault\": \"NAME\"}: "                    \
        "https://VAULT.vault.azure.net"

/* As struct conf_schema has it: {"KeyVault": ...}, and App Service's words (rule K4). */
enum conf_reference vault_refer(const struct conf_load *load, const char *text, bool named,
                                struct buf *url, struct reason *reason);

#endif
