// SPDX-License-Identifier: MIT
/*
 * Is a text what a setting needs? Each returns false with a reason that is a sentence of its own
 * and says what is expected; none repeats a secret.
 */
#ifndef ISTHMUS_CONF_CHECKS_H
#define ISTHMUS_CONF_CHECKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/reason.h"

/* "host:port", "[address]:port" or ":port" (all interfaces); port 0 is any free one. */
bool check_listen(const char *text, struct reason *reason);

/* Takes a text that check_listen likes apart; the host without brackets, "" = all interfaces. */
void listen_split(const char *text, struct buf *host, uint16_t *port);

/* host or host:port */
bool check_endpoint(const char *text, struct reason *reason);

/* As check_endpoint; or ".domain" for the hosts below it. */
bool check_host_pattern(const char *text, struct reason *reason);

/* http:// or https:// with a host and no query. */
bool check_url(const char *text, struct reason *reason);

/* As the provisioning service shows it: 0ne00123ABC */
bool check_id_scope(const char *text, struct reason *reason);

/* Base64 as Azure shows its keys. */
bool check_key(const char *text, struct reason *reason);

/* Of a hub's policy: one that may connect for every device. */
bool check_connection_string(const char *text, struct reason *reason);

/* Of a hub's policy, or of one device. */
bool check_any_connection_string(const char *text, struct reason *reason);

/* Adds what of a connection string may be shown: all but its key. */
void mask_connection_string(const char *text, struct buf *out);

/* Of Application Insights, or its instrumentation key alone. */
bool check_insights(const char *text, struct reason *reason);

/* How items are authenticated there: Authorization=AAD[;ClientId=ID]. */
bool check_insights_authentication(const char *text, struct reason *reason);

/* Adds what of it may be shown: where it leads. */
void mask_insights(const char *text, struct buf *out);

/* An account that has blobs: its connection string, the URL of its service. */
bool check_blob_storage(const char *text, struct reason *reason);
bool check_blob_service(const char *text, struct reason *reason);

/* As Azure Storage allows them; containers are called as queues are. */
bool check_account_name(const char *text, struct reason *reason);
bool check_queue_name(const char *text, struct reason *reason);

/* The URL of a Key Vault. */
bool check_vault(const char *text, struct reason *reason);

/* dtmi:a:b;1 */
bool check_model_id(const char *text, struct reason *reason);

/* {device}, {application}, {dev_eui}, {network} and characters that IoT Hub allows in ids. */
bool check_device_id_template(const char *text, struct reason *reason);

/* 64 hex digits, colons between them allowed. */
bool check_fingerprint(const char *text, struct reason *reason);

/* The name of a network of the table. */
bool check_network(const char *text, struct reason *reason);

/* Not empty, no white space or control characters: what can be a header's value. */
bool check_token(const char *text, struct reason *reason);

/* A readable file that holds at least one certificate or one private key as PEM. */
bool check_certificate_file(const char *path, struct reason *reason);
bool check_key_file(const char *path, struct reason *reason);

/* A readable file that holds one X.509 certificate, as PEM or DER. */
bool check_one_certificate_file(const char *path, struct reason *reason);

#endif
