// SPDX-License-Identifier: MIT
#include "cli/gateway/data_place.h"

#include "base/log.h"
#include "gateway/gateway.h"

bool data_place_find(struct data_place *place)
{
        const char *file = place->file ? place->file : SETTINGS_DEFAULT_FILE;

        settings_init(&place->settings);
        log_configure(LOG_LEVEL_WARN, LOG_FORMAT_AUTO);
        if (place->directory) {
                place->store =
                        (struct store_options){.backend = "sqlite", .directory = place->directory};
                return true;
        }
        if (!settings_load_or_complain(&place->settings, file))
                return false;
        place->store = gateway_store_options(&place->settings);
        return true;
}

void data_place_deinit(struct data_place *place)
{
        settings_deinit(&place->settings);
}
