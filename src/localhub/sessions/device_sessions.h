// SPDX-License-Identifier: MIT
/*
 * Devices that are connected to a hub, whatever protocol they speak: who owns an identity, direct
 * methods under way, and who is told of desired properties. A protocol embeds struct
 * device_session in what it knows of a device on a connection.
 *
 * Laws:
 *   - at most one session of an identity owns it: the one that connected last;
 *   - a method call (rule W9) waits for its device until its connect timeout, then for the answer
 *     until its response timeout, and ends exactly once;
 *   - desired properties (rule W10) are told to the owner if it has subscribed, and are not kept
 *     for others, who read them later.
 *
 * All on the thread of the hub's connections.
 */
#ifndef ISTHMUS_LOCALHUB_SESSIONS_DEVICE_SESSIONS_H
#define ISTHMUS_LOCALHUB_SESSIONS_DEVICE_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "localhub/sessions/device_calls.h"
#include "localhub/sessions/device_owner.h"

/* Both must stay; so must `registry`, which the caller sets before the first session. */
void device_sessions_init(struct device_sessions *all, struct timers *timers,
                          const int64_t *now_ms);
/* Ends all calls; the sessions are gone. */
void device_sessions_deinit(struct device_sessions *all);

/* Tells the owner, if there is one, that messages wait in the command queue. */
void device_sessions_commands_wait(struct device_sessions *all, int hub, const char *device_id);

/* The desired properties have changed by this merge patch. */
void device_sessions_desired(struct device_sessions *all, int hub, const char *device_id,
                             const char *patch);

/* --- a session ------------------------------------------------------------------------------- */

/* Makes an unconnected one; `connection` must stay. */
void device_session_init(struct device_session *session, struct device_sessions *all,
                         const struct device_protocol *protocol, int hub, const char *device_id,
                         const char *connection);
void device_session_deinit(struct device_session *session);

/* It is connected (again), and owns its identity from now on. */
void device_session_connect(struct device_session *session);
void device_session_disconnect(struct device_session *session);

/* Without a subscription, what waits to be told is dropped. */
void device_session_subscribe(struct device_session *session, bool subscribed);

/* The next patch to tell, the caller's to free; NULL = none. */
char *device_session_next_patch(struct device_session *session);

#endif
