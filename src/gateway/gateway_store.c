// SPDX-License-Identifier: MIT
/* The store that the settings name. */
#include "gateway/gateway.h"
#include "networks/network.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

struct store_options gateway_store_options(const struct settings *settings)
{
        return (struct store_options){
                .backend = settings->store.backend,
                .network_file_system = settings->store.network_file_system,
                .directory = settings->data_directory,
                .maximum_bytes = settings->store.maximum_bytes,
                .dead_letter_bytes = settings->store.dead_letter_bytes,
                .dead_letter_ms = settings->store.dead_letter_days * DAY_MS,
                .lane_of = event_lane_key,
                .server = {.hosts = (const char *const *)settings->store.postgresql.hosts.texts,
                           .host_count = settings->store.postgresql.hosts.count,
                           .database = settings->store.postgresql.database,
                           .user = settings->store.postgresql.user,
                           .password = settings->store.postgresql.password,
                           .password_file = settings->store.postgresql.password_file,
                           .trusted_certificates = settings->store.postgresql.trusted_certificates,
                           .timeout_ms = settings->store.postgresql.timeout_ms,
                           .lease_ms = settings->store.postgresql.lease_s * 1000,
                           .releases_per_s = settings->store.postgresql.releases_per_s,
                           .member_name = settings->store.postgresql.member_name,
                           .member_address = settings->listen.address},
        };
}
