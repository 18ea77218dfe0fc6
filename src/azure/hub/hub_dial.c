// SPDX-License-Identifier: MIT
#include "azure/hub/hub_dial.h"

#include <proton/connection.h>
#include <proton/transport.h>
#include <stdio.h>
#include <stdlib.h>

#include "azure/hub/hub_connection.h"
#include "azure/hub/hub_lookup.h"
#include "base/mem.h"

#define PORT_SIZE 6

struct dial {
        struct hub_dialer *dialer;
        struct list_node node;
        pn_connection_t *connection;
        struct hub_lookup *lookup;
        uint16_t port;
};

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

int hub_dialer_init(struct hub_dialer *dialer, struct hub_client *client,
                    const char *trusted_certificates, struct reason *reason)
{
        *dialer = (struct hub_dialer){.client = client};
        list_init(&dialer->dialling);
        dialer->trust = trust_new(trusted_certificates, reason);
        if (dialer->trust == NULL)
                return -EINVAL;
        dialer->proactor = pn_proactor();
        if (dialer->proactor == NULL) {
                reason_set(reason, "the AMQP library can't start: too many open files?");
                pn_ssl_domain_free(dialer->trust);
                return -EMFILE;
        }
        return 0;
}

void hub_dialer_deinit(struct hub_dialer *dialer)
{
        pn_proactor_free(dialer->proactor);
        pn_ssl_domain_free(dialer->trust);
}

static void dial_free(struct dial *dial)
{
        list_remove(&dial->dialer->dialling, &dial->node);
        free(dial);
}

static pn_transport_t *transport_new(struct hub_dialer *dialer, const char *host)
{
        pn_transport_t *transport = pn_transport();
        pn_ssl_t *ssl = pn_ssl(transport);

        /* No SASL layer: the bare AMQP header, as Microsoft's own Node client sends it. */
        pn_ssl_init(ssl, dialer->trust, NULL);
        pn_ssl_set_peer_hostname(ssl, host);
        hub_connection_prepare(transport);
        return transport;
}

static void looked_up(void *context, const char *host_address, const char *why)
{
        struct dial *dial = context;
        struct hub_dialer *dialer = dial->dialer;
        pn_connection_t *connection = dial->connection;
        char port[PORT_SIZE];
        char address[PN_MAX_ADDR];

        snprintf(port, sizeof(port), "%u", (unsigned)dial->port);
        dial_free(dial);
        if (host_address == NULL) {
                hub_connection_unreachable(pn_connection_get_context(connection), why);
                return;
        }
        pn_proactor_addr(address, sizeof(address), host_address, port);
        pn_proactor_connect2(dialer->proactor, connection,
                             transport_new(dialer, pn_connection_get_hostname(connection)),
                             address);
}

void hub_dialer_connect(struct hub_dialer *dialer, pn_connection_t *connection,
                        const struct hub_address *address)
{
        struct dial *dial = mem_new(1, sizeof(*dial));

        dial->dialer = dialer;
        dial->connection = connection;
        dial->port = address->port;
        list_push_back(&dialer->dialling, &dial->node);
        dial->lookup = hub_lookup_start(dialer->client->loop, address->host, address->which,
                                        looked_up, dial);
}

void hub_dialer_abandon(struct hub_dialer *dialer, pn_connection_t *connection)
{
        list_for_each_safe (node, &dialer->dialling) {
                struct dial *dial = list_entry(node, struct dial, node);

                if (dial->connection == connection) {
                        hub_lookup_cancel(dial->lookup);
                        dial_free(dial);
                }
        }
        pn_proactor_release_connection(connection);
        pn_connection_free(connection);
}
