// SPDX-License-Identifier: MIT
/* Any bytes as a delivery of Myriota, and as the address of its certificate. */
#include "fuzz/fuzz.h"
#include "networks/myriota/myriota.h"
#include "networks/myriota/myriota_signature.h"
#include "networks_fuzz.h"

static void fuzz_signature(const uint8_t *data, size_t size)
{
        struct webhook webhook = fuzz_webhook(data, size);
        struct signature signature = SIGNATURE_INIT;
        struct reason reason = REASON_INIT;
        CLEANUP(mem_cleanup) char *url = mem_text_n((const char *)data, size);

        if (myriota_signature_read(&webhook, &signature, &reason) != 0)
                require(reason.text[0] != '\0');
        if (myriota_signature_check_url(url, MYRIOTA_CERTIFICATE_HOST, &reason) == 0)
                require(strncasecmp(url, "https://security.myriota.com", 28) == 0);
        signature_deinit(&signature);
}

/* What is refused of a message is one of its own. */
static void fuzz_rest(const uint8_t *data, size_t size)
{
        struct webhook webhook = fuzz_webhook(data, size);
        CLEANUP(event_list_deinit) struct event_list events = EVENT_LIST_INIT;
        CLEANUP(network_restored_deinit) struct network_restored restored = NETWORK_RESTORED_INIT;
        CLEANUP(buf_deinit) struct buf rest = BUF_INIT;
        struct reason reason = REASON_INIT;

        if (myriota.parse(&webhook, &events, &reason) != 0 || events.refusal_count == 0)
                return;
        myriota.set_aside(&webhook, &events, &rest);
        if (rest.size == 0)
                return;
        webhook.body = buf_text(&rest);
        webhook.body_size = rest.size;
        require(myriota.restore(&webhook, &restored, &reason) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        fuzz_network(&myriota, data, size);
        fuzz_signature(data, size);
        fuzz_rest(data, size);
        return 0;
}
