// SPDX-License-Identifier: MIT
#include "gateway/intake/queue_intake.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure/storage/storage_queue.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/thread.h"
#include "gateway/intake/queue_message.h"

/* What can't be put into the poison queue is out of the way for so long. */
#define INVISIBLE_POISON_S (24 * 60 * 60)

/* A message that was taken so often without an end is perhaps what ends the program. */
#define MOST_TIMES_TAKEN 10

#define IDLE_MIN_MS      100
#define AGAIN_MIN_MS     1000
#define AGAIN_MAX_MS     60000
#define NOT_THERE_MS     60000
#define FORBIDDEN_MAX_MS (15 * 60 * 1000)

/* The services refuse requests whose time is off by more. */
#define CLOCK_MAX_MS (15 * 60 * 1000)

#define CODE_SIZE 64

struct drain;

/* A message on its way. */
struct taken {
        struct drain *drain;
        struct storage_message *stored;
        struct queue_message message;
        enum delivery_fate fate;
        bool partly; /* something of it was not stored */
        struct reason reason;
};

/* One queue. */
struct drain {
        struct queue_intake *intake;
        const struct settings_storage_queue *settings;
        char *poison; /* name of the queue for what can't be understood */
        struct storage_account account;
        struct queue_message_rules rules;
        struct storage_messages messages; /* the batch that was got */
        struct taken taken[STORAGE_QUEUE_GET_MAX];
        size_t left;          /* of the batch, not settled */
        bool refused;         /* something of the batch, for now */
        int64_t idle_ms;      /* last pause of an empty queue */
        int failures;         /* in a row */
        char told[CODE_SIZE]; /* what was last logged of them; "" = that it works, or nothing */
        bool told_unsigned;
};

struct queue_intake {
        const struct delivery_means *means;
        struct http_client *http;
        struct drain *drains;
        size_t count;
        pthread_mutex_t lock; /* guards the two below */
        pthread_cond_t idle;
        size_t under_way; /* deliveries */
        bool stopping;
};

static void ask(void *context);

/* --- requests ------------------------------------------------------------------------------- */

static void send(struct drain *drain, struct storage_queue_request *request, http_done *done,
                 void *context)
{
        CLEANUP(storage_signed_deinit) struct storage_signed made;

        storage_sign(&drain->account, &request->request, clock_wall_ms() / 1000, &made);
        made.request.maximum_answer = STORAGE_QUEUE_ANSWER_MAX;
        http_client_send(drain->intake->http, &made.request, done, context);
        storage_queue_request_deinit(request);
}

static bool is_good(const struct http_answer *answer)
{
        return answer->failure == HTTP_OK && answer->status >= 200 && answer->status < 300;
}

static void pause_drain(struct drain *drain, int64_t delay_ms)
{
        http_client_after(drain->intake->http, delay_ms, ask, drain);
}

/* --- failures (rule S9) --------------------------------------------------------------------- */

static const struct {
        const char *code;
        const char *hint;
} hints[] = {
        {"QueueNotFound", "there is no such queue yet; it is looked for every minute"},
        {"AuthenticationFailed", "the account key is wrong or was renewed, or the signature (SAS) "
                                 "is wrong or has ended"},
        {"AuthorizationFailure", "the storage account's firewall does not let this machine in"},
        {"AuthorizationPermissionMismatch", "the signature (SAS) lacks a right: it needs process "
                                            "(p), update (u) and add (a)"},
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

static void explain(const struct http_answer *answer, const char *code, struct reason *reason)
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

static void find_code(const struct http_answer *answer, char code[CODE_SIZE])
{
        CLEANUP(buf_deinit) struct buf header = BUF_INIT;

        if (answer->failure != HTTP_OK)
                snprintf(code, CODE_SIZE, "no answer");
        else if (http_answer_header(answer, "x-ms-error-code", &header))
                snprintf(code, CODE_SIZE, "%s", buf_text(&header));
        else
                snprintf(code, CODE_SIZE, "%d", answer->status);
}

static int64_t pause_after(const struct drain *drain, const struct http_answer *answer)
{
        if (answer->failure == HTTP_OK && answer->status == 404)
                return NOT_THERE_MS;
        if (answer->failure == HTTP_OK && answer->status >= 400 && answer->status < 500 &&
            answer->status != 429)
                return backoff_ms(drain->failures, NOT_THERE_MS, FORBIDDEN_MAX_MS);
        if (answer->failure == HTTP_OK && answer->retry_after_ms >= 0)
                return answer->retry_after_ms;
        return backoff_ms(drain->failures, AGAIN_MIN_MS, AGAIN_MAX_MS);
}

/* Says once per kind of failure what is in the way, and asks again later. */
static void note_failure(struct drain *drain, const struct http_answer *answer)
{
        struct reason reason = REASON_INIT;
        char code[CODE_SIZE];

        drain->failures++;
        metrics_add(METRIC_QUEUE_FAILED, 1);
        find_code(answer, code);
        if (strcmp(code, drain->told) != 0) {
                strcpy(drain->told, code);
                explain(answer, code, &reason);
                log_warn("QUEUE_FAILED", "No messages can be taken from a storage queue now",
                         LOG_TEXT("queue", drain->settings->name), LOG_TEXT("code", code),
                         LOG_INT("status", answer->status), LOG_TEXT("reason", reason.text),
                         LOG_END);
        }
        pause_drain(drain, pause_after(drain, answer));
}

static void note_success(struct drain *drain)
{
        if (drain->told[0] != '\0')
                log_info("QUEUE_WORKS", "Messages are taken from a storage queue again",
                         LOG_TEXT("queue", drain->settings->name), LOG_END);
        drain->told[0] = '\0';
        drain->failures = 0;
}

/* --- the end of a message ------------------------------------------------------------------- */

static void end_batch(struct drain *drain)
{
        for (size_t i = 0; i < drain->messages.count; i++)
                queue_message_deinit(&drain->taken[i].message);
        storage_messages_deinit(&drain->messages);
        if (!drain->refused) {
                ask(drain);
                return;
        }
        drain->failures++;
        pause_drain(drain, backoff_ms(drain->failures, AGAIN_MIN_MS, AGAIN_MAX_MS));
}

static void end_message(struct taken *taken)
{
        if (--taken->drain->left == 0)
                end_batch(taken->drain);
}

/* One that could not be deleted comes again, and its events are known by their ids. */
static void on_deleted(void *context, const struct http_answer *answer)
{
        struct taken *taken = context;

        if (answer->failure == HTTP_E_STOPPED)
                return;
        if (!is_good(answer))
                log_debug("QUEUE_NOT_DELETED", "A message of a storage queue could not be deleted",
                          LOG_TEXT("queue", taken->drain->settings->name),
                          LOG_TEXT("message", taken->stored->id), LOG_INT("status", answer->status),
                          LOG_END);
        end_message(taken);
}

static void delete_message(struct taken *taken)
{
        struct storage_queue_request request = STORAGE_QUEUE_REQUEST_INIT;

        storage_queue_delete(taken->drain->settings->name, taken->stored->id,
                             taken->stored->receipt, &request);
        send(taken->drain, &request, on_deleted, taken);
}

/* --- what can't be understood (rule S6) ----------------------------------------------------- */

/* It stays where it is, out of the way of the others. */
static void keep_away(struct taken *taken, const struct http_answer *answer)
{
        struct storage_queue_request request = STORAGE_QUEUE_REQUEST_INIT;
        char code[CODE_SIZE];

        find_code(answer, code);
        log_warn("QUEUE_POISON_STAYS",
                 "A message that can't be taken could not be put into the poison queue; it stays, "
                 "and is looked at again in a day",
                 LOG_TEXT("queue", taken->drain->poison), LOG_TEXT("message", taken->stored->id),
                 LOG_TEXT("code", code), LOG_END);
        storage_queue_extend(taken->drain->settings->name, taken->stored->id,
                             taken->stored->receipt, INVISIBLE_POISON_S, &request);
        send(taken->drain, &request, on_deleted, taken);
}

static void put_poison(struct taken *taken, http_done *done)
{
        struct storage_queue_request request = STORAGE_QUEUE_REQUEST_INIT;

        storage_queue_put(taken->drain->poison, taken->stored->text, taken->stored->size, &request);
        send(taken->drain, &request, done, taken);
}

static void on_poisoned_at_last(void *context, const struct http_answer *answer)
{
        if (answer->failure == HTTP_E_STOPPED)
                return;
        if (is_good(answer))
                delete_message(context);
        else
                keep_away(context, answer);
}

static void on_poison_made(void *context, const struct http_answer *answer)
{
        if (answer->failure == HTTP_E_STOPPED)
                return;
        if (is_good(answer))
                put_poison(context, on_poisoned_at_last);
        else
                keep_away(context, answer);
}

static void on_poisoned(void *context, const struct http_answer *answer)
{
        struct taken *taken = context;
        struct storage_queue_request request = STORAGE_QUEUE_REQUEST_INIT;

        if (answer->failure != HTTP_OK || answer->status != 404) {
                on_poisoned_at_last(taken, answer);
                return;
        }
        storage_queue_create(taken->drain->poison, &request);
        send(taken->drain, &request, on_poison_made, taken);
}

static void poison(struct taken *taken)
{
        metrics_add(METRIC_QUEUE_POISON, 1);
        log_warn("QUEUE_POISON", "A message of a storage queue goes to its poison queue",
                 LOG_TEXT("queue", taken->drain->settings->name),
                 LOG_TEXT("message", taken->stored->id),
                 LOG_INT("taken", taken->stored->dequeue_count),
                 LOG_TEXT("reason", taken->reason.text), LOG_END);
        put_poison(taken, on_poisoned);
}

/* --- what becomes of a message -------------------------------------------------------------- */

static void settle(void *context)
{
        struct taken *taken = context;

        switch (taken->fate) {
        case DELIVERY_STORED:
        case DELIVERY_IGNORED:
                metrics_add(METRIC_QUEUE_TAKEN, 1);
                if (taken->partly)
                        poison(taken);
                else
                        delete_message(taken);
                break;
        case DELIVERY_MALFORMED:
        case DELIVERY_UNFIT:
        case DELIVERY_UNTRUSTED:
        case DELIVERY_FOREIGN:
                poison(taken);
                break;
        case DELIVERY_NOT_NOW:
                taken->drain->refused = true;
                end_message(taken);
                break;
        }
}

static bool begin_delivery(struct queue_intake *intake)
{
        bool stopping;

        pthread_mutex_lock(&intake->lock);
        stopping = intake->stopping;
        if (!stopping)
                intake->under_way++;
        pthread_mutex_unlock(&intake->lock);
        return !stopping;
}

/* The last thing that touches anything: queue_intake_stop waits for it. */
static void end_delivery(struct queue_intake *intake)
{
        pthread_mutex_lock(&intake->lock);
        if (--intake->under_way == 0)
                pthread_cond_signal(&intake->idle);
        pthread_mutex_unlock(&intake->lock);
}

/* Any thread. */
static void on_delivered(void *context, const struct delivery_result *result)
{
        struct taken *taken = context;
        struct queue_intake *intake = taken->drain->intake;

        taken->fate = result->fate;
        taken->partly = result->not_stored->size > 0;
        if (taken->partly)
                reason_set(&taken->reason, "a part of it could not be taken");
        else
                taken->reason = *result->reason;
        http_client_after(intake->http, 0, settle, taken);
        end_delivery(intake);
}

static void deliver(struct taken *taken)
{
        struct drain *drain = taken->drain;
        const struct delivery_source source = {
                .network = taken->message.network,
                .received = queue_message_webhook(&drain->rules, &taken->message, clock_wall_ns()),
                .arrived_ns = clock_steady_ns(),
                .vouched = taken->message.is_entry,
        };

        if (taken->message.is_entry && !drain->told_unsigned) {
                drain->told_unsigned = true;
                log_info("QUEUE_UNSIGNED",
                         "Entries of a storage queue have no signature to check; the right to "
                         "write to the queue stands in for it",
                         LOG_TEXT("queue", drain->settings->name), LOG_END);
        }
        delivery_take(delivery_new(drain->intake->means, &source, on_delivered, taken));
}

/* --- a batch -------------------------------------------------------------------------------- */

/* Without an end of its own if the message can't be understood. */
static void read_message(struct taken *taken)
{
        const struct storage_message *stored = taken->stored;

        taken->message.first_ns = INT64_MAX;
        if (stored->dequeue_count >= MOST_TIMES_TAKEN)
                reason_set(&taken->reason, "it was taken %lld times without an end",
                           (long long)stored->dequeue_count);
        else if (queue_message_read(&taken->drain->rules, stored->text, stored->size,
                                    clock_wall_ns(), &taken->message, &taken->reason))
                taken->reason = REASON_INIT;
        else
                taken->message.network = NULL;
}

/* A queue promises no order: the events' own times do. */
static int compare_times(const void *a, const void *b)
{
        const struct taken *left = *(struct taken *const *)a;
        const struct taken *right = *(struct taken *const *)b;

        return (left->message.first_ns > right->message.first_ns) -
               (left->message.first_ns < right->message.first_ns);
}

static void take_batch(struct drain *drain)
{
        struct taken *ordered[STORAGE_QUEUE_GET_MAX] = {NULL};
        size_t count = drain->messages.count;

        drain->left = count;
        drain->refused = false;
        for (size_t i = 0; i < count; i++) {
                drain->taken[i] = (struct taken){.drain = drain,
                                                 .stored = &drain->messages.items[i],
                                                 .message = QUEUE_MESSAGE_INIT};
                read_message(&drain->taken[i]);
                ordered[i] = &drain->taken[i];
        }
        qsort(ordered, count, sizeof(ordered[0]), compare_times);
        for (size_t i = 0; i < count; i++) {
                if (!ordered[i]->message.network)
                        poison(ordered[i]);
                else if (begin_delivery(drain->intake))
                        deliver(ordered[i]);
        }
}

static void on_messages(void *context, const struct http_answer *answer)
{
        struct drain *drain = context;
        struct http_answer wrong = {.failure = HTTP_E_BROKEN};

        if (answer->failure == HTTP_E_STOPPED)
                return;
        if (!is_good(answer)) {
                note_failure(drain, answer);
                return;
        }
        if (!storage_messages_read(answer->body.data, answer->body.size, &drain->messages,
                                   &wrong.reason)) {
                storage_messages_deinit(&drain->messages);
                note_failure(drain, &wrong);
                return;
        }
        note_success(drain);
        if (drain->messages.count > 0) {
                drain->idle_ms = 0;
                take_batch(drain);
                return;
        }
        drain->idle_ms = drain->idle_ms > 0 ? drain->idle_ms * 2 : IDLE_MIN_MS;
        if (drain->idle_ms > drain->settings->maximum_polling_s * 1000)
                drain->idle_ms = drain->settings->maximum_polling_s * 1000;
        pause_drain(drain, drain->idle_ms);
}

static void ask(void *context)
{
        struct drain *drain = context;
        struct storage_queue_request request = STORAGE_QUEUE_REQUEST_INIT;
        struct store_state state;

        THREAD_ASSERT(HTTP_CLIENT_THREAD);
        store_get_state(drain->intake->means->store, &state);
        if (state.full) {
                pause_drain(drain, AGAIN_MIN_MS);
                return;
        }
        storage_queue_get(drain->settings->name, (int)drain->settings->visibility_timeout_s,
                          &request);
        send(drain, &request, on_messages, drain);
}

/* --- start and stop ------------------------------------------------------------------------- */

static bool open_drain(struct queue_intake *intake, const struct settings_storage_queue *settings,
                       struct drain *drain, struct reason *reason)
{
        const struct settings *all = intake->means->settings;

        drain->intake = intake;
        drain->settings = settings;
        drain->poison = mem_format("%s-poison", settings->name);
        drain->rules = (struct queue_message_rules){
                .network = settings->network ? network_by_name(settings->network) : NULL,
                .application = settings->application,
                .maximum_values = (size_t)all->limits.json_values,
        };
        if (storage_account_parse(settings_queue_storage(all, settings), &drain->account, reason))
                return true;
        reason_prefix(reason, "the storage queue %s", settings->name);
        return false;
}

int queue_intake_start(const struct delivery_means *means, struct http_client *http,
                       struct queue_intake **intake, struct reason *reason)
{
        const struct settings *settings = means->settings;
        struct queue_intake *made = mem_new(1, sizeof(*made));

        made->means = means;
        made->http = http;
        pthread_mutex_init(&made->lock, NULL);
        pthread_cond_init(&made->idle, NULL);
        made->drains = mem_new(settings->storage_queue_count + 1, sizeof(*made->drains));
        for (size_t i = 0; i < settings->storage_queue_count; i++) {
                struct drain *drain = &made->drains[made->count++];

                if (!open_drain(made, &settings->storage_queues[i], drain, reason)) {
                        queue_intake_free(made);
                        return -EINVAL;
                }
        }
        for (size_t i = 0; i < made->count; i++)
                pause_drain(&made->drains[i], 0);
        *intake = made;
        return 0;
}

void queue_intake_stop(struct queue_intake *intake)
{
        if (!intake)
                return;
        pthread_mutex_lock(&intake->lock);
        intake->stopping = true;
        while (intake->under_way > 0)
                pthread_cond_wait(&intake->idle, &intake->lock);
        pthread_mutex_unlock(&intake->lock);
}

void queue_intake_free(struct queue_intake *intake)
{
        if (!intake)
                return;
        for (size_t i = 0; i < intake->count; i++) {
                struct drain *drain = &intake->drains[i];

                for (size_t j = 0; j < drain->messages.count; j++)
                        queue_message_deinit(&drain->taken[j].message);
                storage_messages_deinit(&drain->messages);
                storage_account_deinit(&drain->account);
                free(drain->poison);
        }
        free(intake->drains);
        pthread_mutex_destroy(&intake->lock);
        pthread_cond_destroy(&intake->idle);
        free(intake);
}
