// SPDX-License-Identifier: MIT
#include "gateway/command/command_confirm.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define DETAILS_DEPTH 96

/* More downlinks than this in one event are not ours. */
#define MAXIMUM_REFERENCES 16

struct command_confirm {
        struct loop *loop;
        struct command_ledger *ledger;
};

/* What an event says, on its way to the thread "loop". */
struct news {
        struct command_confirm *confirm;
        enum event_kind kind;
        struct buf device_key; /* whose event it is */
        char references[MAXIMUM_REFERENCES][CRYPTO_UUID_SIZE];
        size_t reference_count;
        bool permanent; /* of a failure */
        char *reason;
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

static void add_reference(struct news *news, const char *correlation_id)
{
        const char *reference = correlation_id ? downlink_reference(correlation_id) : NULL;

        if (!reference || news->reference_count == MAXIMUM_REFERENCES)
                return;
        memcpy(news->references[news->reference_count++], reference, CRYPTO_UUID_SIZE);
}

static void read_references(struct news *news, struct json_object *details)
{
        struct json_object *ids = json_member(details, "correlation_ids");

        if (!json_object_is_type(ids, json_type_array))
                return;
        for (size_t i = 0; i < json_object_array_length(ids); i++)
                add_reference(news, json_object_get_string(json_object_array_get_idx(ids, i)));
}

/*
 * Would another attempt meet it too? The gRPC codes that speak of the downlink or of its device:
 * invalid argument, not found, failed precondition (the network's own tries have ended too), out of
 * range, unimplemented. Everything else may pass, and a device that has not joined may yet.
 */
static bool is_permanent(int64_t code, const char *name)
{
        static const int64_t codes[] = {3, 5, 9, 11, 12};

        for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
                if (codes[i] == code)
                        return !text_equal(name, "no_device_session");
        }
        return false;
}

static void read_failure(struct news *news, struct json_object *details)
{
        struct json_object *error = json_object_member(details, "error");
        const char *name = json_text_member(error, "name");
        int64_t code = 0;

        json_int_member(error, "code", &code);
        news->permanent = is_permanent(code, name);
        news->reason =
                mem_format("the network could not deliver it: %s", name ? name : "no reason");
}

static struct news *read_event(const struct event *event)
{
        CLEANUP(json_cleanup) struct json_object *details = NULL;
        struct news *news = mem_new(1, sizeof(*news));

        news->kind = event->kind;
        event_device_key(event, &news->device_key);
        if (event->details)
                details = json_parse(event->details, strlen(event->details), DETAILS_DEPTH,
                                     JSON_STRICT, NULL);
        read_references(news, details);
        if (event->kind == EVENT_DOWNLINK_FAILED)
                read_failure(news, details);
        return news;
}

static void news_free(struct news *news)
{
        free(news->reason);
        buf_deinit(&news->device_key);
        free(news);
}

static bool is_about_downlinks(enum event_kind kind)
{
        return kind >= EVENT_DOWNLINK_QUEUED && kind <= EVENT_DOWNLINK_FAILED;
}

bool command_confirm_concerns(const struct event *event)
{
        return is_about_downlinks(event->kind) && event->details &&
               strstr(event->details, DOWNLINK_CORRELATION_PREFIX) != NULL;
}

/* --- applying it --------------------------------------------------------------------------- */

static void apply(const struct news *news, struct command *command)
{
        struct command_ledger *ledger = news->confirm->ledger;

        switch (news->kind) {
        case EVENT_DOWNLINK_QUEUED:
                command_ledger_advance(ledger, command, COMMAND_QUEUED);
                break;
        /* Not final: the network tries a confirmed downlink again by itself. */
        case EVENT_DOWNLINK_NACK:
                command_ledger_advance(ledger, command, COMMAND_REQUEUED);
                break;
        case EVENT_DOWNLINK_SENT:
                command_ledger_advance(ledger, command, COMMAND_SENT);
                break;
        case EVENT_DOWNLINK_ACK:
                command_ledger_finish(ledger, command, COMMAND_DELIVERED, NULL);
                break;
        case EVENT_DOWNLINK_FAILED:
                command_ledger_finish(ledger, command,
                                      news->permanent ? COMMAND_REFUSED : COMMAND_FAILED,
                                      news->reason);
                break;
        case EVENT_UPLINK:
        case EVENT_JOIN_ACCEPT:
        case EVENT_UPLINK_NORMALIZED:
        case EVENT_LOCATION_SOLVED:
        case EVENT_SERVICE_DATA:
        case EVENT_DOWNLINK_QUEUE_INVALIDATED:
        case EVENT_COMMAND_OUTCOME:
        case EVENT_KIND_COUNT:
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

        for (size_t i = 0; i < news->reference_count; i++) {
                struct command *command = find_command(news, news->references[i]);

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
        struct news *news = read_event(event);

        news->confirm = confirm;
        news->done = done;
        news->context = context;
        loop_post(confirm->loop, take_news, news);
}
