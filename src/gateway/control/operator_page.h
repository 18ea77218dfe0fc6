// SPDX-License-Identifier: MIT
/*
 * The operator's page: a server of its own (Page.Listen) with the page's files, and below /api/ the
 * calls of the control socket for it.
 *
 * Laws:
 *   - who has no key sees nothing, unless it listens on loopback and has none;
 *   - nothing is changed without Page.ControlKey;
 *   - pages of other sites get nothing.
 *
 * Thread: "page", a server's (http_server.h).
 */
#ifndef ISTHMUS_GATEWAY_CONTROL_OPERATOR_PAGE_H
#define ISTHMUS_GATEWAY_CONTROL_OPERATOR_PAGE_H

#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "gateway/control/control.h"

struct operator_page;

/* `page` is NULL, and 0 comes back, if none is configured. Both must outlive it. */
int operator_page_start(const struct settings *settings, struct control *control,
                        struct operator_page **page, struct reason *reason) MUST_CHECK;

/* Before control_stop. NULL is allowed. */
void operator_page_stop(struct operator_page *page);

#endif
