// SPDX-License-Identifier: MIT
#include "azure/storage/storage_access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure/storage/storage_queue.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"

#define AGAIN_MIN_MS     1000
#define AGAIN_MAX_MS     60000
#define NOT_THERE_MS     60000
#define FORBIDDEN_MAX_MS (15 * 60 * 1000)

/* The services refuse requests whose time is off by more. */
#define CLOCK_MAX_MS (15 * 60 * 1000)

/* --- sending -------------------------------------------------------------------------------- */

bool storage_access_renew(struct storage_access *access, const char *connection_string,
                          struct reason *reason)
{
        if (access->account.by_identity)
                return true;
        if (text_is_empty(connection_string)) {
                reason_set(reason, "the connection string is not known yet: its Key Vault has not "
                                   "given it");
                return false;
        }
        if (access->text == connection_string)
                return true;
        storage_account_deinit(&access->account);
        access->text = NULL;
        if (!storage_account_parse(connection_string, &access->account, reason))
                return false;
        if (!access->account.endpoints[access->service]) {
                reason_set(reason, "the connection string names no %sEndpoint",
                           access->service == STORAGE_QUEUE ? "Queue" : "Blob");
                return false;
        }
        access->text = connection_string;
        return true;
}

/* A request that needs a token. */
struct waiting {
        struct storage_access *access;
        struct storage_request request; /* whose texts follow */
        char *path;
        char *query;
        char *body;
        bool doubted; /* a token was refused before */
        http_done *done;
        void *context;
};

static void send_signed(const struct storage_access *access, const struct storage_request *request,
                        http_done *done, void *context)
{
        CLEANUP(storage_signed_deinit) struct storage_signed made;

        storage_sign(&access->account, request, clock_wall_ms() / 1000, &made);
        made.request.maximum_answer = STORAGE_QUEUE_ANSWER_MAX;
        http_watch_send(&access->watch, access->http, &made.request, done, context);
}

static void end(struct waiting *waiting, const struct http_answer *answer)
{
        waiting->done(waiting->context, answer);
        free(waiting->path);
        free(waiting->query);
        free(waiting->body);
        free(waiting);
}

static void ask(struct waiting *waiting);

static struct identity_wanted wanted(const struct storage_access *access)
{
        return (struct identity_wanted){.resource = IDENTITY_FOR_STORAGE, .client = access->client};
}

static void on_answer(void *context, const struct http_answer *answer)
{
        struct waiting *waiting = context;
        const struct storage_access *access = waiting->access;
        const struct identity_wanted which = wanted(access);
        bool refused =
                answer->failure == HTTP_OK && (answer->status == 401 || answer->status == 403);

        if (refused && !waiting->doubted && identity_doubt(access->identity, &which)) {
                waiting->doubted = true;
                ask(waiting);
                return;
        }
        end(waiting, answer);
}

static void on_token(void *context, const char *token, const struct reason *reason,
                     int64_t again_ms)
{
        struct waiting *waiting = context;
        struct http_answer failed = {
                .failure = HTTP_E_CONNECT, .reason = *reason, .retry_after_ms = again_ms};

        if (token) {
                waiting->request.token = token;
                send_signed(waiting->access, &waiting->request, on_answer, waiting);
                return;
        }
        if (again_ms == IDENTITY_STOPPED)
                failed.failure = HTTP_E_STOPPED;
        end(waiting, &failed);
}

static void ask(struct waiting *waiting)
{
        const struct identity_wanted which = wanted(waiting->access);

        identity_ask(waiting->access->identity, &which, on_token, waiting);
}

void storage_access_send(struct storage_access *access, const struct storage_request *request,
                         http_done *done, void *context)
{
        struct waiting *waiting;

        if (!access->account.by_identity) {
                send_signed(access, request, done, context);
                return;
        }
        waiting = mem_new(1, sizeof(*waiting));
        waiting->access = access;
        waiting->request = *request;
        waiting->request.path = waiting->path = mem_text(request->path);
        waiting->request.query = waiting->query = mem_text(request->query);
        waiting->body = request->body ? mem_text_n(request->body, request->body_size) : NULL;
        waiting->request.body = waiting->body;
        waiting->done = done;
        waiting->context = context;
        ask(waiting);
}

/* --- failures (rule S9) --------------------------------------------------------------------- */

bool storage_answer_is_good(const struct http_answer *answer)
{
        return answer->failure == HTTP_OK && answer->status >= 200 && answer->status < 300;
}

static const struct {
        const char *code;
        const char *hint;
} hints[] = {
        {"QueueNotFound", "there is no such queue yet; it is looked for every minute"},
        {"ContainerNotFound", "there is no such container yet; it is looked for every minute"},
        {"AuthenticationFailed", "the account key is wrong or was renewed, or the signature (SAS) "
                                 "is wrong or has ended"},
        {"AuthorizationFailure", "the storage account's firewall does not let this machine in"},
        {"AuthorizationPermissionMismatch",
         "a right is missing: for a queue, a signature (SAS) needs process (p), update (u) and add "
         "(a), an identity the role 'Storage Queue Data Contributor'; for blobs, read (r) and list "
         "(l), or 'Storage Blob Data Reader'"},
        {"AuthorizationResourceTypeMismatch", "the account's signature (SAS) needs the resource "
                                              "types container and object (srt=co)"},
        {"KeyBasedAuthenticationNotPermitted", "keys are switched off for this storage account"},
};

/* How far our clock is from the service's, if that explains a refusal; else 0. */
static int64_t clock_error_ms(const struct http_answer *answer)
{
        int64_t date_ms;
        int64_t error_ms;

        if (!http_answer_date(answer, &date_ms))
                return 0;
        error_ms = clock_wall_ms() - date_ms;
        return llabs(error_ms) > CLOCK_MAX_MS ? error_ms : 0;
}

void storage_answer_explain(const struct http_answer *answer, const char *code,
                            struct reason *reason)
{
        int64_t error_ms = clock_error_ms(answer);

        if (answer->failure != HTTP_OK) {
                reason_set(reason, "%s", answer->reason.text);
                return;
        }
        if (error_ms != 0 && strcmp(code, "AuthenticationFailed") == 0) {
                reason_set(reason, "this machine's clock is %lld minutes off",
                           (long long)(error_ms / 60000));
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
                if (strcmp(code, hints[i].code) == 0)
                        reason_set(reason, "%s", hints[i].hint);
        }
}

void storage_answer_code(const struct http_answer *answer, char code[STORAGE_CODE_SIZE])
{
        CLEANUP(buf_deinit) struct buf header = BUF_INIT;

        if (answer->failure != HTTP_OK)
                snprintf(code, STORAGE_CODE_SIZE, "no answer");
        else if (http_answer_header(answer, "x-ms-error-code", &header))
                snprintf(code, STORAGE_CODE_SIZE, "%s", buf_text(&header));
        else
                snprintf(code, STORAGE_CODE_SIZE, "%d", answer->status);
}

int64_t storage_answer_pause_ms(const struct http_answer *answer, int failures)
{
        if (answer->failure == HTTP_OK && answer->status == 404)
                return NOT_THERE_MS;
        if (answer->failure == HTTP_OK && answer->status >= 400 && answer->status < 500 &&
            answer->status != 429)
                return backoff_ms(failures, NOT_THERE_MS, FORBIDDEN_MAX_MS);
        if (answer->failure == HTTP_OK && answer->retry_after_ms >= 0)
                return answer->retry_after_ms;
        return backoff_ms(failures, AGAIN_MIN_MS, AGAIN_MAX_MS);
}
