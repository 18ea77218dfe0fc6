// SPDX-License-Identifier: MIT
#include "azure/hub/hub_link.h"

#include <inttypes.h>
#include <proton/event.h>
#include <stdio.h>
#include <string.h>

#include "azure/hub/hub_core.h"
#include "azure/names.h"
#include "base/buf.h"
#include "base/text.h"

#define LINK_NAME_SIZE    32
#define ATTACH_TIMEOUT_MS 60000

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

pn_link_t *hub_link_sender(struct hub_device *device, const char *name, const char *path)
{
        char unique[LINK_NAME_SIZE];
        pn_link_t *link;

        link_name(device, name, unique);
        link = pn_sender(session_of(device), unique);
        set_address(device, pn_link_target(link), path);
        return link;
}

pn_link_t *hub_link_receiver(struct hub_device *device, const char *name, const char *path)
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

void hub_link_open(struct hub_device *device, pn_link_t *link, const char *correlation)
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
        hub_core_wrote(device->connection);
}

void hub_link_expect_open(struct hub_device *device, struct hub_pause *pause)
{
        loop_timer_start(device->hub->client->loop, &pause->timer, ATTACH_TIMEOUT_MS);
}

const struct amqp_inbox *hub_link_receive(struct hub_client *client, pn_delivery_t *delivery,
                                          size_t most)
{
        pn_link_t *link = pn_delivery_link(delivery);
        bool good;

        if (!pn_delivery_readable(delivery) || pn_delivery_partial(delivery))
                return NULL;
        good = amqp_inbox_take(&client->inbox, delivery, most);
        pn_delivery_update(delivery, good ? PN_ACCEPTED : PN_REJECTED);
        pn_delivery_settle(delivery);
        pn_link_flow(link, 1);
        return good ? &client->inbox : NULL;
}

/* --- the end --------------------------------------------------------------------------------- */

/*
 * Links and sessions are freed when both sides have closed them and the hub's close was handled:
 * several closes come in one batch, so the state of a link may be ahead of its event.
 */
void hub_link_end(struct hub_connection *connection, pn_link_t *link)
{
        if (link == NULL)
                return;
        pn_link_close(link);
        if (link == connection->closed_link)
                pn_link_free(link);
        hub_core_wrote(connection);
}

void hub_link_end_session(struct hub_connection *connection, pn_session_t *session)
{
        if (session == NULL)
                return;
        pn_session_set_context(session, NULL);
        pn_session_close(session);
        if (session == connection->closed_session)
                pn_session_free(session);
        hub_core_wrote(connection);
}
