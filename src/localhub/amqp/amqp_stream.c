// SPDX-License-Identifier: MIT
#include "localhub/amqp/amqp_stream.h"

#include <proton/connection.h>
#include <proton/connection_driver.h>
#include <proton/transport.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/amqp/amqp_pad.h"
#include "base/mem.h"

/* What IoT Hub announces (rule W4); proton announces half of the idle time that it is told. */
#define CHANNEL_MAX     8191
#define FRAME_MAX       65536
#define IDLE_TIMEOUT_MS (2 * 240000)

/* More is not taken from proton before some of it is sent. */
#define UNSENT_MAX ((size_t)128 * 1024)

struct client {
        struct amqp_core *core;
        struct stream *stream;
        pn_connection_driver_t driver;
        struct amqp_peer *peer; /* NULL = the connection has ended */
        struct timer tick;      /* proton's, for idle times */
        struct amqp_pad pad;    /* of what is sent */
};

/* --- proton's turn --------------------------------------------------------------------------- */

static void take_events(struct client *client)
{
        pn_event_t *event;

        while ((event = pn_connection_driver_next_event(&client->driver)) != NULL) {
                if (!client->peer)
                        continue;
                if (pn_event_type(event) == PN_CONNECTION_REMOTE_OPEN) {
                        stream_is_known(client->stream);
                        client->peer->chain = stream_chain(client->stream);
                }
                if (pn_event_type(event) != PN_TRANSPORT_CLOSED) {
                        amqp_peer_handle(client->peer, event);
                        continue;
                }
                amqp_peer_free(client->peer);
                client->peer = NULL;
        }
}

static void send_bytes(struct client *client)
{
        uint32_t maximum = pn_transport_get_remote_max_frame(client->driver.transport);
        struct buf *padded = &client->core->scratch;

        while (stream_waiting(client->stream) < UNSENT_MAX) {
                pn_bytes_t bytes = pn_connection_driver_write_buffer(&client->driver);

                if (bytes.size == 0)
                        return;
                buf_clear(padded);
                amqp_pad_add(&client->pad, maximum, bytes.start, bytes.size, padded);
                stream_write(client->stream, padded->data, padded->size);
                pn_connection_driver_write_done(&client->driver, bytes.size);
        }
        stream_wake_when_sent(client->stream);
}

static void restart_tick(struct client *client)
{
        struct timers *timers = &client->core->timers;
        int64_t next_ms = pn_transport_tick(client->driver.transport, client->core->now_ms);

        if (next_ms > 0)
                timers_start(timers, &client->tick, next_ms);
        else
                timers_stop(timers, &client->tick);
}

static void work(struct client *client)
{
        do {
                take_events(client);
                send_bytes(client);
        } while (pn_connection_driver_has_event(&client->driver));
        if (pn_connection_driver_finished(&client->driver) ||
            pn_connection_driver_write_closed(&client->driver) ||
            (client->peer && client->peer->closed))
                stream_end(client->stream);
}

/*
 * Proton has room for 8 KiB of input on each connection, of which most see a few hundred bytes at a
 * time: whole pages of the rest go back to the system until bytes come for them.
 */
static void give_pages_back(struct client *client)
{
        pn_rwbytes_t room = pn_connection_driver_read_buffer(&client->driver);
        uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
        uintptr_t begin = ((uintptr_t)room.start + page - 1) / page * page;
        uintptr_t end = ((uintptr_t)room.start + room.size) / page * page;

        if (begin < end)
                (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}

static void on_tick(struct timer *timer)
{
        struct client *client = list_entry(timer, struct client, tick);

        give_pages_back(client);
        restart_tick(client);
        work(client);
}

/* --- the stream ------------------------------------------------------------------------------ */

static void wake_peer(struct amqp_peer *peer)
{
        struct client *client = peer->context;

        stream_wake(client->stream);
}

static void *on_opened(void *context, struct stream *stream, int hub)
{
        struct client *client = mem_new(1, sizeof(*client));
        pn_connection_t *connection = pn_connection();
        pn_transport_t *transport = pn_transport();
        struct fault fault;

        client->core = context;
        client->stream = stream;
        client->tick.run = on_tick;
        pn_transport_set_server(transport);
        pn_transport_set_channel_max(transport, CHANNEL_MAX);
        pn_transport_set_max_frame(transport, FRAME_MAX);
        pn_transport_set_idle_timeout(transport, IDLE_TIMEOUT_MS);
        pn_connection_driver_init(&client->driver, connection, transport);
        client->peer = amqp_peer_new(client->core, hub, connection, wake_peer, client);
        client->peer->stream = stream;
        amqp_sasl_offer(client->peer, transport);
        give_pages_back(client);
        if (faults_apply(client->core->faults, FAULT_CONNECT, client->peer->hub_id, "", &fault))
                stream_cut(stream);
        return client;
}

static void on_received(void *context, const char *bytes, size_t size)
{
        struct client *client = context;

        while (size > 0) {
                pn_rwbytes_t room = pn_connection_driver_read_buffer(&client->driver);
                size_t part = size < room.size ? size : room.size;

                if (part == 0)
                        break; /* proton takes no more */
                memcpy(room.start, bytes, part);
                pn_connection_driver_read_done(&client->driver, part);
                bytes += part;
                size -= part;
                work(client);
        }
        restart_tick(client);
        work(client);
}

static void on_woken(void *context)
{
        struct client *client = context;

        if (client->peer)
                amqp_peer_work(client->peer);
        work(client);
}

static void on_ended(void *context)
{
        struct client *client = context;

        pn_connection_driver_close(&client->driver);
        take_events(client);
        amqp_peer_free(client->peer);
        timers_stop(&client->core->timers, &client->tick);
        pn_connection_driver_destroy(&client->driver);
        free(client);
}

struct stream_protocol amqp_stream_protocol(struct amqp_core *core)
{
        return (struct stream_protocol){
                .opened = on_opened,
                .received = on_received,
                .woken = on_woken,
                .ended = on_ended,
                .context = core,
        };
}
