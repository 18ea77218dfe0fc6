// SPDX-License-Identifier: MIT
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "azure/insights_string.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        CLEANUP(insights_string_deinit) struct insights_string parsed = INSIGHTS_STRING_INIT;
        CLEANUP(mem_cleanup) char *text = mem_text_n((const char *)bytes, size);
        struct reason reason = REASON_INIT;
        bool good = insights_string_parse(text, &parsed, &reason);

        if (good ? !parsed.key || !insights_endpoint_check(parsed.endpoint, &reason)
                 : parsed.key || reason.text[0] == '\0')
                abort();
        return 0;
}
