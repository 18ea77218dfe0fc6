// SPDX-License-Identifier: MIT
#include "azure/hub/hub_links.h"

#include <inttypes.h>
#include <proton/event.h>
#include <stdio.h>
#include <string.h>

#include "azure/hub/hub_device.h"
#include "azure/names.h"
#include "base/buf.h"
#include "base/text.h"

#define LINK_NAME_SIZE 32

static pn_session_t *session_of(struct hub_device *device)
{
        if (device->session == NULL) {
                device->session = pn_session(device->connection->connection);
                pn_session_set_context(device->session, device);
                pn_session_open(device->session);
        }
        return device->session;
}

static void link_name(struct hub_device *device, const char *name, char text[LINK_NAME_SIZE])
{
        snprintf(text, LINK_NAME_SIZE, "%s-%" PRIu32, name, ++device->connection->links);
}

static void set_address(struct hub_device *device, pn_terminus_t *terminus, const char *path)
{
        CLEANUP(buf_deinit) struct buf address = BUF_INIT;

        buf_add_text(&address, AZURE_PATH_DEVICES);
        text_url_escape(&address, device->device_id);
        buf_add_text(&address, path);
        pn_terminus_set_address(terminus, buf_text(&address));
}

pn_link_t *hub_links_sender(struct hub_device *device, const char *name, const char *path)
{
        char unique[LINK_NAME_SIZE];
        pn_link_t *link;

        link_name(device, name, unique);
        link = pn_sender(session_of(device), unique);
        set_address(device, pn_link_target(link), path);
        return link;
}

pn_link_t *hub_links_receiver(struct hub_device *device, const char *name, const char *path)
{
        char unique[LINK_NAME_SIZE];
        pn_link_t *link;

        link_name(device, name, unique);
        link = pn_receiver(session_of(device), unique);
        set_address(device, pn_link_source(link), path);
        return link;
}

static pn_bytes_t bytes_of(const char *text)
{
        return pn_bytes(strlen(text), text);
}

static void put_property(pn_data_t *map, const char *name, const char *value)
{
        if (text_is_empty(value))
                return;
        pn_data_put_symbol(map, bytes_of(name));
        pn_data_put_string(map, bytes_of(value));
}

void hub_links_open(struct hub_device *device, pn_link_t *link, const char *correlation)
{
        pn_data_t *map = pn_link_properties(link);

        pn_data_put_map(map);
        pn_data_enter(map);
        put_property(map, AZURE_LINK_CLIENT_VERSION, device->hub->client->client_version);
        put_property(map, AZURE_LINK_API_VERSION, AZURE_HUB_API_VERSION);
        put_property(map, AZURE_LINK_MODEL_ID, device->model_id);
        put_property(map, AZURE_LINK_CORRELATION_ID, correlation);
        pn_data_exit(map);
        pn_link_open(link);
        hub_connection_wrote(device->connection);
}

void hub_links_attach(struct hub_device *device)
{
        if (device->telemetry.wanted)
                hub_telemetry_attach(device);
        if (device->receives && device->command_pause.timer.position == 0) {
                hub_commands_attach(device);
                hub_methods_attach(device);
        }
}

static bool is_unanswered(pn_link_t *link, const struct hub_pause *pause)
{
        return link != NULL && pause->timer.position == 0 &&
               (pn_link_state(link) & PN_REMOTE_UNINIT) != 0;
}

bool hub_links_are_unanswered(const struct hub_device *device)
{
        return is_unanswered(device->telemetry.link, &device->pause) ||
               is_unanswered(device->commands.link, &device->command_pause) ||
               is_unanswered(device->methods.requests, &device->command_pause) ||
               is_unanswered(device->methods.answers, &device->command_pause);
}

void hub_links_detach(struct hub_device *device, const char *why)
{
        pn_session_t *session = device->session;

        hub_telemetry_detach(device, why);
        hub_commands_detach(device);
        hub_methods_detach(device);
        hub_twin_detach(device, why);
        device->session = NULL;
        hub_connection_end_session(device->connection, session);
}

void hub_links_event(struct hub_device *device, pn_event_t *event)
{
        pn_link_t *link = pn_event_link(event);
        struct hub_condition condition;

        if (pn_event_type(event) == PN_SESSION_REMOTE_CLOSE) {
                hub_condition_read(&condition, pn_session_remote_condition(device->session),
                                   "the hub ended the session");
                hub_telemetry_ended(device, &condition);
                hub_links_detach(device, condition.reason.text);
                hub_device_condition(device, &condition);
        } else if (link == NULL) {
                return;
        } else if (link == device->telemetry.link) {
                hub_telemetry_event(device, event);
        } else if (link == device->commands.link) {
                hub_commands_event(device, event);
        } else if (link == device->methods.requests || link == device->methods.answers) {
                hub_methods_event(device, event);
        } else if (link == device->twin.requests || link == device->twin.answers) {
                hub_twin_event(device, event);
        }
}
