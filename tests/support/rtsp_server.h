// SPDX-License-Identifier: MIT
/*
 * A little RTSP 1.0 server for tests of clients (RFC 2326): one H.264 stream (RFC 6184, one unit a
 * packet) over the connection itself, one client at a time, on loopback.
 */
#ifndef ISTHMUS_TESTS_SUPPORT_RTSP_SERVER_H
#define ISTHMUS_TESTS_SUPPORT_RTSP_SERVER_H

#include <stdint.h>

#include "base/buf.h"
#include "support/digest.h"

enum test_rtsp_mood {
        TEST_RTSP_PLAYS,
        TEST_RTSP_IS_SILENT,   /* takes connections and says nothing */
        TEST_RTSP_SENDS_NONE,  /* answers, but no picture comes */
        TEST_RTSP_ENDS_AT_ONCE /* the connection ends where pictures should come */
};

struct test_rtsp_server;

/* `film` is an H.264 byte stream (Annex B); `digest` NULL = everybody may. Both must stay. */
struct test_rtsp_server *test_rtsp_server_start(const struct buf *film,
                                                const struct test_digest *digest,
                                                enum test_rtsp_mood mood);
void test_rtsp_server_stop(struct test_rtsp_server *server);

uint16_t test_rtsp_server_port(const struct test_rtsp_server *server);

#endif
