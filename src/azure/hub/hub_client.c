// SPDX-License-Identifier: MIT
/*
 * The thread "loop", which sleeps in proton's proactor and drives the loop that it was given.
 *
 * A turn is: one batch of events, then the posts, then the timers that are due, then the news for
 * the owners, then a wake for each connection that was written to. Only this thread touches
 * proton's objects; the posts of other threads interrupt the proactor.
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

struct driver {
        struct hub_client client; /* first: what the public functions are given */
        struct hub_dialer dialer;
        pthread_t thread;
        int64_t armed_ms; /* for when the proactor's timeout is set; -1 = not */
        int64_t patience_ms;
        struct timer patience;
        bool done;
};

static struct driver *driver_of(struct hub_client *client)
{
        return list_entry(client, struct driver, client);
}

static void io_connect(struct hub_client *client, pn_connection_t *connection,
                       const struct hub_address *address)
{
        hub_dialer_connect(&driver_of(client)->dialer, connection, address);
}

static void io_wake(struct hub_client *client, pn_connection_t *connection)
{
        (void)client;
        pn_connection_wake(connection);
}

static void io_abandon(struct hub_client *client, pn_connection_t *connection)
{
        hub_dialer_abandon(&driver_of(client)->dialer, connection);
}

static const struct hub_io proactor_io = {io_connect, io_wake, io_abandon};

/* --- a turn --------------------------------------------------------------------------------- */

static void handle_event(struct driver *driver, pn_event_t *event)
{
        pn_connection_t *connection = pn_event_connection(event);

        if (pn_event_type(event) == PN_PROACTOR_TIMEOUT)
                driver->armed_ms = -1;
        if (connection == NULL)
                return;
        driver->client.current = pn_connection_get_context(connection);
        hub_connection_event(connection, event);
}

static void handle_batch(struct driver *driver, pn_event_batch_t *batch)
{
        /* What owners send when they hear the news goes out with this batch. */
        do {
                pn_event_t *event;

                while ((event = pn_event_batch_next(batch)) != NULL)
                        handle_event(driver, event);
        } while (hub_core_tell(&driver->client));
        driver->client.current = NULL;
}

static void arm(struct driver *driver)
{
        int64_t next_ms = loop_next_ms(driver->client.loop);
        int64_t delay_ms = next_ms - driver->client.now_ms;

        /* A timeout that comes too early is harmless: it is set again. */
        if (next_ms == INT64_MAX || (driver->armed_ms >= 0 && driver->armed_ms <= next_ms))
                return;
        driver->armed_ms = next_ms;
        pn_proactor_set_timeout(driver->dialer.proactor, delay_ms > 0 ? (pn_millis_t)delay_ms : 0);
}

static void turn(struct driver *driver)
{
        struct hub_client *client = &driver->client;
        pn_event_batch_t *batch = pn_proactor_wait(driver->dialer.proactor);

        hub_core_time(client, clock_steady_ms(), clock_wall_ms());
        handle_batch(driver, batch);
        pn_proactor_done(driver->dialer.proactor, batch);
        loop_run_posts(client->loop);
        loop_run_timers(client->loop);
        if (client->stopping) {
                hub_core_stop(client);
                driver->done = driver->done || hub_core_is_stopped(client);
        }
        while (hub_core_tell(client))
                continue;
        hub_core_flush(client);
        arm(driver);
}

static void *run(void *context)
{
        struct driver *driver = context;

        thread_enter(LOOP_THREAD);
        while (!driver->done)
                turn(driver);
        /* What was posted before the end, and lookups that came too late. */
        loop_run_posts(driver->client.loop);
        hub_core_deinit(&driver->client);
        return NULL;
}

/* Any thread. */
static void wake(void *context)
{
        struct driver *driver = context;

        pn_proactor_interrupt(driver->dialer.proactor);
}

/* --- life ----------------------------------------------------------------------------------- */

int hub_client_new(const struct hub_client_options *options, struct hub_client **client,
                   struct reason *reason)
{
        struct driver *driver = mem_new(1, sizeof(*driver));
        int error = hub_dialer_init(&driver->dialer, &driver->client, options->trusted_certificates,
                                    reason);

        if (error != 0) {
                free(driver);
                return error;
        }
        driver->armed_ms = -1;
        hub_core_init(&driver->client, options, &proactor_io);
        loop_drive(options->loop, wake, driver);
        thread_start(&driver->thread, run, driver);
        *client = &driver->client;
        return 0;
}

static void patience_ends(struct timer *timer)
{
        struct driver *driver = list_entry(timer, struct driver, patience);

        hub_core_abandon(&driver->client);
}

static void stop(void *context)
{
        struct driver *driver = context;

        hub_core_stop(&driver->client);
        driver->patience.run = patience_ends;
        loop_timer_start(driver->client.loop, &driver->patience, driver->patience_ms);
}

void hub_client_free(struct hub_client *client, int64_t patience_ms)
{
        struct driver *driver;

        if (client == NULL)
                return;
        driver = driver_of(client);
        driver->patience_ms = patience_ms;
        loop_post(client->loop, stop, driver);
        pthread_join(driver->thread, NULL);
        loop_drive(client->loop, NULL, NULL);
        hub_dialer_deinit(&driver->dialer);
        free(driver);
}
