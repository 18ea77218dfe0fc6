// SPDX-License-Identifier: MIT
/* `isthmus config check --secrets`: asks the Key Vaults that a configuration names. */
#ifndef ISTHMUS_CLI_GATEWAY_SECRETS_CHECK_H
#define ISTHMUS_CLI_GATEWAY_SECRETS_CHECK_H

#include <stdbool.h>

/* Prints a line for each secret of a struct settings; true if all of them were read and are fit. */
bool secrets_check(void *target);

#endif
