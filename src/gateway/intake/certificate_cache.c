// SPDX-License-Identifier: MIT
#include "gateway/intake/certificate_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"

#define STOPPING "the gateway is stopping"

struct certificate_cache {
        struct certificate_cache_options options;

        pthread_mutex_t lock;
        struct entry *entries[CERTIFICATE_CACHE_ENTRIES];
        size_t count;
        uint64_t uses; /* counts questions, to know which entry was used last */
        size_t fetches;
        bool stopping;
};

/* An address, and what is known of it. */
struct entry {
        struct certificate_cache *cache;
        char *url;
        uint64_t used;
        struct signature_certificate *certificate; /* NULL = no copy */
        int64_t fetched_ms;
        bool tried; /* a fetch has ended since the start */
        int64_t tried_ms;
        enum certificate_state outcome; /* of that fetch */
        struct reason reason;
        bool fetching; /* it stays while it does */
        struct list waiters;
};

struct waiter {
        struct list_node node;
        certificate_cache_done *done;
        void *context;
};

static void answer_deinit(struct certificate_answer *answer)
{
        signature_certificate_free(answer->certificate);
}

/* --- entries ------------------------------------------------------------------------------ */

static struct entry *find_entry(struct certificate_cache *cache, const char *url)
{
        for (size_t i = 0; i < cache->count; i++) {
                if (text_equal(cache->entries[i]->url, url))
                        return cache->entries[i];
        }
        return NULL;
}

static void entry_free(struct entry *entry)
{
        free(entry->url);
        signature_certificate_free(entry->certificate);
        free(entry);
}

static bool is_less_useful(const struct entry *a, const struct entry *b)
{
        bool a_has_copy = a->certificate != NULL;
        bool b_has_copy = b->certificate != NULL;

        return a_has_copy == b_has_copy ? a->used < b->used : b_has_copy;
}

/* Evicts the least useful entry that is not being fetched (there is always one). */
static struct entry **make_room(struct certificate_cache *cache)
{
        struct entry **place = NULL;

        for (size_t i = 0; i < cache->count; i++) {
                struct entry **other = &cache->entries[i];

                if (!(*other)->fetching && (!place || is_less_useful(*other, *place)))
                        place = other;
        }
        if (!place)
                abort();
        if ((*place)->certificate)
                store_write_copy(
                        cache->options.store,
                        &(struct store_record){.kind = cache->options.kind, .key = (*place)->url});
        entry_free(*place);
        return place;
}

static struct entry *add_entry(struct certificate_cache *cache, const char *url)
{
        struct entry *entry = mem_new(1, sizeof(*entry));

        entry->cache = cache;
        entry->url = mem_text(url);
        entry->used = ++cache->uses;
        list_init(&entry->waiters);
        if (cache->count == CERTIFICATE_CACHE_ENTRIES)
                *make_room(cache) = entry;
        else
                cache->entries[cache->count++] = entry;
        return entry;
}

static bool has_copy(const struct entry *entry, int64_t now_ms)
{
        return entry->certificate && now_ms - entry->fetched_ms < CERTIFICATE_CACHE_KEEP_MS;
}

/* A fetch has ended within the last `window_ms`. */
static bool tried_within(const struct entry *entry, int64_t now_ms, int64_t window_ms)
{
        return entry->tried && now_ms - entry->tried_ms < window_ms;
}

/* A copy if there is one, else why the last fetch brought none. */
static void outcome_of(const struct entry *entry, int64_t now_ms, struct certificate_answer *answer)
{
        if (has_copy(entry, now_ms)) {
                answer->state = CERTIFICATE_KNOWN;
                answer->certificate = signature_certificate_share(entry->certificate);
                answer->tried_ms_ago =
                        now_ms - (entry->tried ? entry->tried_ms : entry->fetched_ms);
        } else {
                answer->state = entry->outcome;
                answer->reason = entry->reason;
        }
}

/* --- the fetch ---------------------------------------------------------------------------- */

/* What an answer means; the certificate or the reason is set. */
static enum certificate_state judge(const struct certificate_cache *cache,
                                    const struct http_answer *answer,
                                    struct signature_certificate **certificate,
                                    struct reason *reason)
{
        *certificate = NULL;
        if (answer->failure == HTTP_E_TOO_LARGE) {
                reason_set(reason, "what is at CertificateUrl is too large for a certificate");
                return CERTIFICATE_WRONG;
        }
        if (answer->failure != HTTP_OK) {
                /* The sender need not know our network; the log says more. */
                reason_set(reason,
                           "the certificate can't be fetched: its host can't be reached, or "
                           "its address is not public");
                return CERTIFICATE_UNREACHABLE;
        }
        if (answer->status == 404 || answer->status == 410) {
                reason_set(reason, "there is no certificate at CertificateUrl");
                return CERTIFICATE_WRONG;
        }
        if (answer->status != 200) {
                reason_set(reason, "the certificate can't be fetched: its host answered %d",
                           answer->status);
                return CERTIFICATE_UNREACHABLE;
        }
        *certificate = cache->options.read(answer->body.data, answer->body.size, reason);
        return *certificate ? CERTIFICATE_KNOWN : CERTIFICATE_WRONG;
}

static void log_fetched(const struct entry *entry, bool replaced)
{
        CLEANUP(buf_deinit) struct buf fingerprint = BUF_INIT;

        crypto_hex_encode(&fingerprint, signature_certificate_fingerprint(entry->certificate),
                          CRYPTO_SHA256_SIZE);
        log_info("CERTIFICATE_FETCHED", "A signing certificate was fetched",
                 LOG_TEXT("url", entry->url), LOG_TEXT("fingerprint", buf_text(&fingerprint)),
                 LOG_TEXT("replaces_another", replaced ? "yes" : "no"), LOG_END);
}

static bool is_same(const struct signature_certificate *a, const struct signature_certificate *b)
{
        return memcmp(signature_certificate_fingerprint(a), signature_certificate_fingerprint(b),
                      CRYPTO_SHA256_SIZE) == 0;
}

/* Takes the certificate, which was read from `bytes`. */
static void keep(struct entry *entry, struct signature_certificate *certificate,
                 const struct buf *bytes, int64_t now_ms)
{
        struct certificate_cache *cache = entry->cache;
        bool replaced = entry->certificate && !is_same(entry->certificate, certificate);

        signature_certificate_free(entry->certificate);
        entry->certificate = certificate;
        entry->fetched_ms = now_ms;
        store_write_copy(cache->options.store, &(struct store_record){
                                                       .kind = cache->options.kind,
                                                       .key = entry->url,
                                                       .value = bytes->data,
                                                       .value_size = bytes->size,
                                                       .keep_ms = CERTIFICATE_CACHE_KEEP_MS,
                                               });
        metrics_add(METRIC_CERTIFICATE_FETCHED, 1);
        log_fetched(entry, replaced);
}

static void note_failure(const struct entry *entry, const struct http_answer *http, bool has_copy)
{
        bool failed = http->failure != HTTP_OK;

        metrics_add(METRIC_CERTIFICATE_FAILED, 1);
        log_warn("CERTIFICATE_NOT_FETCHED", "A signing certificate could not be fetched",
                 LOG_TEXT("url", entry->url),
                 LOG_TEXT("reason", failed ? http->reason.text : entry->reason.text),
                 LOG_TEXT("copy_is_kept", has_copy ? "yes" : "no"), LOG_END);
}

static void answer_waiters(struct list *waiters, const struct certificate_answer *answer)
{
        struct list_node *node;

        while ((node = list_pop_front(waiters))) {
                struct waiter *waiter = list_entry(node, struct waiter, node);

                waiter->done(waiter->context, answer);
                free(waiter);
        }
}

/* The fetch has ended, and `entry` says how unless there is a certificate, which is taken. */
static void settle(struct entry *entry, const struct http_answer *http,
                   struct signature_certificate *certificate)
{
        int64_t now_ms = entry->cache->options.now_ms();

        entry->fetching = false;
        entry->cache->fetches--;
        entry->tried = true;
        entry->tried_ms = now_ms;
        if (certificate)
                keep(entry, certificate, &http->body, now_ms);
        else if (http->failure != HTTP_E_STOPPED)
                note_failure(entry, http, has_copy(entry, now_ms));
}

/* On the thread "http". */
static void on_answer(void *context, const struct http_answer *http)
{
        struct entry *entry = context;
        struct certificate_cache *cache = entry->cache;
        struct signature_certificate *certificate;
        struct reason reason = REASON_INIT;
        enum certificate_state outcome = judge(cache, http, &certificate, &reason);
        CLEANUP(answer_deinit) struct certificate_answer answer = {.certificate = NULL};
        struct list waiters;

        list_init(&waiters);
        pthread_mutex_lock(&cache->lock);
        entry->outcome = outcome;
        entry->reason = reason;
        settle(entry, http, certificate);
        outcome_of(entry, entry->tried_ms, &answer);
        list_splice_back(&waiters, &entry->waiters);
        pthread_mutex_unlock(&cache->lock);
        answer_waiters(&waiters, &answer);
}

static void start_fetch(struct entry *entry)
{
        struct certificate_cache *cache = entry->cache;

        entry->fetching = true;
        cache->fetches++;
        http_client_send(cache->options.http,
                         &(struct http_request){
                                 .method = "GET",
                                 .url = entry->url,
                                 .timeout_ms = CERTIFICATE_CACHE_TIMEOUT_MS,
                                 .maximum_answer = cache->options.maximum_size,
                                 .public_only = cache->options.public_only,
                         },
                         on_answer, entry);
}

static void refresh_if_due(struct entry *entry, int64_t now_ms)
{
        const struct certificate_cache *cache = entry->cache;

        if (now_ms - entry->fetched_ms < CERTIFICATE_CACHE_REFRESH_MS)
                return;
        if (!entry->fetching && !tried_within(entry, now_ms, CERTIFICATE_CACHE_AGAIN_MS) &&
            cache->fetches < CERTIFICATE_CACHE_FETCHES && !cache->stopping)
                start_fetch(entry);
}

/* --- questions ---------------------------------------------------------------------------- */

static void find_locked(struct certificate_cache *cache, const char *url,
                        struct certificate_answer *answer)
{
        struct entry *entry = find_entry(cache, url);
        int64_t now_ms = cache->options.now_ms();

        if (!entry)
                return;
        entry->used = ++cache->uses;
        if (has_copy(entry, now_ms))
                refresh_if_due(entry, now_ms);
        else if (entry->fetching || !tried_within(entry, now_ms, CERTIFICATE_CACHE_NEGATIVE_MS))
                return;
        outcome_of(entry, now_ms, answer);
}

void certificate_cache_find(struct certificate_cache *cache, const char *url,
                            struct certificate_answer *answer)
{
        *answer = (struct certificate_answer){.state = CERTIFICATE_UNKNOWN};
        pthread_mutex_lock(&cache->lock);
        find_locked(cache, url, answer);
        pthread_mutex_unlock(&cache->lock);
}

static void refuse(struct certificate_answer *answer, const char *why)
{
        answer->state = CERTIFICATE_UNREACHABLE;
        reason_set(&answer->reason, "%s", why);
}

/* Makes sure that a fetch is under way, and gives its entry; or NULL, with the answer. */
static struct entry *need_fetch(struct certificate_cache *cache, const char *url,
                                struct certificate_answer *answer)
{
        struct entry *entry = find_entry(cache, url);
        int64_t now_ms = cache->options.now_ms();

        if (cache->stopping) {
                refuse(answer, STOPPING);
                return NULL;
        }
        if (entry && entry->fetching)
                return entry;
        /* Perhaps a fetch has ended since the caller looked. */
        if (entry && tried_within(entry, now_ms, CERTIFICATE_CACHE_NEGATIVE_MS)) {
                outcome_of(entry, now_ms, answer);
                return NULL;
        }
        if (cache->fetches == CERTIFICATE_CACHE_FETCHES) {
                refuse(answer, "too many certificates are being fetched; try again");
                return NULL;
        }
        if (!entry)
                entry = add_entry(cache, url);
        start_fetch(entry);
        return entry;
}

void certificate_cache_fetch(struct certificate_cache *cache, const char *url,
                             certificate_cache_done *done, void *context)
{
        CLEANUP(answer_deinit) struct certificate_answer answer = {.certificate = NULL};
        struct waiter *waiter = mem_new(1, sizeof(*waiter));
        struct entry *entry;

        waiter->done = done;
        waiter->context = context;
        pthread_mutex_lock(&cache->lock);
        entry = need_fetch(cache, url, &answer);
        if (entry)
                list_push_back(&entry->waiters, &waiter->node);
        pthread_mutex_unlock(&cache->lock);
        if (entry)
                return;
        free(waiter);
        done(context, &answer);
}

/* --- life --------------------------------------------------------------------------------- */

static bool take_record(void *context, const struct store_record *record)
{
        struct certificate_cache *cache = context;
        struct signature_certificate *certificate;
        struct entry *entry;

        if (cache->count == CERTIFICATE_CACHE_ENTRIES)
                return false;
        certificate = cache->options.read(record->value, record->value_size, NULL);
        if (!certificate)
                return true;
        entry = add_entry(cache, record->key);
        entry->certificate = certificate;
        entry->fetched_ms = cache->options.now_ms() + record->keep_ms - CERTIFICATE_CACHE_KEEP_MS;
        return true;
}

int certificate_cache_new(const struct certificate_cache_options *options,
                          struct certificate_cache **cache, struct reason *reason)
{
        struct certificate_cache *made = mem_new(1, sizeof(*made));
        int result;

        made->options = *options;
        pthread_mutex_init(&made->lock, NULL);
        result = store_records_each(options->store, options->kind, NULL, take_record, made);
        *cache = made;
        if (result != 0) {
                reason_set(reason, "the store's certificates can't be read");
                certificate_cache_free(made);
                *cache = NULL;
        }
        return result;
}

void certificate_cache_stop(struct certificate_cache *cache)
{
        struct certificate_answer answer = {.certificate = NULL};
        struct list waiters;

        list_init(&waiters);
        refuse(&answer, STOPPING);
        pthread_mutex_lock(&cache->lock);
        cache->stopping = true;
        for (size_t i = 0; i < cache->count; i++)
                list_splice_back(&waiters, &cache->entries[i]->waiters);
        pthread_mutex_unlock(&cache->lock);
        answer_waiters(&waiters, &answer);
}

void certificate_cache_free(struct certificate_cache *cache)
{
        if (!cache)
                return;
        for (size_t i = 0; i < cache->count; i++)
                entry_free(cache->entries[i]);
        pthread_mutex_destroy(&cache->lock);
        free(cache);
}
