// SPDX-License-Identifier: MIT
/*
 * What the MQTT connections of the local hub share, and what one is (rules W15 to W17). Inside
 * mqtt_*.c, but for what local_hub.c starts and asks.
 *
 * Laws:
 *   - before an accepted CONNECT nothing else is taken, and a client has half a minute for it;
 *   - a connection is one device's; a newer one of the device, over any protocol, ends it;
 *   - a message to a device is completed by its PUBACK, and waits again when the connection ends.
 *
 * All on the thread of the hub's connections.
 */
#ifndef ISTHMUS_LOCALHUB_MQTT_MQTT_CORE_H
#define ISTHMUS_LOCALHUB_MQTT_MQTT_CORE_H

#include "base/buf.h"
#include "base/list.h"
#include "base/timers.h"
#include "localhub/gate/faults.h"
#include "localhub/messages/command_queue.h"
#include "localhub/messages/telemetry_log.h"
#include "localhub/mqtt/mqtt_wire.h"
#include "localhub/registry/registry.h"
#include "localhub/sessions/device_sessions.h"
#include "localhub/streams/stream.h"

/* Most messages under way to a device; older ones are forgotten, their locks end by themselves. */
#define MQTT_INFLIGHT_MAX 100

struct mqtt_core {
        struct registry *registry;
        struct telemetry_log *telemetry;
        struct faults *faults;
        struct command_queue *commands;
        struct device_sessions *sessions;
        struct timers *timers;
        const int64_t *now_ms;    /* steady, of this turn */
        const int64_t *wall_ms;   /* wall clock */
        uint64_t *last_number;    /* of connections and links, also those of AMQP */
        const char *provisioning; /* socket of the provisioning service; NULL = there is none */
        struct list peers;
        struct table kept; /* struct mqtt_kept: sessions that outlive their connections */
};

struct mqtt_peer {
        struct list_node node; /* of core->peers */
        struct mqtt_core *core;
        struct stream *stream;
        int hub;
        char *hub_id; /* "" = unknown */
        char id[REGISTRY_TAG_SIZE];
        int64_t opened_ms;
        uint64_t messages;
        struct buf in; /* bytes of packets that are not whole yet */

        struct mqtt_provision *provision; /* it came to the provisioning service; else NULL */

        /* what follows is there once CONNECT was accepted */
        bool connected;
        bool clean_session;
        bool in_order; /* DISCONNECT came: no last will */
        bool ended;    /* nothing more is read */
        struct device_session session;
        unsigned subscriptions; /* enum mqtt_subscription */
        bool commands_at_most_once;
        int64_t silence_ms; /* that ends the connection */
        struct timer keep_alive;
        struct timer expiry; /* of the token */
        unsigned work;       /* bits by enum device_work */
        uint64_t number;     /* holder of locks in the command queue */
        uint16_t last_packet_id;
        struct list inflight; /* messages that wait for their PUBACK */
        struct list slow;     /* PUBACKs that wait */
        struct mqtt_will {
                struct buf topic;
                struct buf body;
        } * will; /* NULL = none */
};

/* --- mqtt_peer.c ----------------------------------------------------------------------------- */

/* The parts are set before. */
void mqtt_core_init(struct mqtt_core *core);
/* The streams are gone. */
void mqtt_core_deinit(struct mqtt_core *core);

/* The protocol for streams of MQTT; `core` must stay as long as they. */
struct stream_protocol mqtt_stream_protocol(struct mqtt_core *core);

/* A device was removed or disabled: its connection ends. */
void mqtt_core_end_device(struct mqtt_core *core, int hub, const char *device_id);

/* Does what its subscriptions ask for; `before` is what they were. */
void mqtt_peer_subscribed(struct mqtt_peer *peer, unsigned before);

/* Until CONNECT is accepted the hub may change: several may share a port. */
void mqtt_peer_set_hub(struct mqtt_peer *peer, int hub);

/* Ends a connection; `in_order` false: its last will is published. */
void mqtt_peer_end(struct mqtt_peer *peer, bool in_order);

/* A PUBLISH to the client; nothing if it would be too large. */
void mqtt_peer_publish(struct mqtt_peer *peer, const struct buf *topic, uint16_t id,
                       const struct mqtt_bytes *body);

/* A PUBACK; nothing if `id` is 0, as of QoS 0. */
void mqtt_peer_acknowledge(struct mqtt_peer *peer, uint16_t id);

/* --- mqtt_connect.c -------------------------------------------------------------------------- */

/* Answers a CONNECT; false if the connection is to be ended. */
bool mqtt_connect(struct mqtt_peer *peer, const struct mqtt_packet *packet);
/* Starts or restarts the time of silence that ends the connection. */
void mqtt_connect_heard(struct mqtt_peer *peer);
void mqtt_connect_start_silence(struct mqtt_peer *peer, uint16_t keep_alive_s);
void mqtt_connect_end(struct mqtt_peer *peer);
/* Keeps the subscriptions for the next connection of this device. */
void mqtt_connect_keep(struct mqtt_peer *peer);

/* --- mqtt_provision.c ------------------------------------------------------------------------ */

/* Answers a CONNECT to the provisioning service; false if it is none. */
bool mqtt_provision_connect(struct mqtt_peer *peer, const struct mqtt_connect *connect);
/* A packet of peer->provision; false if the connection is to be ended. */
bool mqtt_provision_take(struct mqtt_peer *peer, const struct mqtt_packet *packet);
void mqtt_provision_end(struct mqtt_peer *peer);

/* --- mqtt_telemetry.c ------------------------------------------------------------------------ */

/* Takes what a device says to `devices/ID/messages/events/`. */
void mqtt_telemetry_take(struct mqtt_peer *peer, const struct mqtt_packet *packet,
                         const struct mqtt_bytes *bag);
void mqtt_telemetry_will(struct mqtt_peer *peer);
void mqtt_telemetry_forget(struct mqtt_peer *peer);

/* --- mqtt_commands.c ------------------------------------------------------------------------- */

/* Sends what waits for the device. */
void mqtt_commands_push(struct mqtt_peer *peer);
void mqtt_commands_acknowledged(struct mqtt_peer *peer, uint16_t packet_id);
void mqtt_commands_forget(struct mqtt_peer *peer);

/* --- mqtt_twin.c ----------------------------------------------------------------------------- */

void mqtt_twin_get(struct mqtt_peer *peer, const struct mqtt_bytes *bag);
void mqtt_twin_report(struct mqtt_peer *peer, const struct mqtt_bytes *bag,
                      const struct mqtt_bytes *body);
void mqtt_twin_push(struct mqtt_peer *peer);
void mqtt_methods_push(struct mqtt_peer *peer);
void mqtt_methods_answer(struct mqtt_peer *peer, int status, const struct mqtt_bytes *bag,
                         const struct mqtt_bytes *body);

#endif
