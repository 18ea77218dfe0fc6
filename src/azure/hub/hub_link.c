// SPDX-License-Identifier: MIT
#include "azure/hub/hub_link.h"

#include <inttypes.h>
#include <proton/event.h>
#include <stdio.h>
#include <string.h>

#include "azure/hub/hub_core.h"
#include "azure/names.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/text.h"

#define LINK_NAME_SIZE    32
#define CORRELATION_SIZE  (LINK_NAME_SIZE + CRYPTO_UUID_SIZE)
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

static pn_link_t *link_new(struct hub_device *device, const char *name, const char *path,
                           pn_link_t *make(pn_session_t *, const char *),
                           pn_terminus_t *end_at_hub(pn_link_t *))
{
        CLEANUP(buf_deinit) struct buf address = BUF_INIT;
        char unique[LINK_NAME_SIZE];
        pn_link_t *link;

        snprintf(unique, sizeof(unique), "%s-%" PRIu32, name, ++device->connection->links);
        link = make(session_of(device), unique);
        buf_add_text(&address, AZURE_PATH_DEVICES);
        text_url_escape(&address, device->device_id);
        buf_add_text(&address, path);
        pn_terminus_set_address(end_at_hub(link), buf_text(&address));
        return link;
}

pn_link_t *hub_link_sender(struct hub_device *device, const char *name, const char *path)
{
        return link_new(device, name, path, pn_sender, pn_link_target);
}

pn_link_t *hub_link_receiver(struct hub_device *device, const char *name, const char *path)
{
        return link_new(device, name, path, pn_receiver, pn_link_source);
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

void hub_link_attach_pair(struct hub_device *device, struct hub_pair *pair,
                          const struct hub_pair_kind *kind)
{
        char name[LINK_NAME_SIZE];
        char correlation[CORRELATION_SIZE];

        if (pair->in != NULL)
                return;
        snprintf(correlation, sizeof(correlation), "%s", kind->correlation);
        crypto_uuid4(correlation + strlen(correlation));
        snprintf(name, sizeof(name), "%s-in", kind->name);
        pair->in = hub_link_receiver(device, name, kind->path);
        pn_link_set_max_message_size(pair->in, kind->max_size);
        snprintf(name, sizeof(name), "%s-out", kind->name);
        pair->out = hub_link_sender(device, name, kind->path);
        pn_link_set_snd_settle_mode(pair->out, kind->settling);
        hub_link_open(device, pair->in, correlation);
        hub_link_open(device, pair->out, correlation);
        pn_link_flow(pair->in, kind->window);
}

/* --- messages -------------------------------------------------------------------------------- */

pn_delivery_t *hub_link_send(struct hub_connection *connection, pn_link_t *link, uint64_t number,
                             const struct buf *message)
{
        pn_delivery_t *delivery = pn_delivery(link, pn_dtag((const char *)&number, sizeof(number)));

        pn_link_send(link, message->data, message->size);
        pn_link_advance(link);
        hub_core_wrote(connection);
        return delivery;
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

void hub_link_end_pair(struct hub_connection *connection, struct hub_pair *pair)
{
        pn_link_t *in = pair->in;
        pn_link_t *out = pair->out;

        pair->in = pair->out = NULL;
        hub_link_end(connection, in);
        hub_link_end(connection, out);
}

void hub_link_end_session(struct hub_connection *connection, pn_session_t *session)
{
        if (session == NULL)
                return;
        pn_session_set_context(session, NULL);
        pn_session_close(session);
        if (session == connection->closed_session)
                pn_session_free(session);
        else
                connection->closing++;
        hub_core_wrote(connection);
}
