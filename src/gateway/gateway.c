// SPDX-License-Identifier: MIT
#include "gateway/gateway.h"

#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "azure/dps/dps_client.h"
#include "azure/hub/hub_client.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "formatter/formatter.h"
#include "gateway/command/command_arrive.h"
#include "gateway/command/command_confirm.h"
#include "gateway/command/command_format.h"
#include "gateway/command/command_ledger.h"
#include "gateway/command/command_network.h"
#include "gateway/control/control.h"
#include "gateway/device/device.h"
#include "gateway/device/device_directory.h"
#include "gateway/device/device_listing.h"
#include "gateway/device/device_place.h"
#include "gateway/device/device_provision.h"
#include "gateway/device/downlink_route.h"
#include "gateway/device_link.h"
#include "gateway/intake/webhook_intake.h"
#include "gateway/uplink/uplink_format.h"
#include "gateway/uplink/uplink_queue.h"
#include "gateway/uplink/uplink_store.h"
#include "gateway/uplink/uplink_trust.h"
#include "http/http_client.h"
#include "store/store.h"

/* How long the hubs may take to answer what is under way when the gateway stops. */
#define STOP_PATIENCE_MS 2000

#define DAY_MS (INT64_C(24) * 3600 * 1000)

#define PRODUCT "isthmus/" ISTHMUS_VERSION

struct gateway {
        const struct settings *settings;
        struct store *store;
        struct http_client *http;
        struct dps_client *dps;
        struct loop *loop;
        struct hub_client *hubs;
        struct device_directory *directory;
        struct device_table *devices;
        struct device_places *places;
        struct device_listing *listing;
        struct downlink_routes *routes;
        struct device_provision *provision;
        struct formatter_pool *formatters; /* NULL = none is run */
        struct uplink_queue *queue;
        struct uplink_format *uplink_format;
        struct device_link *device_link;
        struct uplink_trust *trust;
        struct delivery_means means;
        struct webhook_intake *webhook;
        struct command_ledger *ledger;
        struct command_arrive *command_arrive;
        struct command_format *command_format;
        struct command_network *command_network;
        struct command_confirm *confirm;
        struct control *control;
};

/* --- how the stages hand on --------------------------------------------------------------- */

static struct device *device_of(void *context, const struct uplink_event *event)
{
        struct gateway *gateway = context;
        struct device *device = device_table_get(gateway->devices, event);

        if (event->heard && downlink_routes_learn(gateway->routes, device, event->heard))
                device_link_receive(gateway->device_link, device);
        if (event->event.kind == EVENT_UPLINK)
                command_network_contact(gateway->command_network, device);
        return device;
}

static void on_ready(void *context, struct device *device)
{
        struct gateway *gateway = context;

        device_link_ready(gateway->device_link, device);
}

/* A network's listing lists a device. */
static bool on_listed(void *context, const struct network *network, const char *application,
                      const struct listed_device *listed)
{
        struct gateway *gateway = context;
        struct reason reason = REASON_INIT;
        struct device *device =
                device_table_list(gateway->devices, network, application, listed, &reason);

        if (!device) {
                log_debug("DEVICE_WAITS", "A listed device can't be connected before its uplink",
                          LOG_TEXT("network", network->name), LOG_TEXT("device", listed->device),
                          LOG_TEXT("reason", reason.text), LOG_END);
                return false;
        }
        device_link_renew(gateway->device_link, device);
        if (gateway->settings->azure.connect_at_start)
                device_link_connect(gateway->device_link, device);
        return true;
}

static void on_decided(void *context, struct device *device, const struct dps_result *result)
{
        struct gateway *gateway = context;

        device_link_decided(gateway->device_link, device, result);
}

/* --- start -------------------------------------------------------------------------------- */

static int open_store(struct gateway *gateway, struct reason *reason)
{
        const struct settings *settings = gateway->settings;

        return store_open(
                &(struct store_options){
                        .backend = settings->store.backend,
                        .directory = settings->data_directory,
                        .maximum_bytes = settings->store.maximum_bytes,
                        .dead_letter_bytes = settings->store.dead_letter_bytes,
                        .dead_letter_ms = settings->store.dead_letter_days * DAY_MS,
                },
                &gateway->store, reason);
}

static int open_clients(struct gateway *gateway, struct reason *reason)
{
        const struct settings *settings = gateway->settings;
        const char *trusted = settings->azure.trusted_certificates;
        int result;

        gateway->loop = loop_new();
        result = http_client_new(&(struct http_client_options){.trusted_certificates = trusted,
                                                               .user_agent = PRODUCT},
                                 &gateway->http, reason);
        if (result != 0)
                return result;
        gateway->dps = dps_client_new(&(struct dps_client_options){
                .http = gateway->http,
                .registrations_per_minute = (int)settings->azure.registrations_per_minute,
                .maximum_concurrent = (int)settings->azure.concurrent_registrations,
        });
        return hub_client_new(
                &(struct hub_client_options){
                        .loop = gateway->loop,
                        .trusted_certificates = trusted,
                        .port = (uint16_t)settings->azure.amqp_port,
                        .devices_per_connection = (int)settings->azure.devices_per_connection,
                        .devices_per_second = (int)settings->azure.devices_per_second,
                        .token_lifetime_ms = settings->azure.token_lifetime_minutes * 60 * 1000,
                        .client_version = PRODUCT,
                },
                &gateway->hubs, reason);
}

/* Without a formatter there is neither a thread nor a worker for them. */
static int open_formatters(struct gateway *gateway, struct reason *reason)
{
        const struct settings *settings = gateway->settings;
        const char *directory = settings->payload_formatters.directory;
        int result;

        if (!settings_has_formatters(settings) && access(directory, F_OK) != 0)
                return 0;
        result = formatter_pool_new(
                &(struct formatter_options){
                        .directory = directory,
                        .workers = (int)settings->payload_formatters.workers,
                        .timeout_ms = settings->payload_formatters.timeout_ms,
                        .maximum_memory_bytes = settings->payload_formatters.maximum_memory_bytes,
                },
                &gateway->formatters, reason);
        if (result != 0)
                reason_prefix(reason, "PayloadFormatters");
        return result;
}

static int join_stages(struct gateway *gateway, struct reason *reason)
{
        int result;

        gateway->directory = device_directory_new(gateway->settings, gateway->store);
        gateway->devices = device_table_new(gateway->settings, gateway->store, gateway->directory);
        gateway->places = device_places_new(gateway->store);
        gateway->listing = device_listing_new(&(struct device_listing_options){
                .settings = gateway->settings,
                .http = gateway->http,
                .loop = gateway->loop,
                .listed = on_listed,
                .context = gateway,
        });
        gateway->device_link = device_link_new(&(struct device_link_options){
                .settings = gateway->settings,
                .sender = {.settings = gateway->settings, .store = gateway->store},
                .loop = gateway->loop,
                .hubs = gateway->hubs,
                .devices = gateway->devices,
                .places = gateway->places,
        });
        gateway->provision = device_provision_new(&(struct device_provision_options){
                .settings = gateway->settings,
                .store = gateway->store,
                .loop = gateway->loop,
                .dps = gateway->dps,
                .decided = on_decided,
                .context = gateway,
        });
        gateway->queue = uplink_queue_new(&(struct uplink_queue_options){
                .store = gateway->store,
                .loop = gateway->loop,
                .device_of = device_of,
                .ready = on_ready,
                .context = gateway,
        });
        gateway->uplink_format = uplink_format_new(&(struct uplink_format_options){
                .settings = gateway->settings,
                .pool = gateway->formatters,
                .loop = gateway->loop,
                .ready = on_ready,
                .context = gateway,
        });
        device_link_join(gateway->device_link, gateway->queue, gateway->provision,
                         gateway->uplink_format);
        result = device_directory_load(gateway->directory, reason);
        if (result == 0)
                result = device_table_load(gateway->devices, reason);
        if (result == 0)
                result = device_places_load(gateway->places, reason);
        if (result == 0)
                result = device_provision_load(gateway->provision, reason);
        return result;
}

static struct device *device_by_key(void *context, const char *key)
{
        struct gateway *gateway = context;

        return device_table_find(gateway->devices, key);
}

static int join_command_stages(struct gateway *gateway, struct reason *reason)
{
        int result;

        gateway->ledger = command_ledger_new(&(struct command_ledger_options){
                .settings = gateway->settings,
                .store = gateway->store,
                .loop = gateway->loop,
                .queue = gateway->queue,
        });
        gateway->command_network = command_network_new(&(struct command_network_options){
                .settings = gateway->settings,
                .http = gateway->http,
                .loop = gateway->loop,
                .ledger = gateway->ledger,
        });
        gateway->command_format = command_format_new(&(struct command_format_options){
                .loop = gateway->loop,
                .pool = gateway->formatters,
                .ledger = gateway->ledger,
                .network = gateway->command_network,
        });
        command_ledger_join(gateway->ledger, gateway->command_format);
        gateway->command_arrive = command_arrive_new(&(struct command_arrive_options){
                .settings = gateway->settings,
                .loop = gateway->loop,
                .ledger = gateway->ledger,
        });
        device_link_join_commands(gateway->device_link, gateway->command_arrive, gateway->ledger);
        gateway->confirm = command_confirm_new(gateway->loop, gateway->ledger);
        gateway->routes = downlink_routes_new(gateway->store);
        result = downlink_routes_load(gateway->routes, device_by_key, gateway, reason);
        if (result == 0)
                result = command_ledger_load(gateway->ledger, device_by_key, gateway, reason);
        return result;
}

static bool connect_device(void *context, struct device *device)
{
        struct gateway *gateway = context;

        device_link_connect(gateway->device_link, device);
        return true;
}

/* On the thread "loop": commands must not wait for a device's next uplink. */
static void start_commands(void *context)
{
        struct gateway *gateway = context;

        device_link_start(gateway->device_link);
        command_ledger_start(gateway->ledger);
        if (gateway->settings->azure.connect_at_start)
                device_table_each(gateway->devices, connect_device, gateway);
        device_listing_start(gateway->listing);
}

static int take_commands(struct gateway *gateway, struct reason *reason)
{
        (void)reason;
        loop_post(gateway->loop, start_commands, gateway);
        return 0;
}

static bool recover_device(void *context, const char *device, int64_t waiting)
{
        struct gateway *gateway = context;

        (void)waiting;
        uplink_queue_recover(gateway->queue, device);
        return true;
}

static int recover(struct gateway *gateway, struct reason *reason)
{
        int result = store_devices_each(gateway->store, recover_device, gateway);

        if (result != 0)
                reason_set(reason, "the store's waiting events can't be read");
        return result;
}

static int read_certificates(struct gateway *gateway, struct reason *reason)
{
        return uplink_trust_new(&(struct uplink_trust_options){.settings = gateway->settings,
                                                               .http = gateway->http,
                                                               .store = gateway->store},
                                &gateway->trust, reason);
}

static int take_webhooks(struct gateway *gateway, struct reason *reason)
{
        gateway->means = (struct delivery_means){
                .settings = gateway->settings,
                .store = gateway->store,
                .queue = gateway->queue,
                .trust = gateway->trust,
                .directory = gateway->directory,
                .devices = gateway->devices,
                .confirm = gateway->confirm,
        };
        return webhook_intake_start(&gateway->means, &gateway->webhook, reason);
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
                },
                &gateway->control, reason);

        if (result != 0)
                log_error("CONTROL_NOT_STARTED", "There is no control socket",
                          LOG_TEXT("reason", reason->text), LOG_END);
        return 0;
}

int gateway_start(const struct settings *settings, struct gateway **gateway, struct reason *reason)
{
        static int (*const steps[])(struct gateway *, struct reason *) = {
                open_store,  open_clients,        read_certificates, open_formatters,
                join_stages, join_command_stages, take_commands,     recover,
                take_orders, take_webhooks,
        };
        struct gateway *made = mem_new(1, sizeof(*made));

        made->settings = settings;
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                int result = steps[i](made, reason);

                if (result != 0) {
                        gateway_stop(made);
                        return result;
                }
        }
        *gateway = made;
        return 0;
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
        loop_post(gateway->loop, refresh, gateway);
        webhook_intake_refresh(gateway->webhook);
}

/* --- stop --------------------------------------------------------------------------------- */

struct stop_order {
        struct gateway *gateway;
        sem_t done;
};

static void stop_sending(void *context)
{
        struct stop_order *order = context;

        device_link_stop(order->gateway->device_link);
        device_listing_stop(order->gateway->listing);
        if (order->gateway->ledger)
                command_ledger_stop(order->gateway->ledger);
        if (order->gateway->command_format)
                command_format_stop(order->gateway->command_format);
        if (order->gateway->command_network)
                command_network_stop(order->gateway->command_network);
        sem_post(&order->done);
}

/* After it returns the thread "loop" starts nothing new. */
static void stop_hub_stage(struct gateway *gateway)
{
        struct stop_order order = {.gateway = gateway};

        sem_init(&order.done, 0, 0);
        loop_post(gateway->loop, stop_sending, &order);
        while (sem_wait(&order.done) != 0)
                continue;
        sem_destroy(&order.done);
}

void gateway_stop(struct gateway *gateway)
{
        control_stop(gateway->control);
        uplink_trust_stop(gateway->trust);
        webhook_intake_stop(gateway->webhook);
        if (gateway->queue) {
                stop_hub_stage(gateway);
                uplink_queue_stop(gateway->queue);
                uplink_format_stop(gateway->uplink_format);
        }
        http_client_free(gateway->http);
        uplink_trust_free(gateway->trust);
        dps_client_free(gateway->dps);
        if (gateway->hubs)
                hub_client_free(gateway->hubs, STOP_PATIENCE_MS);
        formatter_pool_free(gateway->formatters);
        if (gateway->store)
                store_close(gateway->store);
        command_confirm_free(gateway->confirm);
        command_format_free(gateway->command_format);
        command_network_free(gateway->command_network);
        command_arrive_free(gateway->command_arrive);
        command_ledger_free(gateway->ledger);
        device_listing_free(gateway->listing);
        downlink_routes_free(gateway->routes);
        device_table_free(gateway->devices);
        device_places_free(gateway->places);
        device_directory_free(gateway->directory);
        device_provision_free(gateway->provision);
        uplink_queue_free(gateway->queue);
        uplink_format_free(gateway->uplink_format);
        device_link_free(gateway->device_link);
        loop_free(gateway->loop);
        free(gateway);
}
