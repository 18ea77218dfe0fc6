// SPDX-License-Identifier: MIT
/* Certificates as clients show them, and as people hand them in: none is from nobody. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "localhub/x509/client_chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        CLEANUP(mem_cleanup) char *text = mem_text_n((const char *)bytes, size);
        CLEANUP(buf_deinit) struct buf pem = BUF_INIT;
        CLEANUP(client_chain_deinit) struct client_chain chain = {.der = BUF_INIT};
        struct certificate_facts facts;
        struct reason reason = REASON_INIT;

        if (client_chain_read(bytes, size, &chain)) {
                if (strlen(chain.own.sha1) != CERTIFICATE_SHA1_SIZE - 1 ||
                    !client_chain_has_thumbprint(&chain, chain.own.sha256) ||
                    client_chain_is_from(&chain, "", 1800000000, &reason))
                        abort();
        }
        if (device_certificate_read(text, &facts, &pem, &reason)) {
                struct certificate_facts again;

                if (!device_certificate_read(buf_text(&pem), &again, NULL, &reason) ||
                    strcmp(facts.sha256, again.sha256) != 0)
                        abort();
        }
        return 0;
}
