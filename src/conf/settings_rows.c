// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "conf/settings.h"

void settings_init(struct settings *settings)
{
        *settings = (struct settings){
                .listen = {.address = mem_text("127.0.0.1:8080"),
                           .host = mem_text("127.0.0.1"),
                           .port = 8080},
                .data_directory = mem_text("/var/lib/isthmus"),
                .limits = {.body_bytes = 1 << 20, .request_timeout_s = 10, .connections = 1000},
                .store = {.backend = mem_text("sqlite"), .maximum_bytes = 1 << 30},
                .log = {.level = LOG_LEVEL_INFO, .format = LOG_FORMAT_AUTO},
                .azure = {.dps = {.global_device_endpoint =
                                          mem_text("global.azure-devices-provisioning.net")},
                          .central_dps = {.global_device_endpoint = mem_text(
                                                  "global.azure-devices-provisioning.net")},
                          .device_id_template = mem_text("{device}"),
                          .amqp_port = 5671,
                          .devices_per_connection = 995,
                          .token_lifetime_minutes = 60,
                          .registrations_per_minute = 1000,
                          .concurrent_registrations = 100,
                          .connect_at_start = true},
                .commands = {.settlement = SETTINGS_SETTLE_BY_RULES,
                             .maximum_per_device = 32,
                             .default_expiry_hours = 48},
                .the_things_industries = {.device_integration_default = true,
                                          .device_page_size = 100},
                .myriota = {.base_url = mem_text("https://api.myriota.com"),
                            .certificate_host = mem_text("security.myriota.com"),
                            .refresh_minutes = 60},
                .payload_formatters = {.directory = mem_text("formatters"),
                                       .timeout_ms = 100,
                                       .workers = 2,
                                       .maximum_memory_bytes = INT64_C(268435456)},
        };
}

static void free_texts(char *const *texts, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (texts[i])
                        mem_wipe(texts[i], strlen(texts[i]));
                free(texts[i]);
        }
}

#define FREE_TEXTS(...)                                                                            \
        free_texts((char *const[]){__VA_ARGS__},                                                   \
                   sizeof((char *const[]){__VA_ARGS__}) / sizeof(char *))

static void free_list(struct settings_texts *list)
{
        free_texts(list->texts, list->count);
        free(list->texts);
}

static void free_methods(struct settings_method *methods, size_t count)
{
        for (size_t i = 0; i < count; i++)
                FREE_TEXTS(methods[i].name, methods[i].payload, methods[i].formatter);
        free(methods);
}

static void free_application(struct settings_application *own)
{
        FREE_TEXTS(own->name, own->dtdl_model_id, own->mapped_dtdl_model_id, own->connection_string,
                   own->global_device_endpoint, own->id_scope, own->group_enrollment_key,
                   own->api_key, own->webhook_id, own->uplink_formatter, own->downlink_formatter);
        free_methods(own->methods, own->method_count);
        for (size_t i = 0; i < own->port_formatter_count; i++)
                FREE_TEXTS(own->port_formatters[i].name, own->port_formatters[i].formatter);
        free(own->port_formatters);
}

static void free_dps(struct settings_dps *dps)
{
        FREE_TEXTS(dps->global_device_endpoint, dps->id_scope, dps->group_enrollment_key);
}

void settings_deinit(struct settings *settings)
{
        FREE_TEXTS(
                settings->listen.address, settings->listen.host, settings->listen.tls_certificate,
                settings->listen.tls_key, settings->data_directory, settings->store.backend,
                settings->azure.connection_string, settings->azure.dtdl_model_id,
                settings->azure.device_id_template, settings->azure.trusted_certificates,
                settings->the_things_industries.webhook_base_url,
                settings->the_things_industries.api_base_url,
                settings->the_things_industries.api_key, settings->the_things_industries.webhook_id,
                settings->myriota.base_url, settings->myriota.api_token,
                settings->myriota.certificate_host, settings->payload_formatters.directory,
                settings->payload_formatters.uplink_default,
                settings->payload_formatters.downlink_default);
        free_list(&settings->webhook_keys);
        free_list(&settings->myriota.certificate_fingerprints);
        free_dps(&settings->azure.dps);
        free_dps(&settings->azure.central_dps);
        free_methods(settings->azure.methods, settings->azure.method_count);
        for (size_t i = 0; i < settings->application_count; i++)
                free_application(&settings->applications[i]);
        free(settings->applications);
        *settings = (struct settings){.data_directory = NULL};
}
