// SPDX-License-Identifier: MIT
/* Requests of which somebody else than their sender is told when they have ended. */
#ifndef ISTHMUS_HTTP_CLIENT_HTTP_WATCH_H
#define ISTHMUS_HTTP_CLIENT_HTTP_WATCH_H

#include <stdint.h>

#include "http/client/http_client.h"

/* Valid during the call. */
struct http_ended {
        const char *service; /* the watch's */
        const char *method;
        const char *url;    /* may hold a secret behind its '?' */
        int64_t started_ns; /* steady clock */
        const struct http_answer *answer;
};

struct http_watch {
        /* On the thread of the client, before the sender's `done`; NULL = nobody is told. */
        void (*ended)(void *context, const struct http_ended *ended);
        void *context;
        const char *service; /* whom the requests are for; static */
};

/* As http_client_send; copies `watch`, who is told unless the client is being freed. */
void http_watch_send(const struct http_watch *watch, struct http_client *client,
                     const struct http_request *request, http_done *done, void *context);

#endif
