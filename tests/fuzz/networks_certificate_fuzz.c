// SPDX-License-Identifier: MIT
/* Any bytes as what a certificate's host answers, and as the roots that a chain may lead to. */
#include "base/crypto.h"
#include "networks/myriota_signature.h"
#include "networks/signature_x509.h"
#include "networks_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The DER form of a DER form is the same. */
static bool demand_der(const uint8_t *data, size_t size)
{
        CLEANUP(buf_deinit) struct buf der = BUF_INIT;
        CLEANUP(buf_deinit) struct buf again = BUF_INIT;

        if (!crypto_certificate_der(&der, data, size)) {
                demand(der.size == 0);
                return false;
        }
        /* Unless what makes PEM of it is in its texts. */
        if (memmem(der.data, der.size, "-----BEGIN", 10))
                return true;
        demand(crypto_certificate_der(&again, der.data, der.size));
        demand(crypto_equal(der.data, der.size, again.data, again.size));
        return true;
}

static void fuzz_chain(const uint8_t *data, size_t size)
{
        struct reason reason = REASON_INIT;
        struct signature_strict strict = {.now_s = INT64_C(1741558503)};
        CLEANUP(signature_certificate_cleanup)
        X509 *certificate = signature_read_certificate(data, size, MYRIOTA_CERTIFICATE_SIZE);

        strict.roots = signature_roots_new((const char *)data, size, &reason);
        demand((strict.roots != NULL) == (reason.text[0] == '\0'));
        if (certificate && strict.roots && signature_check_strict(certificate, &strict, &reason))
                demand(reason.text[0] != '\0');
        signature_roots_free(strict.roots);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct signature signature = SIGNATURE_INIT;
        struct reason reason = REASON_INIT;
        bool is_certificate = demand_der(data, size);

        if (myriota_signature_check_certificate(data, size, &reason) == 0)
                demand(is_certificate && size <= MYRIOTA_CERTIFICATE_SIZE);
        else
                demand(reason.text[0] != '\0');
        buf_add_text(&signature.covered, "covered");
        buf_add_text(&signature.bytes, "no signature");
        demand(myriota_signature_verify(&signature, data, size, NULL, &reason) != 0);
        signature_deinit(&signature);
        fuzz_chain(data, size);
        return 0;
}
