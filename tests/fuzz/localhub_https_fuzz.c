// SPDX-License-Identifier: MIT
/* Lists of messages that devices send over HTTPS. */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "localhub/https/https_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(https_events_deinit) struct https_events events = {.json = NULL};
        struct reason reason = REASON_INIT;
        size_t total = 0;

        buf_add(&text, bytes, size);
        if (!https_events_read(&text, &events, &reason)) {
                if (reason.text[0] == '\0')
                        abort();
                return 0;
        }
        for (size_t i = 0; i < events.count; i++)
                total += events.list[i].record.body_size + events.list[i].size;
        if (total != events.size || events.count > HTTPS_EVENTS_MAX)
                abort();
        return 0;
}
