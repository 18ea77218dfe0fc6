// SPDX-License-Identifier: MIT
/* Sockets for connections: the name looked up, TCP and TLS by proton's proactor. */
#ifndef ISTHMUS_AZURE_HUB_HUB_DIAL_H
#define ISTHMUS_AZURE_HUB_HUB_DIAL_H

#include <proton/proactor.h>
#include <proton/ssl.h>

#include "azure/hub/hub_core.h"
#include "base/reason.h"

struct hub_dialer {
        struct hub_client *client;
        pn_proactor_t *proactor;
        pn_ssl_domain_t *trust;
        struct list dialling; /* connections whose host is being looked up */
};

/* -EINVAL, with the reason, if the certificates can't be read; -EMFILE without a proactor. */
int hub_dialer_init(struct hub_dialer *dialer, struct hub_client *client,
                    const char *trusted_certificates, struct reason *reason) MUST_CHECK;
void hub_dialer_deinit(struct hub_dialer *dialer);

/* As connect and abandon of struct hub_io. */
void hub_dialer_connect(struct hub_dialer *dialer, pn_connection_t *connection,
                        const struct hub_address *address);
void hub_dialer_abandon(struct hub_dialer *dialer, pn_connection_t *connection);

#endif
