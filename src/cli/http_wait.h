// SPDX-License-Identifier: MIT
/* One HTTP request for which a command waits. */
#ifndef ISTHMUS_CLI_HTTP_WAIT_H
#define ISTHMUS_CLI_HTTP_WAIT_H

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "http/client/http_client.h"

/*
 * Sends and waits: 0 with the answer's status and its body added to `body`, or -EIO with the
 * reason why there is none. Any thread but "http".
 */
int http_wait(struct http_client *http, const struct http_request *request, int *status,
              struct buf *body, struct reason *reason) MUST_CHECK;

#endif
