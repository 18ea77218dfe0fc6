// SPDX-License-Identifier: MIT
/* The text of a model's metadata: any text is taken or refused with a reason. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "camera/detect/labels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        CLEANUP(mem_cleanup) char *text = mem_text_n((const char *)data, size);
        CLEANUP(labels_deinit) struct labels labels = LABELS_INIT;
        struct reason reason = REASON_INIT;

        if (labels_read_metadata(text, &labels, &reason) == 0) {
                if (labels.count == 0)
                        abort();
        } else if (reason.text[0] == '\0') {
                abort();
        }
        return 0;
}
