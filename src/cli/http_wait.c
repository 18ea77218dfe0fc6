// SPDX-License-Identifier: MIT
#include "cli/http_wait.h"

#include <pthread.h>
#include <stdbool.h>

struct waiting {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool done; /* guarded, as all that follows */
        int result;
        int *status;
        struct buf *body;
        struct reason *reason;
};

/* On the thread "http". */
static void done(void *context, const struct http_answer *answer)
{
        struct waiting *waiting = context;

        pthread_mutex_lock(&waiting->lock);
        if (answer->failure != HTTP_OK) {
                *waiting->reason = answer->reason;
                waiting->result = -EIO;
        } else {
                *waiting->status = answer->status;
                buf_add(waiting->body, answer->body.data, answer->body.size);
        }
        waiting->done = true;
        pthread_cond_signal(&waiting->changed);
        pthread_mutex_unlock(&waiting->lock);
}

int http_wait(struct http_client *http, const struct http_request *request, int *status,
              struct buf *body, struct reason *reason)
{
        struct waiting waiting = {
                .lock = PTHREAD_MUTEX_INITIALIZER,
                .changed = PTHREAD_COND_INITIALIZER,
                .status = status,
                .body = body,
                .reason = reason,
        };

        http_client_send(http, request, done, &waiting);
        pthread_mutex_lock(&waiting.lock);
        while (!waiting.done)
                pthread_cond_wait(&waiting.changed, &waiting.lock);
        pthread_mutex_unlock(&waiting.lock);
        pthread_cond_destroy(&waiting.changed);
        pthread_mutex_destroy(&waiting.lock);
        return waiting.result;
}
