// SPDX-License-Identifier: MIT
#include "gateway/intake/queue_intake.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/thread.h"
#include "gateway/intake/queue_inside.h"
#include "gateway/uplink/uplink_hold.h"
#include "monitor/monitor_call.h"

/* A message that was taken so often without an end is perhaps what ends the program. */
#define MOST_TIMES_TAKEN 10

#define IDLE_MIN_MS  100
#define AGAIN_MIN_MS 1000
#define AGAIN_MAX_MS 60000

/* While so many messages are held that no further batch has room. */
#define CROWDED_MS 100

/* How often a queue's messages are counted. */
#define COUNT_MS 60000

struct queue_intake {
        struct queue_intake_options options;
        struct drain *drains;
        size_t count;
        pthread_mutex_t lock; /* guards the two below */
        pthread_cond_t idle;
        size_t under_way; /* deliveries */
        bool stopping;
};

static void ask(void *context);

static void pause_drain(struct drain *drain, int64_t delay_ms)
{
        http_client_after(drain->access.http, delay_ms, ask, drain);
}

/* --- failures (rule S9) --------------------------------------------------------------------- */

/* Says once per kind of failure what is in the way, and asks again later. */
static void note_failure(struct drain *drain, const struct http_answer *answer)
{
        struct reason reason = REASON_INIT;
        char code[STORAGE_CODE_SIZE];

        drain->failures++;
        metrics_add(METRIC_QUEUE_FAILED, 1);
        storage_answer_code(answer, code);
        if (strcmp(code, drain->told) != 0) {
                strcpy(drain->told, code);
                storage_answer_explain(answer, code, &reason);
                log_warn("QUEUE_FAILED", "No messages can be taken from a storage queue now",
                         LOG_TEXT("queue", drain->settings->name), LOG_TEXT("code", code),
                         LOG_INT("status", answer->status), LOG_TEXT("reason", reason.text),
                         LOG_END);
        }
        pause_drain(drain, storage_answer_pause_ms(answer, drain->failures));
}

static void note_success(struct drain *drain)
{
        if (drain->told[0] != '\0')
                log_info("QUEUE_WORKS", "Messages are taken from a storage queue again",
                         LOG_TEXT("queue", drain->settings->name), LOG_END);
        drain->told[0] = '\0';
        drain->failures = 0;
}

/* --- deliveries ------------------------------------------------------------------------------- */

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

static void settle(void *context)
{
        queue_taken_settle(context);
}

static void left(void *context)
{
        queue_taken_left(context);
}

/* Any thread, also when the gateway stops: then the message comes again and is known. */
static void on_left(void *context)
{
        const struct taken *taken = context;
        struct queue_intake *intake = taken->drain->intake;

        pthread_mutex_lock(&intake->lock);
        if (!intake->stopping)
                http_client_after(intake->options.http, 0, left, context);
        pthread_mutex_unlock(&intake->lock);
}

/* Only what could not be taken: the rest, put back into the queue by somebody, would come again. */
static void set_aside(struct taken *taken, const struct event_list *refused)
{
        for (size_t i = 0; i < refused->refusal_count; i++)
                reason_add(&taken->reason, "%s", refused->refusals[i].why);
        queue_message_set_aside(&taken->drain->rules, &taken->message, taken->stored.text, refused,
                                &taken->rest);
}

/* Any thread. */
static void on_delivered(void *context, const struct delivery_result *result)
{
        struct taken *taken = context;
        struct queue_intake *intake = taken->drain->intake;

        taken->fate = result->fate;
        taken->owes = result->held;
        taken->partly = result->not_stored->size > 0;
        if (taken->partly)
                set_aside(taken, result->refused);
        else
                taken->reason = *result->reason;
        http_client_after(intake->options.http, 0, settle, taken);
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
                .left = drain->settings->settlement == SETTINGS_QUEUE_ACCEPTED ? on_left : NULL,
        };

        if (taken->message.is_entry && !drain->told_unsigned) {
                drain->told_unsigned = true;
                log_info("QUEUE_UNSIGNED",
                         "Entries of a storage queue have no signature to check; the right to "
                         "write to the queue stands in for it",
                         LOG_TEXT("queue", drain->settings->name), LOG_END);
        }
        delivery_take(delivery_new(drain->intake->options.means, &source, on_delivered, taken));
}

/* --- a batch -------------------------------------------------------------------------------- */

static void end_batch(struct drain *drain)
{
        if (!drain->refused) {
                ask(drain);
                return;
        }
        drain->failures++;
        pause_drain(drain, backoff_ms(drain->failures, AGAIN_MIN_MS, AGAIN_MAX_MS));
}

void queue_leave_batch(struct taken *taken)
{
        if (!taken->in_batch)
                return;
        taken->in_batch = false;
        if (--taken->drain->left == 0)
                end_batch(taken->drain);
}

/* Without an end of its own if the message can't be understood. */
static void read_message(struct taken *taken)
{
        const struct storage_message *stored = &taken->stored;

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

static void take_batch(struct drain *drain, struct storage_messages *messages)
{
        struct taken *ordered[STORAGE_QUEUE_GET_MAX] = {NULL};
        size_t count = messages->count;

        drain->left = count;
        drain->refused = false;
        for (size_t i = 0; i < count; i++) {
                ordered[i] = queue_taken_new(drain, &messages->items[i]);
                read_message(ordered[i]);
        }
        qsort(ordered, count, sizeof(ordered[0]), compare_times);
        for (size_t i = 0; i < count; i++) {
                if (!ordered[i]->message.network)
                        queue_taken_poison(ordered[i]);
                else if (begin_delivery(drain->intake))
                        deliver(ordered[i]);
        }
}

static void on_messages(void *context, const struct http_answer *answer)
{
        struct drain *drain = context;
        struct http_answer wrong = {.failure = HTTP_E_BROKEN};
        CLEANUP(storage_messages_deinit) struct storage_messages messages = {.count = 0};

        if (answer->failure == HTTP_E_STOPPED)
                return;
        if (!storage_answer_is_good(answer)) {
                note_failure(drain, answer);
                return;
        }
        if (!storage_messages_read(answer->body.data, answer->body.size, &messages,
                                   &wrong.reason)) {
                note_failure(drain, &wrong);
                return;
        }
        note_success(drain);
        if (messages.count > 0) {
                drain->idle_ms = 0;
                take_batch(drain, &messages);
                return;
        }
        drain->idle_ms = drain->idle_ms > 0 ? drain->idle_ms * 2 : IDLE_MIN_MS;
        if (drain->idle_ms > drain->settings->maximum_polling_s * 1000)
                drain->idle_ms = drain->settings->maximum_polling_s * 1000;
        pause_drain(drain, drain->idle_ms);
}

void queue_look_up_held(struct drain *drain)
{
        const struct delivery_means *means = drain->intake->options.means;
        struct store_state state;

        store_get_state(means->store, &state);
        if (state.spilled == 0)
                uplink_holds_look(means->holds);
}

/* The account's secret may be another one now, or not known yet. */
static bool renew_access(struct drain *drain)
{
        const struct settings *all = drain->intake->options.means->settings;
        struct http_answer wrong = {.failure = HTTP_E_CONNECT, .retry_after_ms = -1};

        if (storage_access_renew(&drain->access, settings_queue_storage(all, drain->settings),
                                 &wrong.reason))
                return true;
        note_failure(drain, &wrong);
        return false;
}

static void ask(void *context)
{
        struct drain *drain = context;
        struct storage_queue_request request = STORAGE_QUEUE_REQUEST_INIT;
        struct store_state state;

        THREAD_ASSERT(HTTP_CLIENT_THREAD);
        store_get_state(drain->intake->options.means->store, &state);
        if (state.full || drain->held + STORAGE_QUEUE_GET_MAX > QUEUE_HELD_MAX) {
                pause_drain(drain, state.full ? AGAIN_MIN_MS : CROWDED_MS);
                return;
        }
        if (!renew_access(drain))
                return;
        storage_queue_get(drain->settings->name, (int)drain->settings->visibility_timeout_s,
                          &request);
        storage_access_send(&drain->access, &request.request, on_messages, drain);
        storage_queue_request_deinit(&request);
}

/* --- how many there are ----------------------------------------------------------------------- */

static void count_messages(void *context);

static void on_counted(void *context, const struct http_answer *answer)
{
        struct drain *drain = context;

        if (answer->failure == HTTP_E_STOPPED)
                return;
        atomic_store(&drain->messages, storage_queue_read_count(answer));
        http_client_after(drain->access.http, COUNT_MS, count_messages, drain);
}

static void count_messages(void *context)
{
        struct drain *drain = context;
        struct storage_queue_request request = STORAGE_QUEUE_REQUEST_INIT;

        if (!drain->access.account.by_identity && !drain->access.text) {
                http_client_after(drain->access.http, AGAIN_MIN_MS, count_messages, drain);
                return;
        }
        storage_queue_count(drain->settings->name, &request);
        storage_access_send(&drain->access, &request.request, on_counted, drain);
        storage_queue_request_deinit(&request);
}

void queue_intake_write_metrics(const struct queue_intake *intake, struct buf *out)
{
        bool first = true;

        for (size_t i = 0; intake && i < intake->count; i++) {
                const struct drain *drain = &intake->drains[i];
                CLEANUP(mem_cleanup)
                char *name =
                        mem_format("isthmus_queue_messages{queue=\"%s\"}", drain->settings->name);
                int64_t messages = atomic_load(&drain->messages);

                if (messages < 0)
                        continue;
                metrics_write_gauge(out, name,
                                    first ? "Messages in a storage queue, about, those that are "
                                            "invisible included"
                                          : "",
                                    messages);
                first = false;
        }
}

/* --- start and stop ------------------------------------------------------------------------- */

static void open_drain(struct queue_intake *intake, const struct settings_storage_queue *settings,
                       struct drain *drain)
{
        const struct settings *all = intake->options.means->settings;
        const char *url = settings_queue_service(all, settings);

        drain->intake = intake;
        drain->settings = settings;
        drain->poison = mem_format("%s-poison", settings->name);
        list_init(&drain->taken);
        atomic_init(&drain->messages, -1);
        drain->rules = (struct queue_message_rules){
                .network = settings->network ? network_by_name(settings->network) : NULL,
                .application = settings->application,
                .maximum_values = (size_t)all->limits.json_values,
        };
        drain->access = (struct storage_access){
                .http = intake->options.http,
                .identity = intake->options.identity,
                .client = settings_queue_client(all, settings),
                .watch = monitor_call_watch(intake->options.means->monitor, MONITOR_TYPE_QUEUE),
                .account = STORAGE_ACCOUNT_INIT,
        };
        /* Its check has let only a good URL through. */
        if (url && !storage_account_by_identity(STORAGE_QUEUE, url, &drain->access.account, NULL))
                abort();
}

struct queue_intake *queue_intake_start(const struct queue_intake_options *options)
{
        const struct settings *settings = options->means->settings;
        struct queue_intake *made = mem_new(1, sizeof(*made));

        made->options = *options;
        pthread_mutex_init(&made->lock, NULL);
        pthread_cond_init(&made->idle, NULL);
        made->drains = mem_new(settings->storage_queue_count + 1, sizeof(*made->drains));
        for (size_t i = 0; i < settings->storage_queue_count; i++)
                open_drain(made, &settings->storage_queues[i], &made->drains[made->count++]);
        for (size_t i = 0; i < made->count; i++) {
                pause_drain(&made->drains[i], 0);
                http_client_after(options->http, 0, count_messages, &made->drains[i]);
        }
        return made;
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

                while (!list_is_empty(&drain->taken))
                        queue_taken_free(list_entry(drain->taken.head.next, struct taken, node));
                storage_account_deinit(&drain->access.account);
                free(drain->poison);
        }
        free(intake->drains);
        pthread_mutex_destroy(&intake->lock);
        pthread_cond_destroy(&intake->idle);
        free(intake);
}
