// SPDX-License-Identifier: MIT
/*
 * The packets of MQTT 3.1.1 as a server reads and writes them (OASIS standard, 29 October 2014;
 * section numbers below are its). Nothing here copies or allocates, but for what is written to a
 * buffer.
 */
#ifndef ISTHMUS_LOCALHUB_MQTT_MQTT_WIRE_H
#define ISTHMUS_LOCALHUB_MQTT_MQTT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* Bytes that belong to the packet; text is valid UTF-8 without U+0000. */
struct mqtt_bytes {
        const char *data; /* NULL = absent */
        size_t size;
};

enum mqtt_kind {
        MQTT_CONNECT = 1,
        MQTT_CONNACK = 2,
        MQTT_PUBLISH = 3,
        MQTT_PUBACK = 4,
        MQTT_SUBSCRIBE = 8,
        MQTT_SUBACK = 9,
        MQTT_UNSUBSCRIBE = 10,
        MQTT_UNSUBACK = 11,
        MQTT_PINGREQ = 12,
        MQTT_PINGRESP = 13,
        MQTT_DISCONNECT = 14,
};

struct mqtt_connect {
        bool is_mqtt_3_1_1; /* false: nothing else was read */
        bool clean_session;
        uint16_t keep_alive_s;
        struct mqtt_bytes client_id;
        struct mqtt_bytes will_topic; /* absent = no will */
        struct mqtt_bytes will_body;
        struct mqtt_bytes user_name;
        struct mqtt_bytes password;
};

struct mqtt_publish {
        bool retain;
        int qos; /* 0 to 2 */
        struct mqtt_bytes topic;
        struct mqtt_bytes body;
};

struct mqtt_packet {
        enum mqtt_kind kind;
        uint16_t id; /* of PUBLISH above QoS 0, PUBACK, SUBSCRIBE, UNSUBSCRIBE */
        struct mqtt_connect connect;
        struct mqtt_publish publish;
        struct mqtt_bytes filters; /* of SUBSCRIBE and UNSUBSCRIBE: mqtt_next_filter */
};

enum mqtt_taken {
        MQTT_WHOLE,
        MQTT_PARTIAL, /* the rest of it must still come */
        MQTT_BROKEN,  /* what a client may not send to a server, or more than `max` bytes */
};

/* Reads the packet at the start of `bytes`; `*used` is its size if it is whole. */
enum mqtt_taken mqtt_take(const char *bytes, size_t size, size_t max, struct mqtt_packet *packet,
                          size_t *used);

/* Takes the first topic filter off; `*qos` is what a SUBSCRIBE asks for. False at the end. */
bool mqtt_next_filter(struct mqtt_packet *packet, struct mqtt_bytes *filter, int *qos);

/* Return codes of CONNACK (3.2.2.3). */
enum mqtt_refusal {
        MQTT_WELCOME = 0,
        MQTT_WRONG_PROTOCOL = 1,
        MQTT_WRONG_CLIENT_ID = 2,
        MQTT_UNAVAILABLE = 3,
        MQTT_WRONG_USER_NAME = 4,
        MQTT_NOT_AUTHORIZED = 5,
};

#define MQTT_SUBACK_REFUSED 0x80

/* Largest remaining length (2.2.3). */
#define MQTT_SIZE_MAX 268435455U

void mqtt_put_connack(struct buf *out, bool session_present, enum mqtt_refusal code);
void mqtt_put_suback(struct buf *out, uint16_t id, const uint8_t *codes, size_t count);
/* PUBACK, UNSUBACK. */
void mqtt_put_ack(struct buf *out, enum mqtt_kind kind, uint16_t id);
void mqtt_put_pingresp(struct buf *out);
/* `id` 0 = QoS 0, else QoS 1. False, and nothing is added, if it would be too large. */
bool mqtt_put_publish(struct buf *out, const struct buf *topic, uint16_t id,
                      const struct mqtt_bytes *body);

#endif
