// SPDX-License-Identifier: MIT
/*
 * Carries what dps_machine decides to the service and back. All state but `incoming` belongs to
 * the thread "http". A registration is in one of these places:
 *   incoming          on its way from another thread
 *   queue->waiting    it has not begun
 *   queue->again      it registers anew, as soon as the pace allows and before those who wait
 *   service->busy     a request or a pause is under way, whose callback holds it
 * and counts in queue->begun from its first request to its `done`.
 */
#include "azure/dps/dps_client.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "azure/device_id.h"
#include "azure/device_key.h"
#include "azure/dps/dps_machine.h"
#include "azure/dps/dps_pace.h"
#include "azure/endpoint.h"
#include "azure/names.h"
#include "azure/sas.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/table.h"
#include "base/text.h"
#include "base/thread.h"

/* A token is made for every request; it only has to outlive it and a clock that is a bit off. */
#define TOKEN_LIFETIME_S 3600

struct dps_client {
        struct dps_client_options options;
        pthread_mutex_t lock; /* for the next three */
        int limit;            /* registrations a minute; 0 = none */
        struct list incoming;
        bool called; /* take_incoming is on its way to the thread */
        struct list services;
        int limit_known; /* the same, as the thread knows it */
};

#define MINUTE_MS       INT64_C(60000)
#define CONCURRENT_MOST 10000

/* So many other registrations go between two repeated ones, if both wait. */
#define NEW_IN_A_ROW 9

/* The registrations of one kind at a service. */
struct queue {
        struct list waiting;
        struct list again;
        int begun;
        int maximum;      /* of those that have begun */
        int sending;      /* registers that have no answer yet */
        bool newest_next; /* of those that are urgent: by turns with the oldest */
};

/* One endpoint and ID scope; lives as long as the client: there are as many as are configured. */
struct service {
        struct list_node node;
        struct dps_client *client;
        char *endpoint;
        char *id_scope;
        struct dps_pace pace;
        struct queue queues[DPS_KIND_COUNT];
        struct table bulk; /* those of the bulk that have not begun, by registration id */
        int in_a_row;      /* others that were sent while a repeated one waited */
        struct list busy;
        int64_t wake_ms; /* when run_service comes by itself; INT64_MAX = not */
        int64_t quota;   /* that was told to the metrics */
};

struct dps_request {
        struct list_node node;
        struct table_entry entry; /* of service->bulk, if it has a key */
        struct dps_client *client;
        struct service *service;
        struct queue *queue;
        enum dps_kind kind;
        bool registers; /* its request that is under way is a register, not a poll */
        char *endpoint;
        char *id_scope;
        char *id;
        char *key; /* or NULL, then there is a certificate */
        struct certificate *certificate;
        char *model_id;
        dps_done *done;
        void *context;
        int64_t sent_ms;
        struct dps_machine machine;
};

static void run_service(struct service *service);

/* --- objects ------------------------------------------------------------------------------- */

static void registration_free(struct dps_request *registration)
{
        dps_machine_deinit(&registration->machine);
        if (registration->key)
                mem_wipe(registration->key, strlen(registration->key));
        free(registration->key);
        certificate_free(registration->certificate);
        free(registration->endpoint);
        free(registration->id_scope);
        free(registration->id);
        free(registration->model_id);
        free(registration);
}

static void free_registrations(struct list *registrations)
{
        list_for_each_safe (node, registrations)
                registration_free(list_entry(node, struct dps_request, node));
        list_init(registrations);
}

static void queue_init(struct queue *queue, int maximum)
{
        list_init(&queue->waiting);
        list_init(&queue->again);
        queue->maximum = maximum > 0 ? maximum : 1;
}

static void free_queue(struct queue *queue)
{
        free_registrations(&queue->waiting);
        free_registrations(&queue->again);
}

struct dps_client *dps_client_new(const struct dps_client_options *options)
{
        struct dps_client *client = mem_new(1, sizeof(*client));

        client->options = *options;
        if (client->options.maximum_concurrent <= 0)
                client->options.maximum_concurrent = CONCURRENT_MOST;
        if (client->options.minute_ms <= 0)
                client->options.minute_ms = MINUTE_MS;
        if (client->options.deadline_ms <= 0)
                client->options.deadline_ms = 300000;
        client->limit = client->limit_known = client->options.registrations_per_minute;
        pthread_mutex_init(&client->lock, NULL);
        list_init(&client->incoming);
        list_init(&client->services);
        return client;
}

void dps_client_free(struct dps_client *client)
{
        if (!client)
                return;
        free_registrations(&client->incoming);
        list_for_each_safe (node, &client->services) {
                struct service *service = list_entry(node, struct service, node);

                metrics_gauge_add(METRIC_DPS_QUOTA, -service->quota);
                for (size_t i = 0; i < DPS_KIND_COUNT; i++)
                        free_queue(&service->queues[i]);
                free_registrations(&service->busy);
                table_deinit(&service->bulk);
                free(service->endpoint);
                free(service->id_scope);
                free(service);
        }
        pthread_mutex_destroy(&client->lock);
        free(client);
}

static struct service *find_service(struct dps_client *client, const char *endpoint,
                                    const char *id_scope)
{
        struct service *service;

        list_for_each (node, &client->services) {
                service = list_entry(node, struct service, node);
                if (text_equal_nocase(service->endpoint, endpoint) &&
                    text_equal(service->id_scope, id_scope))
                        return service;
        }
        service = mem_new(1, sizeof(*service));
        service->client = client;
        service->endpoint = mem_text(endpoint);
        service->id_scope = mem_text(id_scope);
        dps_pace_init(&service->pace, client->limit_known, client->options.minute_ms,
                      clock_steady_ms());
        queue_init(&service->queues[DPS_URGENT], client->options.maximum_concurrent);
        queue_init(&service->queues[DPS_BULK], client->options.maximum_concurrent);
        queue_init(&service->queues[DPS_REPEATED], client->options.maximum_concurrent / 2);
        service->bulk = TABLE_INIT;
        service->wake_ms = INT64_MAX;
        list_init(&service->busy);
        list_push_back(&client->services, &service->node);
        return service;
}

/* --- requests ------------------------------------------------------------------------------ */

static void write_url(struct buf *url, const struct dps_request *registration, enum dps_step step)
{
        buf_add_format(url, "https://%s/", registration->endpoint);
        text_url_escape(url, registration->id_scope);
        buf_add_text(url, AZURE_DPS_REGISTRATIONS);
        text_url_escape(url, registration->id);
        if (step == DPS_STEP_POLL) {
                buf_add_text(url, AZURE_DPS_OPERATIONS);
                text_url_escape(url, registration->machine.operation_id);
        } else {
                buf_add_text(url, AZURE_DPS_REGISTER);
        }
        buf_add_text(url, "?api-version=" AZURE_DPS_API_VERSION);
}

static void write_token(struct buf *token, const struct dps_request *registration)
{
        CLEANUP(buf_deinit) struct buf resource = BUF_INIT;
        struct sas_grant grant = {.key = registration->key,
                                  .key_name = AZURE_SAS_DPS_KEY_NAME,
                                  .expires_s = clock_wall_ms() / 1000 + TOKEN_LIFETIME_S};

        sas_registration_resource(&resource, registration->id_scope, registration->id);
        grant.resource = buf_text(&resource);
        /* The key was checked when the registration came in. */
        if (!sas_token(token, &grant, NULL))
                abort();
}

static void write_body(struct buf *body, const struct dps_request *registration)
{
        buf_add_text(body, "{\"registrationId\":");
        buf_add_json_string(body, registration->id, strlen(registration->id));
        if (!text_is_empty(registration->model_id)) {
                buf_add_text(body, ",\"payload\":{\"modelId\":");
                buf_add_json_string(body, registration->model_id, strlen(registration->model_id));
                buf_add_char(body, '}');
        }
        buf_add_char(body, '}');
}

static void dps_answered(void *context, const struct http_answer *answer);

static void send_request(struct dps_request *registration, enum dps_step step)
{
        CLEANUP(buf_deinit) struct buf url = BUF_INIT;
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        CLEANUP(buf_wipe) struct buf token = BUF_INIT;
        struct http_header headers[3] = {{"Accept", "application/json"}};
        struct http_request request = {.headers = headers,
                                       .header_count = 1,
                                       .method = "GET",
                                       .certificate = registration->certificate,
                                       .multiplex = true};

        write_url(&url, registration, step);
        request.url = buf_text(&url);
        if (registration->key) {
                write_token(&token, registration);
                headers[request.header_count++] =
                        (struct http_header){"Authorization", buf_text(&token)};
        }
        if (step == DPS_STEP_REGISTER) {
                write_body(&body, registration);
                request.method = "PUT";
                headers[request.header_count++] =
                        (struct http_header){"Content-Type", "application/json; charset=utf-8"};
                request.body = buf_text(&body);
                request.body_size = body.size;
        }
        registration->registers = step == DPS_STEP_REGISTER;
        if (registration->registers)
                registration->queue->sending++;
        metrics_add(registration->registers ? METRIC_DPS_REGISTERS : METRIC_DPS_POLLS, 1);
        registration->sent_ms = clock_steady_ms();
        http_client_send(registration->client->options.http, &request, dps_answered, registration);
}

/* --- answers ------------------------------------------------------------------------------- */

/* The quota that was found, per minute; 0 = none. */
static int64_t quota_of(const struct service *service)
{
        return dps_pace_quota(&service->pace) * MINUTE_MS / service->pace.window_ms;
}

/* It was refused before, and others were taken meanwhile: that is its own trouble. */
static bool is_alone(const struct dps_request *registration)
{
        return registration->machine.failures > 1 && registration->service->pace.taken_since > 0;
}

static void note_throttled(struct dps_request *registration, const struct http_answer *answer,
                           int64_t now_ms)
{
        struct service *service = registration->service;

        if (is_alone(registration))
                dps_pace_answered(&service->pace, false, registration->sent_ms, now_ms);
        else if (dps_pace_throttled(&service->pace, registration->sent_ms, answer->retry_after_ms,
                                    now_ms))
                log_warn("DPS_THROTTLED", "The provisioning service asks for fewer registrations",
                         LOG_TEXT("endpoint", service->endpoint),
                         LOG_TEXT("id_scope", service->id_scope),
                         LOG_INT("per_minute", quota_of(service)),
                         LOG_INT("retry_after_ms", answer->retry_after_ms), LOG_END);
}

/* What an answer teaches about the service. Only registers are its quota's matter. */
static void note_pace(struct dps_request *registration, const struct http_answer *answer,
                      const struct dps_next *next, int64_t now_ms)
{
        bool is_counted = answer->failure == HTTP_OK && answer->status < 500;

        if (next->throttled)
                metrics_add(METRIC_DPS_THROTTLED, 1);
        if (!registration->registers)
                return;
        registration->queue->sending--;
        if (next->throttled)
                note_throttled(registration, answer, now_ms);
        else
                dps_pace_answered(&registration->service->pace, is_counted, registration->sent_ms,
                                  now_ms);
}

static void finish(struct dps_request *registration, const struct dps_result *result)
{
        list_remove(&registration->service->busy, &registration->node);
        registration->queue->begun--;
        metrics_gauge_add(METRIC_DPS_UNDER_WAY, -1);
        registration->done(registration->context, result);
        registration_free(registration);
}

static void poll_now(void *context)
{
        send_request(context, DPS_STEP_POLL);
}

static void queue_again(struct dps_request *registration)
{
        list_remove(&registration->service->busy, &registration->node);
        list_push_back(&registration->queue->again, &registration->node);
}

static void register_again(void *context)
{
        struct dps_request *registration = context;

        queue_again(registration);
        run_service(registration->service);
}

static void go_on(struct dps_request *registration, const struct dps_next *next)
{
        if (next->trouble.text[0] != '\0')
                log_debug("DPS_RETRY", "A registration is tried again later",
                          LOG_TEXT("registration_id", registration->id),
                          LOG_TEXT("reason", next->trouble.text),
                          LOG_INT("again_in_ms", next->delay_ms), LOG_END);
        /* When the service takes registers again the pace knows better than each of them. */
        if (next->throttled && next->step == DPS_STEP_REGISTER &&
            registration->machine.failures == 1)
                queue_again(registration);
        else
                http_client_after(registration->client->options.http, next->delay_ms,
                                  next->step == DPS_STEP_POLL ? poll_now : register_again,
                                  registration);
}

static void dps_answered(void *context, const struct http_answer *answer)
{
        struct dps_request *registration = context;
        struct service *service = registration->service;
        int64_t now_ms = clock_steady_ms();
        int64_t date_ms;
        struct dps_next next;
        uint32_t chance;

        /* The end: dps_client_free takes care of it. */
        if (answer->failure == HTTP_E_STOPPED)
                return;
        crypto_random(&chance, sizeof(chance));
        dps_machine_take(&registration->machine, answer, now_ms, chance, &next);
        note_pace(registration, answer, &next, now_ms);
        if (next.step == DPS_STEP_DONE) {
                if (http_answer_date(answer, &date_ms))
                        next.result.clock_ahead_ms = clock_wall_ms() - date_ms;
                finish(registration, &next.result);
        } else {
                go_on(registration, &next);
        }
        run_service(service);
}

/* --- the queue of a service ---------------------------------------------------------------- */

static void wake_service(void *context)
{
        struct service *service = context;

        service->wake_ms = INT64_MAX;
        run_service(service);
}

/* Calls run_service after so long, unless it comes sooner anyway. */
static void wake_after(struct service *service, int64_t wait_ms)
{
        int64_t wake_ms = clock_steady_ms() + wait_ms;

        if (wake_ms >= service->wake_ms)
                return;
        service->wake_ms = wake_ms;
        http_client_after(service->client->options.http, wait_ms, wake_service, service);
}

static int begun_in(const struct service *service)
{
        int begun = 0;

        for (size_t i = 0; i < DPS_KIND_COUNT; i++)
                begun += service->queues[i].begun;
        return begun;
}

/* The list of a queue whose first registration may be sent next; NULL if there is none. */
static struct list *list_in(struct service *service, enum dps_kind kind)
{
        struct queue *queue = &service->queues[kind];
        int begun = kind == DPS_URGENT ? queue->begun : begun_in(service);

        if (!list_is_empty(&queue->again))
                return &queue->again;
        if (!list_is_empty(&queue->waiting) && queue->begun < queue->maximum &&
            begun < service->client->options.maximum_concurrent)
                return &queue->waiting;
        return NULL;
}

/*
 * The kind whose turn it is: in order, but for one repeated one now and then; DPS_KIND_COUNT if
 * nobody may go.
 */
static enum dps_kind next_kind(struct service *service)
{
        enum dps_kind first = DPS_URGENT;

        while (first < DPS_REPEATED && !list_in(service, first))
                first++;
        if (!list_in(service, DPS_REPEATED) ||
            service->queues[DPS_REPEATED].sending >= DPS_PACE_MOST / 2)
                return first < DPS_REPEATED ? first : DPS_KIND_COUNT;
        return first < DPS_REPEATED && service->in_a_row < NEW_IN_A_ROW ? first : DPS_REPEATED;
}

/* It begins, or is of the bulk no more. */
static void leave_bulk(struct dps_request *registration)
{
        if (!registration->entry.key)
                return;
        table_remove(&registration->service->bulk, &registration->entry);
        registration->entry.key = NULL;
}

static void send_first(struct service *service, enum dps_kind kind)
{
        struct queue *queue = &service->queues[kind];
        struct list *list = list_in(service, kind);
        bool from_behind = kind == DPS_URGENT && list == &queue->waiting && queue->newest_next;
        struct dps_request *registration = list_entry(
                from_behind ? list_pop_back(list) : list_pop_front(list), struct dps_request, node);

        service->in_a_row = kind == DPS_REPEATED ? 0 : service->in_a_row + 1;
        list_push_back(&service->busy, &registration->node);
        if (list == &queue->waiting) {
                leave_bulk(registration);
                queue->begun++;
                queue->newest_next = !queue->newest_next;
                metrics_gauge_add(METRIC_DPS_WAITING, -1);
                metrics_gauge_add(METRIC_DPS_UNDER_WAY, 1);
                dps_machine_init(&registration->machine,
                                 clock_steady_ms() + service->client->options.deadline_ms);
        }
        send_request(registration, DPS_STEP_REGISTER);
}

/* Sends what may be sent now, and comes back by itself when the pace allows more. */
static void run_service(struct service *service)
{
        enum dps_kind kind;

        while ((kind = next_kind(service)) != DPS_KIND_COUNT) {
                int64_t wait_ms =
                        dps_pace_take(&service->pace, kind == DPS_URGENT, clock_steady_ms());

                if (wait_ms != 0) {
                        if (wait_ms != DPS_PACE_FULL)
                                wake_after(service, wait_ms);
                        break;
                }
                send_first(service, kind);
        }
        metrics_gauge_add(METRIC_DPS_QUOTA, quota_of(service) - service->quota);
        service->quota = quota_of(service);
}

/* --- the way in ---------------------------------------------------------------------------- */

static bool check(const struct dps_request *registration, struct reason *reason)
{
        struct endpoint endpoint;

        if (!endpoint_parse(registration->endpoint, AZURE_HTTPS_PORT, &endpoint, reason)) {
                reason_prefix(reason, "the provisioning service's endpoint");
                return false;
        }
        if (text_is_empty(registration->id_scope)) {
                reason_set(reason, "the ID scope is missing");
                return false;
        }
        if (!device_id_is_registration_id(registration->id, reason)) {
                reason_prefix(reason, "the registration id '%s'",
                              registration->id ? registration->id : "");
                return false;
        }
        if (!registration->certificate && !device_key_is_valid(registration->key)) {
                reason_set(reason, "the device's key is not valid base64");
                return false;
        }
        return true;
}

static void join_bulk(struct dps_request *registration)
{
        struct table *bulk = &registration->service->bulk;

        if (registration->kind != DPS_BULK || table_find(bulk, registration->id))
                return;
        registration->entry.key = registration->id;
        table_add(bulk, &registration->entry);
}

/* What dps_hurry has left is no registration: it names one. */
static void hurry(struct dps_client *client, struct dps_request *named)
{
        struct service *service = find_service(client, named->endpoint, named->id_scope);
        struct table_entry *entry = table_find(&service->bulk, named->id);
        struct dps_request *found = entry ? table_of(entry, struct dps_request, entry) : NULL;

        registration_free(named);
        if (!found)
                return;
        leave_bulk(found);
        list_remove(&found->queue->waiting, &found->node);
        found->queue = &service->queues[DPS_URGENT];
        list_push_back(&found->queue->waiting, &found->node);
}

static void take_in(struct dps_client *client, struct dps_request *registration)
{
        struct dps_result result = {.status = DPS_FAILED, .retry_after_ms = -1};

        if (!registration->done) {
                hurry(client, registration);
                return;
        }
        if (!check(registration, &result.reason)) {
                registration->done(registration->context, &result);
                registration_free(registration);
                return;
        }
        registration->service =
                find_service(client, registration->endpoint, registration->id_scope);
        registration->queue = &registration->service->queues[registration->kind];
        metrics_gauge_add(METRIC_DPS_WAITING, 1);
        list_push_back(&registration->queue->waiting, &registration->node);
        join_bulk(registration);
}

static void take_incoming(void *context)
{
        struct dps_client *client = context;
        struct list incoming;
        struct list_node *node;

        THREAD_ASSERT(HTTP_CLIENT_THREAD);
        list_init(&incoming);
        pthread_mutex_lock(&client->lock);
        list_splice_back(&incoming, &client->incoming);
        client->limit_known = client->limit;
        client->called = false;
        pthread_mutex_unlock(&client->lock);
        while ((node = list_pop_front(&incoming)))
                take_in(client, list_entry(node, struct dps_request, node));
        list_for_each (node_of_service, &client->services) {
                struct service *service = list_entry(node_of_service, struct service, node);

                dps_pace_limit(&service->pace, client->limit_known);
                run_service(service);
        }
}

/* With the lock, which it gives back. */
static void call_thread(struct dps_client *client)
{
        bool call = !client->called;

        client->called = true;
        pthread_mutex_unlock(&client->lock);
        if (call)
                http_client_after(client->options.http, 0, take_incoming, client);
}

static void leave_for_thread(struct dps_client *client, struct dps_request *registration)
{
        registration->client = client;
        pthread_mutex_lock(&client->lock);
        list_push_back(&client->incoming, &registration->node);
        call_thread(client);
}

void dps_client_set_rate(struct dps_client *client, int registrations_per_minute)
{
        pthread_mutex_lock(&client->lock);
        client->limit = registrations_per_minute;
        call_thread(client);
}

void dps_register(struct dps_client *client, const struct dps_registration *registration,
                  dps_done *done, void *context)
{
        struct dps_request *made = mem_new(1, sizeof(*made));

        made->endpoint = mem_text(registration->endpoint);
        made->id_scope = mem_text(registration->id_scope);
        made->id = mem_text(registration->registration_id);
        made->certificate = certificate_share(registration->certificate);
        made->key = made->certificate ? NULL : mem_text(registration->device_key);
        made->model_id = mem_text(registration->model_id);
        made->kind = registration->kind;
        made->done = done;
        made->context = context;
        leave_for_thread(client, made);
}

void dps_hurry(struct dps_client *client, const char *endpoint, const char *id_scope,
               const char *registration_id)
{
        struct dps_request *named = mem_new(1, sizeof(*named));

        named->endpoint = mem_text(endpoint);
        named->id_scope = mem_text(id_scope);
        named->id = mem_text(registration_id);
        leave_for_thread(client, named);
}
