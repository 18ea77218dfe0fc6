// SPDX-License-Identifier: MIT
#include "camera/upload/upload_job.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "azure/storage/storage_request.h"
#include "base/clock.h"
#include "base/json/json.h"
#include "base/json/json_writer.h"
#include "base/mem.h"
#include "base/text.h"

#define HUB_API        "api-version=2021-04-12"
#define PICTURE_TYPE   "image/jpeg"
#define ANSWER_DEPTH   4
#define PUT_TIMEOUT_MS 120000
#define CONTAINER_MIN  3
#define CONTAINER_MAX  63

/*
 * A device id as a container's name: lower-case letters, digits and single dashes between them, at
 * least three
 * (https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata).
 */
static char *container_name(const char *device_id)
{
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;

        for (const char *at = device_id; *at; at++) {
                bool is_allowed = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                                  (*at >= '0' && *at <= '9');

                if (is_allowed)
                        buf_add_char(&name, *at);
                else if (name.size > 0 && name.data[name.size - 1] != '-')
                        buf_add_char(&name, '-');
        }
        while (name.size > 0 && name.data[name.size - 1] == '-')
                name.data[--name.size] = '\0';
        if (name.size < CONTAINER_MIN) {
                CLEANUP(mem_cleanup) char *rest = mem_text(buf_text(&name));

                buf_clear(&name);
                buf_add_format(&name, "camera-%s", rest[0] != '\0' ? rest : "0");
        }
        text_lower(name.data);
        return mem_text_n(name.data, name.size < CONTAINER_MAX ? name.size : CONTAINER_MAX);
}

struct upload_job *upload_job_new(struct upload *upload, const struct upload_picture *picture,
                                  const char *device_id)
{
        struct upload_job *job = mem_new(1, sizeof(*job));

        job->upload = upload;
        job->step = device_id ? UPLOAD_PUT : UPLOAD_ASK;
        job->name = mem_text(picture->name);
        job->container = device_id ? container_name(device_id) : NULL;
        buf_add(&job->bytes, picture->bytes, picture->size);
        upload_marks_read(picture->tally, &job->marks);
        return job;
}

void upload_job_free(struct upload_job *job)
{
        free(job->name);
        free(job->container);
        buf_deinit(&job->hub);
        buf_deinit(&job->device_id);
        buf_wipe(&job->token);
        buf_deinit(&job->bytes);
        upload_marks_deinit(&job->marks);
        free(job->correlation_id);
        buf_wipe(&job->blob_url);
        free(job);
}

/* --- requests ------------------------------------------------------------------------------ */

/* A blob's name as a path: its slashes stay. */
static void add_path(struct buf *out, const char *name)
{
        while (*name) {
                CLEANUP(mem_cleanup) char *part = mem_text_n(name, strcspn(name, "/"));

                text_url_escape(out, part);
                name += strlen(part);
                if (*name == '/') {
                        buf_add_char(out, '/');
                        name++;
                }
        }
}

/* Storage with a key of ours. */
static void send_to_account(struct upload_job *job, const struct storage_account *storage,
                            struct http_client *http, http_done *done)
{
        CLEANUP(storage_signed_deinit) struct storage_signed made = STORAGE_SIGNED_INIT;
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        CLEANUP(buf_deinit) struct buf tags = BUF_INIT;
        bool is_put = job->step == UPLOAD_PUT;
        struct storage_request request = {.service = STORAGE_BLOB,
                                          .method = "PUT",
                                          .query = is_put ? "" : "restype=container",
                                          .content_type = is_put ? PICTURE_TYPE : NULL,
                                          .blob_type = is_put ? "BlockBlob" : NULL,
                                          .body = is_put ? buf_text(&job->bytes) : "",
                                          .body_size = is_put ? job->bytes.size : 0};

        buf_add_char(&path, '/');
        text_url_escape(&path, job->container);
        if (is_put) {
                buf_add_char(&path, '/');
                add_path(&path, job->name);
        }
        request.path = buf_text(&path);
        if (is_put && storage_account_may(storage, 't'))
                upload_marks_tags(&job->marks, &tags);
        request.tags = tags.size > 0 ? buf_text(&tags) : NULL;
        storage_sign(storage, &request, clock_wall_ms() / 1000, &made);
        made.request.timeout_ms = PUT_TIMEOUT_MS;
        http_client_send(http, &made.request, done, job);
}

/* To the place that the hub has named, which needs no more than its URL. */
static void send_to_place(struct upload_job *job, struct http_client *http, http_done *done)
{
        struct http_header headers[3 + UPLOAD_MARKS_MAX] = {{"x-ms-blob-type", "BlockBlob"},
                                                            {"x-ms-version", STORAGE_VERSION},
                                                            {"Content-Type", PICTURE_TYPE}};

        for (size_t i = 0; i < job->marks.count; i++)
                headers[3 + i] = (struct http_header){job->marks.headers[i], job->marks.counts[i]};
        http_client_send(http,
                         &(struct http_request){.method = "PUT",
                                                .url = buf_text(&job->blob_url),
                                                .headers = headers,
                                                .header_count = 3 + job->marks.count,
                                                .body = buf_text(&job->bytes),
                                                .body_size = job->bytes.size,
                                                .timeout_ms = PUT_TIMEOUT_MS},
                         done, job);
}

static void write_question(const struct upload_job *job, struct buf *body)
{
        struct json_writer writer;

        json_writer_open(&writer, body);
        json_writer_text(&writer, "blobName", job->name);
        json_writer_close(&writer);
}

static void write_outcome(const struct upload_job *job, struct buf *body)
{
        struct json_writer writer;

        json_writer_open(&writer, body);
        json_writer_text(&writer, "correlationId", job->correlation_id);
        json_writer_bool(&writer, "isSuccess", job->is_put);
        json_writer_int(&writer, "statusCode", job->is_put ? 200 : 500);
        json_writer_text(&writer, "statusDescription", job->is_put ? "OK" : "not uploaded");
        json_writer_close(&writer);
}

static void send_to_hub(struct upload_job *job, struct http_client *http, http_done *done)
{
        CLEANUP(buf_deinit) struct buf url = BUF_INIT;
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        const struct http_header headers[] = {{"Authorization", buf_text(&job->token)},
                                              {"Content-Type", "application/json"}};
        bool is_question = job->step == UPLOAD_ASK;

        buf_add_format(&url, "https://%s/devices/", buf_text(&job->hub));
        text_url_escape(&url, buf_text(&job->device_id));
        buf_add_text(&url, "/files");
        if (is_question) {
                write_question(job, &body);
        } else {
                /* In the path, as Microsoft's device SDKs have it; in the body, as the page says.
                 */
                buf_add_text(&url, "/notifications/");
                text_url_escape(&url, job->correlation_id);
                write_outcome(job, &body);
        }
        buf_add_text(&url, "?" HUB_API);
        http_client_send(http,
                         &(struct http_request){.method = "POST",
                                                .url = buf_text(&url),
                                                .headers = headers,
                                                .header_count = ARRAY_SIZE(headers),
                                                .body = buf_text(&body),
                                                .body_size = body.size},
                         done, job);
}

void upload_job_request(struct upload_job *job, const struct storage_account *storage,
                        struct http_client *http, http_done *done)
{
        if (storage)
                send_to_account(job, storage, http, done);
        else if (job->step == UPLOAD_PUT)
                send_to_place(job, http, done);
        else
                send_to_hub(job, http, done);
}

/* --- answers ------------------------------------------------------------------------------- */

static bool is_passing(const struct http_answer *answer)
{
        return answer->failure != HTTP_OK || answer->status == 408 || answer->status == 429 ||
               answer->status >= 500;
}

static bool is_refusal(const struct http_answer *answer)
{
        return answer->failure == HTTP_OK &&
               (answer->status == 400 || answer->status == 403 || answer->status == 409);
}

static void explain(const struct upload_job *job, const struct http_answer *answer,
                    struct reason *reason)
{
        static const char *const doing[] = {
                [UPLOAD_ASK] = "the hub names no place for the picture",
                [UPLOAD_PUT] = "the storage does not take the picture",
                [UPLOAD_CONTAINER] = "the storage does not make the container",
                [UPLOAD_TELL] = "the hub does not take the news of the picture",
        };
        CLEANUP(buf_deinit) struct buf code = BUF_INIT;

        if (answer->failure != HTTP_OK) {
                reason_set(reason, "%s: %s", doing[job->step], answer->reason.text);
                return;
        }
        http_answer_header(answer, "x-ms-error-code", &code);
        reason_set(reason, "%s: status %d %s", doing[job->step], answer->status, buf_text(&code));
}

/* A text of the hub's that is put into a URL as it is. */
static bool is_plain(const char *text)
{
        for (; *text; text++) {
                if ((unsigned char)*text <= ' ' || (unsigned char)*text > '~')
                        return false;
        }
        return true;
}

static bool read_place(struct upload_job *job, const struct http_answer *answer)
{
        CLEANUP(json_cleanup)
        struct json_object *place = json_parse_foreign(answer->body.data, answer->body.size,
                                                       ANSWER_DEPTH, JSON_VALUES_USUAL, NULL);
        const char *host = json_text_member(place, "hostName");
        const char *container = json_text_member(place, "containerName");
        const char *name = json_text_member(place, "blobName");
        const char *token = json_text_member(place, "sasToken");
        const char *id = json_text_member(place, "correlationId");

        if (!host || !container || !name || !token || !id || !is_plain(token) ||
            strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:") !=
                    strlen(host))
                return false;
        free(job->correlation_id);
        job->correlation_id = mem_text(id);
        buf_wipe(&job->blob_url);
        /* At once, so that no copy of the secret is left behind. */
        buf_reserve(&job->blob_url, strlen(host) + 3 * strlen(container) + 3 * strlen(name) +
                                            strlen(token) + sizeof("https:////?"));
        buf_add_format(&job->blob_url, "https://%s/", host);
        text_url_escape(&job->blob_url, container);
        buf_add_char(&job->blob_url, '/');
        add_path(&job->blob_url, name);
        buf_add_format(&job->blob_url, "%s%s", token[0] == '?' ? "" : "?", token);
        return true;
}

static enum upload_verdict go_on(struct upload_job *job, enum upload_step step)
{
        assert(step > job->step || (step == UPLOAD_PUT && job->step != UPLOAD_TELL));
        job->step = step;
        job->attempts = 0;
        return UPLOAD_GO_ON;
}

/* The picture can't get there. The hub, if it has named the place, is told so. */
static enum upload_verdict give_up(struct upload_job *job, const struct http_answer *answer,
                                   struct reason *reason)
{
        explain(job, answer, reason);
        if (job->step != UPLOAD_PUT || !job->correlation_id)
                return UPLOAD_FAILED;
        job->reason = *reason;
        return go_on(job, UPLOAD_TELL);
}

static enum upload_verdict judge_put(struct upload_job *job, const struct http_answer *answer,
                                     struct reason *reason)
{
        if (answer->status == 201) {
                job->is_put = true;
                return job->correlation_id ? go_on(job, UPLOAD_TELL) : UPLOAD_DONE;
        }
        if (answer->status == 404 && !job->correlation_id && !job->has_container) {
                job->has_container = true;
                return go_on(job, UPLOAD_CONTAINER);
        }
        /* Accounts with folders, and signatures whose rights are elsewhere, may take no tags. */
        if (is_refusal(answer) && !job->correlation_id && job->marks.count > 0) {
                upload_marks_deinit(&job->marks);
                return go_on(job, UPLOAD_PUT);
        }
        return give_up(job, answer, reason);
}

/* What the hub was told is the end; a picture that is not there has failed all the same. */
static enum upload_verdict judge_tell(const struct upload_job *job,
                                      const struct http_answer *answer, struct reason *reason)
{
        if (!job->is_put) {
                *reason = job->reason;
                return UPLOAD_FAILED;
        }
        if (answer->status == 204 || answer->status == 200)
                return UPLOAD_DONE;
        explain(job, answer, reason);
        return UPLOAD_FAILED;
}

enum upload_verdict upload_job_judge(struct upload_job *job, const struct http_answer *answer,
                                     struct reason *reason)
{
        if (is_passing(answer) && ++job->attempts < UPLOAD_ATTEMPTS_MAX)
                return UPLOAD_AGAIN;
        switch (job->step) {
        case UPLOAD_ASK:
                if (answer->failure != HTTP_OK || answer->status != 200)
                        return give_up(job, answer, reason);
                if (read_place(job, answer))
                        return go_on(job, UPLOAD_PUT);
                reason_set(reason, "the hub's answer names no place for the picture");
                return UPLOAD_FAILED;
        case UPLOAD_PUT:
                return judge_put(job, answer, reason);
        case UPLOAD_CONTAINER:
                /* 409: somebody else has made it. */
                if (answer->status == 201 || answer->status == 409)
                        return go_on(job, UPLOAD_PUT);
                return give_up(job, answer, reason);
        default:
                return judge_tell(job, answer, reason);
        }
}
