// SPDX-License-Identifier: MIT
/*
 * AMQP 1.0 encodings, read and written in place: the hub reads every section of a message as it
 * came, in any order, keeps the type of a correlation id, and chooses the exact types that the
 * SDKs insist on. Nothing here copies or allocates, but for what is written to a buffer.
 */
#ifndef ISTHMUS_BASE_AMQP_AMQP_WIRE_H
#define ISTHMUS_BASE_AMQP_AMQP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* --- reading --------------------------------------------------------------------------------- */

/* Bytes that belong to somebody else. */
struct amqp_wire_bytes {
        const uint8_t *data;
        size_t size;
};

enum amqp_wire_kind {
        AMQP_WIRE_NULL,
        AMQP_WIRE_BOOL,
        AMQP_WIRE_UNSIGNED, /* ubyte to ulong */
        AMQP_WIRE_SIGNED,   /* byte to long */
        AMQP_WIRE_FLOAT,
        AMQP_WIRE_DOUBLE,
        AMQP_WIRE_TIMESTAMP, /* ms since 1970, in `number` */
        AMQP_WIRE_UUID,
        AMQP_WIRE_BINARY,
        AMQP_WIRE_STRING,
        AMQP_WIRE_SYMBOL,
        AMQP_WIRE_LIST,
        AMQP_WIRE_MAP,
        AMQP_WIRE_OTHER, /* char, decimals, arrays, described values: passed over */
};

struct amqp_wire_value {
        enum amqp_wire_kind kind;
        int64_t number; /* BOOL, UNSIGNED, SIGNED, TIMESTAMP */
        double real;    /* FLOAT, DOUBLE */
        struct amqp_wire_bytes
                bytes;  /* UUID, BINARY, STRING, SYMBOL; the members of LIST and MAP */
        uint32_t count; /* members of LIST; keys and values of MAP together */
        struct amqp_wire_bytes encoded; /* all of it, with its constructor */
};

struct amqp_wire_bytes amqp_wire_bytes_of(const struct buf *buf);

/* Takes the first value off `from`; false if there is none that is whole and well formed. */
bool amqp_wire_read(struct amqp_wire_bytes *from, struct amqp_wire_value *value) MUST_CHECK;

/* Any whole number, also a timestamp; false if it is none or does not fit. */
bool amqp_wire_int(const struct amqp_wire_value *value, int64_t *number);

/* True for a string or symbol of this text. */
bool amqp_wire_is_text(const struct amqp_wire_value *value, const char *text);

/* A message taken apart; absent parts are AMQP_WIRE_NULL or empty. */
struct amqp_wire_message {
        struct amqp_wire_value message_id;
        struct amqp_wire_value user_id;
        struct amqp_wire_value to;
        struct amqp_wire_value reply_to;
        struct amqp_wire_value correlation_id;
        struct amqp_wire_value content_type;
        struct amqp_wire_value content_encoding;
        struct amqp_wire_value expiry;      /* absolute-expiry-time */
        struct amqp_wire_bytes annotations; /* members of the map */
        uint32_t annotation_count;          /* keys and values together */
        struct amqp_wire_bytes properties;  /* application-properties: members of the map */
        uint32_t property_count;
        struct amqp_wire_bytes data;  /* the first data section */
        size_t data_count;            /* of data sections */
        struct amqp_wire_value value; /* of an amqp-value section */
        bool has_value;
        bool has_sequence; /* an amqp-sequence section, which nobody here reads */
        bool has_sections; /* anything but header, data and amqp-value */
};

/* False if the bytes are no message. Points into `size` bytes at `bytes`. */
bool amqp_wire_message_read(const void *bytes, size_t size,
                            struct amqp_wire_message *message) MUST_CHECK;

/* The sections data of a batch one after the other: `*from` is all the message at first. */
bool amqp_wire_next_data(struct amqp_wire_bytes *from, struct amqp_wire_bytes *data);

/*
 * True if this is IoT Hub's batch: nothing but data sections, each a whole message of its own.
 * (The message format that says so on the wire is not shown by proton.)
 */
bool amqp_wire_is_batch(const void *bytes, size_t size, const struct amqp_wire_message *message);

/* The value of a key in the members of a map (annotations, properties); AMQP_WIRE_NULL if absent.
 */
struct amqp_wire_value amqp_wire_map_find(struct amqp_wire_bytes members, uint32_t count,
                                          const char *key);

/* Adds a value as text for people: strings as they are, numbers, uuids, base64, "" for others. */
void amqp_wire_add_text(struct buf *out, const struct amqp_wire_value *value);

/* The same with binaries as they are; false, and nothing added, if the value has no text. */
bool amqp_wire_add_plain(struct buf *out, const struct amqp_wire_value *value);

/* --- writing --------------------------------------------------------------------------------- */

enum amqp_wire_section {
        AMQP_WIRE_SECTION_HEADER = 0x70,
        AMQP_WIRE_SECTION_DELIVERY_ANNOTATIONS = 0x71,
        AMQP_WIRE_SECTION_MESSAGE_ANNOTATIONS = 0x72,
        AMQP_WIRE_SECTION_PROPERTIES = 0x73,
        AMQP_WIRE_SECTION_APPLICATION_PROPERTIES = 0x74,
        AMQP_WIRE_SECTION_DATA = 0x75,
        AMQP_WIRE_SECTION_SEQUENCE = 0x76,
        AMQP_WIRE_SECTION_VALUE = 0x77,
        AMQP_WIRE_SECTION_FOOTER = 0x78,
};

void amqp_wire_put_null(struct buf *out);
void amqp_wire_put_string(struct buf *out, const char *text); /* NULL = null */
void amqp_wire_put_symbol(struct buf *out, const char *text); /* NULL = null */
void amqp_wire_put_binary(struct buf *out, const void *bytes, size_t size);
void amqp_wire_put_bool(struct buf *out, bool value);
void amqp_wire_put_ubyte(struct buf *out, uint8_t number);
void amqp_wire_put_int(struct buf *out, int32_t number);
void amqp_wire_put_long(struct buf *out, int64_t number);
void amqp_wire_put_ulong(struct buf *out, uint64_t number);
void amqp_wire_put_timestamp(struct buf *out, int64_t wall_ms);
void amqp_wire_put_uuid(struct buf *out, const uint8_t uuid[16]);
void amqp_wire_put_encoded(struct buf *out, struct amqp_wire_bytes encoded); /* empty = null */
/* An array of strings; `texts` has at least one. */
void amqp_wire_put_strings(struct buf *out, const char *const *texts, uint32_t count);

/* Between begin and end come `count` values; for a map keys and values together. */
size_t amqp_wire_begin_list(struct buf *out);
size_t amqp_wire_begin_map(struct buf *out);
void amqp_wire_end(struct buf *out, size_t begin, uint32_t count);

/* The constructor of a section; its one value follows. */
void amqp_wire_put_section(struct buf *out, enum amqp_wire_section section);
void amqp_wire_put_data(struct buf *out, const void *bytes, size_t size);

#endif
