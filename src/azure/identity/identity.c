// SPDX-License-Identifier: MIT
/*
 * Any thread puts a question into `asked`, behind the lock; all else belongs to its client's
 * thread: the questions move to the `waiting` ones of their token, which answers them or asks its
 * source.
 */
#include "azure/identity/identity.h"

#include <pthread.h>
#include <stdlib.h>

#include "azure/identity/identity_request.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"

#define AGAIN_MIN_MS 1000
#define AGAIN_MAX_MS 70000

/* There is no such identity: somebody has to do something about it first. */
#define REFUSED_MS 60000

#define DOUBT_MS (5 * 60 * 1000)

/* The local services answer at once; a machine without one must not wait for half a minute. */
#define TIMEOUT_MS 10000

struct question {
        struct list_node node;
        char *resource;
        char *client;
        identity_done *done;
        void *context;
};

/* One for each resource and client. */
struct token {
        struct identity *identity;
        struct list_node node;
        char *resource;
        char *client;
        struct buf text; /* a secret; empty = none */
        int64_t renew_ms;
        int64_t ends_ms;
        struct list waiting;
        bool asking;
        struct identity_request request; /* while asking */
        int failures;                    /* in a row */
        int64_t again_ms;                /* not before */
        int64_t doubt_after_ms;          /* not doubted before */
        struct reason reason;            /* of the last failure */
};

struct identity {
        struct http_client *http;
        struct identity_facts facts;
        struct reason unfit; /* why the environment's words can't be used; "" = they can */
        struct list tokens;  /* the thread's own */
        pthread_mutex_t lock;
        struct list asked; /* guarded by the lock */
};

struct identity *identity_new(const struct identity_options *options)
{
        struct identity *identity = mem_new(1, sizeof(*identity));

        identity->http = options->http;
        list_init(&identity->tokens);
        list_init(&identity->asked);
        pthread_mutex_init(&identity->lock, NULL);
        if (identity_facts_read(options->environment,
                                options->arc_agent ? options->arc_agent : IDENTITY_ARC_AGENT,
                                options->arc_tokens ? options->arc_tokens : IDENTITY_ARC_TOKENS,
                                &identity->facts, &identity->unfit))
                identity->unfit.text[0] = '\0';
        return identity;
}

static void question_free(struct question *question)
{
        free(question->resource);
        free(question->client);
        free(question);
}

static void stop_questions(struct list *questions)
{
        static const struct reason stopped = {.text = "the program ends"};
        struct list_node *node;

        while ((node = list_pop_front(questions))) {
                struct question *question = list_entry(node, struct question, node);

                question->done(question->context, NULL, &stopped, IDENTITY_STOPPED);
                question_free(question);
        }
}

void identity_free(struct identity *identity)
{
        struct list_node *node;

        if (!identity)
                return;
        while ((node = list_pop_front(&identity->tokens))) {
                struct token *token = list_entry(node, struct token, node);

                stop_questions(&token->waiting);
                identity_request_deinit(&token->request);
                buf_wipe(&token->text);
                free(token->resource);
                free(token->client);
                free(token);
        }
        stop_questions(&identity->asked);
        identity_facts_deinit(&identity->facts);
        pthread_mutex_destroy(&identity->lock);
        free(identity);
}

/* --- answers -------------------------------------------------------------------------------- */

static bool is_good(const struct token *token)
{
        return token->text.size > 0 && clock_steady_ms() < token->ends_ms;
}

/* All that wait get the token, or the reason. */
static void answer_waiting(struct token *token)
{
        const char *text = is_good(token) ? buf_text(&token->text) : NULL;
        int64_t again_ms = token->again_ms - clock_steady_ms();
        struct list waiting;
        struct list_node *node;

        list_init(&waiting);
        list_splice_back(&waiting, &token->waiting);
        while ((node = list_pop_front(&waiting))) {
                struct question *question = list_entry(node, struct question, node);

                question->done(question->context, text, &token->reason,
                               text || again_ms < 0 ? 0 : again_ms);
                question_free(question);
        }
}

static void take_token(struct token *token, struct identity_answer *answer)
{
        int64_t now_ms = clock_steady_ms();

        if (token->failures > 0)
                log_info("IDENTITY_WORKS", "There are tokens of Entra ID again",
                         LOG_TEXT("resource", token->resource), LOG_END);
        buf_wipe(&token->text);
        token->text = answer->token;
        answer->token = BUF_INIT;
        token->renew_ms = now_ms + answer->life_ms / 2;
        token->ends_ms = now_ms + answer->life_ms;
        token->failures = 0;
        token->again_ms = 0;
        token->reason = REASON_INIT;
}

static int64_t pause_after(const struct token *token, const struct http_answer *answer)
{
        if (!answer)
                return REFUSED_MS;
        if (answer->failure == HTTP_OK && answer->retry_after_ms >= 0)
                return answer->retry_after_ms;
        if (answer->failure == HTTP_OK && answer->status >= 400 && answer->status < 500 &&
            answer->status != 404 && answer->status != 410 && answer->status != 429)
                return REFUSED_MS;
        return backoff_ms(token->failures, AGAIN_MIN_MS, AGAIN_MAX_MS);
}

/* `answer` NULL: nothing could be asked. */
static void note_failure(struct token *token, const struct http_answer *answer,
                         const struct reason *reason)
{
        struct identity *identity = token->identity;

        token->failures++;
        token->again_ms = clock_steady_ms() + pause_after(token, answer);
        token->reason = *reason;
        reason_prefix(&token->reason, "no token by %s",
                      identity_source_name(identity->facts.source));
        if (token->failures > 1)
                return;
        log_warn("IDENTITY_FAILED", "There is no new token of Entra ID",
                 LOG_TEXT("source", identity_source_name(identity->facts.source)),
                 LOG_TEXT("resource", token->resource), LOG_TEXT("reason", reason->text),
                 LOG_INT("lives", is_good(token)), LOG_END);
}

static void on_answer(void *context, const struct http_answer *answer);

static void send(struct token *token)
{
        token->asking = true;
        token->request.request.timeout_ms = TIMEOUT_MS;
        token->request.request.for_secrets = true;
        http_client_send(token->identity->http, &token->request.request, on_answer, token);
}

static void finish(struct token *token, const struct http_answer *answer)
{
        struct identity_answer read = {.token = BUF_INIT};
        struct reason reason = REASON_INIT;

        if (answer->failure != HTTP_OK || answer->status != 200)
                identity_answer_explain(answer, &reason);
        else if (identity_answer_read(buf_text(&answer->body), answer->body.size, clock_wall_ms(),
                                      &read, &reason))
                take_token(token, &read);
        if (reason.text[0] != '\0')
                note_failure(token, answer, &reason);
        buf_wipe(&read.token);
        answer_waiting(token);
}

static void on_answer(void *context, const struct http_answer *answer)
{
        struct token *token = context;
        struct identity *identity = token->identity;
        struct reason reason = REASON_INIT;

        token->asking = false;
        if (answer->failure == HTTP_E_STOPPED)
                return;
        if (identity->facts.source == IDENTITY_ARC && answer->failure == HTTP_OK &&
            answer->status == 401 && token->request.header.size == 0) {
                if (identity_request_prove(&identity->facts, answer, &token->request, &reason)) {
                        send(token);
                        return;
                }
                note_failure(token, answer, &reason);
                answer_waiting(token);
        } else {
                finish(token, answer);
        }
        identity_request_deinit(&token->request);
        token->request = IDENTITY_REQUEST_INIT;
}

/* --- questions ------------------------------------------------------------------------------ */

static void ask_source(struct token *token)
{
        struct identity *identity = token->identity;
        struct reason reason = identity->unfit;

        if (token->asking || clock_steady_ms() < token->again_ms)
                return;
        identity_request_deinit(&token->request);
        token->request = IDENTITY_REQUEST_INIT;
        if (reason.text[0] == '\0' &&
            identity_request_make(&identity->facts, token->resource, token->client, &token->request,
                                  &reason))
                send(token);
        else
                note_failure(token, NULL, &reason);
}

static struct token *find_token(struct identity *identity, const char *resource, const char *client)
{
        struct token *token;

        list_for_each (node, &identity->tokens) {
                token = list_entry(node, struct token, node);
                if (text_equal(token->resource, resource) && text_equal(token->client, client))
                        return token;
        }
        token = mem_new(1, sizeof(*token));
        token->identity = identity;
        token->resource = mem_text(resource);
        token->client = mem_text(client);
        token->request = IDENTITY_REQUEST_INIT;
        list_init(&token->waiting);
        list_push_back(&identity->tokens, &token->node);
        return token;
}

static void take_question(struct identity *identity, struct question *question)
{
        struct token *token = find_token(identity, question->resource, question->client);

        list_push_back(&token->waiting, &question->node);
        if (!is_good(token) || clock_steady_ms() >= token->renew_ms)
                ask_source(token);
        if (is_good(token) || !token->asking)
                answer_waiting(token);
}

/* On the client's thread. */
static void take_questions(void *context)
{
        struct identity *identity = context;
        struct list asked;
        struct list_node *node;

        THREAD_ASSERT(http_client_thread(identity->http));
        list_init(&asked);
        pthread_mutex_lock(&identity->lock);
        list_splice_back(&asked, &identity->asked);
        pthread_mutex_unlock(&identity->lock);
        while ((node = list_pop_front(&asked)))
                take_question(identity, list_entry(node, struct question, node));
}

void identity_ask(struct identity *identity, const struct identity_wanted *wanted,
                  identity_done *done, void *context)
{
        struct question *question = mem_new(1, sizeof(*question));

        question->resource = mem_text(wanted->resource);
        question->client = mem_text(wanted->client);
        question->done = done;
        question->context = context;
        pthread_mutex_lock(&identity->lock);
        list_push_back(&identity->asked, &question->node);
        pthread_mutex_unlock(&identity->lock);
        http_client_after(identity->http, 0, take_questions, identity);
}

bool identity_doubt(struct identity *identity, const struct identity_wanted *wanted)
{
        struct token *token = find_token(identity, wanted->resource, wanted->client);
        int64_t now_ms = clock_steady_ms();

        THREAD_ASSERT(http_client_thread(identity->http));
        if (now_ms < token->doubt_after_ms)
                return false;
        token->doubt_after_ms = now_ms + DOUBT_MS;
        buf_wipe(&token->text);
        return true;
}
