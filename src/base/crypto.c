// SPDX-License-Identifier: MIT
#include "base/crypto.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Asked for by its name at each use, it is looked up under a lock at each use. */
static const EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void fetch_sha256(void)
{
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
        if (!sha256)
                abort();
}

void crypto_sha256(const void *bytes, size_t size, uint8_t digest[CRYPTO_SHA256_SIZE])
{
        pthread_once(&sha256_once, fetch_sha256);
        if (EVP_Digest(bytes, size, digest, NULL, sha256, NULL) != 1)
                abort();
}

void crypto_sha1(const void *bytes, size_t size, uint8_t digest[CRYPTO_SHA1_SIZE])
{
        if (EVP_Digest(bytes, size, digest, NULL, EVP_sha1(), NULL) != 1)
                abort();
}

void crypto_md5(const void *bytes, size_t size, uint8_t digest[CRYPTO_MD5_SIZE])
{
        if (EVP_Digest(bytes, size, digest, NULL, EVP_md5(), NULL) != 1)
                abort();
}

void crypto_hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size,
                        uint8_t mac[CRYPTO_SHA256_SIZE])
{
        if (!HMAC(EVP_sha256(), key, (int)key_size, bytes, size, mac, NULL))
                abort();
}

void crypto_base64_encode(struct buf *out, const void *bytes, size_t size)
{
        buf_reserve(out, size / 3 * 4 + 8);
        out->size +=
                (size_t)EVP_EncodeBlock((unsigned char *)out->data + out->size, bytes, (int)size);
}

static bool is_base64(const char *text, size_t size)
{
        size_t padding = 0;

        if (size % 4 != 0)
                return false;
        while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
                padding++;
        for (size_t i = 0; i < size - padding; i++) {
                char c = text[i];
                bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

                if (!letter && !(c >= '0' && c <= '9') && c != '+' && c != '/')
                        return false;
        }
        return true;
}

bool crypto_base64_decode(struct buf *out, const char *text, size_t size)
{
        int length;

        if (!is_base64(text, size))
                return false;
        if (size == 0)
                return true;
        buf_reserve(out, size);
        length = EVP_DecodeBlock((unsigned char *)out->data + out->size,
                                 (const unsigned char *)text, (int)size);
        if (length < 0)
                return false;
        for (size_t i = size; i > size - 2 && text[i - 1] == '='; i--)
                length--;
        out->size += (size_t)length;
        out->data[out->size] = '\0';
        return true;
}

void crypto_hex_encode(struct buf *out, const void *bytes, size_t size)
{
        static const char digits[] = "0123456789abcdef";
        const uint8_t *byte = bytes;

        buf_reserve(out, size * 2);
        for (size_t i = 0; i < size; i++) {
                buf_add_char(out, digits[byte[i] >> 4]);
                buf_add_char(out, digits[byte[i] & 15]);
        }
}

bool crypto_hex_decode(struct buf *out, const char *text, size_t size)
{
        if (size % 2 != 0)
                return false;
        for (size_t i = 0; i < size; i++) {
                if (text_hex_digit(text[i]) < 0)
                        return false;
        }
        for (size_t i = 0; i < size; i += 2)
                buf_add_char(out,
                             (char)(text_hex_digit(text[i]) * 16 + text_hex_digit(text[i + 1])));
        return true;
}

bool crypto_equal(const void *a, size_t a_size, const void *b, size_t b_size)
{
        return a_size == b_size && CRYPTO_memcmp(a, b, a_size) == 0;
}

void crypto_random(void *bytes, size_t size)
{
        if (RAND_bytes(bytes, (int)size) != 1)
                abort();
}

static void format_uuid(const uint8_t *bytes, char text[CRYPTO_UUID_SIZE])
{
        static const char digits[] = "0123456789abcdef";
        char *at = text;

        for (int i = 0; i < 16; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *at++ = '-';
                *at++ = digits[bytes[i] >> 4];
                *at++ = digits[bytes[i] & 0x0f];
        }
        *at = '\0';
}

void crypto_uuid4(char text[CRYPTO_UUID_SIZE])
{
        uint8_t bytes[16];

        crypto_random(bytes, sizeof(bytes));
        bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
        bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
        format_uuid(bytes, text);
}

void crypto_uuid_of(const void *bytes, size_t size, char text[CRYPTO_UUID_SIZE])
{
        uint8_t digest[CRYPTO_SHA256_SIZE];

        crypto_sha256(bytes, size, digest);
        digest[6] = (uint8_t)((digest[6] & 0x0f) | 0x50);
        digest[8] = (uint8_t)((digest[8] & 0x3f) | 0x80);
        format_uuid(digest, text);
}

int crypto_count_certificates(const char *pem, size_t size)
{
        BIO *bio = BIO_new_mem_buf(pem, (int)size);
        X509 *certificate;
        int count = 0;
        bool is_end;

        if (!bio)
                abort();
        while ((certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL))) {
                X509_free(certificate);
                count++;
        }
        is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        ERR_clear_error();
        BIO_free(bio);
        return is_end ? count : -(count + 1);
}

/* With no password to give, OpenSSL would ask the terminal for one. */
static X509 *read_pem_certificate(const void *bytes, size_t size)
{
        BIO *bio = BIO_new_mem_buf(bytes, (int)size);
        char no_password[] = "";
        X509 *certificate;

        if (!bio)
                abort();
        certificate = PEM_read_bio_X509(bio, NULL, NULL, no_password);
        BIO_free(bio);
        return certificate;
}

bool crypto_certificate_der(struct buf *der, const void *bytes, size_t size)
{
        const unsigned char *at = bytes;
        unsigned char *encoded = NULL;
        X509 *certificate;
        int length = -1;

        if (size == 0 || size > INT_MAX)
                return false;
        if (memmem(bytes, size, "-----BEGIN", strlen("-----BEGIN")))
                certificate = read_pem_certificate(bytes, size);
        else
                certificate = d2i_X509(NULL, &at, (long)size);
        if (certificate)
                length = i2d_X509(certificate, &encoded);
        if (length > 0)
                buf_add(der, encoded, (size_t)length);
        OPENSSL_free(encoded);
        X509_free(certificate);
        ERR_clear_error();
        return length > 0;
}

/* A key with a passphrase is not asked for one. */
static int no_passphrase(char *text, int size, int writing, void *context)
{
        (void)text;
        (void)size;
        (void)writing;
        (void)context;
        return -1;
}

static EVP_PKEY *read_pem_key(const struct buf *pem)
{
        BIO *bio = pem->size <= INT_MAX ? BIO_new_mem_buf(pem->data, (int)pem->size) : NULL;
        EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

        BIO_free(bio);
        return key;
}

bool crypto_sign_pss(struct buf *signature, const struct buf *pem, const struct buf *text)
{
        EVP_PKEY *key = read_pem_key(pem);
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        EVP_PKEY_CTX *options = NULL;
        size_t from = signature->size;
        size_t size = 0;
        bool good = key && context && EVP_PKEY_is_a(key, "RSA") &&
                    EVP_DigestSignInit(context, &options, EVP_sha256(), NULL, key) == 1 &&
                    EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                    EVP_PKEY_CTX_set_rsa_pss_saltlen(options, CRYPTO_SHA256_SIZE) == 1 &&
                    EVP_DigestSign(context, NULL, &size, (const unsigned char *)text->data,
                                   text->size) == 1;

        if (good) {
                buf_reserve(signature, size);
                good = EVP_DigestSign(context, (unsigned char *)signature->data + from, &size,
                                      (const unsigned char *)text->data, text->size) == 1;
                signature->size = good ? from + size : from;
        }
        EVP_MD_CTX_free(context);
        EVP_PKEY_free(key);
        ERR_clear_error();
        return good;
}
