// SPDX-License-Identifier: MIT
#include "azure/identity/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"

#define VERSION "7.4"

/* 25 KiB is the longest secret. */
#define ANSWER_MAX 131072

/* Rights need minutes until they count. */
#define REFUSED_MS 60000

struct question {
        struct vault_means means;
        char *url;
        char *resource; /* https://vault.azure.net, or that of another cloud */
        bool doubted;   /* a token was refused before */
        vault_done *done;
        void *context;
};

static void end(struct question *question, const struct vault_answer *answer)
{
        question->done(question->context, answer);
        free(question->url);
        free(question->resource);
        free(question);
}

static void ask(struct question *question);

/* --- the answer ----------------------------------------------------------------------------- */

static const struct {
        int status;
        const char *hint;
} hints[] = {
        {401, "the vault does not take this identity's token; is it of the vault's tenant?"},
        {403, "this identity may not read the vault's secrets: give it the role 'Key Vault Secrets "
              "User' (or the right Get), and let this machine through the vault's firewall; both "
              "need some minutes"},
        {404, "there is no such secret in this vault"},
        {429, "the vault is asked too often"},
};

static const char *last_part(const char *path)
{
        const char *slash = path ? strrchr(path, '/') : NULL;

        return slash ? slash + 1 : "";
}

static void take_value(struct question *question, struct json_object *object)
{
        struct json_object *attributes = json_object_member(object, "attributes");
        const char *value = json_text_member(object, "value");
        CLEANUP(buf_wipe) struct buf trimmed = BUF_INIT;
        struct vault_answer answer = {.again_ms = -1, .code = "no value"};

        buf_add_text(&trimmed, value ? value : "");
        buf_trim_end(&trimmed, " \t\r\n");
        if (value)
                mem_wipe((void *)(uintptr_t)value, strlen(value));
        if (trimmed.size > 0)
                answer.value = buf_text(&trimmed);
        else
                reason_set(&answer.reason, "the vault's answer holds no value");
        answer.version = last_part(json_text_member(object, "id"));
        if (!json_int_member(attributes, "updated", &answer.updated_s))
                answer.updated_s = 0;
        end(question, &answer);
}

static void take_refusal(struct question *question, const struct http_answer *http,
                         struct json_object *object)
{
        struct json_object *error = json_object_member(object, "error");
        const char *code = json_text_member(error, "code");
        struct vault_answer answer = {.again_ms = -1};
        char status[16];

        snprintf(status, sizeof(status), "%d", http->status);
        answer.code = http->failure != HTTP_OK ? "no answer" : code ? code : status;
        answer.reason = http->reason;
        for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
                if (hints[i].status == http->status)
                        reason_set(&answer.reason, "%s", hints[i].hint);
        }
        if (http->status == 403 || http->status == 404 || http->status == 401)
                answer.again_ms = REFUSED_MS;
        if (http->failure == HTTP_OK && http->retry_after_ms >= 0)
                answer.again_ms = http->retry_after_ms;
        end(question, &answer);
}

static void on_answer(void *context, const struct http_answer *answer)
{
        struct question *question = context;
        const struct identity_wanted wanted = {.resource = question->resource};
        CLEANUP(json_cleanup) struct json_object *object = NULL;

        if (answer->failure == HTTP_E_STOPPED) {
                end(question, &(struct vault_answer){.stopped = true, .code = "stopped"});
                return;
        }
        if (answer->failure == HTTP_OK && answer->status == 401 && !question->doubted) {
                question->doubted = true;
                if (identity_doubt(question->means.identity, &wanted)) {
                        ask(question);
                        return;
                }
        }
        object = json_parse(buf_text(&answer->body), answer->body.size, 8, JSON_STRICT, NULL);
        if (answer->failure == HTTP_OK && answer->status == 200)
                take_value(question, object);
        else
                take_refusal(question, answer, object);
}

/* --- the question --------------------------------------------------------------------------- */

static void on_token(void *context, const char *token, const struct reason *reason,
                     int64_t again_ms)
{
        struct question *question = context;
        CLEANUP(mem_cleanup) char *url = NULL;
        CLEANUP(buf_wipe) struct buf authorization = BUF_INIT;
        struct http_header header = {.name = "Authorization"};

        if (!token) {
                end(question, &(struct vault_answer){.code = "no token",
                                                     .reason = *reason,
                                                     .again_ms = again_ms,
                                                     .stopped = again_ms == IDENTITY_STOPPED});
                return;
        }
        url = mem_format("%s?api-version=" VERSION, question->url);
        buf_add_format(&authorization, "Bearer %s", token);
        header.value = buf_text(&authorization);
        http_watch_send(&question->means.watch, question->means.http,
                        &(struct http_request){.method = "GET",
                                               .url = url,
                                               .headers = &header,
                                               .header_count = 1,
                                               .for_secrets = true,
                                               .maximum_answer = ANSWER_MAX},
                        on_answer, question);
}

static void ask(struct question *question)
{
        identity_ask(question->means.identity,
                     &(struct identity_wanted){.resource = question->resource}, on_token, question);
}

void vault_get(const struct vault_means *means, const char *url, vault_done *done, void *context)
{
        struct question *question = mem_new(1, sizeof(*question));
        const char *domain = strchr(url, '.') + 1;

        question->means = *means;
        question->url = mem_text(url);
        question->resource = mem_format("https://%.*s", (int)strcspn(domain, "/"), domain);
        question->done = done;
        question->context = context;
        ask(question);
}
