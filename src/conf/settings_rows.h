// SPDX-License-Identifier: MIT
/* The tables of the gateway's settings. */
#ifndef ISTHMUS_CONF_SETTINGS_ROWS_H
#define ISTHMUS_CONF_SETTINGS_ROWS_H

#include "conf/engine/schema.h"

/* settings_rows.c and the networks hold the rows, settings_spellings.c the spellings and the
 * ignored names. */
const struct conf_schema *settings_schema(void);

extern const struct conf_spelling settings_spellings[];
extern const struct conf_ignored settings_ignored[];

#endif
