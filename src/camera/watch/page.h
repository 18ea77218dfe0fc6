// SPDX-License-Identifier: MIT
/*
 * A page for people: the last picture of each camera with what is in it, its tallies over time, how
 * it is, and a tool to draw zones. Files of the program itself, nothing from elsewhere.
 */
#ifndef ISTHMUS_CAMERA_WATCH_PAGE_H
#define ISTHMUS_CAMERA_WATCH_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "camera/watch/camera.h"
#include "http/http_server.h"

/* Answers a GET of one of the page's paths; false if it is none of them. */
bool page_answer(struct camera *const *cameras, size_t count, struct http_exchange *exchange);

/*
 * In `admit`: answers who does not know the key, which a browser asks for as a password (RFC 7617,
 * any user name), and what another site's page sends.
 */
void page_admit(const char *key, struct http_exchange *exchange);

#endif
