// SPDX-License-Identifier: MIT
/*
 * AMQP 1.0 encodings, read and written in place: the hub reads every section of a message as it
 * came, in any order, keeps the type of a correlation id, and chooses the exact types that the
 * SDKs insist on. Nothing here copies or allocates, but for what is written to a buffer.
 */
#ifndef ISTHMUS_HUB_AMQP_CODEC_H
#define ISTHMUS_HUB_AMQP_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* --- reading --------------------------------------------------------------------------------- */

/* Bytes that belong to somebody else. */
struct amqp_bytes {
        const uint8_t *data;
        size_t size;
};

enum amqp_kind {
        AMQP_NULL,
        AMQP_BOOL,
        AMQP_UNSIGNED, /* ubyte to ulong */
        AMQP_SIGNED,   /* byte to long */
        AMQP_FLOAT,
        AMQP_DOUBLE,
        AMQP_TIMESTAMP, /* ms since 1970, in `number` */
        AMQP_UUID,
        AMQP_BINARY,
        AMQP_STRING,
        AMQP_SYMBOL,
        AMQP_LIST,
        AMQP_MAP,
        AMQP_OTHER, /* char, decimals, arrays, described values: passed over */
};

struct amqp_value {
        enum amqp_kind kind;
        int64_t number;            /* BOOL, UNSIGNED, SIGNED, TIMESTAMP */
        double real;               /* FLOAT, DOUBLE */
        struct amqp_bytes bytes;   /* UUID, BINARY, STRING, SYMBOL; the members of LIST and MAP */
        uint32_t count;            /* members of LIST; keys and values of MAP together */
        struct amqp_bytes encoded; /* all of it, with its constructor */
};

/* Takes the first value off `from`; false if there is none that is whole and well formed. */
bool amqp_read(struct amqp_bytes *from, struct amqp_value *value) MUST_CHECK;

/* True for a string or symbol of this text. */
bool amqp_is_text(const struct amqp_value *value, const char *text);

/* A message taken apart; absent parts are AMQP_NULL or empty. */
struct amqp_message {
        struct amqp_value message_id;
        struct amqp_value user_id;
        struct amqp_value to;
        struct amqp_value reply_to;
        struct amqp_value correlation_id;
        struct amqp_value content_type;
        struct amqp_value content_encoding;
        struct amqp_value expiry;      /* absolute-expiry-time */
        struct amqp_bytes annotations; /* members of the map */
        uint32_t annotation_count;     /* keys and values together */
        struct amqp_bytes properties;  /* application-properties: members of the map */
        uint32_t property_count;
        struct amqp_bytes data;  /* the first data section */
        size_t data_count;       /* of data sections */
        struct amqp_value value; /* of an amqp-value section */
        bool has_value;
        bool has_sections; /* anything but header, data and amqp-value */
};

/* False if the bytes are no message. Points into `size` bytes at `bytes`. */
bool amqp_message_read(const void *bytes, size_t size, struct amqp_message *message) MUST_CHECK;

/* The sections data of a batch one after the other: `*from` is all the message at first. */
bool amqp_next_data(struct amqp_bytes *from, struct amqp_bytes *data);

/*
 * True if this is IoT Hub's batch: nothing but data sections, each a whole message of its own.
 * (The message format that says so on the wire is not shown by proton.)
 */
bool amqp_is_batch(const void *bytes, size_t size, const struct amqp_message *message);

/* The value of a key in the members of a map (annotations, properties); AMQP_NULL if absent. */
struct amqp_value amqp_map_find(struct amqp_bytes members, uint32_t count, const char *key);

/* Adds a value as text for people: strings as they are, numbers, uuids, base64, "" for others. */
void amqp_add_text(struct buf *out, const struct amqp_value *value);

/* --- writing --------------------------------------------------------------------------------- */

enum amqp_section {
        AMQP_SECTION_HEADER = 0x70,
        AMQP_SECTION_MESSAGE_ANNOTATIONS = 0x72,
        AMQP_SECTION_PROPERTIES = 0x73,
        AMQP_SECTION_APPLICATION_PROPERTIES = 0x74,
        AMQP_SECTION_DATA = 0x75,
        AMQP_SECTION_SEQUENCE = 0x76,
        AMQP_SECTION_VALUE = 0x77,
        AMQP_SECTION_FOOTER = 0x78,
};

void amqp_put_null(struct buf *out);
void amqp_put_string(struct buf *out, const char *text); /* NULL = null */
void amqp_put_symbol(struct buf *out, const char *text); /* NULL = null */
void amqp_put_binary(struct buf *out, const void *bytes, size_t size);
void amqp_put_ubyte(struct buf *out, uint8_t number);
void amqp_put_int(struct buf *out, int32_t number);
void amqp_put_long(struct buf *out, int64_t number);
void amqp_put_ulong(struct buf *out, uint64_t number);
void amqp_put_timestamp(struct buf *out, int64_t wall_ms);
void amqp_put_uuid(struct buf *out, const uint8_t uuid[16]);
void amqp_put_encoded(struct buf *out, struct amqp_bytes encoded); /* empty = null */

/* Between begin and end come `count` values; for a map keys and values together. */
size_t amqp_begin_list(struct buf *out);
size_t amqp_begin_map(struct buf *out);
void amqp_end(struct buf *out, size_t begin, uint32_t count);

/* The constructor of a section; its one value follows. */
void amqp_put_section(struct buf *out, enum amqp_section section);
void amqp_put_data(struct buf *out, const void *bytes, size_t size);

#endif
