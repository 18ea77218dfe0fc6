// SPDX-License-Identifier: MIT
/*
 * Takes a stream of pictures (multipart/x-mixed-replace) apart as it comes. Pure: no network, no
 * clock. Written for what cameras really send: boundaries with and without their dashes, parts with
 * and without a length, line ends of one or two bytes.
 */
#ifndef ISTHMUS_CAMERA_SOURCE_MULTIPART_H
#define ISTHMUS_CAMERA_SOURCE_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/reason.h"

enum multipart_place {
        MULTIPART_BEFORE, /* a boundary is awaited */
        MULTIPART_HEADERS,
        MULTIPART_BODY,
};

/* A part that is complete. */
struct multipart_part {
        const char *bytes; /* valid during the call */
        size_t size;       /* 0: it is no picture */
        int64_t began_ms;  /* when its headers were complete */
};

struct multipart {
        /* The caller's, to be set between multipart_init and multipart_push. */
        void (*take)(void *context, const struct multipart_part *part);
        void *context;

        enum multipart_place place;
        char *boundary;       /* without the dashes before it */
        size_t maximum_bytes; /* of one part */
        struct buf input;     /* what is not taken apart yet */
        size_t searched;      /* so much of it holds no boundary */
        int64_t length;       /* of the part's body; -1 = not said */
        int64_t began_ms;
};

/* True if a Content-Type is a stream of pictures. */
bool multipart_is_type(const char *content_type);

/*
 * Begins a stream of that Content-Type, whose parts have at most so many bytes. False with the
 * reason if it names no boundary; `multipart` is the caller's to deinit in any case.
 */
bool multipart_init(struct multipart *multipart, const char *content_type, size_t maximum_bytes,
                    struct reason *reason) MUST_CHECK;
void multipart_deinit(struct multipart *multipart);

/*
 * Takes the next bytes, which came at `now_ms`, and calls `take` for each part that is complete.
 * False with the reason if this is no such stream or a part is too long; nothing may follow then.
 */
bool multipart_push(struct multipart *multipart, const char *bytes, size_t size, int64_t now_ms,
                    struct reason *reason) MUST_CHECK;

#endif
