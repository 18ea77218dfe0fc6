// SPDX-License-Identifier: MIT
/*
 * Provisioning over AMQP (rule W24): links at SCOPE/registrations/ID, on which a device registers
 * and asks how it goes. A token comes as the password of SASL PLAIN, and is judged with the first
 * request; a certificate comes in TLS.
 */
#ifndef ISTHMUS_LOCALHUB_PROVISION_PROVISION_LINK_H
#define ISTHMUS_LOCALHUB_PROVISION_PROVISION_LINK_H

#include "localhub/amqp/amqp_core.h"

/* Adds the kinds of links to an initialised core. */
void provision_links_add(struct amqp_core *core);

#endif
