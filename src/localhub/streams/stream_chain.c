// SPDX-License-Identifier: MIT
/*
 * The certificates that clients show in TLS. Where a stream is passed on to a server behind a Unix
 * domain socket, its end of the socket gets a name that nobody can guess, by which that server, or
 * a stream that takes the socket over, finds them again.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "localhub/streams/stream_inside.h"

#define NAME_BYTES 16

/* Any certificate will do: what it is worth is for others to say. */
static int take_any(X509_STORE_CTX *context, void *unused)
{
        (void)context;
        (void)unused;
        return 1;
}

void stream_chain_ask(SSL_CTX *tls)
{
        SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(tls, take_any, NULL);
        /* A resumed session would have only the first certificate. */
        SSL_CTX_set_options(tls, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(tls, 0);
}

static void add_certificate(struct buf *der, X509 *certificate)
{
        uint8_t *bytes = NULL;
        int size = i2d_X509(certificate, &bytes);

        if (size > 0)
                buf_add(der, bytes, (size_t)size);
        OPENSSL_free(bytes);
}

static struct stream_shown *read_chain(SSL *ssl)
{
        CLEANUP(buf_deinit) struct buf der = BUF_INIT;
        X509 *own = SSL_get0_peer_certificate(ssl);
        STACK_OF(X509) *others = SSL_get_peer_cert_chain(ssl);
        struct stream_shown *shown;

        if (!own)
                return NULL;
        add_certificate(&der, own);
        for (int i = 0; others && i < sk_X509_num(others); i++)
                add_certificate(&der, sk_X509_value(others, i));
        shown = mem_new(1, sizeof(*shown));
        if (client_chain_read(der.data, der.size, &shown->chain))
                return shown;
        free(shown);
        return NULL;
}

const struct client_chain *stream_chain(struct stream *stream)
{
        if (!stream->chain_known && stream->ssl && SSL_is_init_finished(stream->ssl)) {
                stream->chain_known = true;
                stream->shown = read_chain(stream->ssl);
        }
        return stream->shown ? &stream->shown->chain : NULL;
}

/* --- on the other side of a Unix domain socket ----------------------------------------------- */

/* Others look it up from now on. */
static void give_name(struct stream_server *server, struct stream_shown *shown)
{
        CLEANUP(buf_deinit) struct buf hex = BUF_INIT;
        uint8_t number[NAME_BYTES];

        crypto_random(number, sizeof(number));
        crypto_hex_encode(&hex, number, sizeof(number));
        snprintf(shown->name, sizeof(shown->name), "%s", buf_text(&hex));
        shown->named.key = shown->name;
        pthread_mutex_lock(&server->lock);
        table_add(&server->named, &shown->named);
        pthread_mutex_unlock(&server->lock);
}

void stream_chain_bind(struct stream *near, int fd)
{
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        int length;

        if (!stream_chain(near))
                return;
        if (!near->shown->name[0])
                give_name(near->server, near->shown);
        /* In the abstract name space: it begins with a zero byte. */
        length = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "%s.%u", near->shown->name,
                          ++near->shown->named_sockets);
        (void)!bind(fd, (const struct sockaddr *)&name,
                    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length));
}

bool stream_server_find_chain(struct stream_server *server, const char *name,
                              struct client_chain *chain)
{
        size_t length = strcspn(name, ".");
        char key[STREAM_CHAIN_NAME_SIZE];
        struct table_entry *entry;

        if (length != sizeof(key) - 1)
                return false;
        memcpy(key, name, length);
        key[length] = '\0';
        pthread_mutex_lock(&server->lock);
        entry = table_find(&server->named, key);
        if (entry)
                client_chain_copy(&table_of(entry, struct stream_shown, named)->chain, chain);
        pthread_mutex_unlock(&server->lock);
        return entry != NULL;
}

void stream_chain_adopt(struct stream *stream)
{
        struct sockaddr_un name = {.sun_family = AF_UNSPEC};
        socklen_t size = sizeof(name) - 1; /* a zero byte stays behind it */
        struct client_chain chain;

        if (getpeername(stream->watch.fd, (struct sockaddr *)&name, &size) != 0 ||
            name.sun_family != AF_UNIX || name.sun_path[0] != '\0' ||
            !stream_server_find_chain(stream->server, name.sun_path + 1, &chain))
                return;
        stream->shown = mem_new(1, sizeof(*stream->shown));
        stream->shown->chain = chain;
}

void stream_chain_free(struct stream *stream)
{
        if (!stream->shown)
                return;
        if (stream->shown->name[0]) {
                pthread_mutex_lock(&stream->server->lock);
                table_remove(&stream->server->named, &stream->shown->named);
                pthread_mutex_unlock(&stream->server->lock);
        }
        client_chain_deinit(&stream->shown->chain);
        free(stream->shown);
}
