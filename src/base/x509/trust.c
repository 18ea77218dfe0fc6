// SPDX-License-Identifier: MIT
#include "base/x509/trust.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

/* A system's bundle has about 220 kB. */
#define TRUST_FILE_MAX ((size_t)4 * 1024 * 1024)

struct trust {
        char *file;
        int memory; /* descriptor of the joined copy; -1 = there is none */
};

static const char *find_system_file(void)
{
        static const char *const places[] = {
                "/etc/ssl/certs/ca-certificates.crt",
                "/etc/pki/tls/certs/ca-bundle.crt",
                "/etc/ssl/ca-bundle.pem",
                "/etc/ssl/cert.pem",
        };
        const char *named = getenv("SSL_CERT_FILE");

        if (!text_is_empty(named))
                return named;
        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                if (access(places[i], R_OK) == 0)
                        return places[i];
        }
        return NULL;
}

static int read_certificates(const char *path, struct buf *out, struct reason *reason)
{
        size_t before = out->size;
        int result = file_read(path, TRUST_FILE_MAX, out, reason);
        int count;

        if (result != 0)
                return result;
        count = crypto_count_certificates(out->data + before, out->size - before);
        if (count < 0)
                reason_set(reason, "certificate %d in '%s' is broken", -count, path);
        else if (count == 0)
                reason_set(reason,
                           "'%s' holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)",
                           path);
        return count > 0 ? 0 : -EINVAL;
}

/* A file without a name, so that nothing stays behind however the program ends. */
static int keep(struct trust *trust, const struct buf *pem, struct reason *reason)
{
        trust->memory = file_in_memory("isthmus-trust", pem->data, pem->size);
        if (trust->memory >= 0)
                trust->file = mem_format("/proc/self/fd/%d", trust->memory);
        if (trust->file && access(trust->file, R_OK) == 0)
                return 0;
        reason_set(reason, "the trusted certificates can't be kept in memory (is /proc mounted?)");
        return trust->memory < 0 ? trust->memory : -ENOENT;
}

static int join(struct trust *trust, const char *extra_file, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf pem = BUF_INIT;
        const char *system_file = find_system_file();
        int result = 0;

        if (system_file) {
                result = read_certificates(system_file, &pem, reason);
                buf_add_char(&pem, '\n');
        }
        if (result == 0 && extra_file)
                result = read_certificates(extra_file, &pem, reason);
        if (result != 0)
                return result;
        if (system_file && !extra_file) {
                trust->file = mem_text(system_file);
                return 0;
        }
        if (pem.size > 0)
                return keep(trust, &pem, reason);
        reason_set(reason, "this system has no trusted certificates: install the package "
                           "ca-certificates, or name a PEM file in SSL_CERT_FILE");
        return -ENOENT;
}

int trust_open(const char *extra_file, struct trust **trust, struct reason *reason)
{
        struct trust *opened = mem_new(1, sizeof(*opened));
        int result;

        opened->memory = -1;
        result = join(opened, text_is_empty(extra_file) ? NULL : extra_file, reason);
        if (result != 0) {
                trust_close(opened);
                opened = NULL;
        }
        *trust = opened;
        return result;
}

const char *trust_file(const struct trust *trust)
{
        return trust->file;
}

void trust_close(struct trust *trust)
{
        if (!trust)
                return;
        if (trust->memory >= 0)
                close(trust->memory);
        free(trust->file);
        free(trust);
}
