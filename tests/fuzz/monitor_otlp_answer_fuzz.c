// SPDX-License-Identifier: MIT
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "monitor/otlp_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        char message[32];

        memset(message, 'x', sizeof(message));
        (void)otlp_read_rejected((const char *)bytes, size, message, sizeof(message));
        if (!memchr(message, '\0', sizeof(message)))
                abort();
        return 0;
}
