// SPDX-License-Identifier: MIT
#include "localhub/streams/stream_request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "localhub/streams/stream_inside.h"

#define ANSWER_MAX ((size_t)256 * 1024)

struct asked {
        struct stream *stream;
        struct buf answer;
        void (*done)(void *context, const struct stream_answer *answer);
        void *context;
};

/* A header as a whole number from 0; `fall_back` if there is none. */
static int number_header(const char *head, const char *name, int fall_back)
{
        size_t size = strlen(name);

        for (const char *line = head; line; line = strstr(line, "\r\n")) {
                char digits[12];
                int64_t number;
                size_t length;

                line += strspn(line, "\r\n");
                if (strncasecmp(line, name, size) != 0 || line[size] != ':')
                        continue;
                line += size + 1;
                line += strspn(line, " ");
                length = strcspn(line, "\r");
                if (length >= sizeof(digits))
                        return fall_back;
                memcpy(digits, line, length);
                digits[length] = '\0';
                return text_to_int64(digits, 0, INT32_MAX, &number) ? (int)number : fall_back;
        }
        return fall_back;
}

void stream_answer_read(const struct buf *bytes, struct stream_answer *answer)
{
        const char *text = buf_text(bytes);
        const char *end = strstr(text, "\r\n\r\n");
        CLEANUP(mem_cleanup) char *head = end ? mem_text_n(text, (size_t)(end - text)) : NULL;

        *answer = (struct stream_answer){.status = 503, .body = ""};
        if (!head || strncmp(head, "HTTP/1.1 ", 9) != 0 || strspn(head + 9, "0123456789") != 3)
                return;
        answer->status = (int)strtol(head + 9, NULL, 10);
        answer->retry_after_s = number_header(head, "Retry-After", 0);
        answer->body = end + 4;
        answer->size = bytes->size - (size_t)(end + 4 - text);
}

static void *on_opened(void *context, struct stream *stream, int hub)
{
        struct asked *asked = context;

        (void)hub;
        asked->stream = stream;
        stream_is_known(stream);
        return asked;
}

static void on_received(void *context, const char *bytes, size_t size)
{
        struct asked *asked = context;

        buf_add(&asked->answer, bytes, size);
        if (asked->answer.size > ANSWER_MAX)
                stream_cut(asked->stream);
}

static void on_woken(void *context)
{
        (void)context;
}

static void on_ended(void *context)
{
        struct asked *asked = context;
        struct stream_answer answer;

        stream_answer_read(&asked->answer, &answer);
        asked->done(asked->context, &answer);
        buf_deinit(&asked->answer);
        free(asked);
}

void stream_request(struct stream *near, const char *path, const struct buf *request,
                    void (*done)(void *context, const struct stream_answer *answer), void *context)
{
        struct asked *asked = mem_new(1, sizeof(*asked));
        static const struct stream_protocol protocol = {
                .opened = on_opened,
                .received = on_received,
                .woken = on_woken,
                .ended = on_ended,
        };
        int fd = stream_dial(near, path);

        asked->done = done;
        asked->context = context;
        stream_join(near->server, &protocol, asked, fd);
        stream_write(asked->stream, request->data, request->size);
}
