// SPDX-License-Identifier: MIT
/* Files of devices: each that is read has an id and a network. */
#include <stdlib.h>

#include "base/json/json.h"
#include "base/text.h"
#include "cli/provision/provision_file.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        const struct provision_defaults defaults = {"things-stack", NULL};
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *devices =
                provision_file_read((const char *)bytes, size, &defaults, &reason);

        if (!devices) {
                if (reason.text[0] == '\0')
                        abort();
                return 0;
        }
        for (size_t i = 0; i < json_object_array_length(devices); i++) {
                struct json_object *device = json_object_array_get_idx(devices, i);

                if (text_is_empty(json_text_member(device, "device")) ||
                    text_is_empty(json_text_member(device, "network")))
                        abort();
        }
        return 0;
}
