// SPDX-License-Identifier: MIT
/* What the settings are like that the networks' drivers name, and what they demand of each other.
 */
#include "conf/settings_networks.h"

#include <strings.h>

#include "azure/endpoint.h"
#include "conf/checks.h"
#include "conf/settings_check.h"

static const struct conf_choice signature_modes[] = {{"Require", SETTINGS_SIGNATURE_REQUIRE},
                                                     {"Strict", SETTINGS_SIGNATURE_STRICT},
                                                     {"Warn", SETTINGS_SIGNATURE_WARN},
                                                     {"Off", SETTINGS_SIGNATURE_OFF},
                                                     {NULL, 0}};

static const struct conf_choice switches[] = {
        {"true", INTEGRATION_ON}, {"false", INTEGRATION_OFF}, {NULL, 0}};

static const struct conf_choice device_classes[] = {
        {"A", DEVICE_CLASS_A}, {"B", DEVICE_CLASS_B}, {"C", DEVICE_CLASS_C}, {NULL, 0}};

#define OF_NETWORK(field, type, name, ...)                                                         \
        [field] = {.kind = (type), .offset = offsetof(struct settings_network, name), __VA_ARGS__}
#define OF_APPLICATION(field, type, name, ...)                                                     \
        [field] = {.kind = (type),                                                                 \
                   .offset = offsetof(struct settings_network_application, name),                  \
                   __VA_ARGS__}

/* By enum network_field; a network's settings have path, default and meaning. */
static const struct conf_row fields[NETWORK_FIELD_COUNT] = {
        OF_NETWORK(NETWORK_BASE_URL, CONF_TEXT, base_url, .check = check_url),
        OF_NETWORK(NETWORK_LIST_URL, CONF_TEXT, list_url, .check = check_url),
        OF_NETWORK(NETWORK_API_KEY, CONF_TEXT, api_key, .check = check_token, .secret = true),
        OF_NETWORK(NETWORK_WEBHOOK_ID, CONF_TEXT, webhook_id, .check = check_token),
        OF_NETWORK(NETWORK_DOWNLINK_HOSTS, CONF_TEXTS, downlink_hosts, .check = check_host_pattern),
        OF_NETWORK(NETWORK_DOWNLINK_SWITCH, CONF_FLAG, downlink_enabled, .fallback = NULL),
        OF_NETWORK(NETWORK_REPEATS, CONF_FLAG, repeats, .fallback = NULL),
        OF_NETWORK(NETWORK_INTEGRATION, CONF_FLAG, device_integration, .fallback = NULL),
        OF_NETWORK(NETWORK_DEVICE_CLASS, CONF_CHOICE, device_class, .choices = device_classes),
        OF_NETWORK(NETWORK_PAGE_SIZE, CONF_INTEGER, page_size, .minimum = 1, .maximum = 1000),
        OF_NETWORK(NETWORK_REFRESH_MINUTES, CONF_INTEGER, refresh_minutes, .maximum = 10080),
        OF_NETWORK(NETWORK_PAGING_PARAMETER, CONF_TEXT, paging_parameter, .check = check_token),
        OF_NETWORK(NETWORK_SIGNATURE_MODE, CONF_CHOICE, signature.mode, .choices = signature_modes),
        OF_NETWORK(NETWORK_CERTIFICATE_HOST, CONF_TEXT, signature.certificate_host,
                   .check = check_endpoint),
        OF_NETWORK(NETWORK_CERTIFICATE_FINGERPRINTS, CONF_TEXTS, signature.certificate_fingerprints,
                   .check = check_fingerprint),
        OF_NETWORK(NETWORK_CERTIFICATE_FILES, CONF_INPUT_FILES, signature.certificate_files,
                   .check = check_one_certificate_file),
        OF_NETWORK(NETWORK_MAXIMUM_AGE, CONF_INTEGER, signature.maximum_age_minutes,
                   .maximum = 5256000),
        OF_APPLICATION(NETWORK_APPLICATION_API_KEY, CONF_TEXT, api_key, .check = check_token,
                       .secret = true),
        OF_APPLICATION(NETWORK_APPLICATION_WEBHOOK_ID, CONF_TEXT, webhook_id, .check = check_token),
        OF_APPLICATION(NETWORK_APPLICATION_INTEGRATION, CONF_CHOICE, device_integration,
                       .choices = switches),
        OF_APPLICATION(NETWORK_APPLICATION_DEVICE_CLASS, CONF_CHOICE, device_class,
                       .choices = device_classes),
        OF_APPLICATION(NETWORK_APPLICATION_ENCODES, CONF_FLAG, encodes, .fallback = NULL),
};

static struct conf_row row_of(const struct network_setting *setting, size_t network,
                              const struct conf_map *applications)
{
        struct conf_row row = fields[setting->field];

        row.path = setting->path;
        row.fallback = setting->fallback;
        row.meaning = setting->meaning;
        if (setting->field >= NETWORK_APPLICATION_API_KEY) {
                row.map = applications;
                row.offset += offsetof(struct settings_application, networks) +
                              network * sizeof(struct settings_network_application);
        } else {
                row.offset += offsetof(struct settings, networks) +
                              network * sizeof(struct settings_network);
        }
        return row;
}

size_t settings_network_rows(const struct conf_map *applications, struct conf_row *rows)
{
        size_t count = 0;

        for (size_t i = 0; networks[i]; i++) {
                const struct network_setting *setting = networks[i]->settings;

                for (; setting->path; setting++, count++) {
                        if (rows)
                                rows[count] = row_of(setting, i, applications);
                }
        }
        return count;
}

/* --- what they demand of each other ------------------------------------------------------ */

/* A URL that check_url likes. */
static bool is_safe_url(const char *url)
{
        CLEANUP(buf_deinit) struct buf host = BUF_INIT;
        const char *start;

        if (strncasecmp(url, "http://", 7) != 0)
                return true;
        start = url + 7 + (url[7] == '[' ? 1 : 0);
        buf_add(&host, start, strcspn(start, url[7] == '[' ? "]" : "/:"));
        return endpoint_is_loopback(buf_text(&host));
}

static struct conf_subject subject_of(const struct network *network, enum network_field field)
{
        return (struct conf_subject){.path = network_setting_path(network, field)};
}

/* A network's server may be in one's own house, its vendor's is not. */
static void check_urls(struct conf_load *load, const struct network *network,
                       const struct settings_network *own)
{
        for (const struct network_setting *setting = network->settings; setting->path; setting++) {
                const struct conf_subject subject = {.path = setting->path};
                const char *url = NULL;

                if (setting->field == NETWORK_BASE_URL)
                        url = own->base_url;
                else if (setting->field == NETWORK_LIST_URL)
                        url = own->list_url;
                if (url && !is_safe_url(url))
                        conf_say_about(load, setting->fallback ? CONF_MISTAKE : CONF_WARNING,
                                       &subject,
                                       "with http:// everyone on the way can read the key; "
                                       "use https://");
        }
}

static void check_downlinks(struct conf_load *load, const struct network *network,
                            const struct settings_network *own)
{
        struct conf_subject key = subject_of(network, NETWORK_API_KEY);

        if (own->downlink_enabled && !settings_is_given(load, key.path, NULL))
                conf_say_about(load, CONF_MISTAKE, &key,
                               "%s needs the key of the network's API here",
                               network_setting_path(network, NETWORK_DOWNLINK_SWITCH));
}

static void check_signature(struct conf_load *load, const struct settings *settings,
                            const struct network *network)
{
        struct conf_subject mode = subject_of(network, NETWORK_SIGNATURE_MODE);

        if (mode.path &&
            settings_network(settings, network)->signature.mode == SETTINGS_SIGNATURE_OFF &&
            !endpoint_is_loopback(settings->listen.host))
                conf_say_about(load, CONF_MISTAKE, &mode,
                               "Off is allowed only while Listen is a loopback address; Warn "
                               "lets everything in as well, but says so in the log");
}

static bool has_api_key(const struct settings *settings, const struct network *network)
{
        for (size_t i = 0; i < settings->application_count; i++) {
                if (settings->applications[i].networks[network_index(network)].api_key)
                        return true;
        }
        return settings->application_count > 0 && settings_network(settings, network)->api_key;
}

static void check_listing(struct conf_load *load, const struct settings *settings,
                          const struct network *network)
{
        const struct settings_network *own = settings_network(settings, network);
        struct conf_subject url = subject_of(network, NETWORK_LIST_URL);
        struct conf_subject integration = subject_of(network, NETWORK_INTEGRATION);
        struct reason doubt = REASON_INIT;

        if (own->list_url && !has_api_key(settings, network))
                conf_say_about(load, CONF_WARNING, &url,
                               "no devices are listed, because no application has a key: %s",
                               network_setting_path(network, NETWORK_APPLICATION_API_KEY));
        if (own->list_url && network->listing->doubt_url)
                network->listing->doubt_url(own->list_url, &doubt);
        if (doubt.text[0])
                conf_say_about(load, CONF_WARNING, &url, "%s", doubt.text);
        if (url.path && integration.path && !own->list_url && !own->device_integration)
                conf_say_about(load, CONF_WARNING, &integration,
                               "no device's attribute azureintegration is read without %s; only "
                               "applications with a setting of their own are connected",
                               url.path);
}

void settings_check_networks(struct conf_load *load, const struct settings *settings)
{
        for (size_t i = 0; networks[i]; i++) {
                const struct settings_network *own = &settings->networks[i];

                check_urls(load, networks[i], own);
                check_downlinks(load, networks[i], own);
                check_signature(load, settings, networks[i]);
                check_listing(load, settings, networks[i]);
        }
}
