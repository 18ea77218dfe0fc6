// SPDX-License-Identifier: MIT
#include "gateway/intake/queue_message.h"

#include <string.h>

#include "base/crypto.h"

#define BLANKS " \t\r\n"

void queue_message_deinit(struct queue_message *message)
{
        buf_deinit(&message->text);
        network_restored_deinit(&message->restored);
}

static bool is_json(const char *text, size_t size)
{
        while (size > 0 && strchr(BLANKS, text[0])) {
                text++;
                size--;
        }
        return size > 0 && (text[0] == '{' || text[0] == '[');
}

/* Azure Functions write base64, most others the text itself: the first character tells. */
static bool decode(const char *text, size_t size, struct buf *out, struct reason *reason)
{
        while (size > 0 && strchr(BLANKS, text[0])) {
                text++;
                size--;
        }
        while (size > 0 && strchr(BLANKS, text[size - 1]))
                size--;
        if (is_json(text, size)) {
                buf_add(out, text, size);
                return true;
        }
        if (size > 0 && crypto_base64_decode(out, text, size) && is_json(out->data, out->size))
                return true;
        reason_set(reason, size == 0 ? "it is empty" : "it is neither JSON nor base64 of JSON");
        return false;
}

struct webhook queue_message_webhook(const struct queue_message_rules *rules,
                                     const struct queue_message *message, int64_t now_ns)
{
        const struct network_restored *restored = &message->restored;
        const struct buf *body = message->is_entry ? &restored->body : &message->text;
        const char *path = restored->path ? restored->path : rules->application;

        return (struct webhook){
                .path = path ? path : "",
                .body = buf_text(body),
                .body_size = body->size,
                .maximum_values = rules->maximum_values,
                .arrived_ns = message->is_entry ? restored->arrived_ns : now_ns,
        };
}

void queue_message_set_aside(const struct queue_message_rules *rules,
                             const struct queue_message *message, const char *text,
                             const struct event_list *refused, struct buf *rest)
{
        CLEANUP(buf_deinit) struct buf json = BUF_INIT;
        const struct webhook whole = {.path = "",
                                      .body = buf_text(&message->text),
                                      .body_size = message->text.size,
                                      .maximum_values = rules->maximum_values};

        if (!message->network->set_aside)
                return;
        message->network->set_aside(&whole, refused, &json);
        if (json.size == 0 || is_json(text, strlen(text)))
                buf_add(rest, json.data, json.size);
        else
                crypto_base64_encode(rest, json.data, json.size);
}

static void find_first_time(const struct event_list *events, struct queue_message *message)
{
        message->first_ns = INT64_MAX;
        for (size_t i = 0; i < events->count; i++) {
                if (events->events[i].time_ns < message->first_ns)
                        message->first_ns = events->events[i].time_ns;
        }
}

static bool understand(const struct queue_message_rules *rules, const struct network *network,
                       int64_t now_ns, struct queue_message *message, struct reason *reason)
{
        CLEANUP(event_list_deinit) struct event_list events = EVENT_LIST_INIT;
        struct webhook webhook = queue_message_webhook(rules, message, now_ns);
        int result = network->restore ? network->restore(&webhook, &message->restored, reason)
                                      : NETWORK_E_IGNORED;

        if (result == NETWORK_E_MALFORMED)
                return false;
        message->is_entry = result == 0;
        webhook = queue_message_webhook(rules, message, now_ns);
        if (network->parse(&webhook, &events, reason) == NETWORK_E_MALFORMED)
                return false;
        message->network = network;
        find_first_time(&events, message);
        return true;
}

bool queue_message_read(const struct queue_message_rules *rules, const char *text, size_t size,
                        int64_t now_ns, struct queue_message *message, struct reason *reason)
{
        if (!decode(text, size, &message->text, reason))
                return false;
        if (rules->network)
                return understand(rules, rules->network, now_ns, message, reason);
        for (size_t i = 0; networks[i]; i++) {
                struct reason refusal = REASON_INIT;

                if (understand(rules, networks[i], now_ns, message, &refusal))
                        return true;
                reason_add(reason, "as a webhook of %s: %s", networks[i]->name, refusal.text);
                message->is_entry = false;
                network_restored_deinit(&message->restored);
        }
        return false;
}
