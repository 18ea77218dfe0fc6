// SPDX-License-Identifier: MIT
/*
 * The thread "loop", which sleeps in proton's proactor and drives the loop that it was given, and
 * the sockets: a host's name is looked up (azure/lookup.h), TCP and TLS are the proactor's.
 *
 * A turn is: one batch of events, then the posts, then the timers that are due, then the news for
 * the owners, then a wake for each connection that was written to. Only this thread touches
 * proton's objects; the posts of other threads interrupt the proactor.
 */
#include <proton/connection.h>
#include <proton/event.h>
#include <proton/proactor.h>
#include <proton/sasl.h>
#include <proton/ssl.h>
#include <proton/transport.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "azure/hub/hub_client.h"
#include "azure/hub/hub_connection.h"
#include "azure/hub/hub_inside.h"
#include "azure/hub/hub_pool.h"
#include "azure/hub/hub_turn.h"
#include "azure/lookup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/thread.h"

#define PORT_SIZE 6

/* Kinds of keys that OpenSSL knows for TLS: one place each in a domain. */
#define KEY_KINDS 8

struct driver {
        struct hub_client client; /* first: what the public functions are given */
        pn_proactor_t *proactor;
        char *trusted_certificates; /* or NULL */
        pn_ssl_domain_t *trust;
        struct {
                int kind; /* of keys; 0 = not used yet */
                pn_ssl_domain_t *domain;
        } showing[KEY_KINDS]; /* with a device's certificate */
        struct list dialling; /* struct dial */
        pthread_t thread;
        int64_t armed_ms; /* for when the proactor's timeout is set; -1 = not */
        int64_t patience_ms;
        struct timer patience;
        bool done;
};

/* A connection whose host is being looked up. */
struct dial {
        struct driver *driver;
        struct list_node node;
        pn_connection_t *connection;
        struct lookup *lookup;
        uint16_t port;
        const struct certificate *certificate; /* of the connection's hub; or NULL */
};

static struct driver *driver_of(struct hub_client *client)
{
        return list_entry(client, struct driver, client);
}

/* --- sockets --------------------------------------------------------------------------------- */

static void dial_free(struct dial *dial)
{
        list_remove(&dial->driver->dialling, &dial->node);
        free(dial);
}

static pn_ssl_domain_t *trust_new(const char *trusted_certificates, struct reason *reason)
{
        /* Proton starts with the system's certificates and adds the file to them. */
        pn_ssl_domain_t *trust = pn_ssl_domain(PN_SSL_MODE_CLIENT);

        if (trust == NULL ||
            pn_ssl_domain_set_peer_authentication(trust, PN_SSL_VERIFY_PEER_NAME, NULL) != 0) {
                reason_set(reason, "TLS can't be set up");
        } else if (trusted_certificates != NULL &&
                   pn_ssl_domain_set_trusted_ca_db(trust, trusted_certificates) != 0) {
                reason_set(reason,
                           "the trusted certificates '%s' can't be read: a file of certificates "
                           "in PEM form is expected",
                           trusted_certificates);
        } else {
                return trust;
        }
        pn_ssl_domain_free(trust);
        return NULL;
}

/* Proton takes certificate and key from files only: the text has a name for a moment. */
static bool use_certificate(pn_ssl_domain_t *domain, const struct certificate *certificate)
{
        const char *chain = certificate_chain(certificate);
        const char *key = certificate_key(certificate);
        int chain_file = file_in_memory("isthmus-chain", chain, strlen(chain));
        int key_file = file_in_memory("isthmus-key", key, strlen(key));
        CLEANUP(mem_cleanup) char *chain_path = mem_format("/proc/self/fd/%d", chain_file);
        CLEANUP(mem_cleanup) char *key_path = mem_format("/proc/self/fd/%d", key_file);
        bool used = chain_file >= 0 && key_file >= 0 &&
                    pn_ssl_domain_set_credentials(domain, chain_path, key_path, NULL) == 0;

        if (chain_file >= 0)
                close(chain_file);
        if (key_file >= 0)
                close(key_file);
        return used;
}

/*
 * The domain for keys of this kind. All their devices share it, since what it trusts needs a
 * megabyte: each transport keeps the certificate that its domain had when it was made. A kind has
 * its own, or else TLS could choose between the certificates of two devices.
 */
static pn_ssl_domain_t *domain_for(struct driver *driver, int kind)
{
        struct reason reason = REASON_INIT;
        size_t i = 0;

        while (driver->showing[i].kind != 0 && driver->showing[i].kind != kind)
                if (++i == KEY_KINDS)
                        return NULL;
        if (driver->showing[i].domain == NULL)
                driver->showing[i].domain = trust_new(driver->trusted_certificates, &reason);
        driver->showing[i].kind = kind;
        return driver->showing[i].domain;
}

/* NULL if the certificate can't be used. */
static pn_transport_t *transport_with(struct driver *driver, const struct certificate *certificate)
{
        pn_ssl_domain_t *domain = domain_for(driver, certificate_key_kind(certificate));
        pn_transport_t *transport = NULL;

        if (domain != NULL && use_certificate(domain, certificate)) {
                transport = pn_transport();
                pn_ssl_init(pn_ssl(transport), domain, NULL);
                pn_sasl_allowed_mechs(pn_sasl(transport), "EXTERNAL");
        }
        return transport;
}

static pn_transport_t *transport_new(struct driver *driver, const struct dial *dial)
{
        pn_transport_t *transport;

        if (dial->certificate != NULL) {
                transport = transport_with(driver, dial->certificate);
        } else {
                /* No SASL layer: the bare AMQP header, as Microsoft's own Node client sends it. */
                transport = pn_transport();
                pn_ssl_init(pn_ssl(transport), driver->trust, NULL);
        }
        if (transport == NULL)
                return NULL;
        pn_ssl_set_peer_hostname(pn_ssl(transport), pn_connection_get_hostname(dial->connection));
        hub_connection_prepare(transport);
        return transport;
}

static void looked_up(void *context, const char *host_address, const char *why)
{
        struct dial *dial = context;
        struct driver *driver = dial->driver;
        pn_connection_t *connection = dial->connection;
        pn_transport_t *transport = host_address == NULL ? NULL : transport_new(driver, dial);
        char port[PORT_SIZE];
        char address[PN_MAX_ADDR];

        snprintf(port, sizeof(port), "%u", (unsigned)dial->port);
        dial_free(dial);
        if (transport == NULL) {
                hub_connection_unreachable(
                        pn_connection_get_context(connection),
                        host_address == NULL ? why : "TLS does not take the certificate");
                return;
        }
        pn_proactor_addr(address, sizeof(address), host_address, port);
        pn_proactor_connect2(driver->proactor, connection, transport, address);
}

static void io_connect(struct hub_client *client, pn_connection_t *connection,
                       const struct hub_address *address)
{
        struct driver *driver = driver_of(client);
        struct dial *dial = mem_new(1, sizeof(*dial));

        dial->driver = driver;
        dial->connection = connection;
        dial->port = address->port;
        dial->certificate = address->certificate;
        list_push_back(&driver->dialling, &dial->node);
        dial->lookup = lookup_start(client->loop, address->host, address->which, looked_up, dial);
}

static void io_wake(struct hub_client *client, pn_connection_t *connection)
{
        (void)client;
        pn_connection_wake(connection);
}

static void io_abandon(struct hub_client *client, pn_connection_t *connection)
{
        list_for_each_safe (node, &driver_of(client)->dialling) {
                struct dial *dial = list_entry(node, struct dial, node);

                if (dial->connection == connection) {
                        lookup_cancel(dial->lookup);
                        dial_free(dial);
                }
        }
        pn_proactor_release_connection(connection);
        pn_connection_free(connection);
}

static const struct hub_io proactor_io = {io_connect, io_wake, io_abandon};

/* --- a turn --------------------------------------------------------------------------------- */

static void handle_event(struct driver *driver, pn_event_t *event)
{
        pn_connection_t *connection = pn_event_connection(event);

        if (pn_event_type(event) == PN_PROACTOR_TIMEOUT)
                driver->armed_ms = -1;
        if (connection != NULL)
                hub_turn_event(&driver->client, connection, event);
}

static void handle_batch(struct driver *driver, pn_event_batch_t *batch)
{
        /* What owners send when they hear the news goes out with this batch. */
        do {
                pn_event_t *event;

                while ((event = pn_event_batch_next(batch)) != NULL)
                        handle_event(driver, event);
        } while (hub_turn_tell(&driver->client));
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
        pn_proactor_set_timeout(driver->proactor, delay_ms > 0 ? (pn_millis_t)delay_ms : 0);
}

static void turn(struct driver *driver)
{
        struct hub_client *client = &driver->client;
        pn_event_batch_t *batch = pn_proactor_wait(driver->proactor);

        hub_pool_time(client, clock_steady_ms(), clock_wall_ms());
        handle_batch(driver, batch);
        pn_proactor_done(driver->proactor, batch);
        loop_run_posts(client->loop);
        loop_run_timers(client->loop);
        if (client->stopping) {
                hub_pool_stop(client);
                driver->done = driver->done || hub_pool_is_stopped(client);
        }
        hub_turn_end(client);
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
        hub_pool_deinit(&driver->client);
        return NULL;
}

/* Any thread. */
static void wake(void *context)
{
        struct driver *driver = context;

        pn_proactor_interrupt(driver->proactor);
}

/* --- life ----------------------------------------------------------------------------------- */

static void driver_free(struct driver *driver)
{
        if (driver->proactor != NULL)
                pn_proactor_free(driver->proactor);
        if (driver->trust != NULL)
                pn_ssl_domain_free(driver->trust);
        for (size_t i = 0; i < KEY_KINDS; i++) {
                if (driver->showing[i].domain != NULL)
                        pn_ssl_domain_free(driver->showing[i].domain);
        }
        free(driver->trusted_certificates);
        free(driver);
}

int hub_client_new(const struct hub_client_options *options, struct hub_client **client,
                   struct reason *reason)
{
        struct driver *driver = mem_new(1, sizeof(*driver));
        int result;

        driver->armed_ms = -1;
        list_init(&driver->dialling);
        driver->trusted_certificates = mem_text(options->trusted_certificates);
        driver->trust = trust_new(options->trusted_certificates, reason);
        if (driver->trust != NULL)
                driver->proactor = pn_proactor();
        if (driver->proactor == NULL) {
                if (driver->trust != NULL)
                        reason_set(reason, "the AMQP library can't start: too many open files?");
                result = driver->trust != NULL ? -EMFILE : -EINVAL;
                driver_free(driver);
                return result;
        }
        hub_pool_init(&driver->client, options, &proactor_io);
        loop_drive(options->loop, wake, driver);
        thread_start(&driver->thread, run, driver);
        *client = &driver->client;
        return 0;
}

static void patience_ends(struct timer *timer)
{
        struct driver *driver = list_entry(timer, struct driver, patience);

        hub_pool_abandon(&driver->client);
}

static void stop(void *context)
{
        struct driver *driver = context;

        hub_pool_stop(&driver->client);
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
        driver_free(driver);
}
