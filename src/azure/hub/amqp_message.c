// SPDX-License-Identifier: MIT
#include "azure/hub/amqp_message.h"

#include <string.h>

#define FIRST_ENCODED_SIZE 1024
#define MOST_ENCODED_SIZE  ((size_t)64 << 20)

pn_bytes_t amqp_bytes(const char *text)
{
        return text == NULL ? pn_bytes(0, "") : pn_bytes(strlen(text), text);
}

pn_atom_t amqp_text(const char *text)
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
        pn_message_set_id(message, amqp_text(event->message_id));
        if (event->correlation_id != NULL)
                pn_message_set_correlation_id(message, amqp_text(event->correlation_id));
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
