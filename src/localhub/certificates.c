// SPDX-License-Identifier: MIT
/*
 * Law: a certificate is served only if its key matches it and the authority that lies beside it
 * signed it. A pair that does not match (a start was cut off between its two files) is replaced
 * at the next start.
 */
#include "localhub/certificates.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/x509/certificate.h"

#define DAY_S               (INT64_C(24) * 3600)
#define CA_DAYS             3650
#define CA_RENEWAL_DAYS     90
#define SERVER_DAYS         397
#define SERVER_RENEWAL_DAYS 30

void certificates_cleanup(struct certificates **certificates)
{
        certificates_free(*certificates);
}

/* --- names -------------------------------------------------------------------------------- */

static bool is_host_name(const char *name)
{
        size_t length;

        if (strncmp(name, "*.", 2) == 0)
                name += 2; /* every name below it */
        length = strlen(name);
        return length > 0 && length <= 253 &&
               strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
                       length;
}

static bool is_address(int family, const char *name)
{
        struct in6_addr address;

        return inet_pton(family, name, &address) == 1;
}

/* The subjectAltName; a name cannot smuggle in a second entry because it has no comma. */
static int names_write(const struct certificates_options *options, struct buf *out,
                       struct reason *reason)
{
        buf_add_text(out, "DNS:localhost,IP:127.0.0.1,IP:::1");
        for (size_t i = 0; i < options->name_count; i++) {
                const char *name = options->names[i];

                if (is_address(AF_INET, name)) {
                        /* Clients with Qpid Proton, as the gateway, look at names only. */
                        buf_add_format(out, ",IP:%s,DNS:%s", name, name);
                } else if (is_address(AF_INET6, name)) {
                        buf_add_format(out, ",IP:%s", name);
                } else if (is_host_name(name)) {
                        buf_add_format(out, ",DNS:%s", name);
                } else {
                        reason_set(reason, "'%s' is neither a host name nor an address", name);
                        return -EINVAL;
                }
        }
        return 0;
}

/* --- authority and server ----------------------------------------------------------------- */

static int open_authority(const char *directory, const char *path, int64_t now_s,
                          struct certificate **authority, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *key_path = mem_format("%s/ca-key.pem", directory);
        CLEANUP(mem_cleanup) char *name = NULL;
        char uuid[CRYPTO_UUID_SIZE];
        int result;

        if (certificate_read(path, key_path, authority, NULL) == 0 &&
            certificate_ends_s(*authority) > now_s + CA_RENEWAL_DAYS * DAY_S)
                return 0;
        certificate_free(*authority);
        *authority = NULL;
        crypto_uuid4(uuid);
        name = mem_format("isthmus local hub %.8s", uuid);
        result = certificate_make(&(struct certificate_order){.now_s = now_s,
                                                              .days = CA_DAYS,
                                                              .common_name = name,
                                                              .use = CERTIFICATE_AUTHORITY},
                                  authority, reason);
        if (result == 0)
                result = certificate_write(*authority, path, key_path, reason);
        if (result == 0)
                log_info("HUB_AUTHORITY_MADE",
                         "Made a new private certificate authority; clients must trust it",
                         LOG_TEXT("path", path), LOG_END);
        return result;
}

static bool server_is_good(const struct certificate *server, const struct certificate *authority,
                           const char *names, int64_t now_s)
{
        return certificate_is_issued_by(server, authority) &&
               certificate_ends_s(server) > now_s + SERVER_RENEWAL_DAYS * DAY_S &&
               certificate_has_names(server, names);
}

static int make_server(const struct certificates *paths, const struct certificate_order *order,
                       struct reason *reason)
{
        CLEANUP(certificate_cleanup) struct certificate *server = NULL;
        int result = certificate_make(order, &server, reason);

        if (result == 0)
                result = certificate_write(server, paths->server_path, paths->server_key_path,
                                           reason);
        if (result == 0)
                log_info("HUB_CERTIFICATE_MADE", "Made a new server certificate",
                         LOG_TEXT("path", paths->server_path), LOG_TEXT("names", order->names),
                         LOG_END);
        return result;
}

static int open_server(const struct certificates *paths, const struct certificate *authority,
                       const char *names, int64_t now_s, struct reason *reason)
{
        CLEANUP(certificate_cleanup) struct certificate *server = NULL;

        if (certificate_read(paths->server_path, paths->server_key_path, &server, NULL) == 0 &&
            server_is_good(server, authority, names, now_s))
                return 0;
        return make_server(paths,
                           &(struct certificate_order){.now_s = now_s,
                                                       .days = SERVER_DAYS,
                                                       .common_name = "localhost",
                                                       .use = CERTIFICATE_SERVER,
                                                       .names = names,
                                                       .issuer = authority},
                           reason);
}

int certificates_open(const struct certificates_options *options,
                      struct certificates **certificates, struct reason *reason)
{
        CLEANUP(certificate_cleanup) struct certificate *authority = NULL;
        CLEANUP(certificates_cleanup) struct certificates *opened = mem_new(1, sizeof(*opened));
        CLEANUP(buf_deinit) struct buf names = BUF_INIT;
        int64_t now_s = options->now_s ? options->now_s : time(NULL);
        int result = names_write(options, &names, reason);

        if (result)
                return result;
        opened->authority_path = mem_format("%s/ca.pem", options->directory);
        opened->server_path = mem_format("%s/server.pem", options->directory);
        opened->server_key_path = mem_format("%s/server-key.pem", options->directory);
        result = open_authority(options->directory, opened->authority_path, now_s, &authority,
                                reason);
        if (result == 0)
                result = open_server(opened, authority, buf_text(&names), now_s, reason);
        if (result)
                return result;
        *certificates = opened;
        opened = NULL;
        return 0;
}

void certificates_free(struct certificates *certificates)
{
        if (!certificates)
                return;
        free(certificates->authority_path);
        free(certificates->server_path);
        free(certificates->server_key_path);
        free(certificates);
}
