// SPDX-License-Identifier: MIT
/* What the stages of the gateway stand on: the store, the threads, the secrets. */
#include <signal.h>
#include <unistd.h>

#include "azure/hub/hub_client.h"
#include "azure/identity/identity.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/settings_load.h"
#include "formatter/formatter.h"
#include "gateway/device/device_listing.h"
#include "gateway/formatter_mirror.h"
#include "gateway/gateway.h"
#include "gateway/gateway_inside.h"
#include "gateway/link/device_link.h"
#include "gateway/ownership.h"
#include "gateway/uplink/uplink_queue.h"
#include "http/client/http_client.h"
#include "monitor/monitor.h"
#include "monitor/monitor_call.h"
#include "secrets/secrets.h"
#include "store/store.h"

/* How long the hubs may take to answer what is under way when the gateway stops. */
#define STOP_PATIENCE_MS 2000

/* How long the start waits for secrets from Key Vault; it goes on without them. */
#define SECRETS_PATIENCE_MS 5000

#define PRODUCT "isthmus/" ISTHMUS_VERSION

/* On a thread of the store, after store_feed_tell or a put: the queue is there. */
static void event_found(void *context, const struct store_event *event)
{
        struct gateway *gateway = context;

        uplink_queue_add_stored(gateway->queue, event, store_is_shared(gateway->store));
}

/* A program that wants no gateway beside it has the store now: this one ends, as by this signal. */
static void store_taken(void *context)
{
        (void)context;
        kill(getpid(), SIGTERM);
}

int gateway_open_store(struct gateway *gateway, struct reason *reason)
{
        const struct settings *settings = gateway->settings;
        struct store_options options = gateway_store_options(settings);
        CLEANUP(mem_cleanup) char *spill = mem_format("%s/spill", options.directory);
        /* The control socket is there, wherever the events are. */
        int result = file_claim_directory(options.directory, "lock", reason);

        if (!text_equal(options.backend, "sqlite") && settings->store.postgresql.spill)
                options.spill_directory = spill;
        /* One that sends nothing must own no shard while others could send. */
        options.shared = !gateway->is_alone;
        options.found = event_found;
        options.taken = store_taken;
        options.context = gateway;
        options.share = ownership_ear(gateway->ownership);
        return result ? result : store_open(&options, &gateway->store, reason);
}

void gateway_close_store(struct gateway *gateway)
{
        store_close(gateway->store);
}

static int64_t oldest_s(void *context)
{
        struct gateway *gateway = context;
        struct store_state state;

        store_get_state(gateway->store, &state);
        return store_state_age_s(&state);
}

/* False if there is none (yet), or a template's. */
static bool find_insights(const struct settings *settings, struct insights_string *insights,
                          bool *awaited)
{
        enum settings_insights_place place;
        struct reason reason;
        const char *text = settings_insights(settings, &place);

        *awaited = conf_secret_is_awaited(text);
        return text && !*awaited && insights_string_parse(text, insights, &reason) &&
               !insights->is_blank;
}

int gateway_open_monitor(struct gateway *gateway, struct reason *reason)
{
        const struct settings *settings = gateway->settings;
        CLEANUP(insights_string_deinit) struct insights_string insights = INSIGHTS_STRING_INIT;
        CLEANUP(mem_cleanup) char *client = NULL;
        const char *authentication = settings->monitor.authentication;
        bool awaited;
        const bool has_insights = find_insights(settings, &insights, &awaited);
        const bool by_identity =
                authentication && insights_authentication_parse(authentication, &client, reason);
        const struct monitor_otlp otlp = {
                .endpoint = settings->monitor.otlp.endpoint,
                .headers = settings->monitor.otlp.headers,
                .service = settings->monitor.otlp.service,
                .attributes = settings->monitor.otlp.attributes,
                .delta = settings->monitor.otlp.temporality == SETTINGS_DELTA,
        };

        return monitor_start(
                &(struct monitor_options){
                        .insights = has_insights ? &insights : NULL,
                        .insights_later = awaited,
                        .otlp = otlp.endpoint ? &otlp : NULL,
                        .by_identity = by_identity,
                        .identity = client,
                        .environment = environ,
                        .trusted_certificates = settings->azure.trusted_certificates,
                        .role = settings->monitor.role,
                        .operations_per_second = settings->monitor.operations_per_second,
                        .tells_logs = settings->monitor.logs != SETTINGS_LOGS_NONE,
                        .logs = settings->monitor.logs == SETTINGS_LOGS_ERROR ? LOG_LEVEL_ERROR
                                                                              : LOG_LEVEL_WARN,
                        .numbers_ms = settings->monitor.metrics_s * 1000,
                        .device_ids = settings->monitor.device_ids,
                        .oldest_s = oldest_s,
                        .context = gateway,
                },
                &gateway->monitor, reason);
}

void gateway_close_monitor(struct gateway *gateway)
{
        monitor_stop(gateway->monitor);
}

void gateway_doubt_secrets(void *context)
{
        const struct gateway *gateway = context;

        secrets_doubt(gateway->secrets);
}

int gateway_open_http(struct gateway *gateway, struct reason *reason)
{
        return http_client_new(
                &(struct http_client_options){
                        .trusted_certificates = gateway->settings->azure.trusted_certificates,
                        .user_agent = PRODUCT,
                        .refused = gateway_doubt_secrets,
                        .context = gateway,
                },
                &gateway->http, reason);
}

void gateway_close_http(struct gateway *gateway)
{
        http_client_free(gateway->http);
}

/* On the thread "loop". */
static void use_secrets(void *context)
{
        struct gateway *gateway = context;

        if (!gateway->sends)
                return;
        device_link_try_held(gateway->device_link);
        device_listing_refresh(gateway->listing);
}

/* Any thread; perhaps before there is anybody to use them. */
static void on_secrets_changed(void *context)
{
        struct gateway *gateway = context;
        CLEANUP(insights_string_deinit) struct insights_string insights = INSIGHTS_STRING_INIT;
        bool awaited;

        if (find_insights(gateway->settings, &insights, &awaited))
                monitor_use_insights(gateway->monitor, &insights);
        loop_post(gateway->loop, use_secrets, gateway);
}

int gateway_read_secrets(struct gateway *gateway, struct reason *reason)
{
        (void)reason;
        gateway->identity = identity_new(&(struct identity_options){
                .http = gateway->http,
                .environment = environ,
        });
        gateway->secrets = secrets_new(&(struct secrets_options){
                .schema = settings_schema(),
                .target = gateway->changing,
                .http = gateway->http,
                .identity = gateway->identity,
                .watch = monitor_call_watch(gateway->monitor, MONITOR_TYPE_HTTP),
                .changed = on_secrets_changed,
                .context = gateway,
        });
        secrets_wait(gateway->secrets, SECRETS_PATIENCE_MS);
        return 0;
}

int gateway_mirror_formatters(struct gateway *gateway, struct reason *reason)
{
        (void)reason;
        gateway->mirror = formatter_mirror_start(&(struct formatter_mirror_options){
                .settings = gateway->settings,
                .http = gateway->http,
                .identity = gateway->identity,
                .monitor = gateway->monitor,
        });
        return 0;
}

int gateway_open_hubs(struct gateway *gateway, struct reason *reason)
{
        const struct settings *settings = gateway->settings;

        return hub_client_new(
                &(struct hub_client_options){
                        .loop = gateway->loop,
                        .trusted_certificates = settings->azure.trusted_certificates,
                        .port = (uint16_t)settings->azure.amqp_port,
                        .devices_per_connection = (int)settings->azure.devices_per_connection,
                        .devices_per_second = (int)settings->azure.devices_per_second,
                        .telemetry_idle_ms = settings->azure.telemetry_idle_minutes * 60 * 1000,
                        .without_methods = !settings->azure.direct_methods,
                        .token_lifetime_ms = settings->azure.token_lifetime_minutes * 60 * 1000,
                        .client_version = PRODUCT,
                        .may_act = device_link_may_act,
                },
                &gateway->hubs, reason);
}

void gateway_close_hubs(struct gateway *gateway)
{
        hub_client_free(gateway->hubs, STOP_PATIENCE_MS);
}

/* Without a formatter there is neither a thread nor a worker for them. */
int gateway_open_formatters(struct gateway *gateway, struct reason *reason)
{
        const struct settings *settings = gateway->settings;
        const char *directory = settings->payload_formatters.directory;
        CLEANUP(mem_cleanup) char *mirror = formatter_mirror_folder(settings);
        int result;

        if (!settings_has_formatters(settings) && !mirror && access(directory, F_OK) != 0)
                return 0;
        result = formatter_pool_new(
                &(struct formatter_options){
                        .directory = directory,
                        .mirror = mirror,
                        .workers = (int)settings->payload_formatters.workers,
                        .timeout_ms = settings->payload_formatters.timeout_ms,
                        .maximum_memory_bytes = settings->payload_formatters.maximum_memory_bytes,
                },
                &gateway->formatters, reason);
        if (result != 0)
                reason_prefix(reason, "PayloadFormatters");
        return result;
}

void gateway_close_formatters(struct gateway *gateway)
{
        formatter_pool_free(gateway->formatters);
}
