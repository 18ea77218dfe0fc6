// SPDX-License-Identifier: MIT
#include "gateway/intake/uplink_trust.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "azure/endpoint.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/x509/trust.h"
#include "gateway/intake/certificate_cache.h"
#include "networks/signature.h"

/* A false signature asks for a newer copy of the certificate, but not more often than this. */
#define RECHECK_MS 60000

#define ROOTS_FILE_MAX ((size_t)8 * 1024 * 1024)

/* A network that signs. */
struct signer {
        const struct network *network;
        const struct settings_signature *settings;
        char *kind;                           /* of its records in the store */
        struct certificate_cache *cache;      /* NULL = `files` are all there is */
        struct signature_certificate **files; /* the configured ones */
        struct signature_roots *roots;        /* of the strict mode */
        int64_t (*now_ms)(void);
};

struct uplink_trust {
        struct signer signers[NETWORKS_MAX]; /* the first `count` are in use */
        size_t count;
};

struct uplink_proof {
        struct signer *signer;
        struct signature signature;
        uplink_trust_done *done;
        void *context;
};

static void proof_free(struct uplink_proof *proof)
{
        signature_deinit(&proof->signature);
        free(proof);
}

/* --- the verdict -------------------------------------------------------------------------- */

/* "AB:CD..." or "abcd...", as the settings' check allows it. */
static bool is_fingerprint(const char *text, const uint8_t digest[CRYPTO_SHA256_SIZE])
{
        CLEANUP(buf_deinit) struct buf digits = BUF_INIT;
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

        for (; *text; text++) {
                if (*text != ':')
                        buf_add_char(&digits, *text);
        }
        return crypto_hex_decode(&bytes, buf_text(&digits), digits.size) &&
               crypto_equal(bytes.data, bytes.size, digest, CRYPTO_SHA256_SIZE);
}

/* Is the certificate one of those that the settings name, if they name any? */
static bool is_pinned(const struct signer *signer, const struct signature_certificate *certificate,
                      struct reason *reason)
{
        const struct conf_texts *pins = &signer->settings->certificate_fingerprints;
        const uint8_t *digest = signature_certificate_fingerprint(certificate);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        if (pins->count == 0)
                return true;
        for (size_t i = 0; i < pins->count; i++) {
                if (is_fingerprint(pins->texts[i], digest))
                        return true;
        }
        crypto_hex_encode(&text, digest, CRYPTO_SHA256_SIZE);
        reason_set(reason,
                   "the certificate is none of CertificateFingerprints; its fingerprint is %s",
                   buf_text(&text));
        return false;
}

/* Returns 0 or one of enum signature_condition. */
static int verify_with(const struct signer *signer, const struct signature *signature,
                       const struct signature_certificate *certificate, struct reason *reason)
{
        struct signature_strict strict = {.now_s = signer->now_ms() / 1000, .roots = signer->roots};

        if (!is_pinned(signer, certificate, reason))
                return SIGNATURE_E_CERTIFICATE;
        return signer->network->signature->verify(signature, certificate,
                                                  signer->roots ? &strict : NULL, reason);
}

/* With the configured certificates: the one that fits decides. */
static enum uplink_verdict verify_with_files(const struct signer *signer,
                                             const struct signature *signature,
                                             struct reason *reason)
{
        int result = SIGNATURE_E_FALSE;

        for (size_t i = 0; i < signer->settings->certificate_files.count; i++) {
                result = verify_with(signer, signature, signer->files[i], reason);
                if (result == 0 || result == SIGNATURE_E_STRICT)
                        break;
        }
        return result == 0 ? UPLINK_TRUSTED : UPLINK_REFUSED;
}

static bool is_fresh(const struct signer *signer, const struct signature *signature,
                     struct reason *reason)
{
        int64_t allowed_s = signer->settings->maximum_age_minutes * 60;
        int64_t now_s = signer->now_ms() / 1000;

        if (allowed_s == 0 ||
            (signature->signed_s >= now_s - allowed_s && signature->signed_s <= now_s + allowed_s))
                return true;
        reason_set(reason,
                   "Timestamp is more than the allowed %lld minutes away from now; if the clocks "
                   "are right, this delivery is a repetition",
                   (long long)signer->settings->maximum_age_minutes);
        return false;
}

/* What can be said without the certificate; 0 = nothing against it. */
static int examine(const struct signer *signer, const struct webhook *webhook,
                   struct signature *signature, struct reason *reason)
{
        const struct signature_driver *driver = signer->network->signature;
        int result = driver->read(webhook, signature, reason);

        if (result != 0)
                return result;
        if (!is_fresh(signer, signature, reason))
                return SIGNATURE_E_FALSE;
        return driver->check_url(signature->certificate_url, signer->settings->certificate_host,
                                 reason);
}

/* With what the cache has; UPLINK_UNDECIDED if that is not enough. */
static enum uplink_verdict verify_with_answer(const struct signer *signer,
                                              const struct signature *signature,
                                              const struct certificate_answer *answer,
                                              struct reason *reason)
{
        int result;

        *reason = answer->reason;
        switch (answer->state) {
        case CERTIFICATE_UNKNOWN:
                return UPLINK_UNDECIDED;
        case CERTIFICATE_WRONG:
                return UPLINK_REFUSED;
        case CERTIFICATE_UNREACHABLE:
                return UPLINK_UNAVAILABLE;
        case CERTIFICATE_KNOWN:
                break;
        }
        result = verify_with(signer, signature, answer->certificate, reason);
        /* It may have been replaced at its address since. */
        if (result == SIGNATURE_E_FALSE && answer->tried_ms_ago >= RECHECK_MS)
                return UPLINK_UNDECIDED;
        return result == 0 ? UPLINK_TRUSTED : UPLINK_REFUSED;
}

static enum uplink_verdict verify_with_cache(const struct signer *signer,
                                             const struct signature *signature,
                                             struct reason *reason)
{
        struct certificate_answer answer;
        enum uplink_verdict verdict;

        certificate_cache_find(signer->cache, signature->certificate_url, &answer);
        verdict = verify_with_answer(signer, signature, &answer, reason);
        signature_certificate_free(answer.certificate);
        return verdict;
}

/* In the mode Warn everything is let in. */
static enum uplink_verdict conclude(const struct signer *signer, enum uplink_verdict verdict,
                                    const struct reason *reason)
{
        if (signer->settings->mode != SETTINGS_SIGNATURE_WARN || verdict == UPLINK_TRUSTED ||
            verdict == UPLINK_UNDECIDED)
                return verdict;
        log_warn("SIGNATURE_DOUBTFUL", "A delivery was taken though its origin is not proven",
                 LOG_TEXT("network", signer->network->name), LOG_TEXT("reason", reason->text),
                 LOG_END);
        return UPLINK_TRUSTED;
}

static struct signer *find_signer(struct uplink_trust *trust, const struct network *network)
{
        for (size_t i = 0; i < trust->count; i++) {
                if (trust->signers[i].network == network)
                        return &trust->signers[i];
        }
        return NULL;
}

enum uplink_verdict uplink_trust_check(struct uplink_trust *trust, const struct network *network,
                                       const struct webhook *webhook, struct uplink_proof **proof,
                                       struct reason *reason)
{
        struct signer *signer = find_signer(trust, network);
        struct uplink_proof *made;
        enum uplink_verdict verdict;
        int result;

        *proof = NULL;
        if (!signer || signer->settings->mode == SETTINGS_SIGNATURE_OFF)
                return UPLINK_TRUSTED;
        made = mem_new(1, sizeof(*made));
        made->signer = signer;
        made->signature = SIGNATURE_INIT;
        result = examine(signer, webhook, &made->signature, reason);
        if (result != 0)
                verdict = result == SIGNATURE_E_MALFORMED ? UPLINK_MALFORMED : UPLINK_REFUSED;
        else if (signer->cache)
                verdict = verify_with_cache(signer, &made->signature, reason);
        else
                verdict = verify_with_files(signer, &made->signature, reason);
        if (verdict == UPLINK_UNDECIDED)
                *proof = made;
        else
                proof_free(made);
        return conclude(signer, verdict, reason);
}

static void on_certificate(void *context, const struct certificate_answer *answer)
{
        struct uplink_proof *proof = context;
        struct reason reason;
        enum uplink_verdict verdict =
                verify_with_answer(proof->signer, &proof->signature, answer, &reason);

        /* Nothing newer is to be had. */
        if (verdict == UPLINK_UNDECIDED)
                verdict = UPLINK_REFUSED;
        verdict = conclude(proof->signer, verdict, &reason);
        proof->done(proof->context, verdict, &reason);
        proof_free(proof);
}

void uplink_trust_decide(struct uplink_proof *proof, uplink_trust_done *done, void *context)
{
        proof->done = done;
        proof->context = context;
        certificate_cache_fetch(proof->signer->cache, proof->signature.certificate_url,
                                on_certificate, proof);
}

/* --- life --------------------------------------------------------------------------------- */

/* True for names and addresses of which the operator says by the setting that they are meant. */
static bool is_inner_host(const char *authority)
{
        struct reason ignored;
        struct endpoint endpoint;
        struct in6_addr address;

        return endpoint_parse(authority, 443, &endpoint, &ignored) &&
               (text_equal_nocase(endpoint.host, "localhost") ||
                inet_pton(AF_INET, endpoint.host, &address) == 1 ||
                inet_pton(AF_INET6, endpoint.host, &address) == 1);
}

static int read_file(struct signer *signer, const char *name, size_t index, struct reason *reason)
{
        const struct signature_driver *driver = signer->network->signature;
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        int result = file_read(name, driver->certificate_size, &bytes, reason);

        if (result != 0)
                return result;
        signer->files[index] = driver->read_certificate(bytes.data, bytes.size, reason);
        if (signer->files[index] && is_pinned(signer, signer->files[index], reason))
                return 0;
        reason_prefix(reason, "%s", name);
        return 1;
}

static int read_files(struct signer *signer, struct reason *reason)
{
        const struct conf_texts *names = &signer->settings->certificate_files;
        int result = 0;

        signer->files = mem_new(names->count, sizeof(*signer->files));
        for (size_t i = 0; i < names->count && result == 0; i++)
                result = read_file(signer, names->texts[i], i, reason);
        return result;
}

static int read_roots(struct signer *signer, const char *extra_file, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf pem = BUF_INIT;
        struct trust *trust;
        int result = trust_open(extra_file, &trust, reason);

        if (result == 0)
                result = file_read(trust_file(trust), ROOTS_FILE_MAX, &pem, reason);
        if (result == 0) {
                signer->roots = signature_roots_new(pem.data, pem.size, reason);
                result = signer->roots ? 0 : 1;
        }
        trust_close(trust);
        return result;
}

static int open_signer(const struct uplink_trust_options *options, const struct network *network,
                       struct signer *signer, struct reason *reason)
{
        int result = 0;

        signer->network = network;
        signer->settings = &settings_network(options->settings, network)->signature;
        signer->kind = mem_format("certificate.%s", network->name);
        signer->now_ms = options->now_ms ? options->now_ms : clock_wall_ms;
        if (signer->settings->mode == SETTINGS_SIGNATURE_OFF)
                return 0;
        if (signer->settings->mode == SETTINGS_SIGNATURE_STRICT)
                result = read_roots(signer, options->settings->azure.trusted_certificates, reason);
        if (result == 0 && signer->settings->certificate_files.count > 0)
                return read_files(signer, reason);
        if (result != 0)
                return result;
        return certificate_cache_new(
                &(struct certificate_cache_options){
                        .http = options->http,
                        .store = options->store,
                        .kind = signer->kind,
                        .maximum_size = signer->network->signature->certificate_size,
                        .public_only = !is_inner_host(signer->settings->certificate_host),
                        .read = signer->network->signature->read_certificate,
                        .now_ms = options->now_ms ? options->now_ms : clock_steady_ms,
                },
                &signer->cache, reason);
}

int uplink_trust_new(const struct uplink_trust_options *options, struct uplink_trust **trust,
                     struct reason *reason)
{
        struct uplink_trust *made = mem_new(1, sizeof(*made));
        int result = 0;

        *trust = NULL;
        for (size_t i = 0; networks[i] && result == 0; i++) {
                if (networks[i]->signature)
                        result = open_signer(options, networks[i], &made->signers[made->count++],
                                             reason);
        }
        if (result == 0)
                *trust = made;
        else
                uplink_trust_free(made);
        return result;
}

void uplink_trust_stop(struct uplink_trust *trust)
{
        for (size_t i = 0; trust && i < trust->count; i++) {
                if (trust->signers[i].cache)
                        certificate_cache_stop(trust->signers[i].cache);
        }
}

void uplink_trust_free(struct uplink_trust *trust)
{
        if (!trust)
                return;
        for (size_t i = 0; i < trust->count; i++) {
                struct signer *signer = &trust->signers[i];

                for (size_t j = 0; signer->files && j < signer->settings->certificate_files.count;
                     j++)
                        signature_certificate_free(signer->files[j]);
                free(signer->files);
                signature_roots_free(signer->roots);
                certificate_cache_free(signer->cache);
                free(signer->kind);
        }
        free(trust);
}
