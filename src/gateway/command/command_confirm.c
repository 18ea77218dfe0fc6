// SPDX-License-Identifier: MIT
#include "gateway/command/command_confirm.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "networks/network.h"

/* So long, and so many at most, events about downlinks that nobody knows are kept. */
#define EARLY_MS         (60 * 1000)
#define EARLY_MAX        1024
#define EARLY_PER_DEVICE 16

/* After a change that could not be written. */
#define AGAIN_MS (5 * 1000)

struct command_confirm {
        struct command_confirm_options options;
        struct list early;  /* struct news, oldest first */
        struct timer again; /* for what is `unwritten` */
        struct timer care;  /* of the early ones */
        bool stopped;
        pthread_mutex_t lock;  /* guards the rest, which the store's thread touches too */
        struct list unwritten; /* struct news whose changes could not be written */
        bool posted;
};

/* What an event says. */
struct news {
        struct list_node node; /* of the early or the unwritten ones */
        int64_t arrived_ms;    /* steady clock */
        struct command_confirm *confirm;
        bool by_own_id; /* the references are the network's */
        struct downlink_fate fate;
        struct buf device_key; /* whose event it is */
        char *identity;        /* of the last command that it has changed; or NULL */
        int64_t id; /* in the store, from which it is forgotten; 0 = it is telemetry, too */
        char message_id[CRYPTO_UUID_SIZE];
};

struct command_confirm *command_confirm_new(const struct command_confirm_options *options)
{
        struct command_confirm *confirm = mem_new(1, sizeof(*confirm));

        confirm->options = *options;
        list_init(&confirm->early);
        list_init(&confirm->unwritten);
        pthread_mutex_init(&confirm->lock, NULL);
        return confirm;
}

void command_confirm_stop(struct command_confirm *confirm)
{
        THREAD_ASSERT(LOOP_THREAD);
        confirm->stopped = true;
}

static void news_free(struct news *news)
{
        buf_deinit(&news->device_key);
        free(news->identity);
        free(news);
}

static void news_list_free(struct list *list)
{
        struct list_node *node;

        while ((node = list_pop_front(list)))
                news_free(list_entry(node, struct news, node));
}

void command_confirm_free(struct command_confirm *confirm)
{
        if (!confirm)
                return;
        news_list_free(&confirm->early);
        news_list_free(&confirm->unwritten);
        pthread_mutex_destroy(&confirm->lock);
        free(confirm);
}

/* --- reading an event ---------------------------------------------------------------------- */

static const struct downlink_driver *driver_of(const struct event *event)
{
        const struct network *network = network_by_name(event->network);

        return network && network->downlink && network->downlink->fate ? network->downlink : NULL;
}

bool command_confirm_concerns(const struct event *event)
{
        const struct downlink_driver *driver = driver_of(event);

        return event->kind >= EVENT_DOWNLINK_QUEUED && event->kind <= EVENT_DOWNLINK_FAILED &&
               driver && event->details &&
               (driver->read_own_id || strstr(event->details, DOWNLINK_CORRELATION_PREFIX));
}

/* --- applying it --------------------------------------------------------------------------- */

static void apply(const struct news *news, struct command *command)
{
        struct command_ledger *ledger = news->confirm->options.ledger;
        const char *reason = news->fate.reason.text;

        switch (news->fate.news) {
        case DOWNLINK_NEWS_QUEUED:
                command_ledger_advance(ledger, command, COMMAND_QUEUED);
                break;
        case DOWNLINK_NEWS_SENT:
                command_ledger_advance(ledger, command, COMMAND_SENT);
                break;
        case DOWNLINK_NEWS_REQUEUED:
                command_ledger_advance(ledger, command, COMMAND_REQUEUED);
                break;
        case DOWNLINK_NEWS_ACKNOWLEDGED:
                command_ledger_finish(ledger, command, COMMAND_DELIVERED, NULL);
                break;
        case DOWNLINK_NEWS_FAILED:
                command_ledger_finish(ledger, command, COMMAND_FAILED, reason);
                break;
        case DOWNLINK_NEWS_REFUSED:
                command_ledger_finish(ledger, command, COMMAND_REFUSED, reason);
                break;
        case DOWNLINK_NEWS_EXPIRED:
                command_ledger_finish(ledger, command, COMMAND_EXPIRED, reason);
                break;
        case DOWNLINK_NEWS_NONE:
                break;
        }
}

/* A reference is no secret: what is told of it counts only if the command's own device tells. */
static struct command *find_command(struct news *news, const char *reference)
{
        const char *device_key = buf_text(&news->device_key);
        struct command *command;

        if (news->by_own_id)
                return command_ledger_find_own_id(news->confirm->options.ledger, device_key,
                                                  reference);
        command = command_ledger_find_reference(news->confirm->options.ledger, reference);
        if (!command || strcmp(command->device_key, device_key) == 0)
                return command;
        log_warn("COMMAND_EVENT_FOREIGN", "An event names the command of another device",
                 LOG_TEXT("reference", reference), LOG_TEXT("device", command->device_key),
                 LOG_TEXT("event_device", device_key), LOG_END);
        return NULL;
}

/* The last command that was changed; NULL = none was. */
static struct command *apply_all(struct news *news)
{
        struct command *changed = NULL;

        for (size_t i = 0; i < news->fate.count; i++) {
                struct command *command = find_command(news, news->fate.references[i]);

                if (!command)
                        continue;
                apply(news, command);
                changed = command;
        }
        return changed;
}

/* Nothing of it is left to be done; any thread. */
static void forget(struct news *news)
{
        const struct command_confirm_options *options = &news->confirm->options;

        if (news->id != 0) {
                store_done(options->store, news->id);
                uplink_holds_left(options->holds, news->message_id);
        }
        news_free(news);
}

static void drop_first(struct command_confirm *confirm)
{
        forget(list_entry(list_pop_front(&confirm->early), struct news, node));
}

static void drop_old(struct command_confirm *confirm)
{
        int64_t oldest_ms = clock_steady_ms() - EARLY_MS;

        while (!list_is_empty(&confirm->early) &&
               list_entry(confirm->early.head.next, struct news, node)->arrived_ms <= oldest_ms)
                drop_first(confirm);
}

static void take_care(struct timer *timer)
{
        struct command_confirm *confirm = list_entry(timer, struct command_confirm, care);

        drop_old(confirm);
        if (!list_is_empty(&confirm->early))
                loop_timer_start(confirm->options.loop, timer, EARLY_MS);
}

/* Takes over what may be about a downlink whose id is not known yet. */
static void keep_early(struct command_confirm *confirm, struct news *news)
{
        size_t count = 0;

        list_for_each (node, &confirm->early) {
                const struct news *other = list_entry(node, struct news, node);

                count += strcmp(buf_text(&other->device_key), buf_text(&news->device_key)) == 0;
        }
        if (count == EARLY_PER_DEVICE) {
                forget(news);
                return;
        }
        if (confirm->early.count == EARLY_MAX)
                drop_first(confirm);
        news->arrived_ms = clock_steady_ms();
        if (list_is_empty(&confirm->early)) {
                confirm->care.run = take_care;
                loop_timer_start(confirm->options.loop, &confirm->care, EARLY_MS);
        }
        list_push_back(&confirm->early, &news->node);
}

/* --- until it is on disk -------------------------------------------------------------------- */

static void await_record(struct news *news, struct command *command);

/* On the thread "loop": what could not be written is tried once more. */
static void write_again(struct timer *timer)
{
        struct command_confirm *confirm = list_entry(timer, struct command_confirm, again);
        struct list_node *node;
        struct list news;

        list_init(&news);
        pthread_mutex_lock(&confirm->lock);
        list_splice_back(&news, &confirm->unwritten);
        confirm->posted = false;
        pthread_mutex_unlock(&confirm->lock);
        while ((node = list_pop_front(&news))) {
                struct news *one = list_entry(node, struct news, node);

                await_record(one, command_ledger_find(confirm->options.ledger,
                                                      buf_text(&one->device_key), one->identity));
        }
}

static void write_later(void *context)
{
        struct command_confirm *confirm = context;

        if (confirm->stopped)
                return;
        confirm->again.run = write_again;
        loop_timer_start(confirm->options.loop, &confirm->again, AGAIN_MS);
}

/* On the store's thread, or at once. */
static void on_recorded(void *context, int result)
{
        struct news *news = context;
        struct command_confirm *confirm = news->confirm;

        if (result == 0) {
                forget(news);
                return;
        }
        /* Another has the device, and reads it from the store; or this process is at its end. */
        if (result == STORE_E_FENCED || result == STORE_E_CLOSED) {
                news_free(news);
                return;
        }
        pthread_mutex_lock(&confirm->lock);
        list_push_back(&confirm->unwritten, &news->node);
        if (!confirm->posted)
                loop_post(confirm->options.loop, write_later, confirm);
        confirm->posted = true;
        pthread_mutex_unlock(&confirm->lock);
}

/* Forgets it when all that is known of the command is on disk; NULL = nobody knows the command. */
static void await_record(struct news *news, struct command *command)
{
        if (!command || news->id == 0) {
                forget(news);
                return;
        }
        free(news->identity);
        news->identity = mem_text(command->identity);
        /* Records are written in order: when those of this one are on disk, all are. */
        command_ledger_when_recorded(news->confirm->options.ledger, command, on_recorded, news);
}

/* --- an event ------------------------------------------------------------------------------- */

void command_confirm_named(struct command_confirm *confirm, struct command *command)
{
        THREAD_ASSERT(LOOP_THREAD);
        drop_old(confirm);
        list_for_each_safe (node, &confirm->early) {
                struct news *news = list_entry(node, struct news, node);
                struct command *changed = NULL;

                if (strcmp(buf_text(&news->device_key), command->device_key) == 0)
                        changed = apply_all(news);
                if (changed) {
                        list_remove(&confirm->early, node);
                        await_record(news, changed);
                }
        }
}

void command_confirm_event(void *context, const struct uplink_event *event)
{
        struct command_confirm *confirm = context;
        const struct downlink_driver *driver = driver_of(&event->event);
        struct news *news = mem_new(1, sizeof(*news));
        struct command *changed;

        THREAD_ASSERT(LOOP_THREAD);
        news->confirm = confirm;
        news->id = event->purpose == STORE_DOWNLINK_NEWS ? event->id : 0;
        memcpy(news->message_id, event->event.message_id, sizeof(news->message_id));
        buf_add_text(&news->device_key, event->device_key);
        if (driver) {
                driver->fate(&event->event, &news->fate);
                news->by_own_id = driver->read_own_id != NULL;
        }
        changed = apply_all(news);
        if (changed || !news->by_own_id) {
                await_record(news, changed);
                return;
        }
        drop_old(confirm);
        keep_early(confirm, news);
}

void command_confirm_forget(void *context, const struct store_shards *shards)
{
        struct command_confirm *confirm = context;

        THREAD_ASSERT(LOOP_THREAD);
        list_for_each_safe (node, &confirm->early) {
                struct news *news = list_entry(node, struct news, node);

                if (!store_shards_has(shards, store_shard_of(buf_text(&news->device_key))))
                        continue;
                list_remove(&confirm->early, node);
                news_free(news);
        }
}
