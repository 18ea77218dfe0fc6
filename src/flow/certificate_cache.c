// SPDX-License-Identifier: MIT
#include "flow/certificate_cache.h"

#include <pthread.h>
#include <stdlib.h>

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
        struct buf bytes; /* empty = no copy */
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
        buf_deinit(&entry->bytes);
        free(entry);
}

static bool is_less_useful(const struct entry *a, const struct entry *b)
{
        bool a_has_copy = a->bytes.size > 0;
        bool b_has_copy = b->bytes.size > 0;

        return a_has_copy == b_has_copy ? a->used < b->used : b_has_copy;
}

/* Gives up the least useful entry and returns its place; some entry is always not fetching. */
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
        if ((*place)->bytes.size > 0)
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

/* A clock that was set back makes nothing older. */
static bool has_copy(const struct entry *entry, int64_t now_ms)
{
        return entry->bytes.size > 0 && now_ms - entry->fetched_ms < CERTIFICATE_CACHE_KEEP_MS;
}

/* Whatever a clock that was set back says is long ago. */
static int64_t elapsed(int64_t now_ms, int64_t then_ms)
{
        return now_ms >= then_ms ? now_ms - then_ms : INT64_MAX;
}

/* A fetch has ended within the last `window_ms`. */
static bool tried_within(const struct entry *entry, int64_t now_ms, int64_t window_ms)
{
        return entry->tried && elapsed(now_ms, entry->tried_ms) < window_ms;
}

/* A copy if there is one, else why the last fetch brought none. */
static enum certificate_state outcome_of(const struct entry *entry, int64_t now_ms,
                                         struct buf *bytes, struct reason *reason)
{
        if (has_copy(entry, now_ms)) {
                buf_add(bytes, entry->bytes.data, entry->bytes.size);
                return CERTIFICATE_KNOWN;
        }
        *reason = entry->reason;
        return entry->outcome;
}

/* --- the fetch ---------------------------------------------------------------------------- */

/* What an answer means; the reason is set unless it is CERTIFICATE_KNOWN. */
static enum certificate_state judge(const struct certificate_cache *cache,
                                    const struct http_answer *answer, struct reason *reason)
{
        if (answer->failure == HTTP_E_TOO_LARGE) {
                reason_set(reason, "what is at CertificateUrl is too large for a certificate");
                return CERTIFICATE_WRONG;
        }
        if (answer->failure != HTTP_OK) {
                reason_set(reason, "the certificate can't be fetched: %s", answer->reason.text);
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
        return cache->options.check(answer->body.data, answer->body.size, reason) == 0
                       ? CERTIFICATE_KNOWN
                       : CERTIFICATE_WRONG;
}

static void log_fetched(const struct entry *entry, bool replaced)
{
        CLEANUP(buf_deinit) struct buf der = BUF_INIT;
        CLEANUP(buf_deinit) struct buf fingerprint = BUF_INIT;
        uint8_t digest[CRYPTO_SHA256_SIZE];

        if (crypto_certificate_der(&der, entry->bytes.data, entry->bytes.size)) {
                crypto_sha256(der.data, der.size, digest);
                crypto_hex_encode(&fingerprint, digest, sizeof(digest));
        }
        log_info("CERTIFICATE_FETCHED", "A signing certificate was fetched",
                 LOG_TEXT("url", entry->url), LOG_TEXT("fingerprint", buf_text(&fingerprint)),
                 LOG_TEXT("replaces_another", replaced ? "yes" : "no"), LOG_END);
}

static void keep(struct entry *entry, const struct buf *bytes, int64_t now_ms)
{
        struct certificate_cache *cache = entry->cache;
        bool replaced =
                entry->bytes.size > 0 &&
                !crypto_equal(bytes->data, bytes->size, entry->bytes.data, entry->bytes.size);

        buf_clear(&entry->bytes);
        buf_add(&entry->bytes, bytes->data, bytes->size);
        entry->fetched_ms = now_ms;
        store_write_copy(cache->options.store,
                         &(struct store_record){
                                 .kind = cache->options.kind,
                                 .key = entry->url,
                                 .value = bytes->data,
                                 .value_size = bytes->size,
                                 .expires_ms = now_ms + CERTIFICATE_CACHE_KEEP_MS,
                         });
        metrics_add(METRIC_CERTIFICATE_FETCHED, 1);
        log_fetched(entry, replaced);
}

static void note_failure(const struct entry *entry, bool has_copy)
{
        metrics_add(METRIC_CERTIFICATE_FAILED, 1);
        log_warn("CERTIFICATE_NOT_FETCHED", "A signing certificate could not be fetched",
                 LOG_TEXT("url", entry->url), LOG_TEXT("reason", entry->reason.text),
                 LOG_TEXT("copy_is_kept", has_copy ? "yes" : "no"), LOG_END);
}

static void answer_waiters(struct list *waiters, enum certificate_state state,
                           const struct buf *bytes, const struct reason *reason)
{
        struct list_node *node;

        while ((node = list_pop_front(waiters))) {
                struct waiter *waiter = list_entry(node, struct waiter, node);

                waiter->done(waiter->context, state, bytes, reason);
                free(waiter);
        }
}

static void take_outcome(struct entry *entry, enum certificate_state outcome,
                         const struct http_answer *answer, const struct reason *reason)
{
        int64_t now_ms = entry->cache->options.now_ms();

        entry->fetching = false;
        entry->cache->fetches--;
        entry->tried = true;
        entry->tried_ms = now_ms;
        entry->outcome = outcome;
        entry->reason = *reason;
        if (outcome == CERTIFICATE_KNOWN)
                keep(entry, &answer->body, now_ms);
        else if (answer->failure != HTTP_E_STOPPED)
                note_failure(entry, has_copy(entry, now_ms));
}

/* On the thread "http". */
static void on_answer(void *context, const struct http_answer *answer)
{
        struct entry *entry = context;
        struct certificate_cache *cache = entry->cache;
        struct reason reason = REASON_INIT;
        enum certificate_state state = judge(cache, answer, &reason);
        CLEANUP(buf_deinit) struct buf copy = BUF_INIT;
        struct list waiters;

        list_init(&waiters);
        pthread_mutex_lock(&cache->lock);
        take_outcome(entry, state, answer, &reason);
        state = outcome_of(entry, entry->tried_ms, &copy, &reason);
        list_splice_back(&waiters, &entry->waiters);
        pthread_mutex_unlock(&cache->lock);
        answer_waiters(&waiters, state, &copy, &reason);
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

        if (elapsed(now_ms, entry->fetched_ms) < CERTIFICATE_CACHE_REFRESH_MS)
                return;
        if (!entry->fetching && !tried_within(entry, now_ms, CERTIFICATE_CACHE_AGAIN_MS) &&
            cache->fetches < CERTIFICATE_CACHE_FETCHES && !cache->stopping)
                start_fetch(entry);
}

/* --- questions ---------------------------------------------------------------------------- */

static enum certificate_state find_locked(struct certificate_cache *cache, const char *url,
                                          struct buf *bytes, int64_t *tried_ms_ago,
                                          struct reason *reason)
{
        struct entry *entry = find_entry(cache, url);
        int64_t now_ms = cache->options.now_ms();

        if (!entry)
                return CERTIFICATE_UNKNOWN;
        entry->used = ++cache->uses;
        if (has_copy(entry, now_ms)) {
                *tried_ms_ago = elapsed(now_ms, entry->tried ? entry->tried_ms : entry->fetched_ms);
                refresh_if_due(entry, now_ms);
        } else if (entry->fetching || !tried_within(entry, now_ms, CERTIFICATE_CACHE_NEGATIVE_MS)) {
                return CERTIFICATE_UNKNOWN;
        }
        return outcome_of(entry, now_ms, bytes, reason);
}

enum certificate_state certificate_cache_find(struct certificate_cache *cache, const char *url,
                                              struct buf *bytes, int64_t *tried_ms_ago,
                                              struct reason *reason)
{
        enum certificate_state state;

        pthread_mutex_lock(&cache->lock);
        state = find_locked(cache, url, bytes, tried_ms_ago, reason);
        pthread_mutex_unlock(&cache->lock);
        return state;
}

/* CERTIFICATE_UNKNOWN: a fetch is under way. */
static enum certificate_state begin(struct certificate_cache *cache, const char *url,
                                    struct buf *bytes, struct reason *reason)
{
        struct entry *entry = find_entry(cache, url);
        int64_t now_ms = cache->options.now_ms();

        if (cache->stopping) {
                reason_set(reason, STOPPING);
                return CERTIFICATE_UNREACHABLE;
        }
        if (entry && entry->fetching)
                return CERTIFICATE_UNKNOWN;
        /* Perhaps a fetch has ended since the caller looked. */
        if (entry && tried_within(entry, now_ms, CERTIFICATE_CACHE_NEGATIVE_MS))
                return outcome_of(entry, now_ms, bytes, reason);
        if (cache->fetches == CERTIFICATE_CACHE_FETCHES) {
                reason_set(reason, "too many certificates are being fetched; try again");
                return CERTIFICATE_UNREACHABLE;
        }
        start_fetch(entry ? entry : add_entry(cache, url));
        return CERTIFICATE_UNKNOWN;
}

void certificate_cache_fetch(struct certificate_cache *cache, const char *url,
                             certificate_cache_done *done, void *context)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        struct reason reason = REASON_INIT;
        enum certificate_state state;
        struct waiter *waiter;

        pthread_mutex_lock(&cache->lock);
        state = begin(cache, url, &bytes, &reason);
        if (state == CERTIFICATE_UNKNOWN) {
                waiter = mem_new(1, sizeof(*waiter));
                waiter->done = done;
                waiter->context = context;
                list_push_back(&find_entry(cache, url)->waiters, &waiter->node);
        }
        pthread_mutex_unlock(&cache->lock);
        if (state != CERTIFICATE_UNKNOWN)
                done(context, state, &bytes, &reason);
}

/* --- life --------------------------------------------------------------------------------- */

static bool take_record(void *context, const struct store_record *record)
{
        struct certificate_cache *cache = context;
        struct entry *entry;

        if (cache->count == CERTIFICATE_CACHE_ENTRIES)
                return false;
        if (record->value_size > cache->options.maximum_size ||
            cache->options.check(record->value, record->value_size, NULL) != 0)
                return true;
        entry = add_entry(cache, record->key);
        buf_add(&entry->bytes, record->value, record->value_size);
        entry->fetched_ms = record->expires_ms - CERTIFICATE_CACHE_KEEP_MS;
        return true;
}

int certificate_cache_new(const struct certificate_cache_options *options,
                          struct certificate_cache **cache, struct reason *reason)
{
        struct certificate_cache *made = mem_new(1, sizeof(*made));
        int result;

        made->options = *options;
        pthread_mutex_init(&made->lock, NULL);
        result = store_records_each(options->store, options->kind, take_record, made);
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
        struct reason reason;
        struct list waiters;

        list_init(&waiters);
        reason_set(&reason, STOPPING);
        pthread_mutex_lock(&cache->lock);
        cache->stopping = true;
        for (size_t i = 0; i < cache->count; i++)
                list_splice_back(&waiters, &cache->entries[i]->waiters);
        pthread_mutex_unlock(&cache->lock);
        answer_waiters(&waiters, CERTIFICATE_UNREACHABLE, &BUF_INIT, &reason);
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
