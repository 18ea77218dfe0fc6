// SPDX-License-Identifier: MIT
#include "networks/myriota/myriota_signature.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "networks/driver.h"
#include "networks/signature_x509.h"

#define SUBJECT_COMMON_NAME  "security.myriota.com"
#define SUBJECT_ORGANIZATION "Myriota Pty Ltd"

#define MINIMUM_KEY_BITS 2048
#define MAXIMUM_URL      2048
#define SCHEME           "https://"
#define DEFAULT_PORT     ":443"

/* --- what is signed --------------------------------------------------------------------- */

enum slot {
        ROOT,
        ENDPOINT,
        ID,
        TIMESTAMP,
        DATA,
        SIGNATURE,
        CERTIFICATE_URL,
        SLOTS
};

static const struct json_want wants[] = {
        JSON_WANT("EndpointRef", ENDPOINT), JSON_WANT("Id", ID),
        JSON_WANT("Timestamp", TIMESTAMP),  JSON_WANT("Data", DATA),
        JSON_WANT("Signature", SIGNATURE),  JSON_WANT("CertificateUrl", CERTIFICATE_URL),
};

static const struct json_want want = {.slot = ROOT, .members = wants, .count = ARRAY_SIZE(wants)};

/* A text that the signature needs, the caller's; NULL with the reason. */
static char *needed_text(const struct json_slice *slices, enum slot slot, struct reason *reason)
{
        char *text = json_slice_text(&slices[slot]);

        if (!text)
                reason_set(reason, "%s is missing or no text, so the signature can't be checked",
                           wants[slot - 1].name);
        return text;
}

/* The same for one line: a line feed in it could shift what is covered into the next member. */
static char *needed_line(const struct json_slice *slices, enum slot slot, struct reason *reason)
{
        char *text = needed_text(slices, slot, reason);

        if (!text || !strchr(text, '\n'))
                return text;
        reason_set(reason, "%s holds a line feed, so the signature can't be checked",
                   wants[slot - 1].name);
        free(text);
        return NULL;
}

static int read_covered(const struct json_slice *slices, struct signature *signature,
                        struct reason *reason)
{
        CLEANUP(mem_cleanup) char *endpoint = needed_line(slices, ENDPOINT, reason);
        CLEANUP(mem_cleanup) char *id = endpoint ? needed_line(slices, ID, reason) : NULL;
        CLEANUP(mem_cleanup) char *data = id ? needed_text(slices, DATA, reason) : NULL;

        if (!data)
                return SIGNATURE_E_MISSING;
        if (!json_slice_int(&slices[TIMESTAMP], &signature->signed_s)) {
                reason_set(reason, "Timestamp is missing or no whole number, so the signature "
                                   "can't be checked");
                return SIGNATURE_E_MISSING;
        }
        buf_add_format(&signature->covered, "%s\n%" PRId64 "\n%s\n", endpoint, signature->signed_s,
                       id);
        buf_add_text(&signature->covered, data);
        return 0;
}

int myriota_signature_read(const struct webhook *webhook, struct signature *signature,
                           struct reason *reason)
{
        struct json_slice slices[SLOTS] = {{.kind = JSON_ABSENT}};
        CLEANUP(mem_cleanup) char *text = NULL;

        if (!driver_read_body(webhook, &want, slices, reason))
                return SIGNATURE_E_MALFORMED;
        text = needed_text(slices, SIGNATURE, reason);
        signature->certificate_url = text ? needed_text(slices, CERTIFICATE_URL, reason) : NULL;
        if (!signature->certificate_url)
                return SIGNATURE_E_MISSING;
        if (!crypto_base64_decode(&signature->bytes, text, strlen(text))) {
                reason_set(reason, "Signature is not base64");
                return SIGNATURE_E_FALSE;
        }
        return read_covered(slices, signature, reason);
}

/* --- where the certificate may come from ------------------------------------------------ */

/* Characters about which two readers of URLs could disagree are in no address of Myriota's. */
static bool has_odd_character(const char *url)
{
        for (const char *c = url; *c; c++) {
                if (*c <= 0x20 || *c >= 0x7f || *c == '\\' || *c == '@' || *c == '#')
                        return true;
        }
        return false;
}

static bool has_port(const char *authority, size_t size)
{
        const char *bracket = memrchr(authority, ']', size);
        size_t before = bracket ? (size_t)(bracket - authority) : 0;

        return memchr(authority + before, ':', size - before) != NULL;
}

/* Without the port that https has anyway. */
static size_t authority_length(const char *authority, size_t size)
{
        size_t port = strlen(DEFAULT_PORT);

        if (size > port && strncmp(authority + size - port, DEFAULT_PORT, port) == 0 &&
            !has_port(authority, size - port))
                return size - port;
        return size;
}

/* The host and port between scheme and path. */
static bool is_authority(const char *text, size_t size, const char *authority)
{
        size_t length = authority_length(authority, strlen(authority));

        return authority_length(text, size) == length && strncasecmp(text, authority, length) == 0;
}

int myriota_signature_check_url(const char *url, const char *authority, struct reason *reason)
{
        const char *start;

        if (strlen(url) > MAXIMUM_URL || has_odd_character(url)) {
                reason_set(reason, "CertificateUrl is too long, or holds a character that has no "
                                   "place there (such as @ or a backslash)");
                return SIGNATURE_E_URL;
        }
        if (strncasecmp(url, SCHEME, strlen(SCHEME)) != 0) {
                reason_set(reason, "CertificateUrl is no " SCHEME " address");
                return SIGNATURE_E_URL;
        }
        start = url + strlen(SCHEME);
        if (!is_authority(start, strcspn(start, "/?"), authority)) {
                reason_set(reason, "CertificateUrl is not on %s", authority);
                return SIGNATURE_E_URL;
        }
        return 0;
}

/* --- the certificate -------------------------------------------------------------------- */

/* The subject has exactly one such entry, with this value. */
static bool subject_has(X509 *certificate, int nid, const char *wanted)
{
        const X509_NAME *subject = X509_get_subject_name(certificate);
        int index = X509_NAME_get_index_by_NID(subject, nid, -1);
        unsigned char *text = NULL;
        int length;
        bool same;

        if (index < 0 || X509_NAME_get_index_by_NID(subject, nid, index) >= 0)
                return false;
        length = ASN1_STRING_to_UTF8(&text,
                                     X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
        if (length < 0)
                return false;
        same = (size_t)length == strlen(wanted) && memcmp(text, wanted, (size_t)length) == 0;
        OPENSSL_free(text);
        return same;
}

static bool is_myriotas(X509 *certificate, struct reason *reason)
{
        EVP_PKEY *key = X509_get0_pubkey(certificate);

        if (!subject_has(certificate, NID_commonName, SUBJECT_COMMON_NAME) ||
            !subject_has(certificate, NID_organizationName, SUBJECT_ORGANIZATION)) {
                reason_set(reason, "the certificate's subject is not O=%s, CN=%s",
                           SUBJECT_ORGANIZATION, SUBJECT_COMMON_NAME);
                return false;
        }
        if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA ||
            EVP_PKEY_get_bits(key) < MINIMUM_KEY_BITS) {
                reason_set(reason, "the certificate has no RSA key of at least %d bits",
                           MINIMUM_KEY_BITS);
                return false;
        }
        return true;
}

struct signature_certificate *myriota_signature_read_certificate(const void *bytes, size_t size,
                                                                 struct reason *reason)
{
        struct signature_certificate *certificate =
                signature_certificate_new(bytes, size, MYRIOTA_CERTIFICATE_SIZE);

        if (!certificate) {
                reason_set(reason, "there is no certificate (PEM or DER) in it");
                return NULL;
        }
        if (is_myriotas(signature_certificate_x509(certificate), reason))
                return certificate;
        signature_certificate_free(certificate);
        return NULL;
}

/* --- the signature ---------------------------------------------------------------------- */

static void digest_cleanup(EVP_MD_CTX **context)
{
        EVP_MD_CTX_free(*context);
}

static bool signature_fits(const struct signature *signature, EVP_PKEY *key)
{
        CLEANUP(digest_cleanup) EVP_MD_CTX *context = EVP_MD_CTX_new();
        bool fits = context && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                    EVP_DigestVerify(context, (const unsigned char *)signature->bytes.data,
                                     signature->bytes.size,
                                     (const unsigned char *)signature->covered.data,
                                     signature->covered.size) == 1;

        ERR_clear_error();
        return fits;
}

int myriota_signature_verify(const struct signature *signature,
                             const struct signature_certificate *certificate,
                             const struct signature_strict *strict, struct reason *reason)
{
        X509 *x509 = signature_certificate_x509(certificate);

        if (!signature_fits(signature, X509_get0_pubkey(x509))) {
                reason_set(reason, "the signature does not fit the delivery");
                return SIGNATURE_E_FALSE;
        }
        return strict ? signature_check_strict(certificate, strict, reason) : 0;
}

const struct signature_driver myriota_signature = {
        .certificate_size = MYRIOTA_CERTIFICATE_SIZE,
        .read = myriota_signature_read,
        .check_url = myriota_signature_check_url,
        .read_certificate = myriota_signature_read_certificate,
        .verify = myriota_signature_verify,
};
