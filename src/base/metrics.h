// SPDX-License-Identifier: MIT
/*
 * What is counted and timed, per stage; every thread may add, `/metrics` reads. The numbers live
 * for the life of the process. Adding one is one line in METRICS_COUNTERS, _GAUGES or _TIMES.
 */
#ifndef ISTHMUS_BASE_METRICS_H
#define ISTHMUS_BASE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* enum name, Prometheus name (with labels), help */
#define METRICS_COUNTERS(X)                                                                        \
        X(WEBHOOK_STORED, "isthmus_webhooks_total{answer=\"stored\"}", "Webhooks by answer")       \
        X(WEBHOOK_IGNORED, "isthmus_webhooks_total{answer=\"ignored\"}", "")                       \
        X(WEBHOOK_MALFORMED, "isthmus_webhooks_total{answer=\"malformed\"}", "")                   \
        X(WEBHOOK_UNAUTHORIZED, "isthmus_webhooks_total{answer=\"unauthorized\"}", "")             \
        X(WEBHOOK_FORBIDDEN, "isthmus_webhooks_total{answer=\"forbidden\"}", "")                   \
        X(WEBHOOK_UNTRUSTED, "isthmus_webhooks_total{answer=\"untrusted\"}", "")                   \
        X(WEBHOOK_TOO_LARGE, "isthmus_webhooks_total{answer=\"too_large\"}", "")                   \
        X(WEBHOOK_REFUSED, "isthmus_webhooks_total{answer=\"unavailable\"}", "")                   \
        X(WEBHOOK_PART_REFUSED, "isthmus_webhook_parts_not_stored_total",                          \
          "Parts of webhooks that were named in the answer and not stored")                        \
        X(WEBHOOK_CUT_SLOW, "isthmus_webhook_connections_cut_total{reason=\"slow\"}",              \
          "Webhook connections that were cut off, by reason")                                      \
        X(WEBHOOK_CUT_CROWDED, "isthmus_webhook_connections_cut_total{reason=\"crowded\"}", "")    \
        X(WEBHOOK_CUT_ADDRESS, "isthmus_webhook_connections_cut_total{reason=\"address\"}", "")    \
        X(WEBHOOK_LOST, "isthmus_webhooks_lost_total",                                             \
          "Webhooks refused for now that their network does not send again")                       \
        X(QUEUE_TAKEN, "isthmus_queue_taken_total", "Messages taken out of storage queues")        \
        X(QUEUE_POISON, "isthmus_queue_poison_total",                                              \
          "Messages of storage queues that went to their poison queues")                           \
        X(QUEUE_FAILED, "isthmus_queue_failures_total", "Requests for messages that failed")       \
        X(CERTIFICATE_FETCHED, "isthmus_certificate_fetches_total{result=\"fetched\"}",            \
          "Fetches of signing certificates by result")                                             \
        X(CERTIFICATE_FAILED, "isthmus_certificate_fetches_total{result=\"failed\"}", "")          \
        X(EVENT_STORED, "isthmus_events_stored_total", "Events made durable")                      \
        X(EVENT_DUPLICATE, "isthmus_events_duplicate_total", "Events recognised as doubled")       \
        X(EVENT_SENT, "isthmus_events_accepted_total", "Events accepted by a hub")                 \
        X(EVENT_RETRIED, "isthmus_events_retried_total", "Sends that will be tried again")         \
        X(EVENT_DEAD, "isthmus_events_dead_lettered_total", "Events set aside with a reason")      \
        X(DEAD_DROPPED, "isthmus_dead_letters_dropped_total",                                      \
          "Dead letters that gave way, too old or too many")                                       \
        X(STORE_REFUSED_SHARE, "isthmus_store_refused_total{reason=\"share\"}",                    \
          "Puts that the store refused")                                                           \
        X(STORE_REFUSED_FULL, "isthmus_store_refused_total{reason=\"full\"}", "")                  \
        X(STORE_REFUSED_FAILED, "isthmus_store_refused_total{reason=\"disk\"}", "")                \
        X(STORE_COMMITS, "isthmus_store_commits_total", "Transactions made durable")               \
        X(STORE_RETRIES_CONFLICT, "isthmus_store_retries_total{why=\"conflict\"}",                 \
          "Transactions that were run again because of another gateway's")                         \
        X(STORE_RETRIES_LOCK, "isthmus_store_retries_total{why=\"lock\"}", "")                     \
        X(STORE_FENCED, "isthmus_store_fenced_writes_total",                                       \
          "Records that were refused because another gateway has the device")                      \
        X(STORE_SPILL_MOVED, "isthmus_store_spill_moved_total",                                    \
          "Events that were kept on this machine and are in the store now")                        \
        X(LEASE_LOSSES, "isthmus_lease_losses_total",                                              \
          "Times when this gateway had to give all its devices up")                                \
        X(SHARDS_CLAIMED, "isthmus_shard_moves_total{why=\"claim\"}",                              \
          "Shards that this gateway got or gave")                                                  \
        X(SHARDS_TAKEN, "isthmus_shard_moves_total{why=\"takeover\"}", "")                         \
        X(SHARDS_RELEASED, "isthmus_shard_moves_total{why=\"release\"}", "")                       \
        X(DPS_REGISTERED, "isthmus_dps_registrations_total{result=\"assigned\"}",                  \
          "Registrations at the Device Provisioning Service by result")                            \
        X(DPS_REFUSED, "isthmus_dps_registrations_total{result=\"refused\"}", "")                  \
        X(DPS_THROTTLED, "isthmus_dps_throttled_total", "Answers 429 of the provisioning service") \
        X(DPS_REGISTERS, "isthmus_dps_requests_total{kind=\"register\"}",                          \
          "Requests to the provisioning service")                                                  \
        X(DPS_POLLS, "isthmus_dps_requests_total{kind=\"poll\"}", "")                              \
        X(HUB_TOKENS, "isthmus_hub_tokens_total", "CBS tokens put")                                \
        X(DEVICE_LINKS_STOLEN, "isthmus_device_links_stolen_total",                                \
          "Links that a hub ended because another connection uses the device")                     \
        X(HUB_CONNECTS, "isthmus_hub_connects_total", "AMQP connections opened")                   \
        X(HUB_DISCONNECTS, "isthmus_hub_disconnects_total", "AMQP connections lost")               \
        X(COMMAND_RECEIVED, "isthmus_commands_received_total", "Commands received from hubs")      \
        X(COMMAND_PUSHED, "isthmus_commands_pushed_total", "Downlinks accepted by a network")      \
        X(COMMAND_COMPLETED, "isthmus_commands_settled_total{outcome=\"completed\"}",              \
          "Commands by outcome at the hub")                                                        \
        X(COMMAND_ABANDONED, "isthmus_commands_settled_total{outcome=\"abandoned\"}", "")          \
        X(COMMAND_REJECTED, "isthmus_commands_settled_total{outcome=\"rejected\"}", "")            \
        X(FEED_NEW, "isthmus_feed_rows_total{kind=\"new\"}",                                       \
          "Events that a look at a shared store gave")                                             \
        X(FEED_AGAIN, "isthmus_feed_rows_total{kind=\"again\"}", "")                               \
        X(DEVICE_NOT_ADMITTED, "isthmus_events_over_device_limit_total",                           \
          "Events of new devices refused because of Limits.Devices")                               \
        X(DEVICE_OFF, "isthmus_events_not_integrated_total",                                       \
          "Events of devices that are not to be in Azure")                                         \
        X(LISTING_READ, "isthmus_device_lists_total{result=\"read\"}",                             \
          "Readings of networks' lists of devices by result")                                      \
        X(LISTING_FAILED, "isthmus_device_lists_total{result=\"failed\"}", "")                     \
        X(INSIGHTS_SENT, "isthmus_insights_sent_total", "Items that Application Insights took")    \
        X(INSIGHTS_DROPPED, "isthmus_insights_dropped_total",                                      \
          "Items for Application Insights that were dropped")                                      \
        X(OTLP_SENT, "isthmus_otlp_sent_total", "Items that the collector of OTLP took")           \
        X(OTLP_DROPPED, "isthmus_otlp_dropped_total", "Items for it that were dropped")            \
        X(FORMATTER_CALLS, "isthmus_formatter_calls_total", "Payload formatter calls")             \
        X(FORMATTER_FAILURES, "isthmus_formatter_failures_total", "Calls that gave no result")     \
        X(FORMATTER_RESTARTS, "isthmus_formatter_restarts_total", "Formatter workers replaced")

#define METRICS_GAUGES(X)                                                                          \
        X(WEBHOOK_CONNECTIONS, "isthmus_webhook_connections", "Open webhook connections")          \
        X(STORE_EVENTS, "isthmus_store_events", "Events waiting in the store")                     \
        X(STORE_BYTES, "isthmus_store_bytes", "Size of the waiting events in bytes")               \
        X(STORE_SPILLED, "isthmus_store_spilled_events",                                           \
          "Events kept on this machine until the store is back")                                   \
        X(STORE_DEAD, "isthmus_store_dead_letters", "Dead letters in the store")                   \
        X(STORE_DEAD_BYTES, "isthmus_store_dead_letter_bytes",                                     \
          "Size of the dead letters in bytes")                                                     \
        X(MEMBERS, "isthmus_members", "Gateways that share the store's devices")                   \
        X(SHARDS_OWNED, "isthmus_shards_owned", "Shards of devices that this gateway owns")        \
        X(SHARDS_UNOWNED, "isthmus_shards_unowned", "Shards that no gateway owns")                 \
        X(LEASE_REMAINING, "isthmus_lease_remaining_seconds",                                      \
          "How long this gateway may act without a sign of the store")                             \
        X(STORE_DEAD_ROWS, "isthmus_store_dead_rows",                                              \
          "Rows in the database that nobody needs and that are still there")                       \
        X(STORE_SNAPSHOT, "isthmus_store_oldest_snapshot_seconds",                                 \
          "How long a session has held the oldest view of the database")                           \
        X(DEVICES_KNOWN, "isthmus_devices", "Devices known to this gateway")                       \
        X(DEVICES_CONNECTED, "isthmus_devices_connected", "Devices authorised at a hub")           \
        X(DEVICES_REFUSED, "isthmus_devices_refused", "Devices refused by a hub or by DPS")        \
        X(DEVICES_NEW, "isthmus_devices_by_state{state=\"new\"}", "Devices by state")              \
        X(DEVICES_CLAIMING, "isthmus_devices_by_state{state=\"claiming\"}", "")                    \
        X(DEVICES_REGISTERING, "isthmus_devices_by_state{state=\"registering\"}", "")              \
        X(DEVICES_CONNECTING, "isthmus_devices_by_state{state=\"connecting\"}", "")                \
        X(DEVICES_READY, "isthmus_devices_by_state{state=\"ready\"}", "")                          \
        X(DEVICES_HELD, "isthmus_devices_by_state{state=\"held\"}", "")                            \
        X(DEVICES_ELSEWHERE, "isthmus_devices_by_state{state=\"elsewhere\"}", "")                  \
        X(DPS_WAITING, "isthmus_dps_registrations_waiting", "Registrations that have not begun")   \
        X(DPS_UNDER_WAY, "isthmus_dps_registrations_under_way",                                    \
          "Registrations that have begun and not ended")                                           \
        X(DPS_QUOTA, "isthmus_dps_quota",                                                          \
          "Registrations a minute that the provisioning services were found to take, together")    \
        X(HUB_CONNECTIONS, "isthmus_hub_connections", "Open AMQP connections")                     \
        X(COMMANDS_PENDING, "isthmus_commands_pending", "Commands whose outcome is not known yet")

#define METRICS_TIMES(X)                                                                           \
        X(WEBHOOK_TO_STORED, "isthmus_webhook_to_stored_seconds", "Arrival to durable")            \
        X(STORED_TO_SENT, "isthmus_stored_to_sent_seconds", "Durable to handed to AMQP")           \
        X(SENT_TO_ACCEPTED, "isthmus_sent_to_accepted_seconds", "Handed to AMQP to accepted")      \
        X(WEBHOOK_TO_ACCEPTED, "isthmus_webhook_to_accepted_seconds", "Arrival to accepted")       \
        X(STORE_COMMIT, "isthmus_store_commit_seconds", "One transaction made durable")            \
        X(TAKEOVER, "isthmus_takeover_seconds",                                                    \
          "From a device's events being this gateway's to the first of those that waited")         \
        X(FEED_DELAY, "isthmus_feed_delay_seconds",                                                \
          "Arrival at any gateway on the store to arrival at the device's own")                    \
        X(DPS_REGISTRATION, "isthmus_dps_registration_seconds", "One registration")                \
        X(FORMATTER_CALL, "isthmus_formatter_call_seconds", "One payload formatter call")          \
        X(COMMAND_TO_NETWORK, "isthmus_command_to_network_seconds",                                \
          "Command to downlink accepted")                                                          \
        X(CAMERA_DECODE, "isthmus_camera_decode_seconds", "A picture's bytes to its pixels")       \
        X(CAMERA_LOOK, "isthmus_camera_look_seconds", "Pixels to boxes, by the model")

#define METRICS_ENUM_ROW(name, text, help) METRIC_##name,
enum metrics_counter {
        METRICS_COUNTERS(METRICS_ENUM_ROW) METRIC_COUNTER_COUNT
};
enum metrics_gauge {
        METRICS_GAUGES(METRICS_ENUM_ROW) METRIC_GAUGE_COUNT
};
enum metrics_time {
        METRICS_TIMES(METRICS_ENUM_ROW) METRIC_TIME_COUNT
};
#undef METRICS_ENUM_ROW

void metrics_add(enum metrics_counter counter, int64_t amount);
void metrics_set(enum metrics_gauge gauge, int64_t value);
void metrics_gauge_add(enum metrics_gauge gauge, int64_t amount);

/* Notes one duration in nanoseconds; negative ones count as zero. */
void metrics_observe(enum metrics_time time, int64_t duration_ns);

int64_t metrics_counter_value(enum metrics_counter counter);
int64_t metrics_gauge_value(enum metrics_gauge gauge);

/* Labels that a family of gauges may have; those beyond are left out. */
#define METRICS_LABELS_MAX 64

/* Families of gauges whose labels are not known beforehand. */
enum metrics_family {
        METRIC_HUB_CONNECTED, /* isthmus_hub_connected{hub="..."}: is a device authorised there? */
        METRIC_MEMBER,        /* isthmus_member{name="..."}: is this gateway a member? */
        METRIC_FAMILY_COUNT
};

/* Sets the gauge with this label to 1 or 0. Any thread. */
void metrics_set_label(enum metrics_family family, const char *label, bool value);

/* Upper bounds of a time's buckets; one more holds what is longer. */
#define METRICS_BOUNDS 17

/* What was observed of a time. */
struct metrics_times {
        int64_t count;
        int64_t sum_ns;
        int64_t buckets[METRICS_BOUNDS + 1]; /* how many in each alone */
        /* Since the last look with `forget`: shortest and longest; 0 if there was none. */
        int64_t least_ns;
        int64_t most_ns;
};

/* The upper bound of a bucket in microseconds. */
int64_t metrics_bound_us(size_t bucket);

/* `forget`: the extremes begin anew; for one looker in the process. */
void metrics_times_read(enum metrics_time time, bool forget, struct metrics_times *times);

/* Adds all of them in the Prometheus text format, version 0.0.4. */
void metrics_write(struct buf *out);

/*
 * Adds a gauge that is none of the above but is asked for when somebody looks: its name, perhaps
 * with labels, its help ("" for a further one of its family), and its value.
 */
void metrics_write_gauge(struct buf *out, const char *name, const char *help, int64_t value);

#endif
