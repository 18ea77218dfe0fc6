// SPDX-License-Identifier: MIT
/*
 * Payload formatters that are kept as blobs: a folder on this machine mirrors their containers.
 *
 * Laws:
 *   - what is in the folder works without the storage account, also after a restart (rule B2);
 *   - a file appears when it is whole, and goes when two lists in a row don't have it;
 *   - nothing is written outside the folder (rule B4).
 *
 * All on the thread "http", which writes these small files.
 */
#ifndef ISTHMUS_GATEWAY_FORMATTER_MIRROR_H
#define ISTHMUS_GATEWAY_FORMATTER_MIRROR_H

#include "azure/identity/identity.h"
#include "conf/settings.h"
#include "http/client/http_client.h"
#include "monitor/monitor.h"

struct formatter_mirror;

struct formatter_mirror_options {
        const struct settings *settings; /* these three must outlive it */
        struct http_client *http;
        struct identity *identity;
        struct monitor *monitor; /* NULL = none */
};

/* Begins to mirror the containers that are configured; NULL if there are none. */
struct formatter_mirror *formatter_mirror_start(const struct formatter_mirror_options *options);

/* After http_client_free and identity_free. NULL is allowed. */
void formatter_mirror_free(struct formatter_mirror *mirror);

/* The folder of the mirrors, below the data directory; the caller's. NULL if none is configured. */
char *formatter_mirror_folder(const struct settings *settings);

#endif
