// SPDX-License-Identifier: MIT
/* Whether a client's certificate is that of a device (rule W21). Every thread. */
#ifndef ISTHMUS_LOCALHUB_GATE_CERTIFICATE_CHECK_H
#define ISTHMUS_LOCALHUB_GATE_CERTIFICATE_CHECK_H

#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "localhub/registry/registry.h"
#include "localhub/x509/client_chain.h"

/*
 * 0 if the client may act as this device of a hub, which exists, is enabled and has this
 * certificate: by its thumbprint, or in its name from an authority that stands for devices. Else
 * -EACCES with the reason. `chain` may be NULL: it has shown none.
 */
int certificate_check_device(struct registry *registry, int hub, const char *device_id,
                             const struct client_chain *chain, int64_t now_s,
                             struct reason *reason) MUST_CHECK;

#endif
