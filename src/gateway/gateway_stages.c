// SPDX-License-Identifier: MIT
/* The stages of the gateway: what they are made of, and how they start and stop. */

#include "azure/dps/dps_client.h"
#include "azure/hub/hub_client.h"
#include "azure/identity/identity.h"
#include "base/loop.h"
#include "gateway/command/command_confirm.h"
#include "gateway/command/command_format.h"
#include "gateway/command/command_ledger.h"
#include "gateway/command/command_network.h"
#include "gateway/command/command_record.h"
#include "gateway/device/device.h"
#include "gateway/device/device_directory.h"
#include "gateway/device/device_listing.h"
#include "gateway/device/device_place.h"
#include "gateway/device/downlink_route.h"
#include "gateway/device_follow.h"
#include "gateway/formatter_mirror.h"
#include "gateway/gateway_inside.h"
#include "gateway/intake/queue_intake.h"
#include "gateway/intake/uplink_trust.h"
#include "gateway/link/device_link.h"
#include "gateway/ownership.h"
#include "gateway/provision/device_bulk.h"
#include "gateway/provision/device_provision.h"
#include "gateway/uplink/uplink_format.h"
#include "gateway/uplink/uplink_hold.h"
#include "gateway/uplink/uplink_queue.h"
#include "gateway/uplink/uplink_recent.h"
#include "gateway/uplink/uplink_store.h"
#include "monitor/monitor.h"
#include "secrets/secrets.h"
#include "store/store.h"

static void make_devices(struct gateway *gateway)
{
        const struct settings *settings = gateway->settings;

        gateway->directory = device_directory_new(settings, gateway->store);
        gateway->devices =
                device_table_new(settings, gateway->store, gateway->directory, gateway->loop);
        gateway->places = device_places_new(gateway->devices);
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
                .refused = gateway_doubt_secrets,
                .context = gateway,
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

int gateway_load_stages(struct gateway *gateway, struct reason *reason)
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

int gateway_start_stages(struct gateway *gateway, struct reason *reason)
{
        (void)reason;
        loop_post(gateway->loop, start_sending, gateway);
        return 0;
}

static void stop_sending(void *context)
{
        struct gateway *gateway = context;

        gateway->sends = false;
        device_link_stop(gateway->device_link);
        device_listing_stop(gateway->listing);
        command_ledger_stop(gateway->ledger);
        command_format_stop(gateway->command_format);
        command_network_stop(gateway->command_network);
        command_confirm_stop(gateway->confirm);
}

/* After it returns the thread "loop" starts nothing new. */
void gateway_stop_stages(struct gateway *gateway)
{
        loop_call(gateway->loop, stop_sending, gateway);
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

int gateway_take_over(struct gateway *gateway, struct reason *reason)
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
                          {"", NULL, NULL, command_confirm_forget, gateway->confirm},
                          {"", NULL, command_network_taken, NULL, gateway->command_network}},
        };
        int result = ownership_start(gateway->ownership, &options, reason);

        if (result == 0 && store_is_shared(gateway->store))
                gateway->follow =
                        device_follow_start(gateway->loop, gateway->directory, gateway->devices);
        return result;
}

void gateway_let_go(struct gateway *gateway)
{
        device_follow_stop(gateway->follow);
        ownership_stop(gateway->ownership);
}

void gateway_free_parts(struct gateway *gateway)
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
