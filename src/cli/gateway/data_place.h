// SPDX-License-Identifier: MIT
/* Where a gateway's data is: as --data says, else as the configuration does. */
#ifndef ISTHMUS_CLI_GATEWAY_DATA_PLACE_H
#define ISTHMUS_CLI_GATEWAY_DATA_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "conf/settings.h"
#include "conf/settings_load.h"
#include "store/store.h"

struct data_place {
        const char *file;           /* --config; NULL = the default one */
        const char *directory;      /* --data; NULL = as the configuration says */
        struct store_options store; /* what to open */
        struct settings settings;   /* owns the texts that `store` points to */
};

/* Its rows in the table of a command's options; `member` is the place in the command's struct. */
#define DATA_PLACE_ROWS(type, member)                                                              \
        OPTION_CONFIG(type, member.file, "the configuration (default " SETTINGS_DEFAULT_FILE ")"), \
        {                                                                                          \
                .name = "data", .letter = 'd', .value = "DIR",                                     \
                .meaning = "the data directory, without a configuration",                          \
                .offset = offsetof(type, member.directory)                                         \
        }

#define DATA_PLACE_INIT ((struct data_place){.file = NULL})

/*
 * Fills `store`; false, and says why on standard error, if the configuration is not fit for use.
 * From then on warnings and errors alone are logged.
 */
bool data_place_find(struct data_place *place) MUST_CHECK;

void data_place_deinit(struct data_place *place);

#endif
