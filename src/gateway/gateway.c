// SPDX-License-Identifier: MIT
#include "gateway/gateway.h"

#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "azure/dps/dps_client.h"
#include "azure/hub/hub_client.h"
#include "azure/identity/identity.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/text.h"
#include "formatter/formatter.h"
#include "gateway/command/command_confirm.h"
#include "gateway/command/command_format.h"
#include "gateway/command/command_ledger.h"
#include "gateway/command/command_network.h"
#include "gateway/command/command_record.h"
#include "gateway/control/control.h"
#include "gateway/control/operator_page.h"
#include "gateway/device/device.h"
#include "gateway/device/device_bulk.h"
#include "gateway/device/device_directory.h"
#include "gateway/device/device_listing.h"
#include "gateway/device/device_place.h"
#include "gateway/device/device_provision.h"
#include "gateway/device/downlink_route.h"
#include "gateway/device_follow.h"
#include "gateway/device_link.h"
#include "gateway/formatter_mirror.h"
#include "gateway/intake/queue_intake.h"
#include "gateway/intake/webhook_intake.h"
#include "gateway/ownership.h"
#include "gateway/secrets.h"
#include "gateway/uplink/uplink_format.h"
#include "gateway/uplink/uplink_hold.h"
#include "gateway/uplink/uplink_queue.h"
#include "gateway/uplink/uplink_store.h"
#include "gateway/uplink/uplink_trust.h"
#include "http/client/http_client.h"
#include "monitor/monitor.h"
#include "monitor/monitor_call.h"
#include "store/store.h"

/* How long the hubs may take to answer what is under way when the gateway stops. */
#define STOP_PATIENCE_MS 2000

/* How long the start waits for secrets from Key Vault; it goes on without them. */
#define SECRETS_PATIENCE_MS 5000

#define PRODUCT "isthmus/" ISTHMUS_VERSION

struct gateway {
        const struct settings *settings;
        struct settings *changing; /* the same, for what changes its secrets */
        struct store *store;
        struct monitor *monitor; /* NULL = none */
        struct http_client *http;
        struct identity *identity; /* the gateway's own in Entra ID */
        struct secrets *secrets;
        struct formatter_mirror *mirror; /* NULL = no containers are configured */
        struct dps_client *dps;
        struct loop *loop;
        struct hub_client *hubs;
        struct device_directory *directory;
        struct device_table *devices;
        struct device_places *places;
        struct device_listing *listing;
        struct device_follow *follow; /* NULL unless the store is shared */
        struct downlink_routes *routes;
        struct device_provision *provision;
        struct device_bulk *bulk;
        bool sends;    /* the stages work; on the thread "loop" */
        bool is_alone; /* it only registers devices: gateway_start_to_provision */
        struct formatter_pool *formatters; /* NULL = none is run */
        struct uplink_holds *holds;
        struct uplink_queue *queue;
        struct uplink_format *uplink_format;
        struct device_link *device_link;
        struct ownership *ownership;
        struct uplink_trust *trust;
        struct delivery_means means; /* of all ways in */
        struct webhook_intake *webhook;
        struct queue_intake *queue_intake;
        struct command_ledger *ledger;
        struct command_format *command_format;
        struct command_network *command_network;
        struct command_confirm *confirm;
        struct control *control;
        struct operator_page *page;
        struct uplink_recent *recent;
};

/* --- start -------------------------------------------------------------------------------- */

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

static int open_store(struct gateway *gateway, struct reason *reason)
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

static void close_store(struct gateway *gateway)
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

static int open_monitor(struct gateway *gateway, struct reason *reason)
{
        const struct settings *settings = gateway->settings;
        CLEANUP(insights_string_deinit) struct insights_string insights = INSIGHTS_STRING_INIT;
        CLEANUP(mem_cleanup) char *client = NULL;
        const char *authentication = settings->monitor.authentication;
        enum settings_insights_place place;
        const char *text = settings_insights(settings, &place);
        bool has_insights =
                text && insights_string_parse(text, &insights, reason) && !insights.is_blank;
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

static void close_monitor(struct gateway *gateway)
{
        monitor_stop(gateway->monitor);
}

static int open_http(struct gateway *gateway, struct reason *reason)
{
        return http_client_new(
                &(struct http_client_options){
                        .trusted_certificates = gateway->settings->azure.trusted_certificates,
                        .user_agent = PRODUCT,
                },
                &gateway->http, reason);
}

static void close_http(struct gateway *gateway)
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

        loop_post(gateway->loop, use_secrets, gateway);
}

static int read_secrets(struct gateway *gateway, struct reason *reason)
{
        (void)reason;
        gateway->identity = identity_new(&(struct identity_options){
                .http = gateway->http,
                .environment = environ,
        });
        gateway->secrets = secrets_new(&(struct secrets_options){
                .settings = gateway->changing,
                .http = gateway->http,
                .identity = gateway->identity,
                .watch = monitor_call_watch(gateway->monitor, MONITOR_TYPE_HTTP),
                .changed = on_secrets_changed,
                .context = gateway,
        });
        secrets_wait(gateway->secrets, SECRETS_PATIENCE_MS);
        return 0;
}

static int mirror_formatters(struct gateway *gateway, struct reason *reason)
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

static int open_hubs(struct gateway *gateway, struct reason *reason)
{
        const struct settings *settings = gateway->settings;

        return hub_client_new(
                &(struct hub_client_options){
                        .loop = gateway->loop,
                        .trusted_certificates = settings->azure.trusted_certificates,
                        .port = (uint16_t)settings->azure.amqp_port,
                        .devices_per_connection = (int)settings->azure.devices_per_connection,
                        .devices_per_second = (int)settings->azure.devices_per_second,
                        .without_methods = !settings->azure.direct_methods,
                        .token_lifetime_ms = settings->azure.token_lifetime_minutes * 60 * 1000,
                        .client_version = PRODUCT,
                        .may_act = device_link_may_act,
                },
                &gateway->hubs, reason);
}

static void close_hubs(struct gateway *gateway)
{
        hub_client_free(gateway->hubs, STOP_PATIENCE_MS);
}

/* Without a formatter there is neither a thread nor a worker for them. */
static int open_formatters(struct gateway *gateway, struct reason *reason)
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

static void close_formatters(struct gateway *gateway)
{
        formatter_pool_free(gateway->formatters);
}

static void make_devices(struct gateway *gateway)
{
        const struct settings *settings = gateway->settings;

        gateway->directory = device_directory_new(settings, gateway->store);
        gateway->devices =
                device_table_new(settings, gateway->store, gateway->directory, gateway->loop);
        gateway->places = device_places_new(gateway->store);
        gateway->routes = downlink_routes_new(gateway->store, gateway->devices);
        gateway->dps = dps_client_new(&(struct dps_client_options){
                .http = gateway->http,
                .registrations_per_minute = (int)settings->azure.registrations_per_minute,
                .minute_ms = settings->azure.registration_window_s * 1000,
                .maximum_concurrent = (int)settings->azure.concurrent_registrations,
        });
        gateway->provision = device_provision_new(&(struct device_provision_options){
                .settings = settings,
                .store = gateway->store,
                .loop = gateway->loop,
                .dps = gateway->dps,
                .monitor = gateway->monitor,
        });
        gateway->bulk = device_bulk_new(&(struct device_bulk_options){
                .settings = settings,
                .devices = gateway->devices,
                .provision = gateway->provision,
                .is_alone = gateway->is_alone,
        });
        gateway->listing = device_listing_new(&(struct device_listing_options){
                .settings = settings,
                .http = gateway->http,
                .loop = gateway->loop,
                .devices = gateway->devices,
                .ear = device_bulk_ear(gateway->bulk),
                .monitor = gateway->monitor,
        });
        device_bulk_join(gateway->bulk, gateway->listing);
}

static void make_uplinks(struct gateway *gateway)
{
        gateway->holds = uplink_holds_new(gateway->store, store_is_shared(gateway->store));
        gateway->queue = uplink_queue_new(&(struct uplink_queue_options){
                .store = gateway->store,
                .loop = gateway->loop,
                .devices = gateway->devices,
                .holds = gateway->holds,
        });
        gateway->uplink_format = uplink_format_new(&(struct uplink_format_options){
                .settings = gateway->settings,
                .pool = gateway->formatters,
                .loop = gateway->loop,
                .crowded = uplink_store_slow_down,
                .context = gateway->store,
        });
}

static void make_commands(struct gateway *gateway)
{
        gateway->ledger = command_ledger_new(&(struct command_ledger_options){
                .settings = gateway->settings,
                .store = gateway->store,
                .loop = gateway->loop,
                .devices = gateway->devices,
                .queue = gateway->queue,
        });
        gateway->confirm = command_confirm_new(&(struct command_confirm_options){
                .loop = gateway->loop,
                .ledger = gateway->ledger,
                .store = gateway->store,
                .holds = gateway->holds,
        });
        uplink_queue_join(gateway->queue, command_confirm_event, gateway->confirm);
        gateway->command_network = command_network_new(&(struct command_network_options){
                .settings = gateway->settings,
                .http = gateway->http,
                .loop = gateway->loop,
                .ledger = gateway->ledger,
                .confirm = gateway->confirm,
                .monitor = gateway->monitor,
        });
        gateway->command_format = command_format_new(&(struct command_format_options){
                .loop = gateway->loop,
                .pool = gateway->formatters,
                .ledger = gateway->ledger,
                .network = gateway->command_network,
        });
        command_ledger_join(gateway->ledger, gateway->command_format);
}

static void make_stages(struct gateway *gateway)
{
        gateway->recent = uplink_recent_new();
        make_devices(gateway);
        make_uplinks(gateway);
        make_commands(gateway);
        gateway->device_link = device_link_new(&(struct device_link_options){
                .settings = gateway->settings,
                .sender = {.settings = gateway->settings,
                           .store = gateway->store,
                           .queue = gateway->queue,
                           .format = gateway->uplink_format,
                           .monitor = gateway->monitor,
                           .recent = gateway->recent},
                .loop = gateway->loop,
                .hubs = gateway->hubs,
                .devices = gateway->devices,
                .places = gateway->places,
                .provision = gateway->provision,
                .routes = gateway->routes,
                .arrive = {.settings = gateway->settings,
                           .loop = gateway->loop,
                           .ledger = gateway->ledger,
                           .provision = gateway->provision},
                .network = gateway->command_network,
                .is_idle = gateway->is_alone,
        });
}

static int load_stages(struct gateway *gateway, struct reason *reason)
{
        make_stages(gateway);
        return device_directory_load(gateway->directory, reason);
}

/* On the thread "loop". */
static void start_sending(void *context)
{
        struct gateway *gateway = context;

        if (gateway->is_alone)
                return;
        gateway->sends = true;
        device_link_start(gateway->device_link);
        command_ledger_start(gateway->ledger);
}

static int start_stages(struct gateway *gateway, struct reason *reason)
{
        (void)reason;
        loop_post(gateway->loop, start_sending, gateway);
        return 0;
}

struct stop_order {
        struct gateway *gateway;
        sem_t done;
};

static void stop_sending(void *context)
{
        struct stop_order *order = context;

        order->gateway->sends = false;
        device_link_stop(order->gateway->device_link);
        device_listing_stop(order->gateway->listing);
        command_ledger_stop(order->gateway->ledger);
        command_format_stop(order->gateway->command_format);
        command_network_stop(order->gateway->command_network);
        command_confirm_stop(order->gateway->confirm);
        sem_post(&order->done);
}

/* After it returns the thread "loop" starts nothing new. */
static void stop_stages(struct gateway *gateway)
{
        struct stop_order order = {.gateway = gateway};

        sem_init(&order.done, 0, 0);
        loop_post(gateway->loop, stop_sending, &order);
        while (sem_wait(&order.done) != 0)
                continue;
        sem_destroy(&order.done);
        uplink_queue_stop(gateway->queue);
        uplink_format_stop(gateway->uplink_format);
}

/* What the services take of all is divided; 0 = as many as they take. */
static int share(int64_t rate, int members)
{
        return rate > 0 && rate < members ? 1 : (int)(rate / members);
}

static void share_rates(void *context, int members)
{
        struct gateway *gateway = context;
        const struct settings *settings = gateway->settings;

        dps_client_set_rate(gateway->dps, share(settings->azure.registrations_per_minute, members));
        hub_client_set_rate(gateway->hubs, share(settings->azure.devices_per_second, members));
}

/* One gateway reads the networks' listings for all that share the store. */
static void take_turn(void *context, bool lists)
{
        const struct gateway *gateway = context;

        if (gateway->sends)
                device_listing_turn(gateway->listing, lists);
}

static int take_over(struct gateway *gateway, struct reason *reason)
{
        const struct ownership_options options = {
                .store = gateway->store,
                .loop = gateway->loop,
                .devices = gateway->devices,
                .queue = gateway->queue,
                .link = gateway->device_link,
                .hubs = gateway->hubs,
                .members = share_rates,
                .lists = take_turn,
                .context = gateway,
                .is_idle = gateway->is_alone,
                .parts = {{DEVICE_APPLICATION_KIND, device_directory_restore, NULL, NULL,
                           gateway->directory},
                          {DEVICE_OWNER_KIND, device_table_take, NULL, device_table_forget,
                           gateway->devices},
                          {DEVICE_PLACE_KIND, device_places_take, NULL, device_places_forget,
                           gateway->places},
                          {DEVICE_ASSIGNMENT_KIND, device_provision_take, NULL,
                           device_provision_forget_shards, gateway->provision},
                          {DOWNLINK_WAY_KIND, downlink_routes_take, NULL, downlink_routes_forget,
                           gateway->routes},
                          {COMMAND_KIND, command_ledger_take, command_ledger_taken,
                           command_ledger_forget, gateway->ledger},
                          {"", NULL, NULL, command_confirm_forget, gateway->confirm}},
        };
        int result = ownership_start(gateway->ownership, &options, reason);

        if (result == 0 && store_is_shared(gateway->store))
                gateway->follow =
                        device_follow_start(gateway->loop, gateway->directory, gateway->devices);
        return result;
}

static void let_go(struct gateway *gateway)
{
        device_follow_stop(gateway->follow);
        ownership_stop(gateway->ownership);
}

/* Data must flow even where there can be no control socket, for example on some file systems. */
static int take_orders(struct gateway *gateway, struct reason *reason)
{
        int result = control_start(
                &(struct control_options){
                        .directory = gateway->settings->data_directory,
                        .settings = gateway->settings,
                        .store = gateway->store,
                        .loop = gateway->loop,
                        .hubs = gateway->hubs,
                        .queue = gateway->queue,
                        .devices = gateway->devices,
                        .ledger = gateway->ledger,
                        .link = gateway->device_link,
                        .bulk = gateway->bulk,
                        .provision = gateway->provision,
                        .recent = gateway->recent,
                },
                &gateway->control, reason);

        if (result != 0)
                log_error("CONTROL_NOT_STARTED", "There is no control socket",
                          LOG_TEXT("reason", reason->text), LOG_END);
        return 0;
}

static int show_page(struct gateway *gateway, struct reason *reason)
{
        int result =
                operator_page_start(gateway->settings, gateway->control, &gateway->page, reason);

        if (result != 0)
                reason_prefix(reason, "Page.Listen");
        return result;
}

static void hide_page(struct gateway *gateway)
{
        operator_page_stop(gateway->page);
}

static void refuse_orders(struct gateway *gateway)
{
        control_stop(gateway->control);
}

static int read_certificates(struct gateway *gateway, struct reason *reason)
{
        return uplink_trust_new(&(struct uplink_trust_options){.settings = gateway->settings,
                                                               .http = gateway->http,
                                                               .store = gateway->store},
                                &gateway->trust, reason);
}

/* What a service was shown is perhaps not what the vault holds now. */
static void doubt_secrets(void *context)
{
        const struct gateway *gateway = context;

        secrets_doubt(gateway->secrets);
}

static int take_queue_messages(struct gateway *gateway, struct reason *reason)
{
        (void)reason;
        gateway->means = (struct delivery_means){
                .settings = gateway->settings,
                .store = gateway->store,
                .queue = gateway->queue,
                .trust = gateway->trust,
                .directory = gateway->directory,
                .devices = gateway->devices,
                .holds = gateway->holds,
                .monitor = gateway->monitor,
        };
        gateway->queue_intake = queue_intake_start(&(struct queue_intake_options){
                .means = &gateway->means,
                .http = gateway->http,
                .identity = gateway->identity,
                .refused = doubt_secrets,
                .context = gateway,
        });
        return 0;
}

static void refuse_queue_messages(struct gateway *gateway)
{
        queue_intake_stop(gateway->queue_intake);
}

static int take_webhooks(struct gateway *gateway, struct reason *reason)
{
        return webhook_intake_start(&gateway->means, gateway->queue_intake, &gateway->webhook,
                                    reason);
}

/* Those that wait for a certificate are answered, too. */
static void refuse_webhooks(struct gateway *gateway)
{
        uplink_trust_stop(gateway->trust);
        webhook_intake_stop(gateway->webhook);
}

/* All that threads may have looked at. */
static void free_all(struct gateway *gateway)
{
        identity_free(gateway->identity);
        secrets_free(gateway->secrets);
        formatter_mirror_free(gateway->mirror);
        device_link_free(gateway->device_link);
        command_confirm_free(gateway->confirm);
        command_format_free(gateway->command_format);
        command_network_free(gateway->command_network);
        command_ledger_free(gateway->ledger);
        uplink_queue_free(gateway->queue);
        uplink_holds_free(gateway->holds);
        uplink_format_free(gateway->uplink_format);
        queue_intake_free(gateway->queue_intake);
        uplink_trust_free(gateway->trust);
        device_listing_free(gateway->listing);
        device_bulk_free(gateway->bulk);
        device_provision_free(gateway->provision);
        dps_client_free(gateway->dps);
        downlink_routes_free(gateway->routes);
        device_table_free(gateway->devices);
        device_places_free(gateway->places);
        device_directory_free(gateway->directory);
        uplink_recent_free(gateway->recent);
        monitor_free(gateway->monitor);
        ownership_free(gateway->ownership);
        loop_free(gateway->loop);
}

/* --- the order ---------------------------------------------------------------------------- */

/*
 * In this order the parts start; in the reverse order they stop, those that have started. What one
 * made is freed only when no thread is left.
 */
static const struct part {
        const char *name;
        int (*start)(struct gateway *gateway, struct reason *reason); /* all or nothing; or NULL */
        void (*stop)(struct gateway *gateway);                        /* or NULL */
        bool carries_data; /* not in one that only registers devices */
} parts[] = {
        {"memory", NULL, free_all, false},
        {"store", open_store, close_store, false},       /* threads "store", "store-read" */
        {"monitor", open_monitor, close_monitor, false}, /* thread "monitor" */
        /* Thread "formatter", the workers. */
        {"formatters", open_formatters, close_formatters, true},
        {"hubs", open_hubs, close_hubs, false}, /* threads "loop", "hub-dns" */
        {"http", open_http, close_http, false}, /* thread "http" */
        {"secrets", read_secrets, NULL, false},
        {"mirror", mirror_formatters, NULL, true},
        {"certificates", read_certificates, NULL, true},
        {"stages", load_stages, NULL, false},
        {"sending", start_stages, stop_stages, false},
        {"ownership", take_over, let_go, false},        /* thread "takeover" */
        {"control", take_orders, refuse_orders, false}, /* thread "control" */
        {"page", show_page, hide_page, true},           /* thread "page" */
        {"queues", take_queue_messages, refuse_queue_messages, true},
        {"webhooks", take_webhooks, refuse_webhooks, true}, /* thread "ingest" */
};

static bool lacks(const struct gateway *gateway, const struct part *part)
{
        return gateway->is_alone && part->carries_data;
}

static void stop_parts(struct gateway *gateway, size_t count)
{
        while (count-- > 0) {
                if (lacks(gateway, &parts[count]))
                        continue;
                log_debug("PART_STOPS", "A part of the gateway stops",
                          LOG_TEXT("part", parts[count].name), LOG_END);
                if (parts[count].stop)
                        parts[count].stop(gateway);
        }
        free(gateway);
}

static int start(struct settings *settings, bool is_alone, struct gateway **gateway,
                 struct reason *reason)
{
        struct gateway *made = mem_new(1, sizeof(*made));

        made->settings = settings;
        made->changing = settings;
        made->is_alone = is_alone;
        made->loop = loop_new();
        made->ownership = ownership_new();
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                bool starts = parts[i].start && !lacks(made, &parts[i]);
                int result = starts ? parts[i].start(made, reason) : 0;

                if (result != 0) {
                        stop_parts(made, i);
                        return result;
                }
                log_debug("PART_STARTED", "A part of the gateway has started",
                          LOG_TEXT("part", parts[i].name), LOG_END);
        }
        *gateway = made;
        return 0;
}

int gateway_start(struct settings *settings, struct gateway **gateway, struct reason *reason)
{
        return start(settings, false, gateway, reason);
}

int gateway_start_to_provision(struct settings *settings, struct gateway **gateway,
                               struct reason *reason)
{
        return start(settings, true, gateway, reason);
}

void gateway_stop(struct gateway *gateway)
{
        stop_parts(gateway, ARRAY_SIZE(parts));
}

uint16_t gateway_port(const struct gateway *gateway)
{
        return webhook_intake_port(gateway->webhook);
}

static void refresh(void *context)
{
        struct gateway *gateway = context;

        device_listing_refresh(gateway->listing);
}

void gateway_refresh(struct gateway *gateway)
{
        secrets_refresh(gateway->secrets);
        loop_post(gateway->loop, refresh, gateway);
        webhook_intake_refresh(gateway->webhook);
}
