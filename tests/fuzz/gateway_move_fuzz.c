// SPDX-License-Identifier: MIT
/* Payloads of DeviceMove: what is found is letters and digits that the payload holds. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "gateway/command/command_device_move.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        char scope[COMMAND_DEVICE_MOVE_SIZE];

        if (!command_device_move_scope((const char *)bytes, size, scope))
                return 0;
        if (scope[0] == '\0' || !memmem(bytes, size, scope, strlen(scope)))
                abort();
        for (const char *at = scope; *at; at++) {
                if (!isalnum((unsigned char)*at))
                        abort();
        }
        return 0;
}
