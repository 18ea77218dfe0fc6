// SPDX-License-Identifier: MIT
/* Where a reader of telemetry wants to begin: its filter, and its link's address. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "localhub/amqp/link_address.h"
#include "localhub/events/event_selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        CLEANUP(mem_cleanup) char *text = mem_text_n((const char *)bytes, size);
        const struct telemetry_record record = {.number = 1, .offset = 1, .enqueued_ms = 1};
        struct event_selector selector;
        struct link_address address;

        if (event_selector_read((const char *)bytes, size, &selector))
                (void)event_selector_fits(&selector, &record);
        if (link_address_parse(text, &address) && address.function == LINK_EVENTS &&
            (address.partition < 0 || !address.hub[0] || !address.group[0]))
                abort();
        return 0;
}
