// SPDX-License-Identifier: MIT
/*
 * One request on its way: our copy of it, its curl handle, and the answer as it comes in. Made on
 * any thread, used on the thread "http" from then on.
 */
#ifndef ISTHMUS_HTTP_CLIENT_HTTP_TRANSFER_H
#define ISTHMUS_HTTP_CLIENT_HTTP_TRANSFER_H

#include <curl/curl.h>

#include "base/list.h"
#include "http/client/http_queue.h"
#include "http/client/http_request.h"

struct http_transfer {
        struct list_node node; /* on the client's list of new or running transfers */
        struct http_queue_item queued;
        char *method;
        char *url;
        char *origin; /* scheme, host and port: what may be logged of the URL */
        char *body;
        size_t body_size;
        size_t body_given; /* of a request that is sent once */
        bool once;
        bool (*may_go)(void *context);
        bool is_withheld; /* by may_go */
        bool public_only;
        bool direct;
        bool for_secrets;
        char *user; /* NULL = none */
        char *password;
        struct certificate *certificate; /* or NULL */
        bool (*take)(void *context, const struct http_answer *answer, const char *bytes,
                     size_t size);
        bool multiplex;
        char refused[64]; /* an address that is not public; "" = none */
        long timeout_ms;
        size_t maximum_answer;
        struct curl_slist *headers;
        CURL *easy; /* NULL until started */
        char detail[CURL_ERROR_SIZE];
        bool too_large;
        int64_t started_ms;
        struct http_answer answer;
        http_done *done;
        void *context;
};

/* What a client says to all its transfers; must stay while they live. */
struct http_transfer_settings {
        const char *certificates; /* file of everything that is trusted */
        const char *user_agent;
        const char *socket; /* of the Unix domain; or NULL */
        long timeout_ms;
        size_t maximum_answer;
};

/* Copies the request. */
struct http_transfer *http_transfer_new(const struct http_request *request,
                                        const struct http_transfer_settings *settings,
                                        http_done *done, void *context);

/* Overwrites the password, the headers and the body, which may hold keys. */
void http_transfer_free(struct http_transfer *transfer);

/* Makes the curl handle. False, with the answer's failure and reason set, if it can't be sent. */
bool http_transfer_prepare(struct http_transfer *transfer,
                           const struct http_transfer_settings *settings);

/* Puts curl's verdict, or HTTP_E_STOPPED, into the answer. */
void http_transfer_finish(struct http_transfer *transfer, CURLcode result);
void http_transfer_stop(struct http_transfer *transfer);

#endif
