// SPDX-License-Identifier: MIT
#include "gateway/command/command_confirm.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "networks/network.h"

struct command_confirm {
        struct loop *loop;
        struct command_ledger *ledger;
};

/* What an event says, on its way to the thread "loop". */
struct news {
        struct command_confirm *confirm;
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
        return confirm;
}

void command_confirm_free(struct command_confirm *confirm)
{
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
        return event->kind >= EVENT_DOWNLINK_QUEUED && event->kind <= EVENT_DOWNLINK_FAILED &&
               driver_of(event) && event->details &&
               strstr(event->details, DOWNLINK_CORRELATION_PREFIX) != NULL;
}

static void news_free(struct news *news)
{
        buf_deinit(&news->device_key);
        free(news);
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
        struct command *command = command_ledger_find_reference(news->confirm->ledger, reference);
        const char *device_key = buf_text(&news->device_key);

        if (!command || strcmp(command->device_key, device_key) == 0)
                return command;
        log_warn("COMMAND_EVENT_FOREIGN", "An event names the command of another device",
                 LOG_TEXT("reference", reference), LOG_TEXT("device", command->device_key),
                 LOG_TEXT("event_device", device_key), LOG_END);
        return NULL;
}

/* On the thread "loop". */
static void take_news(void *context)
{
        struct news *news = context;
        struct command_ledger *ledger = news->confirm->ledger;
        struct command *changed = NULL;

        for (size_t i = 0; i < news->fate.count; i++) {
                struct command *command = find_command(news, news->fate.references[i]);

                if (!command)
                        continue;
                apply(news, command);
                changed = command;
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
        event_device_key(event, &news->device_key);
        news->confirm = confirm;
        news->done = done;
        news->context = context;
        loop_post(confirm->loop, take_news, news);
}
