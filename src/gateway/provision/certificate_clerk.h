// SPDX-License-Identifier: MIT
/*
 * Gets devices' certificates (azure/device_certificate.h) on a thread of its own, "certificates",
 * since that reads and writes files: it starts with the first question. Questions are answered one
 * after another on the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_PROVISION_CERTIFICATE_CLERK_H
#define ISTHMUS_GATEWAY_PROVISION_CERTIFICATE_CLERK_H

#include "azure/device_certificate.h"
#include "base/loop.h"

struct certificate_clerk;

struct certificate_clerk *certificate_clerk_new(struct loop *loop);

/* Joins the thread; what was not answered is forgotten. NULL is allowed. */
void certificate_clerk_free(struct certificate_clerk *clerk);

/* `certificate` NULL = there is none, for the reason. To keep it, share it. */
typedef void certificate_clerk_done(void *context, struct certificate *certificate,
                                    const struct reason *reason);

/* On the thread "loop"; copies the order and takes the time itself. */
void certificate_clerk_ask(struct certificate_clerk *clerk,
                           const struct device_certificate_order *order,
                           certificate_clerk_done *done, void *context);

#endif
