// SPDX-License-Identifier: MIT
/* `config check --secrets`: asks the Key Vaults that a configuration names. */
#ifndef ISTHMUS_CLI_SECRETS_CHECK_H
#define ISTHMUS_CLI_SECRETS_CHECK_H

#include <stdbool.h>

#include "conf/engine/schema.h"

/*
 * Of a target that was loaded: prints for each secret of a vault which version is there, or why it
 * can't be read. `certificates`: a file of those that are trusted beside the system's, or NULL.
 * False if one can't be read.
 */
bool secrets_check(const struct conf_schema *schema, void *target, const char *certificates);

#endif
