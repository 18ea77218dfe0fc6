// SPDX-License-Identifier: MIT
#include "camera/source/multipart.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"

#define HEADERS_MAX  8192
#define BETWEEN_MAX  65536 /* bytes before a boundary that belong to no part */
#define BOUNDARY_MAX 200

enum step {
        STEP_AGAIN,
        STEP_WAIT, /* for more bytes */
        STEP_BAD,
};

bool multipart_is_type(const char *content_type)
{
        static const char type[] = "multipart/";

        return strncasecmp(content_type, type, strlen(type)) == 0;
}

static char *read_boundary(const char *content_type)
{
        static const char name[] = "boundary=";
        const char *at = strcasestr(content_type, name);
        size_t length;

        if (!at)
                return NULL;
        at += strlen(name);
        if (*at == '"')
                length = strcspn(++at, "\"");
        else
                length = strcspn(at, "; \t");
        while (length > 0 && *at == '-') {
                at++;
                length--;
        }
        return length == 0 || length > BOUNDARY_MAX ? NULL : mem_text_n(at, length);
}

bool multipart_init(struct multipart *multipart, const char *content_type, size_t maximum_bytes,
                    struct reason *reason)
{
        *multipart = (struct multipart){.maximum_bytes = maximum_bytes,
                                        .boundary = read_boundary(content_type)};
        if (multipart->boundary)
                return true;
        reason_set(reason, "the stream's Content-Type names no boundary");
        return false;
}

void multipart_deinit(struct multipart *multipart)
{
        buf_deinit(&multipart->input);
        free(multipart->boundary);
}

static enum step bad(struct reason *reason, const char *what)
{
        reason_set(reason, "the stream of pictures is broken: %s", what);
        return STEP_BAD;
}

static void consume(struct multipart *multipart, size_t size)
{
        struct buf *input = &multipart->input;

        memmove(input->data, input->data + size, input->size - size + 1);
        input->size -= size;
        multipart->searched = 0;
}

/* Where the boundary is, from `searched` on; NULL if it is not there yet. */
static const char *find_boundary(struct multipart *multipart)
{
        const struct buf *input = &multipart->input;
        size_t length = strlen(multipart->boundary);
        const char *found = memmem(input->data + multipart->searched,
                                   input->size - multipart->searched, multipart->boundary, length);

        if (!found)
                multipart->searched = input->size < length ? 0 : input->size - length + 1;
        return found;
}

static enum step pass_boundary(struct multipart *multipart, struct reason *reason)
{
        const struct buf *input = &multipart->input;
        const char *boundary = find_boundary(multipart);
        const char *line_end;

        if (!boundary && input->size <= BETWEEN_MAX)
                return STEP_WAIT;
        if (!boundary)
                return bad(reason, "its boundary does not come");
        line_end = memchr(boundary, '\n', input->size - (size_t)(boundary - input->data));
        if (!line_end)
                return input->size <= BETWEEN_MAX ? STEP_WAIT
                                                  : bad(reason, "a boundary's line has no end");
        consume(multipart, (size_t)(line_end - input->data) + 1);
        multipart->place = MULTIPART_HEADERS;
        return STEP_AGAIN;
}

/* How many bytes the headers have with the empty line; 0 if that is not there yet. */
static size_t find_body(const struct buf *input)
{
        const char *at = input->data;
        const char *end = at + input->size;

        while (at < end) {
                const char *line_end = memchr(at, '\n', (size_t)(end - at));

                if (!line_end)
                        return 0;
                if (line_end == at || (line_end == at + 1 && *at == '\r'))
                        return (size_t)(line_end - input->data) + 1;
                at = line_end + 1;
        }
        return 0;
}

/* A header's value if the line is that header; NULL otherwise. */
static const char *header_value(const char *line, const char *name)
{
        size_t length = strlen(name);

        if (strncasecmp(line, name, length) != 0 || line[length] != ':')
                return NULL;
        return line + length + 1 + strspn(line + length + 1, " \t");
}

static enum step take_header(struct multipart *multipart, const char *line, struct reason *reason)
{
        const char *type = header_value(line, "Content-Type");
        const char *length = header_value(line, "Content-Length");

        if (type && strncasecmp(type, "image/", strlen("image/")) != 0)
                return bad(reason, "a part of it is no picture");
        if (length &&
            !text_to_int64(length, 0, (int64_t)multipart->maximum_bytes, &multipart->length))
                return bad(reason, "a picture is too long, or its length is no number");
        return STEP_AGAIN;
}

static enum step take_headers(struct multipart *multipart, int64_t now_ms, struct reason *reason)
{
        size_t size = find_body(&multipart->input);
        enum step step = STEP_AGAIN;
        CLEANUP(mem_cleanup) char *headers = NULL;
        char *rest = NULL;

        if (size == 0 && multipart->input.size <= HEADERS_MAX)
                return STEP_WAIT;
        if (size == 0 || size > HEADERS_MAX)
                return bad(reason, "a picture's headers have no end");
        headers = mem_text_n(multipart->input.data, size);
        multipart->length = -1;
        for (char *line = strtok_r(headers, "\r\n", &rest); line && step == STEP_AGAIN;
             line = strtok_r(NULL, "\r\n", &rest))
                step = take_header(multipart, line, reason);
        consume(multipart, size);
        multipart->began_ms = now_ms;
        multipart->place = MULTIPART_BODY;
        return step;
}

static void give(struct multipart *multipart, size_t size, size_t consumed)
{
        const struct multipart_part part = {
                .bytes = multipart->input.data, .size = size, .began_ms = multipart->began_ms};

        multipart->take(multipart->context, &part);
        consume(multipart, consumed);
        multipart->place = MULTIPART_BEFORE;
}

/* The boundary's dashes and the line end before them belong to no picture. */
static size_t without_line_end(const char *bytes, size_t size)
{
        while (size > 0 && bytes[size - 1] == '-')
                size--;
        if (size > 0 && bytes[size - 1] == '\n')
                size--;
        if (size > 0 && bytes[size - 1] == '\r')
                size--;
        return size;
}

static enum step take_body(struct multipart *multipart, struct reason *reason)
{
        const struct buf *input = &multipart->input;
        const char *boundary;
        size_t size;

        if (multipart->length >= 0) {
                if (input->size < (size_t)multipart->length)
                        return STEP_WAIT;
                give(multipart, (size_t)multipart->length, (size_t)multipart->length);
                return STEP_AGAIN;
        }
        boundary = find_boundary(multipart);
        size = boundary ? (size_t)(boundary - input->data) : input->size;
        if (size > multipart->maximum_bytes)
                return bad(reason, "a picture is too long");
        if (!boundary)
                return STEP_WAIT;
        give(multipart, without_line_end(input->data, size), size);
        return STEP_AGAIN;
}

bool multipart_push(struct multipart *multipart, const char *bytes, size_t size, int64_t now_ms,
                    struct reason *reason)
{
        enum step step = STEP_AGAIN;

        buf_add(&multipart->input, bytes, size);
        while (step == STEP_AGAIN) {
                if (multipart->place == MULTIPART_BEFORE)
                        step = pass_boundary(multipart, reason);
                else if (multipart->place == MULTIPART_HEADERS)
                        step = take_headers(multipart, now_ms, reason);
                else
                        step = take_body(multipart, reason);
        }
        return step != STEP_BAD;
}
