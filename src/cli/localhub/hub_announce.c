// SPDX-License-Identifier: MIT
#include "cli/localhub/hub_announce.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json/json.h"
#include "base/mem.h"

static const char *const policies[] = {"iothubowner", "device", "service"};
/* The policy `device` is for gateways of many devices: nobody should take it for a device's. */
static const char *const policy_words[] = {"iothubowner", "any device", "service"};

static struct json_object *describe_hub(struct registry *registry, int index,
                                        const struct registry_hub *hub)
{
        struct json_object *entry = json_object_new_object();
        CLEANUP(buf_wipe) struct buf events = BUF_INIT;

        json_add_text(entry, "id", hub->id);
        json_add_text(entry, "hostName", hub->address);
        json_add_int(entry, "amqpPort", hub->port);
        json_add_int(entry, "httpsPort", hub->other_ports[REGISTRY_PORT_HTTPS]);
        json_add_int(entry, "mqttPort", hub->other_ports[REGISTRY_PORT_MQTT]);
        for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
                CLEANUP(buf_deinit) struct buf text = BUF_INIT;

                if (registry_policy_string(registry, index, policies[i], &text))
                        json_add_text(entry, policies[i], buf_text(&text));
        }
        if (registry_events_string(registry, index, &events))
                json_add_text(entry, "eventHub", buf_text(&events));
        if (hub->other_ports[REGISTRY_PORT_PLAIN])
                json_add_int(entry, "plainAmqpPort", hub->other_ports[REGISTRY_PORT_PLAIN]);
        return entry;
}

/* What clients call the provisioning service. */
static const char *dps_host(const struct hub_announcement *announcement)
{
        const char *own = announcement->settings->dps_host;

        return own ? own : announcement->host;
}

/* The caller's. The standard port is not told: some SDKs take no other text than a name. */
static char *endpoint_of(const struct hub_announcement *announcement)
{
        const char *host = dps_host(announcement);

        return announcement->https_port == 443
                       ? mem_text(host)
                       : mem_format("%s:%u", host, announcement->https_port);
}

/* The caller's. */
static char *control_of(const struct hub_announcement *announcement)
{
        const struct hub_settings *settings = announcement->settings;
        bool is_local = !settings->control_token || strcmp(settings->listen, "0.0.0.0") == 0;

        return mem_format("http://%s:%u", is_local ? "127.0.0.1" : settings->listen,
                          announcement->control_port);
}

/* For those who manage the provisioning service; the caller's. */
static char *service_string(const struct hub_announcement *announcement)
{
        CLEANUP(mem_cleanup) char *endpoint = endpoint_of(announcement);
        struct registry_policy policy;
        char *text;

        registry_service_policy(announcement->registry, &policy);
        text = mem_format("HostName=%s;SharedAccessKeyName=%s;SharedAccessKey=%s", endpoint,
                          policy.name, policy.primary_key);
        mem_wipe(&policy, sizeof(policy));
        return text;
}

static struct json_object *describe_dps(const struct hub_announcement *announcement)
{
        struct json_object *dps = json_object_new_object();
        CLEANUP(mem_cleanup) char *endpoint = endpoint_of(announcement);
        CLEANUP(mem_cleanup) char *service = service_string(announcement);

        json_add_text(dps, "endpoint", endpoint);
        json_add_text(dps, "idScope", registry_id_scope(announcement->registry));
        json_add_text(dps, "groupEnrollmentKey", announcement->group.primary_key);
        json_add_text(dps, "provisioningserviceowner", service);
        return dps;
}

/* The devices that the options named, each with its connection string. */
static struct json_object *describe_devices(const struct hub_announcement *announcement)
{
        const struct hub_settings *settings = announcement->settings;
        struct json_object *devices = json_object_new_array();

        for (size_t i = 0; i < settings->device_count; i++) {
                struct json_object *entry = json_object_new_object();
                CLEANUP(buf_deinit) struct buf text = BUF_INIT;

                json_add_text(entry, "deviceId", settings->devices[i].id);
                if (registry_device_string(announcement->registry, 0, settings->devices[i].id,
                                           &text))
                        json_add_text(entry, "connectionString", buf_text(&text));
                json_object_array_add(devices, entry);
        }
        return devices;
}

static struct json_object *describe(const struct hub_announcement *announcement)
{
        struct json_object *document = json_object_new_object();
        struct json_object *hubs = json_object_new_array();
        CLEANUP(mem_cleanup)
        char *control = control_of(announcement);

        json_add_int(document, "pid", getpid());
        json_add_text(document, "certificate", announcement->authority_path);
        json_object_object_add(document, "dps", describe_dps(announcement));
        for (int i = 0; i < registry_hub_count(announcement->registry); i++) {
                struct registry_hub hub;

                if (registry_hub_get(announcement->registry, i, &hub) && hub.active)
                        json_object_array_add(hubs, describe_hub(announcement->registry, i, &hub));
        }
        json_object_object_add(document, "hubs", hubs);
        json_object_object_add(document, "devices", describe_devices(announcement));
        json_add_text(document, "control", control);
        if (announcement->settings->control_token)
                json_add_text(document, "controlToken", announcement->settings->control_token);
        return document;
}

int hub_announce_write(const struct hub_announcement *announcement, struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *document = describe(announcement);
        CLEANUP(mem_cleanup) char *path = mem_format("%s/hub.json", announcement->directory);
        const char *text = json_object_to_json_string_ext(
                document, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
        CLEANUP(mem_cleanup) char *content = mem_format("%s\n", text);

        return file_write(path, 0600, content, strlen(content), reason);
}

static void add_line(struct buf *out, const char *name, const char *value)
{
        buf_add_format(out, "%s=%s\n", name, value);
}

/*
 * As Microsoft's samples for devices call it: those of the SDKs, then those of plug and play. They
 * take a name alone, and each transport knows its own port.
 */
static void add_provisioning(const struct hub_announcement *announcement, struct buf *out)
{
        static const char *const names[][2] = {
                {"PROVISIONING_HOST", "PROVISIONING_IDSCOPE"},
                {"IOTHUB_DEVICE_DPS_ENDPOINT", "IOTHUB_DEVICE_DPS_ID_SCOPE"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                add_line(out, names[i][0], dps_host(announcement));
                add_line(out, names[i][1], registry_id_scope(announcement->registry));
        }
}

int hub_announce_write_env(const struct hub_announcement *announcement, const char *path,
                           struct reason *reason)
{
        const struct hub_settings *settings = announcement->settings;
        struct registry *registry = announcement->registry;
        CLEANUP(mem_cleanup) char *endpoint = endpoint_of(announcement);
        CLEANUP(mem_cleanup) char *control = control_of(announcement);
        CLEANUP(mem_cleanup) char *service = service_string(announcement);
        CLEANUP(buf_wipe) struct buf owner = BUF_INIT;
        CLEANUP(buf_wipe) struct buf device = BUF_INIT;
        CLEANUP(buf_wipe) struct buf events = BUF_INIT;
        CLEANUP(buf_wipe) struct buf lines = BUF_INIT;

        if (registry_policy_string(registry, 0, "iothubowner", &owner))
                add_line(&lines, "IOTHUB_CONNECTION_STRING", buf_text(&owner));
        if (settings->device_count > 0 &&
            registry_device_string(registry, 0, settings->devices[0].id, &device))
                add_line(&lines, "IOTHUB_DEVICE_CONNECTION_STRING", buf_text(&device));
        if (registry_events_string(registry, 0, &events))
                add_line(&lines, "EVENTHUB_CONNECTION_STRING", buf_text(&events));
        add_line(&lines, "IOTHUB_DPS_ENDPOINT", endpoint);
        add_line(&lines, "IOTHUB_DPS_ID_SCOPE", registry_id_scope(registry));
        add_line(&lines, "IOTHUB_DPS_GROUP_KEY", announcement->group.primary_key);
        add_line(&lines, "IOTHUB_DPS_CONNECTION_STRING", service);
        add_provisioning(announcement, &lines);
        add_line(&lines, "NODE_EXTRA_CA_CERTS", announcement->authority_path);
        add_line(&lines, "SSL_CERT_FILE", announcement->authority_path);
        add_line(&lines, "ISTHMUS_HUB_CONTROL", control);
        if (settings->control_token)
                add_line(&lines, "ISTHMUS_HUB_CONTROL_TOKEN", settings->control_token);
        return file_write(path, 0600, buf_text(&lines), lines.size, reason);
}

void hub_announce_remove(const char *directory)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/hub.json", directory);

        unlink(path);
}

static void print_hub(struct registry *registry, int index, const struct registry_hub *hub)
{
        CLEANUP(buf_wipe) struct buf events = BUF_INIT;

        printf("  %-15s %s (AMQP %u, MQTT %u, HTTPS and WebSockets %u)\n", hub->id, hub->address,
               hub->port, hub->other_ports[REGISTRY_PORT_MQTT],
               hub->other_ports[REGISTRY_PORT_HTTPS]);
        for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
                CLEANUP(buf_deinit) struct buf text = BUF_INIT;

                if (registry_policy_string(registry, index, policies[i], &text))
                        printf("    %-13s %s\n", policy_words[i], buf_text(&text));
        }
        if (registry_events_string(registry, index, &events))
                printf("    %-13s %s\n", "Event Hubs", buf_text(&events));
}

static void print_devices(const struct hub_announcement *announcement)
{
        const struct hub_settings *settings = announcement->settings;

        for (size_t i = 0; i < settings->device_count; i++) {
                CLEANUP(buf_deinit) struct buf text = BUF_INIT;

                if (registry_device_string(announcement->registry, 0, settings->devices[i].id,
                                           &text))
                        printf("  device %-8s %s\n", settings->devices[i].id, buf_text(&text));
        }
}

void hub_announce_print(const struct hub_announcement *announcement)
{
        struct registry *registry = announcement->registry;
        CLEANUP(mem_cleanup) char *endpoint = endpoint_of(announcement);
        CLEANUP(mem_cleanup) char *control = control_of(announcement);

        printf("isthmus hub " ISTHMUS_VERSION " is ready\n\n"
               "  certificate     %s\n"
               "                  clients must trust it, for example with\n"
               "                  NODE_EXTRA_CA_CERTS=%s\n",
               announcement->authority_path, announcement->authority_path);
        for (int i = 0; i < registry_hub_count(registry); i++) {
                struct registry_hub hub;

                if (registry_hub_get(registry, i, &hub) && hub.active)
                        print_hub(registry, i, &hub);
        }
        print_devices(announcement);
        printf("  provisioning    %s\n"
               "    ID scope      %s\n"
               "    group key     %s\n"
               "  control         %s\n"
               "  data            %s (all of this is in hub.json there)\n\n"
               "Watch what arrives:  isthmus hub watch --data %s\n"
               "Ctrl-C ends it.\n",
               endpoint, registry_id_scope(registry), announcement->group.primary_key, control,
               announcement->directory, announcement->directory);
        fflush(stdout);
}
