// SPDX-License-Identifier: MIT
/*
 * Between the files of the gateway: gateway.c, which has the order of its parts,
 * gateway_services.c, gateway_stages.c and gateway_doors.c, which start and stop them.
 */
#ifndef ISTHMUS_GATEWAY_GATEWAY_INSIDE_H
#define ISTHMUS_GATEWAY_GATEWAY_INSIDE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "gateway/intake/delivery.h"

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

/*
 * The parts: each starts as a whole or, with a reason, not at all; each is stopped only if it has
 * started.
 */

/* --- gateway_services.c -------------------------------------------------------------------- */

int gateway_open_store(struct gateway *gateway, struct reason *reason);
void gateway_close_store(struct gateway *gateway);
int gateway_open_monitor(struct gateway *gateway, struct reason *reason);
void gateway_close_monitor(struct gateway *gateway);
int gateway_open_http(struct gateway *gateway, struct reason *reason);
void gateway_close_http(struct gateway *gateway);
/* What a service was shown is perhaps not what the vault holds now. Any thread. */
void gateway_doubt_secrets(void *context);
int gateway_read_secrets(struct gateway *gateway, struct reason *reason);
int gateway_mirror_formatters(struct gateway *gateway, struct reason *reason);
int gateway_open_hubs(struct gateway *gateway, struct reason *reason);
void gateway_close_hubs(struct gateway *gateway);
int gateway_open_formatters(struct gateway *gateway, struct reason *reason);
void gateway_close_formatters(struct gateway *gateway);

/* --- gateway_stages.c ---------------------------------------------------------------------- */

int gateway_load_stages(struct gateway *gateway, struct reason *reason);
int gateway_start_stages(struct gateway *gateway, struct reason *reason);
void gateway_stop_stages(struct gateway *gateway);
int gateway_take_over(struct gateway *gateway, struct reason *reason);
void gateway_let_go(struct gateway *gateway);

/* All that threads may have looked at, when none is left. */
void gateway_free_parts(struct gateway *gateway);

/* --- gateway_doors.c ----------------------------------------------------------------------- */

int gateway_take_orders(struct gateway *gateway, struct reason *reason);
int gateway_show_page(struct gateway *gateway, struct reason *reason);
void gateway_hide_page(struct gateway *gateway);
void gateway_refuse_orders(struct gateway *gateway);
int gateway_open_trust(struct gateway *gateway, struct reason *reason);
int gateway_take_queue_messages(struct gateway *gateway, struct reason *reason);
void gateway_refuse_queue_messages(struct gateway *gateway);
int gateway_take_webhooks(struct gateway *gateway, struct reason *reason);
void gateway_refuse_webhooks(struct gateway *gateway);

#endif
