// SPDX-License-Identifier: MIT
#include "conf/settings.h"

#include "base/text.h"

/* NULL for a text that says nothing. */
static const char *given(const char *text)
{
        return text_is_empty(text) ? NULL : text;
}

/* A secret that is there; `*awaited` becomes true if it will be. */
static const char *secret(char *const *field, bool *awaited)
{
        const char *text = conf_secret_text(field);

        if (conf_secret_is_awaited(text))
                *awaited = true;
        return given(text);
}

bool settings_webhook_keys_awaited(const struct settings *settings)
{
        for (size_t i = 0; i < settings->webhook_key_count; i++) {
                if (conf_secret_is_awaited(conf_secret_text(&settings->webhook_keys[i].key)))
                        return true;
        }
        return false;
}

const struct settings_application *settings_application(const struct settings *settings,
                                                        const char *application)
{
        for (size_t i = 0; i < settings->application_count; i++) {
                if (text_equal(settings->applications[i].name, application))
                        return &settings->applications[i];
        }
        return NULL;
}

const struct settings_network *settings_network(const struct settings *settings,
                                                const struct network *network)
{
        return &settings->networks[network_index(network)];
}

const struct settings_network_application *
settings_network_application(const struct settings *settings, const struct network *network,
                             const char *application)
{
        static const struct settings_network_application nothing;
        const struct settings_application *own = settings_application(settings, application);

        return own ? &own->networks[network_index(network)] : &nothing;
}

static const char *application_model_id(const struct settings_application *application)
{
        if (!application)
                return NULL;
        return given(application->dtdl_model_id) ? application->dtdl_model_id
                                                 : given(application->mapped_dtdl_model_id);
}

/* The name of an entry with a model id that would match if case did not matter. */
static const char *find_near_miss(const struct settings *settings, const char *application)
{
        for (size_t i = 0; i < settings->application_count; i++) {
                const struct settings_application *entry = &settings->applications[i];

                if (text_equal_nocase(entry->name, application) && application_model_id(entry))
                        return entry->name;
        }
        return NULL;
}

const char *settings_model_id(const struct settings *settings, const char *application,
                              const char **near_miss)
{
        const char *own = application_model_id(settings_application(settings, application));

        *near_miss = own ? NULL : find_near_miss(settings, application);
        return own ? own : given(settings->azure.dtdl_model_id);
}

/* IoT Central's own section if it is meant and there; a hub's will do as well. */
static const struct settings_dps *general_dps(const struct settings *settings)
{
        const struct settings_dps *central = &settings->azure.central_dps;
        bool there = given(central->id_scope) || conf_secret_text(&central->group_enrollment_key);

        if (settings->azure.application_type == SETTINGS_IOT_CENTRAL && there)
                return central;
        return &settings->azure.dps;
}

/* Of an application with a folder of its own, or of all; NULL = keys. */
static const struct settings_certificates *certificates_for(const struct settings *settings,
                                                            const struct settings_application *own)
{
        if (own && given(own->certificates.folder))
                return &own->certificates;
        return given(settings->azure.certificates.folder) ? &settings->azure.certificates : NULL;
}

static bool azure_by_dps(const struct settings *settings, const struct settings_application *own,
                         struct settings_azure *azure)
{
        const struct settings_dps *dps = general_dps(settings);

        azure->connection_type = SETTINGS_DEVICE_PROVISIONING_SERVICE;
        azure->global_device_endpoint = own ? given(own->global_device_endpoint) : NULL;
        azure->id_scope = own ? given(own->id_scope) : NULL;
        azure->group_enrollment_key =
                own ? secret(&own->group_enrollment_key, &azure->awaited) : NULL;
        if (!azure->group_enrollment_key && !azure->awaited)
                azure->certificates = certificates_for(settings, own);
        if (!azure->global_device_endpoint)
                azure->global_device_endpoint = given(dps->global_device_endpoint);
        if (!azure->id_scope)
                azure->id_scope = given(dps->id_scope);
        if (!azure->group_enrollment_key && !azure->certificates && !azure->awaited)
                azure->group_enrollment_key = secret(&dps->group_enrollment_key, &azure->awaited);
        return azure->global_device_endpoint && azure->id_scope &&
               (azure->group_enrollment_key || azure->certificates);
}

bool settings_azure_for(const struct settings *settings, const char *application,
                        struct settings_azure *azure)
{
        const struct settings_application *own = settings_application(settings, application);
        bool own_dps =
                own && (given(own->id_scope) || conf_secret_text(&own->group_enrollment_key) ||
                        given(own->certificates.folder));
        bool awaited = false;
        const char *string = own ? secret(&own->connection_string, &awaited) : NULL;

        *azure = (struct settings_azure){.connection_type = SETTINGS_CONNECTION_NONE};
        if (!string && !awaited && !own_dps &&
            settings->azure.connection_type == SETTINGS_DEVICE_CONNECTION_STRING)
                string = secret(&settings->azure.connection_string, &awaited);
        if (string) {
                azure->connection_type = SETTINGS_DEVICE_CONNECTION_STRING;
                azure->connection_string = string;
                return true;
        }
        if (!awaited && azure_by_dps(settings, own, azure))
                return true;
        if (awaited || !azure->awaited || !azure->id_scope || !azure->global_device_endpoint)
                *azure = (struct settings_azure){.connection_type = SETTINGS_CONNECTION_NONE,
                                                 .awaited = awaited};
        return false;
}

static const struct settings_method *find_method(const struct settings_method *methods,
                                                 size_t count, const char *name)
{
        for (size_t i = 0; i < count; i++) {
                if (text_equal_nocase(methods[i].name, name))
                        return &methods[i];
        }
        return NULL;
}

const struct settings_method *settings_method(const struct settings *settings,
                                              const char *application, const char *method)
{
        const struct settings_application *own = settings_application(settings, application);
        const struct settings_method *found = NULL;

        if (own)
                found = find_method(own->methods, own->method_count, method);
        if (!found)
                found = find_method(settings->azure.methods, settings->azure.method_count, method);
        return found;
}

enum settings_settlement settings_settlement(const struct settings *settings,
                                             const char *application,
                                             const struct settings_method *method)
{
        const struct settings_application *own = settings_application(settings, application);

        if (method && method->settlement != SETTINGS_SETTLE_INHERIT)
                return method->settlement;
        if (own && own->settlement != SETTINGS_SETTLE_INHERIT)
                return own->settlement;
        return settings->commands.settlement;
}

const char *settings_uplink_formatter(const struct settings *settings, const char *application,
                                      int port)
{
        const struct settings_application *own = settings_application(settings, application);

        for (size_t i = 0; own && i < own->port_formatter_count; i++) {
                if (own->port_formatters[i].port == port)
                        return given(own->port_formatters[i].formatter);
        }
        if (own && given(own->uplink_formatter))
                return own->uplink_formatter;
        return given(settings->payload_formatters.uplink_default);
}

const char *settings_downlink_formatter(const struct settings *settings, const char *application)
{
        const struct settings_application *own = settings_application(settings, application);

        if (own && given(own->downlink_formatter))
                return own->downlink_formatter;
        return given(settings->payload_formatters.downlink_default);
}

static bool methods_have_formatters(const struct settings_method *methods, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (given(methods[i].formatter))
                        return true;
        }
        return false;
}

static bool application_has_formatters(const struct settings_application *own)
{
        for (size_t i = 0; i < own->port_formatter_count; i++) {
                if (given(own->port_formatters[i].formatter))
                        return true;
        }
        return given(own->uplink_formatter) || given(own->downlink_formatter) ||
               methods_have_formatters(own->methods, own->method_count);
}

bool settings_formatters_are_mirrored(const struct settings *settings)
{
        return (conf_secret_text(&settings->payload_formatters.storage) ||
                settings->payload_formatters.service_uri) &&
               (settings->payload_formatters.uplink_container ||
                settings->payload_formatters.downlink_container);
}

bool settings_has_formatters(const struct settings *settings)
{
        for (size_t i = 0; i < settings->application_count; i++) {
                if (application_has_formatters(&settings->applications[i]))
                        return true;
        }
        return given(settings->payload_formatters.uplink_default) ||
               given(settings->payload_formatters.downlink_default) ||
               methods_have_formatters(settings->azure.methods, settings->azure.method_count);
}

const char *settings_queue_storage(const struct settings *settings,
                                   const struct settings_storage_queue *queue)
{
        const char *own = conf_secret_text(&queue->connection_string);
        const char *general = conf_secret_text(&settings->uplink_queue.storage);

        if (own)
                return own;
        return general ? general : conf_secret_text(&settings->uplink_queue.functions);
}

const char *settings_queue_service(const struct settings *settings,
                                   const struct settings_storage_queue *queue)
{
        if (conf_secret_text(&queue->connection_string))
                return NULL;
        if (queue->service_uri)
                return queue->service_uri;
        return conf_secret_text(&settings->uplink_queue.storage)
                       ? NULL
                       : settings->uplink_queue.service_uri;
}

const char *settings_queue_client(const struct settings *settings,
                                  const struct settings_storage_queue *queue)
{
        return queue->client_id ? queue->client_id : settings->uplink_queue.client_id;
}

const char *settings_insights(const struct settings *settings, enum settings_insights_place *place)
{
        for (int i = 0; i < SETTINGS_INSIGHTS_PLACES; i++) {
                const char *text = conf_secret_text(&settings->monitor.insights[i]);

                *place = (enum settings_insights_place)i;
                if (text)
                        return text;
        }
        return NULL;
}
