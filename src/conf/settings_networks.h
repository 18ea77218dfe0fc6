// SPDX-License-Identifier: MIT
/* The rows of the settings that the networks' drivers name. Not for use outside conf/. */
#ifndef ISTHMUS_CONF_SETTINGS_NETWORKS_H
#define ISTHMUS_CONF_SETTINGS_NETWORKS_H

#include "conf/engine/schema.h"
#include "conf/settings.h"

/*
 * Writes a row for each setting of each network; `rows` NULL = none is written. `applications` is
 * the map of struct settings_application. Returns how many there are.
 */
size_t settings_network_rows(const struct conf_map *applications, struct conf_row *rows);

#endif
