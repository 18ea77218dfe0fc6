// SPDX-License-Identifier: MIT
/* The first byte chooses: a connection string, a list of blobs, or a queue's answer. */

#include "azure/storage/storage_blob.h"
#include "azure/storage/storage_queue.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"

static void sign_with(const char *text)
{
        static const struct storage_request request = {.service = STORAGE_QUEUE,
                                                       .method = "GET",
                                                       .path = "/q/messages",
                                                       .query = "numofmessages=32"};
        CLEANUP(storage_account_deinit) struct storage_account account = STORAGE_ACCOUNT_INIT;
        CLEANUP(storage_signed_deinit) struct storage_signed made = STORAGE_SIGNED_INIT;
        struct reason reason = REASON_INIT;

        if (!storage_account_parse(text, &account, &reason)) {
                require(reason.text[0] != '\0' && !account.name && !account.signature);
                return;
        }
        (void)storage_account_expires_s(&account);
        (void)storage_account_may(&account, 'p');
        require((account.key.size > 0) != (account.signature != NULL));
        if (account.endpoints[STORAGE_QUEUE])
                storage_sign(&account, &request, 0, &made);
}

static void read_answer(const uint8_t *bytes, size_t size)
{
        CLEANUP(storage_messages_deinit) struct storage_messages messages = {.count = 0};
        struct reason reason = REASON_INIT;

        if (!storage_messages_read((const char *)bytes, size, &messages, &reason)) {
                require(reason.text[0] != '\0');
                return;
        }
        for (size_t i = 0; i < messages.count; i++)
                require(messages.items[i].id && messages.items[i].receipt &&
                        messages.items[i].text);
}

static void read_blobs(const uint8_t *bytes, size_t size)
{
        CLEANUP(storage_blob_page_deinit) struct storage_blob_page page = {.count = 0};
        struct reason reason = REASON_INIT;

        if (!storage_blob_page_read((const char *)bytes, size, &page, &reason)) {
                require(reason.text[0] != '\0');
                return;
        }
        require(page.next != NULL);
        for (size_t i = 0; i < page.count; i++)
                require(page.items[i].name && page.items[i].etag && page.items[i].size >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        CLEANUP(mem_cleanup) char *text = NULL;

        if (size == 0)
                return 0;
        if (bytes[0] == 'b') {
                read_blobs(bytes + 1, size - 1);
                return 0;
        }
        if (bytes[0] != 'c') {
                read_answer(bytes + 1, size - 1);
                return 0;
        }
        text = mem_text_n((const char *)bytes + 1, size - 1);
        sign_with(text);
        return 0;
}
