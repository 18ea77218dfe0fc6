// SPDX-License-Identifier: MIT
#include <string.h>

#include "azure/connection_string.h"
#include "azure/sas.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        CLEANUP(connection_string_deinit) struct connection_string parsed = CONNECTION_STRING_INIT;
        CLEANUP(mem_cleanup) char *text = mem_text_n((const char *)bytes, size);
        CLEANUP(buf_wipe) struct buf token = BUF_INIT;
        struct reason reason = REASON_INIT;
        struct sas_grant grant = {.expires_s = 1};

        if (!connection_string_parse(text, &parsed, &reason)) {
                require(reason.text[0] != '\0' && !parsed.host_name && !parsed.shared_access_key);
                return 0;
        }
        require(parsed.host_name && (parsed.device_id || parsed.shared_access_key_name));
        grant.resource = parsed.host_name;
        grant.key = parsed.shared_access_key;
        grant.key_name = parsed.shared_access_key_name;
        require(sas_token(&token, &grant, &reason));
        return 0;
}
