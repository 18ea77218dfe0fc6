// SPDX-License-Identifier: MIT
#include "secrets/secrets.h"

#include <pthread.h>
#include <stdlib.h>

#include "azure/identity/vault.h"
#include "azure/vault_reference.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "conf/engine/secret.h"

#define AGAIN_MIN_MS 1000
#define AGAIN_MAX_MS 60000

/* A value that its setting can't have is looked at again. */
#define REFUSED_MS 60000

/* As often as App Service does it. */
#define REFRESH_MS (INT64_C(24) * 3600 * 1000)

/* Somebody was refused who used a secret: they are read again, but not more often than this. */
#define DOUBT_MS (5 * 60 * 1000)

/* One secret; all of it is guarded by the lock. */
struct item {
        struct secrets *secrets;
        struct conf_secret *secret;
        bool asking;
        bool waits;          /* to ask again, after a failure */
        int64_t again_at_ms; /* steady: until then */
        bool answered;       /* at least once */
        int failures;        /* in a row */
        char *version;
        int64_t updated_s;
        char *code; /* of the last failure; NULL = none since the last success */
        struct reason reason;
};

struct secrets {
        struct secrets_options options;
        struct vault_means means;
        struct item *items;
        size_t count;
        pthread_mutex_t lock;
        pthread_cond_t answered;
        int64_t doubt_after_ms;
};

static const char *value_now(const struct item *item)
{
        const struct secrets_options *options = &item->secrets->options;

        return conf_secret_now(options->schema, options->target, item->secret);
}

static enum conf_secret_fate put(struct item *item, const char *value, struct reason *reason)
{
        const struct secrets_options *options = &item->secrets->options;

        return conf_secret_put(options->schema, options->target, item->secret, value, reason);
}

static void tell_changed(struct secrets *secrets)
{
        if (secrets->options.changed)
                secrets->options.changed(secrets->options.context);
}

/* --- vaults ----------------------------------------------------------------------------------- */

static void ask(struct item *item);

static void ask_again(void *context)
{
        struct item *item = context;

        pthread_mutex_lock(&item->secrets->lock);
        /* Unless somebody has asked meanwhile, whose failure has a pause of its own. */
        if (item->waits && clock_steady_ms() >= item->again_at_ms) {
                item->waits = false;
                ask(item);
        }
        pthread_mutex_unlock(&item->secrets->lock);
}

static void note_code(struct item *item, const char *code)
{
        free(item->code);
        item->code = mem_text(code);
}

/* Says once per kind of failure what is in the way, and asks again later. */
static void take_failure(struct item *item, const struct vault_answer *answer)
{
        int64_t again_ms = answer->again_ms;

        item->failures++;
        if (!text_equal(item->code, answer->code))
                log_error("SECRET_FAILED", "A secret can't be read from its Key Vault now",
                          LOG_TEXT("setting", item->secret->path),
                          LOG_TEXT("secret", item->secret->url), LOG_TEXT("code", answer->code),
                          LOG_TEXT("reason", answer->reason.text),
                          LOG_INT("kept", !conf_secret_is_awaited(value_now(item))), LOG_END);
        note_code(item, answer->code);
        item->reason = answer->reason;
        if (again_ms < 0)
                again_ms = backoff_ms(item->failures, AGAIN_MIN_MS, AGAIN_MAX_MS);
        item->waits = true;
        item->again_at_ms = clock_steady_ms() + again_ms;
        http_client_after(item->secrets->options.http, again_ms, ask_again, item);
}

static void take_success(struct item *item, const struct vault_answer *answer, bool changed)
{
        if (changed || item->code)
                log_info("SECRET_READ", "A secret was read from its Key Vault",
                         LOG_TEXT("setting", item->secret->path),
                         LOG_TEXT("secret", item->secret->url),
                         LOG_TEXT("version", answer->version), LOG_INT("changed", changed),
                         LOG_END);
        free(item->version);
        item->version = mem_text(answer->version);
        item->updated_s = answer->updated_s;
        item->failures = 0;
        note_code(item, NULL);
}

/* True if something else is in force now. */
static bool take_answer(struct item *item, const struct vault_answer *answer)
{
        struct vault_answer refused = {.code = "value", .again_ms = REFUSED_MS};
        enum conf_secret_fate fate;

        if (!answer->value) {
                take_failure(item, answer);
                return false;
        }
        fate = put(item, answer->value, &refused.reason);
        if (fate == CONF_SECRET_REFUSED)
                take_failure(item, &refused);
        else
                take_success(item, answer, fate == CONF_SECRET_CHANGED);
        return fate == CONF_SECRET_CHANGED;
}

static void on_answer(void *context, const struct vault_answer *answer)
{
        struct item *item = context;
        struct secrets *secrets = item->secrets;
        bool changed = false;

        pthread_mutex_lock(&secrets->lock);
        item->asking = false;
        item->answered = true;
        if (!answer->stopped)
                changed = take_answer(item, answer);
        pthread_cond_broadcast(&secrets->answered);
        pthread_mutex_unlock(&secrets->lock);
        if (changed)
                tell_changed(secrets);
}

/* With the lock. */
static void ask(struct item *item)
{
        bool known = !conf_secret_is_awaited(value_now(item));

        if (item->asking || item->waits || !item->secret->url ||
            (known && !item->code && vault_reference_is_fixed(item->secret->url)))
                return;
        item->asking = true;
        vault_get(&item->secrets->means, item->secret->url, on_answer, item);
}

/* `at_once`: also those that wait. */
static void ask_all(struct secrets *secrets, bool at_once)
{
        pthread_mutex_lock(&secrets->lock);
        for (size_t i = 0; i < secrets->count; i++) {
                struct item *item = &secrets->items[i];

                item->waits = item->waits && !at_once;
                ask(item);
        }
        pthread_mutex_unlock(&secrets->lock);
}

static void ask_daily(void *context)
{
        struct secrets *secrets = context;

        ask_all(secrets, false);
        http_client_after(secrets->options.http, REFRESH_MS, ask_daily, secrets);
}

void secrets_doubt(struct secrets *secrets)
{
        int64_t now_ms = clock_steady_ms();
        bool due;

        if (!secrets)
                return;
        pthread_mutex_lock(&secrets->lock);
        due = now_ms >= secrets->doubt_after_ms;
        if (due)
                secrets->doubt_after_ms = now_ms + DOUBT_MS;
        pthread_mutex_unlock(&secrets->lock);
        if (due)
                ask_all(secrets, false);
}

/* --- files ------------------------------------------------------------------------------------ */

/* A file may hold the secret, or say which vault does. */
static enum conf_secret_fate take_file(struct item *item, const struct buf *value,
                                       struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf url = BUF_INIT;

        if (!vault_reference_is(buf_text(value))) {
                free(item->secret->url);
                item->secret->url = NULL;
                return put(item, buf_text(value), reason);
        }
        if (!vault_reference_read(buf_text(value), &url, reason))
                return CONF_SECRET_REFUSED;
        free(item->secret->url);
        item->secret->url = buf_take(&url);
        return CONF_SECRET_SAME;
}

static bool read_file(struct item *item)
{
        CLEANUP(buf_wipe) struct buf value = BUF_INIT;
        struct reason reason = REASON_INIT;
        enum conf_secret_fate fate = CONF_SECRET_REFUSED;

        if (!item->secret->file)
                return false;
        if (conf_secret_read_file(item->secret->file, &value, NULL, &reason) == 0)
                fate = take_file(item, &value, &reason);
        if (fate == CONF_SECRET_REFUSED)
                log_error("SECRET_NOT_RELOADED", "A secret's file is not in order; the old stays",
                          LOG_TEXT("setting", item->secret->path), LOG_TEXT("reason", reason.text),
                          LOG_END);
        if (fate == CONF_SECRET_CHANGED)
                log_info("SECRET_RELOADED", "A secret's file has another content now",
                         LOG_TEXT("setting", item->secret->path), LOG_END);
        return fate == CONF_SECRET_CHANGED;
}

void secrets_refresh(struct secrets *secrets)
{
        bool changed = false;

        pthread_mutex_lock(&secrets->lock);
        for (size_t i = 0; i < secrets->count; i++)
                changed = read_file(&secrets->items[i]) || changed;
        pthread_mutex_unlock(&secrets->lock);
        if (changed)
                tell_changed(secrets);
        ask_all(secrets, true);
}

/* --- life ------------------------------------------------------------------------------------- */

struct secrets *secrets_new(const struct secrets_options *options)
{
        struct conf_secrets *all = conf_secrets_of(options->schema, options->target);
        struct secrets *secrets = mem_new(1, sizeof(*secrets));

        secrets->options = *options;
        secrets->means = (struct vault_means){
                .http = options->http, .identity = options->identity, .watch = options->watch};
        secrets->items = mem_new(all->count + 1, sizeof(*secrets->items));
        pthread_mutex_init(&secrets->lock, NULL);
        condition_init(&secrets->answered);
        for (size_t i = 0; i < all->count; i++)
                secrets->items[secrets->count++] =
                        (struct item){.secrets = secrets, .secret = &all->items[i]};
        ask_daily(secrets);
        return secrets;
}

void secrets_free(struct secrets *secrets)
{
        if (!secrets)
                return;
        for (size_t i = 0; i < secrets->count; i++) {
                free(secrets->items[i].version);
                free(secrets->items[i].code);
        }
        pthread_cond_destroy(&secrets->answered);
        pthread_mutex_destroy(&secrets->lock);
        free(secrets->items);
        free(secrets);
}

static bool all_answered(const struct secrets *secrets)
{
        for (size_t i = 0; i < secrets->count; i++) {
                if (secrets->items[i].secret->url && !secrets->items[i].answered)
                        return false;
        }
        return true;
}

void secrets_wait(struct secrets *secrets, int64_t most_ms)
{
        int64_t until_ns = clock_steady_ns() + most_ms * CLOCK_NS_PER_MS;

        pthread_mutex_lock(&secrets->lock);
        while (!all_answered(secrets) &&
               condition_wait_until(&secrets->answered, &secrets->lock, until_ns))
                continue;
        pthread_mutex_unlock(&secrets->lock);
}

static const char *or_empty(const char *text)
{
        return text ? text : "";
}

void secrets_each(struct secrets *secrets,
                  void (*visit)(void *context, const struct secrets_state *state), void *context)
{
        pthread_mutex_lock(&secrets->lock);
        for (size_t i = 0; i < secrets->count; i++) {
                struct item *item = &secrets->items[i];

                if (item->secret->url)
                        visit(context, &(struct secrets_state){
                                               .path = item->secret->path,
                                               .url = item->secret->url,
                                               .known = !conf_secret_is_awaited(value_now(item)),
                                               .version = or_empty(item->version),
                                               .updated_s = item->updated_s,
                                               .code = or_empty(item->code),
                                               .reason = item->reason.text,
                                       });
        }
        pthread_mutex_unlock(&secrets->lock);
}
