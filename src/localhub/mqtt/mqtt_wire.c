// SPDX-License-Identifier: MIT
#include "localhub/mqtt/mqtt_wire.h"

#include <string.h>

#include "base/utf8.h"

/* --- reading --------------------------------------------------------------------------------- */

/* What is left of a packet. */
struct reader {
        const uint8_t *at;
        size_t size;
        bool broken;
};

static uint8_t take_byte(struct reader *reader)
{
        if (reader->size == 0) {
                reader->broken = true;
                return 0;
        }
        reader->size--;
        return *reader->at++;
}

static uint16_t take_number(struct reader *reader)
{
        unsigned high = take_byte(reader);

        return (uint16_t)(high << 8 | take_byte(reader));
}

/* An id is not 0 (2.3.1). */
static uint16_t take_id(struct reader *reader)
{
        uint16_t id = take_number(reader);

        if (id == 0)
                reader->broken = true;
        return id;
}

static struct mqtt_bytes take_binary(struct reader *reader)
{
        size_t size = take_number(reader);
        struct mqtt_bytes bytes = {.data = (const char *)reader->at, .size = size};

        if (reader->broken || size > reader->size) {
                reader->broken = true;
                return (struct mqtt_bytes){.data = NULL};
        }
        reader->at += size;
        reader->size -= size;
        return bytes;
}

static struct mqtt_bytes take_text(struct reader *reader)
{
        struct mqtt_bytes text = take_binary(reader);

        if (!reader->broken &&
            (!utf8_is_valid(text.data, text.size) || memchr(text.data, '\0', text.size)))
                reader->broken = true;
        return text;
}

static bool equals(const struct mqtt_bytes *bytes, const char *text)
{
        return bytes->data && bytes->size == strlen(text) &&
               memcmp(bytes->data, text, bytes->size) == 0;
}

enum connect_flags {
        FLAG_RESERVED = 0x01,
        FLAG_CLEAN = 0x02,
        FLAG_WILL = 0x04,
        FLAG_WILL_QOS = 0x18,
        FLAG_WILL_RETAIN = 0x20,
        FLAG_PASSWORD = 0x40,
        FLAG_USER_NAME = 0x80,
};

/* 3.1.2.3 to 3.1.2.9 */
static bool are_sound(unsigned flags)
{
        if (flags & FLAG_RESERVED)
                return false;
        if (!(flags & FLAG_WILL) && (flags & (FLAG_WILL_QOS | FLAG_WILL_RETAIN)))
                return false;
        if ((flags & FLAG_WILL_QOS) == FLAG_WILL_QOS)
                return false;
        return (flags & FLAG_USER_NAME) || !(flags & FLAG_PASSWORD);
}

static void read_connect(struct reader *reader, struct mqtt_packet *packet)
{
        struct mqtt_connect *connect = &packet->connect;
        struct mqtt_bytes protocol = take_text(reader);
        unsigned level = take_byte(reader);
        unsigned flags;

        connect->is_mqtt_3_1_1 = equals(&protocol, "MQTT") && level == 4;
        if (!connect->is_mqtt_3_1_1) {
                reader->size = 0;
                return;
        }
        flags = take_byte(reader);
        if (!are_sound(flags))
                reader->broken = true;
        connect->clean_session = flags & FLAG_CLEAN;
        connect->keep_alive_s = take_number(reader);
        connect->client_id = take_text(reader);
        if (flags & FLAG_WILL) {
                connect->will_topic = take_text(reader);
                connect->will_body = take_binary(reader);
        }
        if (flags & FLAG_USER_NAME)
                connect->user_name = take_text(reader);
        if (flags & FLAG_PASSWORD)
                connect->password = take_binary(reader);
}

static void read_publish(struct reader *reader, unsigned flags, struct mqtt_packet *packet)
{
        struct mqtt_publish *publish = &packet->publish;

        publish->qos = (int)(flags >> 1 & 3);
        publish->retain = flags & 1;
        publish->topic = take_text(reader);
        if (publish->qos > 0)
                packet->id = take_id(reader);
        if (publish->qos == 3 || publish->topic.size == 0)
                reader->broken = true;
        publish->body = (struct mqtt_bytes){.data = (const char *)reader->at, .size = reader->size};
        reader->size = 0;
}

/* At least one filter, and nothing behind the last. */
static void read_filters(struct reader *reader, struct mqtt_packet *packet)
{
        bool first = true;

        packet->id = take_id(reader);
        packet->filters =
                (struct mqtt_bytes){.data = (const char *)reader->at, .size = reader->size};
        while (!reader->broken && (first || reader->size > 0)) {
                struct mqtt_bytes filter = take_text(reader);

                first = false;
                if (filter.size == 0 || (packet->kind == MQTT_SUBSCRIBE && take_byte(reader) > 2))
                        reader->broken = true;
        }
}

/* The flags of the first byte that each kind must have (2.2.2). */
static bool fits_flags(enum mqtt_kind kind, unsigned flags)
{
        if (kind == MQTT_PUBLISH)
                return true;
        return flags == (kind == MQTT_SUBSCRIBE || kind == MQTT_UNSUBSCRIBE ? 2 : 0);
}

static bool read_packet(struct reader *reader, unsigned flags, struct mqtt_packet *packet)
{
        switch (packet->kind) {
        case MQTT_CONNECT:
                read_connect(reader, packet);
                break;
        case MQTT_PUBLISH:
                read_publish(reader, flags, packet);
                break;
        case MQTT_PUBACK:
                packet->id = take_id(reader);
                break;
        case MQTT_SUBSCRIBE:
        case MQTT_UNSUBSCRIBE:
                read_filters(reader, packet);
                break;
        case MQTT_PINGREQ:
        case MQTT_DISCONNECT:
                break;
        default: /* a server sends it, or it belongs to QoS 2 */
                return false;
        }
        return !reader->broken && reader->size == 0;
}

/* The remaining length (2.2.3): MQTT_BROKEN if it has more than four bytes. */
static enum mqtt_taken take_length(struct reader *reader, size_t *length)
{
        *length = 0;
        for (unsigned shift = 0; shift < 28; shift += 7) {
                unsigned byte;

                if (reader->size == 0)
                        return MQTT_PARTIAL;
                byte = take_byte(reader);
                *length |= (size_t)(byte & 0x7f) << shift;
                if (!(byte & 0x80))
                        return MQTT_WHOLE;
        }
        return MQTT_BROKEN;
}

enum mqtt_taken mqtt_take(const char *bytes, size_t size, size_t max, struct mqtt_packet *packet,
                          size_t *used)
{
        struct reader reader = {.at = (const uint8_t *)bytes, .size = size};
        enum mqtt_taken taken;
        unsigned first;
        size_t length;

        *packet = (struct mqtt_packet){.id = 0};
        if (size == 0)
                return MQTT_PARTIAL;
        first = take_byte(&reader);
        packet->kind = (enum mqtt_kind)(first >> 4);
        taken = take_length(&reader, &length);
        if (taken != MQTT_WHOLE)
                return taken;
        if (length > max || !fits_flags(packet->kind, first & 15))
                return MQTT_BROKEN;
        if (length > reader.size)
                return MQTT_PARTIAL;
        *used = size - reader.size + length;
        reader.size = length;
        return read_packet(&reader, first & 15, packet) ? MQTT_WHOLE : MQTT_BROKEN;
}

bool mqtt_next_filter(struct mqtt_packet *packet, struct mqtt_bytes *filter, int *qos)
{
        struct reader reader = {.at = (const uint8_t *)packet->filters.data,
                                .size = packet->filters.size};

        if (reader.size == 0)
                return false;
        *filter = take_text(&reader);
        *qos = packet->kind == MQTT_SUBSCRIBE ? take_byte(&reader) : 0;
        packet->filters = (struct mqtt_bytes){.data = (const char *)reader.at, .size = reader.size};
        return !reader.broken;
}

/* --- writing --------------------------------------------------------------------------------- */

static void put_number(struct buf *out, unsigned number)
{
        buf_add_char(out, (char)(number >> 8));
        buf_add_char(out, (char)number);
}

static void put_start(struct buf *out, enum mqtt_kind kind, unsigned flags, size_t length)
{
        buf_add_char(out, (char)((unsigned)kind << 4 | flags));
        do {
                unsigned byte = length & 0x7f;

                length >>= 7;
                buf_add_char(out, (char)(byte | (length > 0 ? 0x80 : 0)));
        } while (length > 0);
}

void mqtt_put_connack(struct buf *out, bool session_present, enum mqtt_refusal code)
{
        put_start(out, MQTT_CONNACK, 0, 2);
        buf_add_char(out, session_present && code == MQTT_WELCOME ? 1 : 0);
        buf_add_char(out, (char)code);
}

void mqtt_put_suback(struct buf *out, uint16_t id, const uint8_t *codes, size_t count)
{
        put_start(out, MQTT_SUBACK, 0, 2 + count);
        put_number(out, id);
        buf_add(out, codes, count);
}

void mqtt_put_ack(struct buf *out, enum mqtt_kind kind, uint16_t id)
{
        put_start(out, kind, 0, 2);
        put_number(out, id);
}

void mqtt_put_pingresp(struct buf *out)
{
        put_start(out, MQTT_PINGRESP, 0, 0);
}

bool mqtt_put_publish(struct buf *out, const struct buf *topic, uint16_t id,
                      const struct mqtt_bytes *body)
{
        size_t length = 2 + topic->size + (id ? 2 : 0) + body->size;

        if (topic->size > UINT16_MAX || length > MQTT_SIZE_MAX)
                return false;
        put_start(out, MQTT_PUBLISH, id ? 2 : 0, length);
        put_number(out, (unsigned)topic->size);
        buf_add(out, topic->data, topic->size);
        if (id)
                put_number(out, id);
        buf_add(out, body->data, body->size);
        return true;
}
