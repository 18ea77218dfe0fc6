// SPDX-License-Identifier: MIT
/*
 * A little HTTP/1.1 server for tests of clients: on loopback, a thread per connection, with or
 * without TLS. Its handler writes the raw bytes of each answer, so that it can also answer what no
 * real server would, or not at all.
 */
#ifndef ISTHMUS_TESTS_SUPPORT_HTTP_SERVER_H
#define ISTHMUS_TESTS_SUPPORT_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct test_http_request {
        int connection; /* counted from 1 */
        char *method;
        char *target;
        char client[64]; /* common name of the client's certificate in TLS; "" = it has shown none
                          */
        int shown;       /* how many certificates it has shown */
        struct buf headers; /* the lines as they came, the request line first */
        struct buf body;
};

/* Copies a header's value (name in any case); false if absent. */
bool test_http_header(const struct test_http_request *request, const char *name, struct buf *out);

enum test_http_then {
        TEST_HTTP_KEEP,  /* wait for the next request */
        TEST_HTTP_CLOSE, /* close the connection in order */
        TEST_HTTP_CUT,   /* reset it */
        TEST_HTTP_HOLD,  /* say no more, until the client goes or the server is stopped */
        TEST_HTTP_MORE,  /* the handler is called again for more bytes, until the client goes */
};

/* Called on the connection's thread, several at the same time; adds the answer's bytes. */
typedef enum test_http_then
test_http_handler(void *context, const struct test_http_request *request, struct buf *answer);

struct test_http_server;

/* `certificate` is a PEM file with certificate and key, or NULL for plain HTTP. */
struct test_http_server *test_http_server_start(const char *certificate, test_http_handler *handler,
                                                void *context);

/* Ends all connections, joins all threads; NULL is allowed. */
void test_http_server_stop(struct test_http_server *server);

uint16_t test_http_server_port(const struct test_http_server *server);

/* Connections accepted so far. */
int test_http_server_connections(struct test_http_server *server);

/* Adds a whole answer with Content-Length; `headers` are lines that end in \r\n. */
void test_http_answer(struct buf *answer, int status, const char *headers, const char *body);

#endif
