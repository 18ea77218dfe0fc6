// SPDX-License-Identifier: MIT
/* The ways into the gateway: webhooks, queues, the control socket and the page. */
#include "base/log.h"
#include "gateway/control/control.h"
#include "gateway/control/operator_page.h"
#include "gateway/gateway_inside.h"
#include "gateway/intake/queue_intake.h"
#include "gateway/intake/uplink_trust.h"
#include "gateway/intake/webhook_intake.h"

/* Data must flow even where there can be no control socket, for example on some file systems. */
int gateway_take_orders(struct gateway *gateway, struct reason *reason)
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

int gateway_show_page(struct gateway *gateway, struct reason *reason)
{
        int result =
                operator_page_start(gateway->settings, gateway->control, &gateway->page, reason);

        if (result != 0)
                reason_prefix(reason, "Page.Listen");
        return result;
}

void gateway_hide_page(struct gateway *gateway)
{
        operator_page_stop(gateway->page);
}

void gateway_refuse_orders(struct gateway *gateway)
{
        control_stop(gateway->control);
}

int gateway_open_trust(struct gateway *gateway, struct reason *reason)
{
        return uplink_trust_new(&(struct uplink_trust_options){.settings = gateway->settings,
                                                               .http = gateway->http,
                                                               .store = gateway->store},
                                &gateway->trust, reason);
}

int gateway_take_queue_messages(struct gateway *gateway, struct reason *reason)
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
        });
        return 0;
}

void gateway_refuse_queue_messages(struct gateway *gateway)
{
        queue_intake_stop(gateway->queue_intake);
}

int gateway_take_webhooks(struct gateway *gateway, struct reason *reason)
{
        return webhook_intake_start(&gateway->means, gateway->queue_intake, &gateway->webhook,
                                    reason);
}

/* Those that wait for a certificate are answered, too. */
void gateway_refuse_webhooks(struct gateway *gateway)
{
        uplink_trust_stop(gateway->trust);
        webhook_intake_stop(gateway->webhook);
}
