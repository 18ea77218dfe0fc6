// SPDX-License-Identifier: MIT
#include "azure/device_key.h"

#include <string.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"

static bool decode_key(struct buf *out, const char *key)
{
        return !text_is_empty(key) && crypto_base64_decode(out, key, strlen(key));
}

bool device_key_is_valid(const char *key)
{
        CLEANUP(buf_wipe) struct buf bytes = BUF_INIT;

        return decode_key(&bytes, key);
}

bool device_key_sign(struct buf *out, const char *key, const char *text)
{
        CLEANUP(buf_wipe) struct buf bytes = BUF_INIT;
        uint8_t mac[CRYPTO_SHA256_SIZE];

        if (!decode_key(&bytes, key))
                return false;
        crypto_hmac_sha256(bytes.data, bytes.size, text, strlen(text), mac);
        crypto_base64_encode(out, mac, sizeof(mac));
        mem_wipe(mac, sizeof(mac));
        return true;
}

bool device_key_derive(struct buf *out, const char *group_key, const char *registration_id,
                       struct reason *reason)
{
        if (device_key_sign(out, group_key, registration_id))
                return true;
        reason_set(reason, "the enrolment group's key is not valid base64: copy it whole, with the "
                           "'=' signs at its end");
        return false;
}
