// SPDX-License-Identifier: MIT
/* Any bytes as an event on disk. */
#include "fuzz/fuzz.h"
#include "networks/event_record.h"
#include "networks_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct event event;
        struct reason reason = REASON_INIT;

        if (event_decode((const char *)data, size, &event, &reason) == 0) {
                demand_record(&event);
                demand_telemetry(&event);
        } else {
                require(reason.text[0] != '\0');
        }
        event_deinit(&event);
        return 0;
}
