// SPDX-License-Identifier: MIT
/*
 * HTTP out: libcurl's multi interface on one thread ("http" if not named otherwise), connections
 * kept and shared. TLS certificates are always verified; more trust can be added, never less.
 *
 * HTTP/1.1 over http or https, redirects are not followed (they are an answer), the environment's
 * `https_proxy`, `http_proxy` and `no_proxy` are honoured. A request that finds a kept connection
 * closed is sent again by libcurl on a new one, so a server may see one twice (but see `once`).
 * When a crowd of requests has gone, all connections are closed after a while without any.
 *
 * No server can take all connections: a quarter of them is left to the others, and waiting
 * requests of several servers take turns. What waits is bounded by those who send.
 */
#ifndef ISTHMUS_HTTP_CLIENT_HTTP_CLIENT_H
#define ISTHMUS_HTTP_CLIENT_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "http/client/http_answer.h"
#include "http/client/http_request.h"

#define HTTP_CLIENT_THREAD "http"

struct http_client;

struct http_client_options {
        const char *trusted_certificates; /* PEM file beside the system's; or NULL */
        const char *user_agent;
        const char *thread; /* its name, static; NULL = HTTP_CLIENT_THREAD */
        /* Path of a Unix domain socket that all requests go to, whatever their URL says; or NULL.
         */
        const char *socket;
        long maximum_connections; /* in all; 0 = 64 */
        long timeout_ms;          /* of one request, from start to last byte; 0 = 30 s */
        long rest_ms;             /* that while; 0 = 5 s */
        size_t maximum_answer;    /* bytes of an answer's body; 0 = 1 MiB */
        /*
         * Somebody refuses (401, 403) what a request has shown, unless that is `for_secrets`; on
         * the client's thread, before the request's `done`. Or NULL.
         */
        void (*refused)(void *context);
        void *context;
};

/* Copies the options. A negative errno, with the reason, if the certificates can't be read. */
int http_client_new(const struct http_client_options *options, struct http_client **client,
                    struct reason *reason) MUST_CHECK;

/*
 * Answers what is under way with HTTP_E_STOPPED, joins the thread. What a `done` sends meanwhile is
 * answered in the same way. Any thread but "http"; NULL is allowed.
 */
void http_client_free(struct http_client *client);

/* The name of its thread, for THREAD_ASSERT. Any thread. */
const char *http_client_thread(const struct http_client *client);

/* Copies the request. May be called on every thread; never calls back before it returns. */
void http_client_send(struct http_client *client, const struct http_request *request,
                      http_done *done, void *context);

/* Calls `run` on the thread "http" after `delay_ms` (0 = soon). At free: not called any more. */
void http_client_after(struct http_client *client, int64_t delay_ms, void (*run)(void *context),
                       void *context);

#endif
