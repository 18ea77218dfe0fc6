// SPDX-License-Identifier: MIT
/* Answers of services that give tokens, and references to secrets in configurations. */
#include <string.h>

#include "azure/identity/identity_request.h"
#include "azure/vault_reference.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"

static void read_reference(const char *text)
{
        CLEANUP(buf_deinit) struct buf url = BUF_INIT;
        CLEANUP(buf_deinit) struct buf again = BUF_INIT;
        struct reason reason = REASON_INIT;
        bool good = vault_reference_is(text)
                            ? vault_reference_read(text, &url, &reason)
                            : vault_reference_complete(text, "https://v.vault.azure.net", &url,
                                                       &reason);

        require(good != (reason.text[0] != '\0'));
        if (!good)
                return;
        require(strncmp(buf_text(&url), "https://", 8) == 0);
        /* What was made once stays as it is. */
        require(vault_reference_complete(buf_text(&url), NULL, &again, &reason));
        require(strcmp(buf_text(&url), buf_text(&again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        CLEANUP(mem_cleanup) char *text = mem_text_n((const char *)bytes, size);
        struct identity_answer answer = {.token = BUF_INIT};
        struct http_answer refusal = {.status = 400};
        struct reason reason = REASON_INIT;

        read_reference(text);
        if (identity_answer_read(text, size, 1000, &answer, &reason))
                require(answer.life_ms > 0 && answer.token.size > 0 &&
                        !strpbrk(buf_text(&answer.token), " \r\n"));
        else
                require(reason.text[0] != '\0');
        buf_wipe(&answer.token);
        buf_add(&refusal.body, text, size);
        identity_answer_explain(&refusal, &reason);
        require(reason.text[0] != '\0');
        buf_deinit(&refusal.body);
        return 0;
}
