// SPDX-License-Identifier: MIT
/* The last warnings and errors of the log, for the operator's page. Every thread. */
#ifndef ISTHMUS_GATEWAY_CONTROL_LOG_TAIL_H
#define ISTHMUS_GATEWAY_CONTROL_LOG_TAIL_H

#include "base/buf.h"

/* Lines that are remembered. */
#define LOG_TAIL_MAX 100

/* Begins to listen, for the life of the process; a second call changes nothing. */
void log_tail_start(void);

/* Adds `{"lines":[...]}`, the newest first. */
void log_tail_write(struct buf *out);

#endif
