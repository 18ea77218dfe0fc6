// SPDX-License-Identifier: MIT
#include "gateway/uplink/formatters_off.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/log.h"

void formatters_off_say(struct formatters_off *off, const char *formatter, const char *device)
{
        int64_t now_ms = clock_steady_ms();

        if (off->said_ms != 0 && now_ms - off->said_ms < FORMATTERS_OFF_SAID_MS)
                return;
        off->said_ms = now_ms;
        log_error("FORMATTERS_OFF",
                  "A payload formatter is needed, but this gateway was started without formatters: "
                  "what needs one waits",
                  LOG_TEXT("formatter", formatter), LOG_TEXT("device", device), LOG_END);
}
