// SPDX-License-Identifier: MIT
#include "gateway/gateway.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "gateway/device/device_listing.h"
#include "gateway/gateway_inside.h"
#include "gateway/intake/webhook_intake.h"
#include "gateway/ownership.h"
#include "secrets/secrets.h"

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
        {"memory", NULL, gateway_free_parts, false},
        /* Threads "store", "store-read". */
        {"store", gateway_open_store, gateway_close_store, false},
        {"monitor", gateway_open_monitor, gateway_close_monitor, false}, /* thread "monitor" */
        /* Thread "formatter", the workers. */
        {"formatters", gateway_open_formatters, gateway_close_formatters, true},
        {"hubs", gateway_open_hubs, gateway_close_hubs, false}, /* threads "loop", "hub-dns" */
        {"http", gateway_open_http, gateway_close_http, false}, /* thread "http" */
        {"secrets", gateway_read_secrets, NULL, false},
        {"mirror", gateway_mirror_formatters, NULL, true},
        {"signatures", gateway_open_trust, NULL, true},
        {"stages", gateway_load_stages, NULL, false},
        {"sending", gateway_start_stages, gateway_stop_stages, false},
        {"ownership", gateway_take_over, gateway_let_go, false},        /* thread "takeover" */
        {"control", gateway_take_orders, gateway_refuse_orders, false}, /* thread "control" */
        {"page", gateway_show_page, gateway_hide_page, true},           /* thread "page" */
        {"queues", gateway_take_queue_messages, gateway_refuse_queue_messages, true},
        {"webhooks", gateway_take_webhooks, gateway_refuse_webhooks, true}, /* thread "ingest" */
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
