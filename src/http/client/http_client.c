// SPDX-License-Identifier: MIT
/*
 * The thread "http" owns curl's multi handle, the queue, the timers and every transfer that it has
 * taken over; other threads only put new transfers and timers on two lists behind a lock and wake
 * it. A transfer is on exactly one of: `new_transfers`, the queue, `running`. Its `done` is called
 * by answer() alone, which also frees it.
 */
#include "http/client/http_client.h"

#include <curl/curl.h>
#include <malloc.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/timers.h"
#include "base/x509/trust.h"
#include "http/client/http_queue.h"
#include "http/client/http_transfer.h"

/* Longest sleep; a wake-up ends it at once. */
#define SLEEP_MAX_MS 60000

/* So many transfers leave something that is worth giving back. */
#define CROWD 32

/* What http_client_after was given: in `new_laters`, then in `timers`, then gone. */
struct later {
        struct timer timer; /* its due time is a steady one from the beginning */
        struct list_node node;
        void (*run)(void *context);
        void *context;
};

struct http_client {
        struct http_transfer_settings settings;
        char *user_agent;
        const char *thread_name;
        char *socket;
        void (*refused)(void *context); /* as the options have it */
        void *context;
        struct trust *trust;
        long connections;
        int64_t rest_ms;
        pthread_t thread;

        pthread_mutex_t lock; /* for the next four */
        CURLM *multi;         /* the thread "http" alone replaces it */
        struct list new_transfers;
        struct list new_laters;
        bool stopping;

        /* Of the thread "http". */
        struct http_queue queue;
        struct list running;
        struct timers timers;
        struct timer rest;
        int64_t finished_ms; /* steady clock; the last one */
        int finished;        /* since the connections were closed, CROWD at most */
};

static void answer(const struct http_client *client, struct http_transfer *transfer)
{
        long status = 0;

        /* Whoever takes the body in pieces may have ended it there. */
        if (transfer->easy)
                curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
        if ((status == 401 || status == 403) && client->refused && !transfer->for_secrets)
                client->refused(client->context);
        transfer->done(transfer->context, &transfer->answer);
        http_transfer_free(transfer);
}

static void initialise_curl(void)
{
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                abort();
}

static CURLM *make_multi(long maximum_connections)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        CURLM *multi;

        pthread_once(&once, initialise_curl);
        multi = curl_multi_init();
        if (!multi)
                abort();
        curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, maximum_connections);
        /* How many idle ones are kept. */
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, maximum_connections);
        return multi;
}

/* --- into the thread ----------------------------------------------------------------------- */

void http_client_send(struct http_client *client, const struct http_request *request,
                      http_done *done, void *context)
{
        struct http_transfer *transfer =
                http_transfer_new(request, &client->settings, done, context);

        pthread_mutex_lock(&client->lock);
        list_push_back(&client->new_transfers, &transfer->node);
        curl_multi_wakeup(client->multi);
        pthread_mutex_unlock(&client->lock);
}

static void run_later(struct timer *timer)
{
        struct later *later = list_entry(timer, struct later, timer);
        void (*run)(void *context) = later->run;
        void *context = later->context;

        free(later);
        run(context);
}

void http_client_after(struct http_client *client, int64_t delay_ms, void (*run)(void *context),
                       void *context)
{
        struct later *later = mem_new(1, sizeof(*later));

        later->timer.run = run_later;
        later->timer.due_ms = clock_steady_ms() + (delay_ms > 0 ? delay_ms : 0);
        later->run = run;
        later->context = context;
        pthread_mutex_lock(&client->lock);
        list_push_back(&client->new_laters, &later->node);
        curl_multi_wakeup(client->multi);
        pthread_mutex_unlock(&client->lock);
}

static void take_laters(struct http_client *client)
{
        struct list_node *node;

        while ((node = list_pop_front(&client->new_laters))) {
                struct later *later = list_entry(node, struct later, node);

                timers_start(&client->timers, &later->timer, later->timer.due_ms);
        }
}

/* Takes over what other threads have left; false when the client is to stop. */
static bool take_over(struct http_client *client)
{
        struct list transfers;
        bool stopping;

        list_init(&transfers);
        pthread_mutex_lock(&client->lock);
        list_splice_back(&transfers, &client->new_transfers);
        take_laters(client);
        stopping = client->stopping;
        pthread_mutex_unlock(&client->lock);
        list_for_each_safe (node, &transfers) {
                struct http_transfer *transfer = list_entry(node, struct http_transfer, node);

                list_remove(&transfers, node);
                http_queue_push(&client->queue, &transfer->queued, transfer->origin);
        }
        return !stopping;
}

/* --- on the thread ------------------------------------------------------------------------- */

static void start(struct http_client *client)
{
        struct http_queue_item *item;

        while ((item = http_queue_next(&client->queue))) {
                struct http_transfer *transfer = list_entry(item, struct http_transfer, queued);

                if (!http_transfer_prepare(transfer, &client->settings)) {
                        http_queue_finished(&client->queue, item);
                        answer(client, transfer);
                        continue;
                }
                if (curl_multi_add_handle(client->multi, transfer->easy) != CURLM_OK)
                        abort();
                list_push_back(&client->running, &transfer->node);
        }
}

/* Which libcurl offers in no other way. */
static void close_connections(struct http_client *client)
{
        CURLM *before = client->multi;

        pthread_mutex_lock(&client->lock);
        client->multi = make_multi(client->connections);
        /* Who has just woken the one before must not be slept over. */
        curl_multi_wakeup(client->multi);
        pthread_mutex_unlock(&client->lock);
        curl_multi_cleanup(before);
}

/*
 * A crowd of transfers has gone, if nothing was asked since. Its connections, 40 KiB each, would
 * stay until somebody asks again; and what its transfers needed lies free between what stays.
 */
static void rest(struct timer *timer)
{
        struct http_client *client = list_entry(timer, struct http_client, rest);
        int64_t now_ms = clock_steady_ms();
        int64_t since_ms = client->queue.active > 0 ? now_ms : client->finished_ms;

        if (now_ms - since_ms < client->rest_ms) {
                timers_start(&client->timers, timer, since_ms + client->rest_ms);
                return;
        }
        client->finished = 0;
        close_connections(client);
        (void)malloc_trim(0);
}

/* True if a connection became free. */
static bool finish(struct http_client *client)
{
        struct http_transfer *transfer;
        CURLMsg *message;
        int left;
        bool any = false;

        while ((message = curl_multi_info_read(client->multi, &left))) {
                CURLcode result = message->data.result;

                if (message->msg != CURLMSG_DONE)
                        continue;
                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
                curl_multi_remove_handle(client->multi, transfer->easy);
                list_remove(&client->running, &transfer->node);
                http_queue_finished(&client->queue, &transfer->queued);
                http_transfer_finish(transfer, result);
                answer(client, transfer);
                client->finished_ms = clock_steady_ms();
                if (client->finished < CROWD && ++client->finished == CROWD)
                        timers_start(&client->timers, &client->rest,
                                     client->finished_ms + client->rest_ms);
                any = true;
        }
        return any;
}

static void sleep_until_something(struct http_client *client)
{
        int64_t wait_ms = timers_next(&client->timers) - clock_steady_ms();

        if (wait_ms < 0)
                wait_ms = 0;
        if (wait_ms > SLEEP_MAX_MS)
                wait_ms = SLEEP_MAX_MS;
        curl_multi_poll(client->multi, NULL, 0, (int)wait_ms, NULL);
}

static void stop_running(struct http_client *client)
{
        struct list_node *node;

        while ((node = list_pop_front(&client->running))) {
                struct http_transfer *transfer = list_entry(node, struct http_transfer, node);

                curl_multi_remove_handle(client->multi, transfer->easy);
                http_queue_finished(&client->queue, &transfer->queued);
                http_transfer_stop(transfer);
                answer(client, transfer);
        }
}

static void stop_waiting(struct http_client *client)
{
        struct http_queue_item *item;

        while ((item = http_queue_drain(&client->queue))) {
                struct http_transfer *transfer = list_entry(item, struct http_transfer, queued);

                http_transfer_stop(transfer);
                answer(client, transfer);
        }
}

static bool has_new_transfers(struct http_client *client)
{
        bool any;

        pthread_mutex_lock(&client->lock);
        any = !list_is_empty(&client->new_transfers);
        pthread_mutex_unlock(&client->lock);
        return any;
}

static void *run(void *context)
{
        struct http_client *client = context;

        thread_enter(client->thread_name);
        while (take_over(client)) {
                int running;

                timers_run(&client->timers, clock_steady_ms());
                start(client);
                curl_multi_perform(client->multi, &running);
                if (!finish(client))
                        sleep_until_something(client);
        }
        stop_running(client);
        /* A `done` may have sent again. */
        do {
                take_over(client);
                stop_waiting(client);
        } while (has_new_transfers(client));
        return NULL;
}

/* --- life ---------------------------------------------------------------------------------- */

int http_client_new(const struct http_client_options *options, struct http_client **client,
                    struct reason *reason)
{
        long connections = options->maximum_connections > 0 ? options->maximum_connections : 64;
        struct http_client *made;
        struct trust *trust;
        int result = trust_open(options->trusted_certificates, &trust, reason);

        *client = NULL;
        if (result != 0)
                return result;
        made = mem_new(1, sizeof(*made));
        made->trust = trust;
        made->user_agent = mem_text(options->user_agent);
        made->thread_name = options->thread ? options->thread : HTTP_CLIENT_THREAD;
        made->socket = mem_text(options->socket);
        made->refused = options->refused;
        made->context = options->context;
        made->settings = (struct http_transfer_settings){
                .certificates = trust_file(trust),
                .user_agent = made->user_agent,
                .socket = made->socket,
                .timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : 30000,
                .maximum_answer = options->maximum_answer > 0 ? options->maximum_answer : 1048576,
        };
        made->connections = connections;
        made->rest_ms = options->rest_ms > 0 ? options->rest_ms : 5000;
        made->multi = make_multi(connections);
        pthread_mutex_init(&made->lock, NULL);
        list_init(&made->new_transfers);
        list_init(&made->new_laters);
        list_init(&made->running);
        made->rest.run = rest;
        http_queue_init(&made->queue, connections);
        thread_start(&made->thread, run, made);
        *client = made;
        return 0;
}

static void drop_laters(struct http_client *client)
{
        take_laters(client);
        timers_stop(&client->timers, &client->rest);
        while (client->timers.count > 0) {
                struct timer *timer = client->timers.heap[1];

                timers_stop(&client->timers, timer);
                free(list_entry(timer, struct later, timer));
        }
        timers_deinit(&client->timers);
}

const char *http_client_thread(const struct http_client *client)
{
        return client->thread_name;
}

void http_client_free(struct http_client *client)
{
        if (!client)
                return;
        pthread_mutex_lock(&client->lock);
        client->stopping = true;
        curl_multi_wakeup(client->multi);
        pthread_mutex_unlock(&client->lock);
        pthread_join(client->thread, NULL);
        curl_multi_cleanup(client->multi);
        http_queue_deinit(&client->queue);
        drop_laters(client);
        pthread_mutex_destroy(&client->lock);
        trust_close(client->trust);
        free(client->user_agent);
        free(client->socket);
        free(client);
}
