// SPDX-License-Identifier: MIT
#include "gateway/intake/webhook_intake.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "gateway/device/network_settings.h"
#include "gateway/intake/webhook_door.h"
#include "gateway/intake/webhook_keys.h"
#include "http/http_server.h"

/* Headers of webhooks are some hundred bytes; four times as much costs a microsecond for each. */
#define CONNECTION_MEMORY 8192

struct webhook_intake {
        const struct delivery_means *means;
        const struct queue_intake *queues; /* or NULL */
        struct webhook_keys keys;
        struct http_server *server;
        struct webhook_door door;
        atomic_int_least64_t last_s[NETWORKS_MAX]; /* of each network: when one was last taken */
        struct log_pause lost;
};

/* --- state pages -------------------------------------------------------------------------- */

/* Why no webhooks are taken now; NULL = they are. */
static const char *obstacle(const struct webhook_intake *webhook)
{
        struct store_state state;

        if (settings_webhook_keys_awaited(webhook->means->settings))
                return "a key of WebhookKeys is not known yet: its Key Vault has not given it";
        store_get_state(webhook->means->store, &state);
        if (!state.full)
                return NULL;
        return state.away ? "the store can't be reached" : "the store is full";
}

/* What isn't counted, but looked at when somebody asks. */
static void write_state(const struct webhook_intake *webhook, struct buf *out)
{
        struct store_state state;

        store_get_state(webhook->means->store, &state);
        metrics_write_gauge(out, "isthmus_build_info{version=\"" ISTHMUS_VERSION "\"}",
                            "The version that runs", 1);
        metrics_write_gauge(out, "isthmus_store_limit_bytes", "Most that waiting events may take",
                            webhook->means->settings->store.maximum_bytes);
        metrics_write_gauge(out, "isthmus_store_oldest_event_seconds",
                            "Age of the event that waits longest; 0 if none waits",
                            store_state_age_s(&state));
        for (size_t i = 0; networks[i]; i++) {
                CLEANUP(mem_cleanup)
                char *name = mem_format("isthmus_last_webhook_timestamp_seconds{network=\"%s\"}",
                                        networks[i]->name);

                metrics_write_gauge(out, name,
                                    i == 0 ? "When a network's last webhook was taken; 0 = none"
                                           : "",
                                    atomic_load(&webhook->last_s[i]));
        }
        queue_intake_write_metrics(webhook->queues, out);
}

static bool is_spilling(const struct webhook_intake *webhook)
{
        struct store_state state;

        store_get_state(webhook->means->store, &state);
        return state.spilled > 0;
}

/* Answers /healthz, /readyz and /metrics; false if it is none of them. */
static bool answer_state_page(const struct webhook_intake *webhook, struct http_exchange *exchange)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        const char *path = http_exchange_path(exchange);
        const char *why;

        if (text_equal(path, "/metrics")) {
                metrics_write(&body);
                write_state(webhook, &body);
                http_exchange_answer(exchange, 200, "text/plain; version=0.0.4; charset=utf-8",
                                     &body);
                return true;
        }
        if (!text_equal(path, "/healthz") && !text_equal(path, "/readyz"))
                return false;
        why = text_equal(path, "/healthz") ? NULL : obstacle(webhook);
        buf_add_format(&body, "%s\n", why ? why : is_spilling(webhook) ? "spilling" : "ok");
        http_exchange_answer(exchange, why ? 503 : 200, "text/plain; charset=utf-8", &body);
        return true;
}

/* --- who sends ---------------------------------------------------------------------------- */

/* Tells a monitor of a request that is about to be answered, without reading it. */
static void tell_refusal(const struct webhook_intake *webhook, struct http_exchange *exchange,
                         int status, const char *answer)
{
        const char *rest;
        const struct network *network = network_by_path(http_exchange_path(exchange), &rest);
        CLEANUP(mem_cleanup) char *route = mem_format("/%s", network->name);

        monitor_request(
                webhook->means->monitor,
                &(struct monitor_request){.route = route,
                                          .status = status,
                                          .answer = answer,
                                          .network = network->name,
                                          .arrived_ns = http_exchange_arrived_ns(exchange)});
}

/* The whole of a webhook is refused for the one thing that its key may not send. */
static void refuse_key(struct webhook_intake *webhook, struct http_exchange *exchange,
                       const struct settings_webhook_key *key, const char *network,
                       const char *application)
{
        CLEANUP(mem_cleanup)
        char *detail = application ? mem_format("this key may not send events of the application "
                                                "'%.200s'; nothing was stored",
                                                application)
                                   : mem_format("this key may not send events of this network");

        webhook_keys_report(&webhook->keys, key, network, application);
        tell_refusal(webhook, exchange, 403, "forbidden");
        http_exchange_problem(exchange, 403, "Not this key's", detail);
}

static void refuse_stranger(struct webhook_intake *webhook, struct http_exchange *exchange)
{
        if (settings_webhook_keys_awaited(webhook->means->settings)) {
                metrics_add(METRIC_WEBHOOK_REFUSED, 1);
                tell_refusal(webhook, exchange, 503, "unavailable");
                http_exchange_problem(exchange, 503, "Not now", "not all keys are known yet");
                return;
        }
        metrics_add(METRIC_WEBHOOK_UNAUTHORIZED, 1);
        tell_refusal(webhook, exchange, 401, "unauthorized");
        http_exchange_problem(exchange, 401, "Who are you?",
                              "send one of the configured WebhookKeys as header X-Api-Key, as "
                              "password of basic authentication or as ?code=");
}

/* The headers are there. */
static void admit(void *context, struct http_exchange *exchange)
{
        struct webhook_intake *webhook = context;
        const char *method = http_exchange_method(exchange);
        const struct settings_webhook_key *key;
        const struct network *network;
        const char *rest;

        if (webhook->keys.count == 0 && http_exchange_is_from_a_page(exchange)) {
                http_exchange_problem(exchange, 403, "Not from a web page",
                                      "without WebhookKeys only programs on this machine may call: "
                                      "no web page, and no host but localhost");
                return;
        }
        if (text_equal(method, "GET") && answer_state_page(webhook, exchange))
                return;
        network = network_by_path(http_exchange_path(exchange), &rest);
        key = webhook_keys_find(&webhook->keys, exchange);
        if (!network) {
                http_exchange_problem(exchange, 404, "No such path",
                                      "webhooks are taken at the path of their network");
        } else if (!text_equal(method, "POST")) {
                http_exchange_problem(exchange, 405, "Only POST", "a webhook is a POST request");
        } else if (!key) {
                refuse_stranger(webhook, exchange);
        } else if (!webhook_key_has_network(key, network->name)) {
                refuse_key(webhook, exchange, key, network->name, NULL);
        }
}

/* --- what became of it -------------------------------------------------------------------- */

/* What is counted and said of a webhook whose delivery ended so. */
static const struct {
        enum metrics_counter counter;
        int status;
        const char *name;  /* as in the counter's label */
        const char *title; /* of a problem; NULL = there is none */
} answers[] = {
        [DELIVERY_STORED] = {METRIC_WEBHOOK_STORED, 202, "stored", NULL},
        [DELIVERY_IGNORED] = {METRIC_WEBHOOK_IGNORED, 200, "ignored", NULL},
        [DELIVERY_MALFORMED] = {METRIC_WEBHOOK_MALFORMED, 400, "malformed", "Not a valid webhook"},
        [DELIVERY_UNFIT] = {METRIC_WEBHOOK_MALFORMED, 400, "malformed", "Not taken"},
        [DELIVERY_UNTRUSTED] = {METRIC_WEBHOOK_UNTRUSTED, 403, "untrusted", "Not authentic"},
        [DELIVERY_NOT_NOW] = {METRIC_WEBHOOK_REFUSED, 503, "unavailable", "Not now"},
};

static void tell_monitor(struct monitor *monitor, const struct delivery_result *result)
{
        const struct delivery_source *source = result->source;
        CLEANUP(mem_cleanup) char *route = NULL;

        if (!monitor)
                return;
        route = mem_format("/%s", source->network->name);
        monitor_request(monitor, &(struct monitor_request){
                                         .route = route,
                                         .status = answers[result->fate].status,
                                         .answer = answers[result->fate].name,
                                         .network = source->network->name,
                                         .application = result->application,
                                         .message_id = result->message_id,
                                         .message_ids = result->message_ids,
                                         .arrived_ns = source->arrived_ns,
                                         .stands_for = result->stands_for,
                                 });
}

static void note_taken(struct webhook_intake *webhook, const struct network *network)
{
        atomic_store(&webhook->last_s[network_index(network)], clock_wall_ms() / 1000);
}

/* If its network does not send it again, it is lost. */
static void note_refused(struct webhook_intake *webhook, const struct delivery_result *result)
{
        const struct network *network = result->source->network;
        int64_t unlogged;

        if (network_settings_repeats(webhook->means->settings, network))
                return;
        metrics_add(METRIC_WEBHOOK_LOST, 1);
        if (!log_pause_take(&webhook->lost, &unlogged))
                return;
        log_error("WEBHOOK_LOST",
                  "A webhook could not be taken, and its network does not send it again",
                  LOG_TEXT("network", network->name), LOG_TEXT("reason", result->reason->text),
                  LOG_INT("unlogged", unlogged), LOG_END);
}

/* Any thread. */
static void answer(void *context, const struct delivery_result *result)
{
        struct webhook_intake *webhook = context;
        const struct delivery_source *source = result->source;
        struct http_exchange *exchange = source->received.context;
        enum delivery_fate fate = result->fate;

        if (fate == DELIVERY_FOREIGN) {
                refuse_key(webhook, exchange, source->key, source->network->name,
                           result->foreign_application);
                return;
        }
        metrics_add(answers[fate].counter, 1);
        if (fate == DELIVERY_NOT_NOW)
                note_refused(webhook, result);
        tell_monitor(webhook->means->monitor, result);
        if (!answers[fate].title)
                note_taken(webhook, source->network);
        if (answers[fate].title)
                http_exchange_problem(exchange, answers[fate].status, answers[fate].title,
                                      result->reason->text);
        else
                http_exchange_answer(exchange, answers[fate].status,
                                     result->not_stored->size > 0 ? "application/json" : NULL,
                                     result->not_stored);
}

static const char *find_header(const struct webhook *webhook, const char *name)
{
        return http_exchange_header(webhook->context, name);
}

static const char *find_argument(const struct webhook *webhook, const char *name)
{
        return http_exchange_argument(webhook->context, name);
}

static void fill_source(struct webhook_intake *webhook, struct http_exchange *exchange,
                        struct delivery_source *source)
{
        struct webhook *received = &source->received;
        const struct buf *body = http_exchange_body(exchange);

        source->arrived_ns = http_exchange_arrived_ns(exchange);
        received->arrived_ns = clock_wall_ns();
        received->header = find_header;
        received->query = find_argument;
        received->context = exchange;
        received->maximum_values = (size_t)webhook->means->settings->limits.json_values;
        received->body = buf_text(body);
        received->body_size = body->size;
        source->key = webhook_keys_find(&webhook->keys, exchange);
        source->network = network_by_path(http_exchange_path(exchange), &received->path);
}

/* The whole body is there. */
static void handle(void *context, struct http_exchange *exchange)
{
        struct webhook_intake *webhook = context;
        struct delivery_source source = {.vouched = false};
        struct delivery *delivery;

        fill_source(webhook, exchange, &source);
        if (!source.key) { /* it was changed while the body came */
                refuse_stranger(webhook, exchange);
                return;
        }
        delivery = delivery_new(webhook->means, &source, answer, webhook);
        if (delivery_must_wait(delivery))
                http_exchange_hold(exchange);
        delivery_take(delivery);
}

static void note(void *context, const struct http_note *note)
{
        struct webhook_intake *webhook = context;

        webhook_door_note(&webhook->door, note);
}

/* --- start and stop ----------------------------------------------------------------------- */

int webhook_intake_start(const struct delivery_means *means, const struct queue_intake *queues,
                         struct webhook_intake **webhook, struct reason *reason)
{
        struct webhook_intake *made = mem_new(1, sizeof(*made));
        CLEANUP(webhook_tls_deinit) struct webhook_tls tls = {.certificate = NULL};
        const struct settings *settings = means->settings;
        int result = webhook_tls_read(settings->listen.tls_certificate, settings->listen.tls_key,
                                      &tls, reason);

        made->door.connections = (unsigned)settings->limits.connections;
        made->means = means;
        made->queues = queues;
        made->keys.keys = settings->webhook_keys;
        made->keys.count = settings->webhook_key_count;
        if (result == 0)
                result = http_server_start(
                        &(struct http_server_options){
                                .thread = "ingest",
                                .host = settings->listen.host,
                                .port = settings->listen.port,
                                .certificate = tls.certificate,
                                .private_key = tls.key,
                                .proxy_header = settings->listen.proxy_header,
                                .maximum_body = (size_t)settings->limits.body_bytes,
                                .connection_memory = CONNECTION_MEMORY,
                                .header_timeout_ms = settings->limits.header_timeout_s * 1000,
                                .request_timeout_ms = settings->limits.request_timeout_s * 1000,
                                .maximum_connections = (unsigned)settings->limits.connections,
                                .maximum_per_address =
                                        (unsigned)settings->limits.connections_per_address,
                                .methods = "POST",
                                .admit = admit,
                                .handle = handle,
                                .note = note,
                                .context = made,
                        },
                        &made->server, reason);
        if (result != 0) {
                free(made);
                return result;
        }
        *webhook = made;
        return 0;
}

void webhook_intake_refresh(struct webhook_intake *webhook)
{
        const struct settings *settings = webhook->means->settings;
        CLEANUP(webhook_tls_deinit) struct webhook_tls tls = {.certificate = NULL};
        struct reason reason = REASON_INIT;
        int result;

        if (!settings->listen.tls_certificate)
                return;
        result = webhook_tls_read(settings->listen.tls_certificate, settings->listen.tls_key, &tls,
                                  &reason);
        if (result == 0)
                result = http_server_set_certificate(webhook->server, tls.certificate, tls.key,
                                                     &reason);
        if (result == 0)
                log_info("TLS_RELOADED", "New connections get the certificate that is there now",
                         LOG_END);
        else
                log_error("TLS_NOT_RELOADED", "The certificate is not in order; the old one stays",
                          LOG_TEXT("reason", reason.text), LOG_END);
}

uint16_t webhook_intake_port(const struct webhook_intake *webhook)
{
        return http_server_port(webhook->server);
}

void webhook_intake_stop(struct webhook_intake *webhook)
{
        if (!webhook)
                return;
        http_server_drain(webhook->server);
        http_server_free(webhook->server);
        free(webhook);
}
