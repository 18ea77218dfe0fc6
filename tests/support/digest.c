// SPDX-License-Identifier: MIT
#include "support/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/mem.h"

#define REALM "camera"
#define NONCE "dcd98b7102dd2f0e8b11d0f600bfb0c093"

void test_digest_ask(const struct test_digest *digest, struct buf *answer)
{
        CLEANUP(mem_cleanup)
        char *header = mem_format("WWW-Authenticate: Digest realm=\"" REALM "\", nonce=\"" NONCE
                                  "\", qop=\"auth\", algorithm=%s\r\n",
                                  digest->algorithm);

        test_http_answer(answer, 401, header, "who is there?");
}

/* A parameter of the Authorization header, with or without quotes; "" if absent. */
static char *parameter(const char *header, const char *name)
{
        CLEANUP(mem_cleanup) char *quoted = mem_format(" %s=\"", name);
        CLEANUP(mem_cleanup) char *plain = mem_format(" %s=", name);
        const char *at = strstr(header, quoted);

        if (at) {
                at += strlen(quoted);
                return mem_text_n(at, strcspn(at, "\""));
        }
        at = strstr(header, plain);
        if (!at)
                return mem_text("");
        at += strlen(plain);
        return mem_text_n(at, strcspn(at, ", "));
}

static void add_hash(const char *algorithm, const char *text, struct buf *out)
{
        unsigned char hash[EVP_MAX_MD_SIZE];
        unsigned int size = 0;
        const EVP_MD *kind = strcmp(algorithm, "MD5") == 0 ? EVP_md5() : EVP_sha256();

        EVP_Digest(text, strlen(text), hash, &size, kind, NULL);
        crypto_hex_encode(out, hash, size);
}

bool test_digest_check(const struct test_digest *digest, const struct test_http_request *request)
{
        CLEANUP(buf_deinit) struct buf header = BUF_INIT;
        CLEANUP(buf_deinit) struct buf a1 = BUF_INIT;
        CLEANUP(buf_deinit) struct buf a2 = BUF_INIT;
        CLEANUP(buf_deinit) struct buf hash = BUF_INIT;
        CLEANUP(mem_cleanup) char *text = NULL;
        CLEANUP(mem_cleanup) char *response = NULL;
        CLEANUP(mem_cleanup) char *cnonce = NULL;
        CLEANUP(mem_cleanup) char *count = NULL;

        if (!test_http_header(request, "Authorization", &header) ||
            strncmp(buf_text(&header), "Digest ", 7) != 0)
                return false;
        response = parameter(buf_text(&header), "response");
        cnonce = parameter(buf_text(&header), "cnonce");
        count = parameter(buf_text(&header), "nc");
        text = mem_format("%s:" REALM ":%s", digest->user, digest->password);
        add_hash(digest->algorithm, text, &a1);
        free(text);
        text = mem_format("%s:%s", request->method, request->target);
        add_hash(digest->algorithm, text, &a2);
        free(text);
        text = mem_format("%s:" NONCE ":%s:%s:auth:%s", buf_text(&a1), count, cnonce,
                          buf_text(&a2));
        add_hash(digest->algorithm, text, &hash);
        return strcmp(response, buf_text(&hash)) == 0;
}
