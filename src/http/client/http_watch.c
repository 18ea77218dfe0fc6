// SPDX-License-Identifier: MIT
#include "http/client/http_watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

struct watched {
        struct http_watch watch;
        char *method;
        char *url; /* perhaps with a signature in it */
        int64_t started_ns;
        http_done *done;
        void *context;
};

static void on_answer(void *context, const struct http_answer *answer)
{
        struct watched *watched = context;

        if (answer->failure != HTTP_E_STOPPED)
                watched->watch.ended(watched->watch.context,
                                     &(struct http_ended){.service = watched->watch.service,
                                                          .method = watched->method,
                                                          .url = watched->url,
                                                          .started_ns = watched->started_ns,
                                                          .answer = answer});
        watched->done(watched->context, answer);
        mem_wipe(watched->url, strlen(watched->url));
        free(watched->method);
        free(watched->url);
        free(watched);
}

void http_watch_send(const struct http_watch *watch, struct http_client *client,
                     const struct http_request *request, http_done *done, void *context)
{
        struct watched *watched;

        if (!watch->ended) {
                http_client_send(client, request, done, context);
                return;
        }
        watched = mem_new(1, sizeof(*watched));
        watched->watch = *watch;
        watched->method = mem_text(request->method);
        watched->url = mem_text(request->url);
        watched->started_ns = clock_steady_ns();
        watched->done = done;
        watched->context = context;
        http_client_send(client, request, on_answer, watched);
}
