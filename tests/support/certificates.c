// SPDX-License-Identifier: MIT
#include "support/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

#define DAY 86400L

struct test_ca {
        EVP_PKEY *key;
        X509 *certificate;
};

/* A test that can't make its certificates can't say anything. */
static void require(bool done, const char *what)
{
        if (done)
                return;
        fprintf(stderr, "test certificates: %s failed\n", what);
        abort();
}

static X509 *make(EVP_PKEY *key, const char *name, long from_s, long to_s)
{
        static long serial = 1;
        X509 *certificate = X509_new();
        X509_NAME *subject = X509_get_subject_name(certificate);

        X509_set_version(certificate, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
        X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
        X509_gmtime_adj(X509_getm_notAfter(certificate), to_s);
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
                                   0);
        X509_set_pubkey(certificate, key);
        return certificate;
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
        X509V3_CTX context;
        X509_EXTENSION *extension;

        X509V3_set_ctx_nodb(&context);
        X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
        extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
        require(extension && X509_add_ext(certificate, extension, -1) == 1, "an extension");
        X509_EXTENSION_free(extension);
}

static void write_pem(const char *file, X509 *certificate, EVP_PKEY *key)
{
        FILE *out = fopen(file, "w");

        require(out && PEM_write_X509(out, certificate) == 1, "writing the certificate");
        if (key)
                require(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1,
                        "writing the key");
        require(fclose(out) == 0, "closing the file");
}

struct test_ca *test_ca_new(const char *file)
{
        struct test_ca *ca = mem_new(1, sizeof(*ca));

        ca->key = EVP_EC_gen("P-256");
        require(ca->key != NULL, "making a key");
        /* Authorities with one name and different keys would confuse the search for the issuer. */
        ca->certificate = make(ca->key, file, -DAY, DAY);
        X509_set_issuer_name(ca->certificate, X509_get_subject_name(ca->certificate));
        add_extension(ca->certificate, ca->certificate, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(ca->certificate, ca->certificate, NID_key_usage, "critical,keyCertSign");
        add_extension(ca->certificate, ca->certificate, NID_subject_key_identifier, "hash");
        require(X509_sign(ca->certificate, ca->key, EVP_sha256()) > 0, "signing");
        write_pem(file, ca->certificate, NULL);
        return ca;
}

void test_ca_free(struct test_ca *ca)
{
        if (!ca)
                return;
        X509_free(ca->certificate);
        EVP_PKEY_free(ca->key);
        free(ca);
}

void test_ca_issue(struct test_ca *ca, const struct test_certificate *certificate)
{
        CLEANUP(mem_cleanup) char *name = mem_format("DNS:%s", certificate->host);
        EVP_PKEY *key = certificate->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
        long to_s = certificate->expired ? -60 : DAY;
        X509 *made = make(key, "server", -DAY, to_s);

        X509_set_issuer_name(made, X509_get_subject_name(ca->certificate));
        add_extension(made, ca->certificate, NID_subject_alt_name, name);
        add_extension(made, ca->certificate, NID_authority_key_identifier, "keyid");
        require(X509_sign(made, ca->key, EVP_sha256()) > 0, "signing");
        write_pem(certificate->file, made, key);
        X509_free(made);
        EVP_PKEY_free(key);
}

bool test_certificate_has_signed(const char *file, const char *text, size_t size,
                                 const struct buf *signature)
{
        FILE *in = fopen(file, "r");
        X509 *certificate = in ? PEM_read_X509(in, NULL, NULL, NULL) : NULL;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        EVP_PKEY_CTX *options = NULL;
        bool good;

        require(certificate != NULL, "reading the certificate");
        good = EVP_DigestVerifyInit(context, &options, EVP_sha256(), NULL,
                                    X509_get0_pubkey(certificate)) == 1 &&
               EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1 &&
               EVP_DigestVerify(context, (const unsigned char *)signature->data, signature->size,
                                (const unsigned char *)text, size) == 1;
        EVP_MD_CTX_free(context);
        X509_free(certificate);
        fclose(in);
        return good;
}

struct certificate *test_certificate_made(const char *name, const struct certificate *issuer)
{
        struct certificate *made = NULL;
        struct reason reason = REASON_INIT;
        const struct certificate_order order = {
                .now_s = clock_wall_ms() / 1000,
                .days = 1,
                .common_name = name,
                .use = issuer ? CERTIFICATE_CLIENT : CERTIFICATE_AUTHORITY,
                .issuer = issuer,
        };

        require(certificate_make(&order, &made, &reason) == 0, name);
        return made;
}

void test_without_proxies(void)
{
        static const char *const variables[] = {"http_proxy", "https_proxy", "HTTPS_PROXY",
                                                "all_proxy", "ALL_PROXY"};

        for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
                unsetenv(variables[i]);
}
