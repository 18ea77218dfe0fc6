// SPDX-License-Identifier: MIT
#include "support/signer.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/mem.h"

#define ENDPOINT "ref:1"
#define ID       "delivery-1"
#define DATA                                                                                       \
        "{\"Packets\":[{\"Timestamp\":1692927646796,\"TerminalId\":\"0001020304\",\"Value\":"      \
        "\"00ff\"}]}"

struct test_signer {
        EVP_PKEY *key;
        struct buf pem;
        struct buf fingerprint;
};

/* A test that can't make its signer can't say anything. */
static void require(bool done)
{
        if (done)
                return;
        fputs("a signer for tests could not be made\n", stderr);
        abort();
}

static void add_name(X509_NAME *name, const char *field, const char *value)
{
        require(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value,
                                           -1, -1, 0) == 1);
}

static void note_certificate(struct test_signer *signer, X509 *certificate)
{
        BIO *bio = BIO_new(BIO_s_mem());
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned digest_size = 0;
        char *bytes = NULL;
        long size;

        require(PEM_write_bio_X509(bio, certificate) == 1 &&
                X509_digest(certificate, EVP_sha256(), digest, &digest_size) == 1);
        size = BIO_get_mem_data(bio, &bytes);
        buf_add(&signer->pem, bytes, (size_t)size);
        crypto_hex_encode(&signer->fingerprint, digest, digest_size);
        BIO_free(bio);
}

struct test_signer *test_signer_new(const struct test_signer_wish *wish)
{
        struct test_signer *signer = mem_new(1, sizeof(*signer));
        X509 *certificate = X509_new();
        X509_NAME *name = X509_get_subject_name(certificate);

        signer->key = EVP_RSA_gen(2048);
        require(signer->key != NULL);
        X509_set_version(certificate, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), wish->from_s);
        X509_gmtime_adj(X509_getm_notAfter(certificate), wish->to_s);
        add_name(name, "C", "AU");
        add_name(name, "O", wish->organization ? wish->organization : "Myriota Pty Ltd");
        add_name(name, "CN", "security.myriota.com");
        X509_set_issuer_name(certificate, name);
        X509_set_pubkey(certificate, signer->key);
        require(X509_sign(certificate, signer->key, EVP_sha256()) > 0);
        note_certificate(signer, certificate);
        X509_free(certificate);
        return signer;
}

void test_signer_free(struct test_signer *signer)
{
        if (!signer)
                return;
        EVP_PKEY_free(signer->key);
        buf_deinit(&signer->pem);
        buf_deinit(&signer->fingerprint);
        free(signer);
}

const char *test_signer_pem(const struct test_signer *signer)
{
        return buf_text(&signer->pem);
}

const char *test_signer_fingerprint(const struct test_signer *signer)
{
        return buf_text(&signer->fingerprint);
}

static void sign(const struct test_signer *signer, const struct buf *covered, struct buf *out)
{
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        unsigned char bytes[256];
        size_t size = sizeof(bytes);

        require(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, signer->key) == 1 &&
                EVP_DigestSign(context, bytes, &size, (const unsigned char *)covered->data,
                               covered->size) == 1);
        crypto_base64_encode(out, bytes, size);
        EVP_MD_CTX_free(context);
}

void test_signer_deliver(const struct test_signer *signer, const char *certificate_url,
                         int64_t timestamp_s, struct buf *out)
{
        CLEANUP(buf_deinit) struct buf covered = BUF_INIT;
        CLEANUP(buf_deinit) struct buf signature = BUF_INIT;

        buf_add_format(&covered, ENDPOINT "\n%" PRId64 "\n" ID "\n" DATA, timestamp_s);
        sign(signer, &covered, &signature);
        buf_add_format(out,
                       "{\"EndpointRef\":\"" ENDPOINT "\",\"Timestamp\":%" PRId64 ",\"Id\":\"" ID
                       "\",\"CertificateUrl\":\"%s\",\"Signature\":\"%s\",\"Data\":",
                       timestamp_s, certificate_url, buf_text(&signature));
        buf_add_json_string(out, DATA, strlen(DATA));
        buf_add_char(out, '}');
}
