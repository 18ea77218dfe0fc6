// SPDX-License-Identifier: MIT
/* Any bytes as a model: the metadata are found, or it is refused with a reason. */
#include <stdint.h>
#include <stdlib.h>

#include "camera/detect/model_labels.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;
        struct reason reason = REASON_INIT;

        if (model_metadata(data, size, "names", &value, &reason) == 0) {
                if (value.size > size)
                        abort();
        } else if (value.size > 0 || reason.text[0] == '\0') {
                abort();
        }
        return 0;
}
