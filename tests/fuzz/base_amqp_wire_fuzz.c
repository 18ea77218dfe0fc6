// SPDX-License-Identifier: MIT
/* An AMQP message: taken apart, every value of its maps read, and what is said of it as text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/amqp/amqp_wire.h"
#include "fuzz/fuzz.h"

static void read_members(struct amqp_wire_bytes members, uint32_t count)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct amqp_wire_value value;
        int64_t number;

        for (uint32_t i = 0; i < count && amqp_wire_read(&members, &value); i++) {
                size_t before = text.size;

                if (!amqp_wire_add_plain(&text, &value) && text.size != before)
                        abort();
                amqp_wire_add_text(&text, &value);
                (void)amqp_wire_int(&value, &number);
        }
        (void)amqp_wire_map_find(members, count, "k");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct amqp_wire_message message;
        struct amqp_wire_bytes from = {.data = bytes, .size = size};
        struct amqp_wire_bytes data;
        size_t count = 0;

        if (!amqp_wire_message_read(bytes, size, &message))
                return 0;
        read_members(message.annotations, message.annotation_count);
        read_members(message.properties, message.property_count);
        while (amqp_wire_next_data(&from, &data))
                count++;
        if (count != message.data_count)
                abort();
        (void)amqp_wire_is_batch(bytes, size, &message);
        return 0;
}
