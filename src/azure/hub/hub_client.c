// SPDX-License-Identifier: MIT
/*
 * The thread "hub": proton's proactor with one thread, posts from other threads, timers.
 *
 * A turn is: one batch of events, then the posts, then the timers that are due, then the news for
 * the owners, then a wake for each connection that was written to. Only this thread touches
 * proton's objects; other threads touch the list of posts, under its lock, and interrupt the
 * proactor.
 */
#include "azure/hub/hub_client.h"

#include <proton/connection.h>
#include <proton/event.h>
#include <proton/proactor.h>
#include <pthread.h>
#include <stdlib.h>

#include "azure/hub/hub_connection.h"
#include "azure/hub/hub_core.h"
#include "azure/hub/hub_dial.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

struct post {
        void (*run)(void *context);
        void *context;
};

struct posts {
        struct post *list;
        size_t count;
        size_t capacity;
};

struct hub_loop {
        struct hub_client client; /* first: what the public functions are given */
        struct hub_dialer dialer;
        pthread_t thread;
        pthread_mutex_t lock; /* guards `posted` */
        struct posts posted;
        struct posts running;
        int64_t armed_ms; /* for when the proactor's timeout is set; -1 = not */
        int64_t patience_ms;
        struct hub_timer patience;
        bool done;
};

static struct hub_loop *loop_of(struct hub_client *client)
{
        return list_entry(client, struct hub_loop, client);
}

static void io_connect(struct hub_client *client, pn_connection_t *connection,
                       const struct hub_address *address)
{
        hub_dialer_connect(&loop_of(client)->dialer, connection, address);
}

static void io_wake(struct hub_client *client, pn_connection_t *connection)
{
        (void)client;
        pn_connection_wake(connection);
}

static void io_abandon(struct hub_client *client, pn_connection_t *connection)
{
        hub_dialer_abandon(&loop_of(client)->dialer, connection);
}

static const struct hub_io proactor_io = {io_connect, io_wake, io_abandon};

/* --- a turn --------------------------------------------------------------------------------- */

static void handle_event(struct hub_loop *loop, pn_event_t *event)
{
        pn_connection_t *connection = pn_event_connection(event);

        if (pn_event_type(event) == PN_PROACTOR_TIMEOUT)
                loop->armed_ms = -1;
        if (connection == NULL)
                return;
        loop->client.current = pn_connection_get_context(connection);
        hub_connection_event(connection, event);
}

static void handle_batch(struct hub_loop *loop, pn_event_batch_t *batch)
{
        /* What owners send when they hear the news goes out with this batch. */
        do {
                pn_event_t *event;

                while ((event = pn_event_batch_next(batch)) != NULL)
                        handle_event(loop, event);
        } while (hub_core_tell(&loop->client));
        loop->client.current = NULL;
}

static void run_posts(struct hub_loop *loop)
{
        struct posts swapped;

        pthread_mutex_lock(&loop->lock);
        swapped = loop->posted;
        loop->posted = loop->running;
        loop->posted.count = 0;
        loop->running = swapped;
        pthread_mutex_unlock(&loop->lock);
        for (size_t i = 0; i < loop->running.count; i++)
                loop->running.list[i].run(loop->running.list[i].context);
}

static void arm(struct hub_loop *loop)
{
        int64_t next_ms = hub_timers_next(&loop->client.timers);
        int64_t delay_ms = next_ms - loop->client.now_ms;

        /* A timeout that comes too early is harmless: it is set again. */
        if (next_ms < 0 || (loop->armed_ms >= 0 && loop->armed_ms <= next_ms))
                return;
        loop->armed_ms = next_ms;
        pn_proactor_set_timeout(loop->dialer.proactor, delay_ms > 0 ? (pn_millis_t)delay_ms : 0);
}

static void turn(struct hub_loop *loop)
{
        struct hub_client *client = &loop->client;
        pn_event_batch_t *batch = pn_proactor_wait(loop->dialer.proactor);

        hub_core_time(client, clock_steady_ms(), clock_wall_ms());
        handle_batch(loop, batch);
        pn_proactor_done(loop->dialer.proactor, batch);
        run_posts(loop);
        hub_timers_run(&client->timers, client->now_ms);
        if (client->stopping) {
                hub_core_stop(client);
                loop->done = loop->done || hub_core_is_stopped(client);
        }
        while (hub_core_tell(client))
                continue;
        hub_core_flush(client);
        arm(loop);
}

static void *run(void *context)
{
        struct hub_loop *loop = context;

        thread_enter(HUB_CLIENT_THREAD);
        while (!loop->done)
                turn(loop);
        run_posts(loop); /* what was posted before the end, and lookups that came too late */
        return NULL;
}

/* --- life ----------------------------------------------------------------------------------- */

int hub_client_new(const struct hub_client_options *options, struct hub_client **client,
                   struct reason *reason)
{
        struct hub_loop *loop = mem_new(1, sizeof(*loop));
        int error = hub_dialer_init(&loop->dialer, &loop->client, options->trusted_certificates,
                                    reason);

        if (error != 0) {
                free(loop);
                return error;
        }
        loop->armed_ms = -1;
        pthread_mutex_init(&loop->lock, NULL);
        hub_core_init(&loop->client, options, &proactor_io);
        thread_start(&loop->thread, run, loop);
        *client = &loop->client;
        return 0;
}

void hub_client_post(struct hub_client *client, void (*run_post)(void *context), void *context)
{
        struct hub_loop *loop = loop_of(client);
        struct posts *posted = &loop->posted;
        bool first;

        pthread_mutex_lock(&loop->lock);
        first = posted->count == 0;
        if (posted->count == posted->capacity) {
                posted->capacity = posted->capacity == 0 ? 64 : posted->capacity * 2;
                posted->list = mem_resize(posted->list, posted->capacity, sizeof(posted->list[0]));
        }
        posted->list[posted->count++] = (struct post){.run = run_post, .context = context};
        pthread_mutex_unlock(&loop->lock);
        if (first)
                pn_proactor_interrupt(loop->dialer.proactor);
}

static void patience_ends(struct hub_timer *timer)
{
        struct hub_loop *loop = list_entry(timer, struct hub_loop, patience);

        hub_core_abandon(&loop->client);
}

static void stop(void *context)
{
        struct hub_loop *loop = context;

        hub_core_stop(&loop->client);
        loop->patience.run = patience_ends;
        hub_timer_start(&loop->client, &loop->patience, loop->patience_ms);
}

void hub_client_free(struct hub_client *client, int64_t patience_ms)
{
        struct hub_loop *loop;

        if (client == NULL)
                return;
        loop = loop_of(client);
        loop->patience_ms = patience_ms;
        hub_client_post(client, stop, loop);
        pthread_join(loop->thread, NULL);
        hub_core_deinit(client);
        hub_dialer_deinit(&loop->dialer);
        pthread_mutex_destroy(&loop->lock);
        free(loop->posted.list);
        free(loop->running.list);
        free(loop);
}
