// SPDX-License-Identifier: MIT
/*
 * Blobs in a storage account: devices put them there themselves. The hub has the container made,
 * and looks whether a blob has come (learn.microsoft.com/rest/api/storageservices/create-container,
 * .../get-block-list). Answers come on the thread "http".
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/rest/rest_call.h"
#include "localhub/upload/upload_inside.h"

/* A request that is under way. */
struct question {
        struct uploads *uploads;
        struct upload *upload;
        struct http_exchange *exchange; /* of who waits for the place; NULL = none */
        struct json_object *place;
        char *uri; /* of the blob */
};

static void question_free(struct question *question)
{
        if (question->place)
                json_object_put(question->place);
        free(question->uri);
        free(question);
}

/* Of an answer that is not what was hoped for. */
static void explain(const struct http_answer *answer, struct reason *reason)
{
        if (answer->failure == HTTP_OK)
                reason_set(reason, "the storage account for uploads has answered %d",
                           answer->status);
        else
                reason_set(reason, "the storage account for uploads can't be reached: %s",
                           answer->reason.text);
}

static void ask(struct question *question, const char *method, const struct buf *url,
                http_done *done)
{
        static const struct http_header headers[] = {{"x-ms-version", "2021-12-02"}};
        bool puts = method[0] == 'P';

        http_client_send(question->uploads->http,
                         &(struct http_request){.method = method,
                                                .url = buf_text(url),
                                                .headers = headers,
                                                .header_count = ARRAY_SIZE(headers),
                                                .body = puts ? "" : NULL},
                         done, question);
}

/* --- a place --------------------------------------------------------------------------------- */

/* There is the container now, or it was there (409). */
static void opened(void *context, const struct http_answer *answer)
{
        struct question *question = context;
        struct reason reason = REASON_INIT;

        if (answer->failure == HTTP_OK && (answer->status == 201 || answer->status == 409)) {
                rest_answer(question->exchange, 200, question->place);
                question->place = NULL;
        } else {
                explain(answer, &reason);
                log_warn("HUB_UPLOAD_STORE", "A device gets no place for a file",
                         LOG_TEXT("device", question->upload->device_id),
                         LOG_TEXT("reason", reason.text), LOG_END);
                atomic_store(&question->upload->until_s, 0);
                rest_fail(question->exchange, REST_SERVER_BUSY, "%s", reason.text);
        }
        question_free(question);
}

void upload_account_open(struct uploads *uploads, struct upload *upload,
                         struct http_exchange *exchange, struct json_object *place)
{
        struct question *question = mem_new(1, sizeof(*question));
        CLEANUP(buf_wipe) struct buf url = BUF_INIT;
        struct registry_hub hub = {.id = ""};

        question->uploads = uploads;
        question->upload = upload;
        question->exchange = exchange;
        question->place = place;
        (void)registry_hub_get(local_hub_registry(uploads->hub), upload->hub, &hub);
        buf_add_format(&url, "%s/" UPLOAD_CONTAINER "%s?restype=container", uploads->endpoint,
                       hub.id);
        upload_token_write_for_account(uploads, atomic_load(&upload->until_s), &url);
        ask(question, "PUT", &url, opened);
}

/* --- a blob ---------------------------------------------------------------------------------- */

/* The list of its blocks tells, beside them, how large the whole is. */
static void looked(void *context, const struct http_answer *answer)
{
        struct question *question = context;
        CLEANUP(buf_deinit) struct buf size = BUF_INIT;
        struct blob_facts facts = {.uri = question->uri, .changed_ms = clock_wall_ms()};
        struct reason reason = REASON_INIT;

        if (answer->failure == HTTP_OK && answer->status == 200 &&
            http_answer_header(answer, "x-ms-blob-content-length", &size) &&
            text_to_int64(buf_text(&size), 0, INT64_MAX, &facts.size)) {
                (void)http_answer_time(answer, "Last-Modified", &facts.changed_ms);
                upload_tell(question->uploads, question->upload, &facts);
        } else {
                explain(answer, &reason);
                log_info("HUB_UPLOAD_UNTOLD", "Services are not told of an upload",
                         LOG_TEXT("device", question->upload->device_id),
                         LOG_TEXT("reason", reason.text), LOG_END);
        }
        upload_free(question->upload);
        question_free(question);
}

static void add_escaped(struct buf *url, const char *path)
{
        while (path[0] == '/') {
                size_t size = strcspn(path + 1, "/");
                CLEANUP(mem_cleanup) char *part = mem_text_n(path + 1, size);

                buf_add_char(url, '/');
                text_url_escape(url, part);
                path += 1 + size;
        }
}

void upload_account_look(struct uploads *uploads, struct upload *upload, const char *path)
{
        struct question *question = mem_new(1, sizeof(*question));
        CLEANUP(buf_wipe) struct buf url = BUF_INIT;

        question->uploads = uploads;
        question->upload = upload;
        question->uri = mem_format("%s%s", uploads->endpoint, path);
        buf_add_text(&url, uploads->endpoint);
        add_escaped(&url, path);
        upload_token_write(uploads, path, clock_wall_ms() / 1000 + UPLOAD_LIFE_S, &url);
        buf_add_text(&url, "&comp=blocklist");
        ask(question, "GET", &url, looked);
}
