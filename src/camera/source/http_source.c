// SPDX-License-Identifier: MIT
/*
 * Pictures by HTTP: a picture for each request, or a stream of them (MJPEG), whichever the camera
 * answers with. The answer comes in on the thread "http"; the camera's own thread waits for it.
 *
 * Of a stream the picture that begins to arrive after it was asked for is taken, so that it is
 * never one that was waiting somewhere. The stream stays open while it is asked for often.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "camera/source/multipart.h"
#include "camera/source/source_inside.h"
#include "http/client/http_client.h"

/* A stream that nobody has asked for so long is ended. */
#define STREAM_KEPT_MS 10000

/* A request under way. It lives until both the source and the thread "http" have let it go. */
struct fetch {
        pthread_mutex_t lock; /* for all of it but the stream */
        unsigned int holders;
        int news_fd;       /* an eventfd: readable when a picture or the end has come */
        bool is_abandoned; /* the source wants no more of it */
        int64_t asked_ms;  /* steady: when the source asked last */
        bool is_asked;     /* and has no answer yet */
        bool is_over;
        int64_t picture_ms; /* steady: when the picture was taken */
        struct buf picture; /* the one that was asked for; empty = not there yet */
        int empty_parts;    /* of the stream, since the source asked last */
        bool has_credentials;
        size_t maximum_bytes;
        struct reason reason; /* why it ended */

        /* Of the thread "http". */
        bool is_stream;
        struct multipart stream;
        struct buf body; /* of a single picture */
};

static struct fetch *fetch_new(const struct source *source)
{
        struct fetch *fetch = mem_new(1, sizeof(*fetch));

        pthread_mutex_init(&fetch->lock, NULL);
        fetch->holders = 2;
        fetch->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fetch->news_fd < 0)
                abort();
        fetch->has_credentials = !text_is_empty(source->settings.user);
        fetch->maximum_bytes = source->settings.maximum_bytes;
        return fetch;
}

static void fetch_release(struct fetch *fetch)
{
        bool is_last;

        pthread_mutex_lock(&fetch->lock);
        is_last = --fetch->holders == 0;
        pthread_mutex_unlock(&fetch->lock);
        if (!is_last)
                return;
        close(fetch->news_fd);
        pthread_mutex_destroy(&fetch->lock);
        multipart_deinit(&fetch->stream);
        buf_deinit(&fetch->picture);
        buf_deinit(&fetch->body);
        free(fetch);
}

/* --- on the thread "http" ------------------------------------------------------------------ */

/* With the lock. */
static void tell(struct fetch *fetch)
{
        (void)eventfd_write(fetch->news_fd, 1);
}

static void take_part(void *context, const struct multipart_part *part)
{
        struct fetch *fetch = context;

        pthread_mutex_lock(&fetch->lock);
        if (part->size == 0) {
                fetch->empty_parts++;
        } else if (fetch->is_asked && part->began_ms > fetch->asked_ms) {
                buf_clear(&fetch->picture);
                buf_add(&fetch->picture, part->bytes, part->size);
                fetch->picture_ms = part->began_ms;
                fetch->is_asked = false;
                tell(fetch);
        }
        pthread_mutex_unlock(&fetch->lock);
}

static void explain_status(struct fetch *fetch, int status)
{
        if (status == 401 || status == 403)
                reason_set(&fetch->reason,
                           fetch->has_credentials
                                   ? "the camera refuses the user name or the password (%d)"
                                   : "the camera asks for a user name and a password (%d)",
                           status);
        else if (status >= 300 && status < 400)
                reason_set(&fetch->reason,
                           "the camera sends us elsewhere (%d), which is not followed: give the "
                           "final address",
                           status);
        else
                reason_set(&fetch->reason, "the camera answers with status %d", status);
}

static bool is_picture_type(const char *type)
{
        return type[0] == '\0' || strncasecmp(type, "image/", strlen("image/")) == 0 ||
               strncasecmp(type, "application/octet-stream", strlen("application/octet-stream")) ==
                       0;
}

/* What the headers say; false with the reason if no picture can follow. */
static bool judge(struct fetch *fetch, const struct http_answer *answer)
{
        CLEANUP(buf_deinit) struct buf type = BUF_INIT;

        if (answer->status != 200) {
                explain_status(fetch, answer->status);
                return false;
        }
        http_answer_header(answer, "Content-Type", &type);
        if (multipart_is_type(buf_text(&type))) {
                fetch->is_stream = true;
                if (fetch->stream.boundary)
                        return true;
                if (!multipart_init(&fetch->stream, buf_text(&type), fetch->maximum_bytes,
                                    &fetch->reason))
                        return false;
                fetch->stream.take = take_part;
                fetch->stream.context = fetch;
                return true;
        }
        if (is_picture_type(buf_text(&type)))
                return true;
        reason_set(&fetch->reason, "the camera answers with '%.60s', which is no picture",
                   buf_text(&type));
        return false;
}

static bool is_wanted(struct fetch *fetch, int64_t now_ms)
{
        bool wanted;

        pthread_mutex_lock(&fetch->lock);
        wanted = !fetch->is_abandoned &&
                 (fetch->is_asked || now_ms - fetch->asked_ms < STREAM_KEPT_MS);
        pthread_mutex_unlock(&fetch->lock);
        return wanted;
}

/* Part of the answer's body; false ends the request. */
static bool take_bytes(void *context, const struct http_answer *answer, const char *bytes,
                       size_t size)
{
        struct fetch *fetch = context;
        int64_t now_ms = clock_steady_ms();

        if (!is_wanted(fetch, now_ms))
                return false;
        if (!fetch->is_stream && fetch->body.size == 0 && !judge(fetch, answer))
                return false;
        if (fetch->is_stream)
                return multipart_push(&fetch->stream, bytes, size, now_ms, &fetch->reason);
        if (size > fetch->maximum_bytes - fetch->body.size) {
                reason_set(&fetch->reason, "the picture is longer than %zu bytes",
                           fetch->maximum_bytes);
                return false;
        }
        buf_add(&fetch->body, bytes, size);
        return true;
}

/* How old the picture was when it left the camera, by its own clock; 0 if it does not say. */
static int64_t age_of(const struct http_answer *answer)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        int64_t sent_ms;
        int64_t changed_ms;
        int64_t age_s = 0;
        int64_t age_ms = 0;

        if (http_answer_time(answer, "Date", &sent_ms) &&
            http_answer_time(answer, "Last-Modified", &changed_ms) && changed_ms < sent_ms)
                age_ms = sent_ms - changed_ms;
        if (http_answer_header(answer, "Age", &text) &&
            text_to_int64(buf_text(&text), 0, INT32_MAX, &age_s))
                age_ms += age_s * 1000;
        return age_ms;
}

static void finish(struct fetch *fetch, const struct http_answer *answer)
{
        if (fetch->reason.text[0] != '\0')
                return;
        if (answer->failure != HTTP_OK) {
                fetch->reason = answer->reason;
                return;
        }
        if (!judge(fetch, answer))
                return;
        if (fetch->is_stream)
                reason_set(&fetch->reason, "the camera has ended its stream");
        else if (fetch->body.size == 0)
                reason_set(&fetch->reason,
                           "the camera's answer is empty: is this the address of its picture, and "
                           "not that of a page?");
}

static void take_end(void *context, const struct http_answer *answer)
{
        struct fetch *fetch = context;

        finish(fetch, answer);
        pthread_mutex_lock(&fetch->lock);
        fetch->is_over = true;
        if (fetch->reason.text[0] == '\0') {
                fetch->picture_ms = clock_steady_ms() - age_of(answer);
                buf_add(&fetch->picture, fetch->body.data, fetch->body.size);
                fetch->is_asked = false;
        }
        tell(fetch);
        pthread_mutex_unlock(&fetch->lock);
        fetch_release(fetch);
}

/* --- on the camera's thread ---------------------------------------------------------------- */

static void let_go(struct source *source)
{
        struct fetch *fetch = source->own;

        if (!fetch)
                return;
        source->own = NULL;
        pthread_mutex_lock(&fetch->lock);
        fetch->is_abandoned = true;
        pthread_mutex_unlock(&fetch->lock);
        fetch_release(fetch);
}

/* Asks the stream that is open, or begins a request. */
static struct fetch *ask(struct source *source)
{
        const struct source_settings *settings = &source->settings;
        struct fetch *fetch = source->own;
        bool is_new = !fetch;

        if (is_new)
                fetch = source->own = fetch_new(source);
        pthread_mutex_lock(&fetch->lock);
        fetch->is_asked = true;
        fetch->empty_parts = 0;
        /* Within one millisecond only a new connection's picture is surely one of after this. */
        fetch->asked_ms = clock_steady_ms() - (is_new ? 1 : 0);
        pthread_mutex_unlock(&fetch->lock);
        if (is_new)
                http_client_send(settings->http,
                                 &(struct http_request){.method = "GET",
                                                        .url = settings->place,
                                                        .user = settings->user,
                                                        .password = settings->password,
                                                        .timeout_ms = settings->timeout_ms,
                                                        .take = take_bytes},
                                 take_end, fetch);
        return fetch;
}

enum outcome {
        OUTCOME_NONE,
        OUTCOME_PICTURE,
        OUTCOME_OVER, /* without one */
};

static enum outcome look(struct fetch *fetch, struct source_picture *picture, struct reason *reason)
{
        enum outcome outcome = OUTCOME_NONE;
        eventfd_t count;

        pthread_mutex_lock(&fetch->lock);
        (void)eventfd_read(fetch->news_fd, &count);
        if (!fetch->is_asked) {
                outcome = OUTCOME_PICTURE;
                buf_add(&picture->bytes, fetch->picture.data, fetch->picture.size);
                picture->taken_ms = clock_wall_ms() - (clock_steady_ms() - fetch->picture_ms);
        } else if (fetch->is_over) {
                outcome = OUTCOME_OVER;
                *reason = fetch->reason;
        }
        pthread_mutex_unlock(&fetch->lock);
        return outcome;
}

static bool is_over(struct fetch *fetch)
{
        bool over;

        pthread_mutex_lock(&fetch->lock);
        over = fetch->is_over;
        pthread_mutex_unlock(&fetch->lock);
        return over;
}

static void explain_silence(const struct source *source, struct fetch *fetch, struct reason *reason)
{
        int empty_parts;

        pthread_mutex_lock(&fetch->lock);
        empty_parts = fetch->empty_parts;
        pthread_mutex_unlock(&fetch->lock);
        reason_set(reason, "the camera has not answered with a picture within %ld ms",
                   source->settings.timeout_ms);
        if (empty_parts > 0)
                reason_add(reason, "its stream has only empty pictures: start the camera anew");
}

static int wait_for_news(struct source *source, struct fetch *fetch, int64_t deadline_ms,
                         struct reason *reason)
{
        enum source_wait wait = source_wait(source, fetch->news_fd, deadline_ms);

        if (wait == SOURCE_WAIT_READY)
                return 0;
        if (wait == SOURCE_WAIT_STOPPED)
                return SOURCE_E_STOPPED;
        explain_silence(source, fetch, reason);
        return SOURCE_E_FAILED;
}

static int take(struct source *source, int64_t deadline_ms, struct source_picture *picture,
                struct reason *reason)
{
        struct fetch *fetch = source->own;
        enum outcome outcome;
        int result = 0;

        /* A stream that ended while nobody asked is no failure. */
        if (fetch && is_over(fetch))
                let_go(source);
        fetch = ask(source);
        while ((outcome = look(fetch, picture, reason)) == OUTCOME_NONE && result == 0)
                result = wait_for_news(source, fetch, deadline_ms, reason);
        if (outcome != OUTCOME_PICTURE || is_over(fetch))
                let_go(source);
        if (outcome == OUTCOME_OVER)
                return SOURCE_E_FAILED;
        return outcome == OUTCOME_PICTURE ? 0 : result;
}

static int open_http(struct source *source, struct reason *reason)
{
        const char *place = source->settings.place;

        if (place &&
            (strncasecmp(place, "http://", 7) == 0 || strncasecmp(place, "https://", 8) == 0))
                return 0;
        reason_set(reason, "the camera's address must begin with http:// or https://");
        return -EINVAL;
}

const struct source_driver source_http_driver = {
        .open = open_http,
        .take = take,
        .close = let_go,
};
