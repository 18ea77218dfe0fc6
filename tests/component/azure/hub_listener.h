// SPDX-License-Identifier: MIT
/* The scripted hub behind real TLS sockets, on a thread of its own, with a certificate made here.
 */
#ifndef ISTHMUS_TESTS_HUB_LISTENER_H
#define ISTHMUS_TESTS_HUB_LISTENER_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <proton/condition.h>
#include <proton/listener.h>
#include <proton/netaddr.h>
#include <proton/proactor.h>
#include <proton/sasl.h>
#include <proton/ssl.h>
#include <proton/transport.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "unit/azure/hub_peer.h"

#define LISTENER_PEERS 64

struct hub_listener {
        char directory[32];
        char certificate[64]; /* path; also what a client must trust */
        char key[64];
        pn_proactor_t *proactor;
        pn_ssl_domain_t *domain;
        pthread_t thread;
        struct hub_script script; /* set before the start */
        const char *clients;      /* PEM file of who signs clients' certificates; NULL = no such */
        struct hub_seen seen;     /* read after the stop */
        struct hub_peer peers[LISTENER_PEERS];
        size_t peer_count;
        atomic_int port;     /* 0 = not listening yet, -1 = can't */
        atomic_int accepted; /* sockets */
        atomic_int opened;   /* AMQP connections */
        atomic_int messages;
        atomic_bool stop;
};

static void write_pem(const char *path, EVP_PKEY *key, X509 *certificate)
{
        FILE *file = fopen(path, "w");

        if (file == NULL)
                abort();
        if (certificate != NULL)
                PEM_write_X509(file, certificate);
        else
                PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
        fclose(file);
}

/* A certificate for `name`, signed by itself. */
static void make_certificate(struct hub_listener *listener, const char *name)
{
        CLEANUP(buf_deinit) struct buf alternative = BUF_INIT;
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *certificate = X509_new();
        X509_NAME *subject = X509_get_subject_name(certificate);
        X509_EXTENSION *extension;

        buf_add_format(&alternative, "DNS:%s", name);
        X509_set_version(certificate, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_set_pubkey(certificate, key);
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1,
                                   -1, 0);
        X509_set_issuer_name(certificate, subject);
        extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, buf_text(&alternative));
        X509_add_ext(certificate, extension, -1);
        X509_sign(certificate, key, EVP_sha256());
        write_pem(listener->certificate, key, certificate);
        write_pem(listener->key, key, NULL);
        X509_EXTENSION_free(extension);
        X509_free(certificate);
        EVP_PKEY_free(key);
}

static inline void listener_init(struct hub_listener *listener, const char *name)
{
        memset(listener, 0, sizeof(*listener));
        snprintf(listener->directory, sizeof(listener->directory), "/tmp/isthmus-hub-XXXXXX");
        if (mkdtemp(listener->directory) == NULL)
                abort();
        snprintf(listener->certificate, sizeof(listener->certificate), "%s/cert.pem",
                 listener->directory);
        snprintf(listener->key, sizeof(listener->key), "%s/key.pem", listener->directory);
        make_certificate(listener, name);
        listener->script = hub_script_good();
}

static inline void listener_deinit(struct hub_listener *listener)
{
        unlink(listener->certificate);
        unlink(listener->key);
        rmdir(listener->directory);
        buf_deinit(&listener->seen.message);
        buf_deinit(&listener->seen.answer);
}

static void listener_accept(struct hub_listener *listener, pn_listener_t *from)
{
        pn_transport_t *transport = pn_transport();
        struct hub_peer *peer = &listener->peers[listener->peer_count++ % LISTENER_PEERS];
        pn_connection_t *connection = pn_connection();

        *peer = (struct hub_peer){.script = &listener->script, .seen = &listener->seen};
        pn_connection_set_context(connection, peer);
        pn_transport_set_server(transport);
        pn_ssl_init(pn_ssl(transport), listener->domain, NULL);
        if (listener->clients != NULL) {
                pn_transport_require_auth(transport, true);
                pn_sasl_allowed_mechs(pn_sasl(transport), "EXTERNAL");
        }
        atomic_fetch_add(&listener->accepted, 1);
        pn_listener_accept2(from, connection, transport);
}

static void listener_opened(struct hub_listener *listener, pn_listener_t *from)
{
        char port[16];

        if (pn_netaddr_host_port(pn_listener_addr(from), NULL, 0, port, sizeof(port)) != 0)
                abort();
        atomic_store(&listener->port, atoi(port));
}

static void listener_event(struct hub_listener *listener, pn_event_t *event)
{
        pn_connection_t *connection = pn_event_connection(event);

        switch (pn_event_type(event)) {
        case PN_LISTENER_OPEN:
                listener_opened(listener, pn_event_listener(event));
                return;
        case PN_LISTENER_CLOSE:
                if (pn_condition_is_set(pn_listener_condition(pn_event_listener(event))))
                        atomic_store(&listener->port, -1);
                return;
        case PN_LISTENER_ACCEPT:
                listener_accept(listener, pn_event_listener(event));
                return;
        case PN_CONNECTION_REMOTE_OPEN:
                atomic_fetch_add(&listener->opened, 1);
                break;
        default:
                break;
        }
        if (connection != NULL && pn_connection_get_context(connection) != NULL)
                peer_event(pn_connection_get_context(connection), event);
        atomic_store(&listener->messages, listener->seen.messages);
}

static void *listener_run(void *context)
{
        struct hub_listener *listener = context;
        bool inactive = false;

        thread_enter("test-hub");
        while (!inactive) {
                pn_event_batch_t *batch = pn_proactor_wait(listener->proactor);
                pn_event_t *event;

                while ((event = pn_event_batch_next(batch)) != NULL) {
                        if (pn_event_type(event) == PN_PROACTOR_INACTIVE)
                                inactive = atomic_load(&listener->stop);
                        else
                                listener_event(listener, event);
                }
                pn_proactor_done(listener->proactor, batch);
        }
        return NULL;
}

/* Listens on 127.0.0.1 and `port` (0 = any); returns the port. */
static inline int listener_start(struct hub_listener *listener, int port)
{
        char address[PN_MAX_ADDR];
        char port_text[16];

        snprintf(port_text, sizeof(port_text), "%d", port);
        pn_proactor_addr(address, sizeof(address), "127.0.0.1", port_text);
        listener->domain = pn_ssl_domain(PN_SSL_MODE_SERVER);
        if (pn_ssl_domain_set_credentials(listener->domain, listener->certificate, listener->key,
                                          NULL) != 0)
                abort();
        if (listener->clients != NULL &&
            (pn_ssl_domain_set_trusted_ca_db(listener->domain, listener->clients) != 0 ||
             pn_ssl_domain_set_peer_authentication(listener->domain, PN_SSL_VERIFY_PEER,
                                                   listener->clients) != 0))
                abort();
        atomic_store(&listener->stop, false);
        atomic_store(&listener->port, 0);
        listener->proactor = pn_proactor();
        pn_proactor_listen(listener->proactor, pn_listener(), address, 16);
        thread_start(&listener->thread, listener_run, listener);
        while (atomic_load(&listener->port) == 0)
                usleep(1000);
        return atomic_load(&listener->port);
}

/* Cuts all connections and stops listening. */
static inline void listener_stop(struct hub_listener *listener)
{
        atomic_store(&listener->stop, true);
        pn_proactor_disconnect(listener->proactor, NULL);
        pthread_join(listener->thread, NULL);
        pn_proactor_free(listener->proactor);
        pn_ssl_domain_free(listener->domain);
}

#endif
