// SPDX-License-Identifier: MIT
/* What one setting demands of another. Not for use outside conf/. */
#ifndef ISTHMUS_CONF_SETTINGS_CHECK_H
#define ISTHMUS_CONF_SETTINGS_CHECK_H

#include "conf/engine/load.h"
#include "conf/settings.h"

/*
 * Reports what does not fit together, and settles what follows from it: the way to Azure that is
 * in force.
 */
void settings_check(struct conf_load *load, struct settings *settings);

/* settings_check_azure.c */
void settings_check_azure(struct conf_load *load, struct settings *settings);

/* settings_check_queues.c: before values are written, and after. */
void settings_prepare_queues(struct conf_load *load);
void settings_check_queues(struct conf_load *load, struct settings *settings);

/* settings_check_monitor.c */
void settings_check_monitor(struct conf_load *load, const struct settings *settings);

/* settings_networks.c */
void settings_check_networks(struct conf_load *load, const struct settings *settings);

/* True if somebody has given this setting a value, good or bad; `name` NULL = no name in it. */
bool settings_is_given(const struct conf_load *load, const char *path, const char *name);

#endif
