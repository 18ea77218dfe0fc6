// SPDX-License-Identifier: MIT
/* Any bytes as what a certificate's host answers, and as the roots that a chain may lead to. */
#include "base/crypto.h"
#include "fuzz/fuzz.h"
#include "networks/myriota/myriota_signature.h"
#include "networks/signature_x509.h"
#include "networks_fuzz.h"

/* The DER form of a DER form is the same. */
static bool demand_der(const uint8_t *data, size_t size)
{
        CLEANUP(buf_deinit) struct buf der = BUF_INIT;
        CLEANUP(buf_deinit) struct buf again = BUF_INIT;

        if (!crypto_certificate_der(&der, data, size)) {
                require(der.size == 0);
                return false;
        }
        /* Unless what makes PEM of it is in its texts. */
        if (memmem(der.data, der.size, "-----BEGIN", 10))
                return true;
        require(crypto_certificate_der(&again, der.data, der.size));
        require(crypto_equal(der.data, der.size, again.data, again.size));
        return true;
}

static void fuzz_chain(const uint8_t *data, size_t size)
{
        struct reason reason = REASON_INIT;
        struct signature_strict strict = {.now_s = INT64_C(1741558503)};
        struct signature_certificate *certificate =
                signature_certificate_new(data, size, MYRIOTA_CERTIFICATE_SIZE);

        strict.roots = signature_roots_new((const char *)data, size, &reason);
        require((strict.roots != NULL) == (reason.text[0] == '\0'));
        if (certificate && strict.roots && signature_check_strict(certificate, &strict, &reason))
                require(reason.text[0] != '\0');
        signature_roots_free(strict.roots);
        signature_certificate_free(certificate);
}

/* Nobody has the key for what is made up here. */
static void fuzz_verification(struct signature_certificate *certificate)
{
        struct signature signature = SIGNATURE_INIT;
        struct reason reason = REASON_INIT;

        buf_add_text(&signature.covered, "covered");
        buf_add_text(&signature.bytes, "no signature");
        require(myriota_signature_verify(&signature, certificate, NULL, &reason) ==
                SIGNATURE_E_FALSE);
        signature_deinit(&signature);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct reason reason = REASON_INIT;
        bool is_certificate = demand_der(data, size);
        struct signature_certificate *certificate =
                myriota_signature_read_certificate(data, size, &reason);

        require((certificate != NULL) == (reason.text[0] == '\0'));
        if (certificate) {
                require(is_certificate && size <= MYRIOTA_CERTIFICATE_SIZE);
                fuzz_verification(certificate);
                signature_certificate_free(certificate);
        }
        fuzz_chain(data, size);
        return 0;
}
