// SPDX-License-Identifier: MIT
/*
 * AMQP 1.0 encodings, read and written in place: the hub reads every section of a message as it
 * came, in any order, keeps the type of a correlation id, and chooses the exact types that the
 * SDKs insist on. Nothing here copies or allocates, but for what is written to a buffer.
 */
#ifndef ISTHMUS_HUB_WIRE_H
#define ISTHMUS_HUB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* --- reading --------------------------------------------------------------------------------- */

/* Bytes that belong to somebody else. */
struct wire_bytes {
        const uint8_t *data;
        size_t size;
};

enum wire_kind {
        WIRE_NULL,
        WIRE_BOOL,
        WIRE_UNSIGNED, /* ubyte to ulong */
        WIRE_SIGNED,   /* byte to long */
        WIRE_FLOAT,
        WIRE_DOUBLE,
        WIRE_TIMESTAMP, /* ms since 1970, in `number` */
        WIRE_UUID,
        WIRE_BINARY,
        WIRE_STRING,
        WIRE_SYMBOL,
        WIRE_LIST,
        WIRE_MAP,
        WIRE_OTHER, /* char, decimals, arrays, described values: passed over */
};

struct wire_value {
        enum wire_kind kind;
        int64_t number;            /* BOOL, UNSIGNED, SIGNED, TIMESTAMP */
        double real;               /* FLOAT, DOUBLE */
        struct wire_bytes bytes;   /* UUID, BINARY, STRING, SYMBOL; the members of LIST and MAP */
        uint32_t count;            /* members of LIST; keys and values of MAP together */
        struct wire_bytes encoded; /* all of it, with its constructor */
};

/* Takes the first value off `from`; false if there is none that is whole and well formed. */
bool wire_read(struct wire_bytes *from, struct wire_value *value) MUST_CHECK;

/* True for a string or symbol of this text. */
bool wire_is_text(const struct wire_value *value, const char *text);

/* A message taken apart; absent parts are WIRE_NULL or empty. */
struct wire_message {
        struct wire_value message_id;
        struct wire_value user_id;
        struct wire_value to;
        struct wire_value reply_to;
        struct wire_value correlation_id;
        struct wire_value content_type;
        struct wire_value content_encoding;
        struct wire_value expiry;      /* absolute-expiry-time */
        struct wire_bytes annotations; /* members of the map */
        uint32_t annotation_count;     /* keys and values together */
        struct wire_bytes properties;  /* application-properties: members of the map */
        uint32_t property_count;
        struct wire_bytes data;  /* the first data section */
        size_t data_count;       /* of data sections */
        struct wire_value value; /* of an amqp-value section */
        bool has_value;
        bool has_sections; /* anything but header, data and amqp-value */
};

/* False if the bytes are no message. Points into `size` bytes at `bytes`. */
bool wire_message_read(const void *bytes, size_t size, struct wire_message *message) MUST_CHECK;

/* The sections data of a batch one after the other: `*from` is all the message at first. */
bool wire_next_data(struct wire_bytes *from, struct wire_bytes *data);

/*
 * True if this is IoT Hub's batch: nothing but data sections, each a whole message of its own.
 * (The message format that says so on the wire is not shown by proton.)
 */
bool wire_is_batch(const void *bytes, size_t size, const struct wire_message *message);

/* The value of a key in the members of a map (annotations, properties); WIRE_NULL if absent. */
struct wire_value wire_map_find(struct wire_bytes members, uint32_t count, const char *key);

/* Adds a value as text for people: strings as they are, numbers, uuids, base64, "" for others. */
void wire_add_text(struct buf *out, const struct wire_value *value);

/* --- writing --------------------------------------------------------------------------------- */

enum wire_section {
        WIRE_SECTION_HEADER = 0x70,
        WIRE_SECTION_MESSAGE_ANNOTATIONS = 0x72,
        WIRE_SECTION_PROPERTIES = 0x73,
        WIRE_SECTION_APPLICATION_PROPERTIES = 0x74,
        WIRE_SECTION_DATA = 0x75,
        WIRE_SECTION_SEQUENCE = 0x76,
        WIRE_SECTION_VALUE = 0x77,
        WIRE_SECTION_FOOTER = 0x78,
};

void wire_put_null(struct buf *out);
void wire_put_string(struct buf *out, const char *text); /* NULL = null */
void wire_put_symbol(struct buf *out, const char *text); /* NULL = null */
void wire_put_binary(struct buf *out, const void *bytes, size_t size);
void wire_put_ubyte(struct buf *out, uint8_t number);
void wire_put_int(struct buf *out, int32_t number);
void wire_put_long(struct buf *out, int64_t number);
void wire_put_ulong(struct buf *out, uint64_t number);
void wire_put_timestamp(struct buf *out, int64_t wall_ms);
void wire_put_uuid(struct buf *out, const uint8_t uuid[16]);
void wire_put_encoded(struct buf *out, struct wire_bytes encoded); /* empty = null */

/* Between begin and end come `count` values; for a map keys and values together. */
size_t wire_begin_list(struct buf *out);
size_t wire_begin_map(struct buf *out);
void wire_end(struct buf *out, size_t begin, uint32_t count);

/* The constructor of a section; its one value follows. */
void wire_put_section(struct buf *out, enum wire_section section);
void wire_put_data(struct buf *out, const void *bytes, size_t size);

#endif
