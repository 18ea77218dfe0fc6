// SPDX-License-Identifier: MIT
#include "azure/hub/hub_link.h"

#include <inttypes.h>
#include <proton/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure/hub/hub_core.h"
#include "azure/names.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/property.h"
#include "base/text.h"

#define LINK_NAME_SIZE    32
#define CORRELATION_SIZE  (LINK_NAME_SIZE + CRYPTO_UUID_SIZE)
#define ATTACH_TIMEOUT_MS 60000

/* Up to four links each: proton has tables of handles for 82 links that are just full. */
#define DEVICES_PER_SESSION 20

/* --- sessions -------------------------------------------------------------------------------- */

struct hub_session *hub_link_begin_session(struct hub_connection *connection, bool is_joined)
{
        struct hub_session *session = mem_new(1, sizeof(*session));

        list_init(&session->devices);
        session->is_joined = is_joined;
        session->session = pn_session(connection->connection);
        pn_session_set_context(session->session, session);
        pn_session_open(session->session);
        if (is_joined)
                list_push_front(&connection->sessions, &session->node);
        else
                list_push_back(&connection->sessions, &session->node);
        return session;
}

static bool has_room(const struct hub_session *session)
{
        return session->is_joined && !session->is_ended &&
               session->devices.count < DEVICES_PER_SESSION;
}

/* Keeps those with room in front. */
static void sort(struct hub_connection *connection, struct hub_session *session)
{
        list_remove(&connection->sessions, &session->node);
        if (has_room(session))
                list_push_front(&connection->sessions, &session->node);
        else
                list_push_back(&connection->sessions, &session->node);
}

/* One that takes a further device; NULL if there is none. */
static struct hub_session *session_with_room(struct hub_connection *connection)
{
        struct hub_session *first;

        if (list_is_empty(&connection->sessions))
                return NULL;
        first = list_entry(connection->sessions.head.next, struct hub_session, node);
        return has_room(first) ? first : NULL;
}

static void join_session(struct hub_device *device)
{
        struct hub_connection *connection = device->connection;
        bool is_apart = device->is_apart || connection->for_suspects;
        struct hub_session *session = is_apart ? NULL : session_with_room(connection);

        if (session == NULL)
                session = hub_link_begin_session(connection, !is_apart);
        device->session = session;
        list_push_back(&session->devices, &device->session_node);
        sort(connection, session);
}

void hub_link_leave_session(struct hub_device *device)
{
        struct hub_session *session = device->session;

        if (session == NULL)
                return;
        device->session = NULL;
        list_remove(&session->devices, &device->session_node);
        if (list_is_empty(&session->devices))
                hub_link_end_session(device->connection, session);
        else
                sort(device->connection, session);
}

void hub_link_forget_session(struct hub_connection *connection, struct hub_session *session)
{
        connection->closing -= session->closing + (session->is_ended ? 1 : 0);
        pn_session_set_context(session->session, NULL);
        list_remove(&connection->sessions, &session->node);
        free(session);
}

void hub_link_end_session(struct hub_connection *connection, struct hub_session *session)
{
        pn_session_t *own = session->session;

        if (connection->state == HUB_CONNECTION_ENDING) {
                hub_link_forget_session(connection, session);
                return;
        }
        pn_session_close(own);
        if (own == connection->closed_session) {
                hub_link_forget_session(connection, session);
                pn_session_free(own);
        } else {
                session->is_ended = true;
                connection->closing++;
                sort(connection, session);
        }
        hub_core_wrote(connection);
}

/* --- links ----------------------------------------------------------------------------------- */

static pn_link_t *link_new(struct hub_device *device, const char *name, const char *path,
                           pn_link_t *make(pn_session_t *, const char *),
                           pn_terminus_t *end_at_hub(pn_link_t *))
{
        CLEANUP(buf_deinit) struct buf address = BUF_INIT;
        char unique[LINK_NAME_SIZE];
        pn_link_t *link;

        snprintf(unique, sizeof(unique), "%s-%" PRIu32, name, ++device->connection->links);
        if (device->session == NULL)
                join_session(device);
        link = make(device->session->session, unique);
        pn_link_set_context(link, device);
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

/* Those with a value. Proton keeps them as long as the link: each costs memory. */
static void put_properties(pn_link_t *link, const struct property *properties)
{
        pn_data_t *map = NULL;

        for (; properties->name != NULL; properties++) {
                if (properties->value == NULL)
                        continue;
                if (map == NULL) {
                        map = pn_link_properties(link);
                        pn_data_put_map(map);
                        pn_data_enter(map);
                }
                pn_data_put_symbol(map, bytes_of(properties->name));
                pn_data_put_string(map, bytes_of(properties->value));
        }
        if (map != NULL)
                pn_data_exit(map);
}

/* The product's name on the first link for telemetry of each connection; else NULL. */
static const char *introduction(const struct hub_device *device, pn_link_t *link)
{
        struct hub_connection *connection = device->connection;

        if (connection->is_introduced || !pn_link_is_sender(link))
                return NULL;
        connection->is_introduced = true;
        return device->hub->client->client_version;
}

void hub_link_open(struct hub_device *device, pn_link_t *link, const char *correlation)
{
        bool is_pair = correlation != NULL;

        put_properties(
                link,
                (const struct property[]){
                        {AZURE_LINK_CLIENT_VERSION, is_pair ? NULL : introduction(device, link)},
                        {AZURE_LINK_API_VERSION, is_pair ? AZURE_HUB_API_VERSION : NULL},
                        {AZURE_LINK_CORRELATION_ID, correlation},
                        {AZURE_LINK_MODEL_ID, device->model_id},
                        {NULL, NULL},
                });
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
        struct hub_session *session;

        if (link == NULL)
                return;
        pn_link_set_context(link, NULL);
        if (connection->state == HUB_CONNECTION_ENDING)
                return;
        session = pn_session_get_context(pn_link_session(link));
        pn_link_close(link);
        if (link == connection->closed_link) {
                pn_link_free(link);
        } else {
                session->closing++;
                connection->closing++;
        }
        hub_core_wrote(connection);
}

void hub_link_was_ended(struct hub_connection *connection, pn_link_t *link)
{
        struct hub_session *session = pn_session_get_context(pn_link_session(link));

        pn_link_free(link);
        session->closing--;
        connection->closing--;
}

void hub_link_end_pair(struct hub_connection *connection, struct hub_pair *pair)
{
        pn_link_t *in = pair->in;
        pn_link_t *out = pair->out;

        pair->in = pair->out = NULL;
        hub_link_end(connection, in);
        hub_link_end(connection, out);
}
