// SPDX-License-Identifier: MIT
/*
 * A client without its thread: its hubs by name, their devices and connections, and who goes on
 * which connection. It knows neither sockets nor the proactor: hub_thread.c gives it both, and a
 * test gives it two connection drivers joined in memory and a clock of its own.
 */
#ifndef ISTHMUS_AZURE_HUB_HUB_POOL_H
#define ISTHMUS_AZURE_HUB_HUB_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "azure/hub/hub_inside.h"

void hub_pool_init(struct hub_client *client, const struct hub_client_options *options,
                   const struct hub_io *io);

/* Frees what is left; connections must have been closed or abandoned. */
void hub_pool_deinit(struct hub_client *client);

/*
 * What the clocks show at the beginning of a turn. If the wall clock was set, tokens are renewed in
 * time for what it shows now, and whom the hub did not authorise tries again.
 */
void hub_pool_time(struct hub_client *client, int64_t steady_ms, int64_t wall_ms);

/*
 * Stops in order: no new sends; a connection closes when its unsettled sends have been answered.
 * Called again at each turn until hub_pool_is_stopped; hub_pool_abandon ends what remains at once.
 */
void hub_pool_stop(struct hub_client *client);
bool hub_pool_is_stopped(const struct hub_client *client);
void hub_pool_abandon(struct hub_client *client);

/* The device of a hub is closed: if the hub is its own, the next sweeps close and free it. */
void hub_pool_retire(struct hub *hub);

/* Behind a batch of events. */
void hub_pool_sweep(struct hub_client *client);

#endif
