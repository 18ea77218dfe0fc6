// SPDX-License-Identifier: MIT
/* The door that webhooks come through: its certificate, and what is counted and logged of it. */
#ifndef ISTHMUS_GATEWAY_INTAKE_WEBHOOK_DOOR_H
#define ISTHMUS_GATEWAY_INTAKE_WEBHOOK_DOOR_H

#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "http/http_server.h"

struct webhook_door {
        unsigned connections;   /* the limit of them */
        int64_t quiet_until_ms; /* steady clock: until then nobody is warned again that all are used
                                 */
};

/* Counts and logs what the server tells; on the server's thread. */
void webhook_door_note(struct webhook_door *door, const struct http_note *note);

/* PEM texts; both NULL = no TLS. */
struct webhook_tls {
        char *certificate;
        char *key;
};

/* Reads the two files; nothing if there are none. */
int webhook_tls_read(const char *certificate_file, const char *key_file, struct webhook_tls *tls,
                     struct reason *reason) MUST_CHECK;

/* Wipes the key. For CLEANUP as well. */
void webhook_tls_deinit(struct webhook_tls *tls);

#endif
