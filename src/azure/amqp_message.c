// SPDX-License-Identifier: MIT
#include "azure/amqp_message.h"

#include <inttypes.h>
#include <proton/link.h>
#include <string.h>

#include "base/text.h"

#define FIRST_ENCODED_SIZE 1024
#define MOST_ENCODED_SIZE  (64 * 1024 * 1024)

pn_bytes_t amqp_bytes(const char *text)
{
        return text == NULL ? pn_bytes(0, "") : pn_bytes(strlen(text), text);
}

static pn_atom_t text_atom(const char *text)
{
        pn_atom_t atom = {.type = PN_STRING};

        atom.u.as_bytes = amqp_bytes(text);
        return atom;
}

static void put_properties(pn_data_t *map, const struct hub_message *event)
{
        if (event->property_count == 0)
                return;
        pn_data_put_map(map);
        pn_data_enter(map);
        for (size_t i = 0; i < event->property_count; i++) {
                pn_data_put_string(map, amqp_bytes(event->properties[i].name));
                pn_data_put_string(map, amqp_bytes(event->properties[i].value));
        }
        pn_data_exit(map);
}

void amqp_message_event(pn_message_t *message, const struct hub_message *event)
{
        pn_message_set_inferred(message, true); /* the body is a data section */
        pn_message_set_id(message, text_atom(event->message_id));
        if (event->correlation_id != NULL)
                pn_message_set_correlation_id(message, text_atom(event->correlation_id));
        if (event->content_type != NULL)
                pn_message_set_content_type(message, event->content_type);
        if (event->content_encoding != NULL)
                pn_message_set_content_encoding(message, event->content_encoding);
        put_properties(pn_message_properties(message), event);
        pn_data_put_binary(pn_message_body(message), pn_bytes(event->body_size, event->body));
}

bool amqp_message_encode(pn_message_t *message, struct buf *out)
{
        size_t room = out->capacity > FIRST_ENCODED_SIZE ? out->capacity - 1 : FIRST_ENCODED_SIZE;

        for (; room <= MOST_ENCODED_SIZE; room *= 2) {
                size_t size = room;
                int error;

                buf_clear(out);
                buf_reserve(out, room);
                error = pn_message_encode(message, out->data, &size);
                if (error == 0) {
                        out->size = size;
                        return true;
                }
                if (error != PN_OVERFLOW)
                        return false;
        }
        return false;
}

bool amqp_message_receive(pn_message_t *message, pn_delivery_t *delivery, size_t most,
                          struct buf *scratch)
{
        pn_link_t *link = pn_delivery_link(delivery);
        size_t size = pn_delivery_pending(delivery);
        bool good = size <= most && !pn_delivery_aborted(delivery);

        buf_clear(scratch);
        if (good) {
                buf_reserve(scratch, size);
                good = pn_link_recv(link, scratch->data, size) == (ssize_t)size;
        }
        pn_link_advance(link);
        pn_message_clear(message);
        return good && pn_message_decode(message, scratch->data, size) == 0;
}

bool amqp_map_find(pn_data_t *data, const char *key, pn_atom_t *value)
{
        size_t length = strlen(key);
        bool found = false;

        pn_data_rewind(data);
        if (!pn_data_next(data) || pn_data_type(data) != PN_MAP)
                return false;
        pn_data_enter(data);
        while (!found && pn_data_next(data)) {
                pn_atom_t name = pn_data_get_atom(data);
                bool is_text = name.type == PN_STRING || name.type == PN_SYMBOL;

                if (!pn_data_next(data))
                        break;
                if (is_text && name.u.as_bytes.size == length &&
                    memcmp(name.u.as_bytes.start, key, length) == 0) {
                        *value = pn_data_get_atom(data);
                        found = true;
                }
        }
        return found;
}

bool amqp_atom_int(const pn_atom_t *atom, int64_t *number)
{
        switch (atom->type) {
        case PN_UBYTE:
                *number = atom->u.as_ubyte;
                return true;
        case PN_BYTE:
                *number = atom->u.as_byte;
                return true;
        case PN_USHORT:
                *number = atom->u.as_ushort;
                return true;
        case PN_SHORT:
                *number = atom->u.as_short;
                return true;
        case PN_UINT:
                *number = atom->u.as_uint;
                return true;
        case PN_INT:
                *number = atom->u.as_int;
                return true;
        case PN_LONG:
                *number = atom->u.as_long;
                return true;
        case PN_TIMESTAMP:
                *number = atom->u.as_timestamp;
                return true;
        case PN_ULONG:
                *number = (int64_t)atom->u.as_ulong;
                return atom->u.as_ulong <= INT64_MAX;
        default:
                return false;
        }
}

static void add_uuid(struct buf *out, const pn_uuid_t *uuid)
{
        for (size_t i = 0; i < sizeof(uuid->bytes); i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        buf_add_char(out, '-');
                buf_add_format(out, "%02x", (unsigned)(unsigned char)uuid->bytes[i]);
        }
}

bool amqp_atom_text(const pn_atom_t *atom, struct buf *out)
{
        int64_t number;

        switch (atom->type) {
        case PN_STRING:
        case PN_SYMBOL:
        case PN_BINARY:
                buf_add(out, atom->u.as_bytes.start, atom->u.as_bytes.size);
                return true;
        case PN_BOOL:
                buf_add_text(out, atom->u.as_bool ? "true" : "false");
                return true;
        case PN_ULONG:
                buf_add_format(out, "%" PRIu64, atom->u.as_ulong);
                return true;
        case PN_FLOAT:
                buf_add_format(out, "%.9g", (double)atom->u.as_float);
                return true;
        case PN_DOUBLE:
                buf_add_format(out, "%.17g", atom->u.as_double);
                return true;
        case PN_UUID:
                add_uuid(out, &atom->u.as_uuid);
                return true;
        default:
                if (!amqp_atom_int(atom, &number))
                        return false;
                buf_add_format(out, "%" PRId64, number);
                return true;
        }
}
