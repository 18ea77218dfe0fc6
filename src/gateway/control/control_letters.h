// SPDX-License-Identifier: MIT
/* Requests at the control socket that replay or drop dead letters. */
#ifndef ISTHMUS_GATEWAY_CONTROL_CONTROL_LETTERS_H
#define ISTHMUS_GATEWAY_CONTROL_CONTROL_LETTERS_H

#include "gateway/control/control_options.h"
#include "gateway/control/control_request.h"
#include "http/http_server.h"

/*
 * Does what the request asks for and answers the exchange, which must have been deferred, on the
 * store's thread: {"changed":N,"left":N,"more":BOOL,"before":ID}. `more` says that letters are left
 * that were asked for; `before` belongs into the request that goes on. Any thread.
 */
void control_letters_change(const struct control_options *options,
                            const struct control_request *request, struct http_exchange *exchange);

#endif
