// SPDX-License-Identifier: MIT
/* A page for people on the control API: devices, telemetry, faults, provisioning. */
#ifndef ISTHMUS_LOCALHUB_PAGE_HUB_PAGE_H
#define ISTHMUS_LOCALHUB_PAGE_HUB_PAGE_H

#include <stdbool.h>

#include "http/http_server.h"

/* Answers a GET of one of the page's files; false if it is none of them. */
bool hub_page_answer(struct http_exchange *exchange);

/* True for a request of this very page in a browser on this machine, which no other page can make.
 */
bool hub_page_is_own(const struct http_exchange *exchange);

#endif
