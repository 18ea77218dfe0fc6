// SPDX-License-Identifier: MIT
/*
 * What a device asks of the provisioning service by AMQP or MQTT, as a request over HTTP to the
 * server behind the HTTPS port (stream_request.h): so that it is decided in one place. Pure.
 */
#ifndef ISTHMUS_LOCALHUB_PROVISION_PROVISION_REQUEST_H
#define ISTHMUS_LOCALHUB_PROVISION_PROVISION_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct provision_request {
        const char *id_scope;
        const char *registration_id;
        const char *api_version;
        const char *token;        /* "" = the client has shown a certificate */
        const char *operation_id; /* asks how it goes; NULL = registers */
        const void *body;         /* of a registration */
        size_t body_size;
};

/* True if the text is one line, as a token must be: it becomes a header. */
bool provision_is_line(const char *text, size_t size);

/* Adds the whole request. */
void provision_request_write(struct buf *out, const struct provision_request *request);

#endif
