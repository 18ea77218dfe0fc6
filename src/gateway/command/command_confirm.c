// SPDX-License-Identifier: MIT
#include "gateway/command/command_confirm.h"

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

struct command_confirm {
        struct loop *loop;
        struct command_ledger *ledger;
        struct list early; /* struct news, oldest first */
};

/* What an event says, on its way to the thread "loop". */
struct news {
        struct list_node node; /* of the early ones */
        int64_t arrived_ms;    /* steady clock */
        struct command_confirm *confirm;
        bool by_own_id; /* the references are the network's */
        struct downlink_fate fate;
        struct buf device_key; /* whose event it is */
        void (*done)(void *context, int result);
        void *context;
};

struct command_confirm *command_confirm_new(struct loop *loop, struct command_ledger *ledger)
{
        struct command_confirm *confirm = mem_new(1, sizeof(*confirm));

        confirm->loop = loop;
        confirm->ledger = ledger;
        list_init(&confirm->early);
        return confirm;
}

static void news_free(struct news *news)
{
        buf_deinit(&news->device_key);
        free(news);
}

void command_confirm_free(struct command_confirm *confirm)
{
        if (!confirm)
                return;
        while (!list_is_empty(&confirm->early))
                news_free(list_entry(list_pop_front(&confirm->early), struct news, node));
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
        struct command_ledger *ledger = news->confirm->ledger;
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
                return command_ledger_find_own_id(news->confirm->ledger, device_key, reference);
        command = command_ledger_find_reference(news->confirm->ledger, reference);
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

static void drop_first(struct command_confirm *confirm)
{
        news_free(list_entry(list_pop_front(&confirm->early), struct news, node));
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
                news_free(news);
                return;
        }
        if (confirm->early.count == EARLY_MAX)
                drop_first(confirm);
        news->arrived_ms = clock_steady_ms();
        list_push_back(&confirm->early, &news->node);
}

static void drop_old(struct command_confirm *confirm)
{
        int64_t oldest_ms = clock_steady_ms() - EARLY_MS;

        while (!list_is_empty(&confirm->early) &&
               list_entry(confirm->early.head.next, struct news, node)->arrived_ms < oldest_ms)
                drop_first(confirm);
}

void command_confirm_named(struct command_confirm *confirm, struct command *command)
{
        THREAD_ASSERT(LOOP_THREAD);
        drop_old(confirm);
        list_for_each_safe (node, &confirm->early) {
                struct news *news = list_entry(node, struct news, node);

                if (strcmp(buf_text(&news->device_key), command->device_key) == 0 &&
                    apply_all(news)) {
                        list_remove(&confirm->early, node);
                        news_free(news);
                }
        }
}

/* On the thread "loop". */
static void take_news(void *context)
{
        struct news *news = context;
        struct command_ledger *ledger = news->confirm->ledger;
        struct command *changed = apply_all(news);

        if (!changed && news->by_own_id) {
                drop_old(news->confirm);
                news->done(news->context, 0);
                keep_early(news->confirm, news);
                return;
        }
        /* Records are written in order: when those of this one are on disk, all are. */
        if (changed)
                command_ledger_when_recorded(ledger, changed, news->done, news->context);
        else
                news->done(news->context, 0);
        news_free(news);
}

void command_confirm_event(struct command_confirm *confirm, const struct event *event,
                           void (*done)(void *context, int result), void *context)
{
        struct news *news = mem_new(1, sizeof(*news));

        driver_of(event)->fate(event, &news->fate);
        news->by_own_id = driver_of(event)->read_own_id != NULL;
        event_device_key(event, &news->device_key);
        news->confirm = confirm;
        news->done = done;
        news->context = context;
        loop_post(confirm->loop, take_news, news);
}
