// SPDX-License-Identifier: MIT
#include "azure/storage/storage_queue.h"

#include <stdlib.h>
#include <string.h>

#include "azure/storage/storage_xml.h"
#include "base/mem.h"
#include "base/text.h"

/* --- requests ------------------------------------------------------------------------------- */

void storage_queue_request_deinit(struct storage_queue_request *request)
{
        buf_deinit(&request->path);
        buf_deinit(&request->query);
        buf_deinit(&request->body);
}

/* When the texts are complete. */
static void finish(struct storage_queue_request *made, const char *method)
{
        bool has_body = strcmp(method, "PUT") == 0 || strcmp(method, "POST") == 0;

        made->request = (struct storage_request){
                .service = STORAGE_QUEUE,
                .method = method,
                .path = buf_text(&made->path),
                .query = buf_text(&made->query),
                .content_type = made->body.size > 0 ? "application/xml" : NULL,
                .body = has_body ? buf_text(&made->body) : NULL,
                .body_size = made->body.size,
        };
}

void storage_queue_create(const char *queue, struct storage_queue_request *request)
{
        buf_add_format(&request->path, "/%s", queue);
        finish(request, "PUT");
}

void storage_queue_count(const char *queue, struct storage_queue_request *request)
{
        buf_add_format(&request->path, "/%s", queue);
        buf_add_text(&request->query, "comp=metadata");
        finish(request, "GET");
}

void storage_queue_get(const char *queue, int invisible_s, struct storage_queue_request *request)
{
        buf_add_format(&request->path, "/%s/messages", queue);
        buf_add_format(&request->query, "numofmessages=%d&visibilitytimeout=%d",
                       STORAGE_QUEUE_GET_MAX, invisible_s);
        finish(request, "GET");
}

static void add_escaped(struct buf *out, const char *text, size_t size)
{
        for (size_t i = 0; i < size; i++) {
                switch (text[i]) {
                case '&':
                        buf_add_text(out, "&amp;");
                        break;
                case '<':
                        buf_add_text(out, "&lt;");
                        break;
                case '>':
                        buf_add_text(out, "&gt;");
                        break;
                case '\r': /* else a reader takes it for a line feed */
                        buf_add_text(out, "&#xD;");
                        break;
                default:
                        buf_add_char(out, text[i]);
                        break;
                }
        }
}

void storage_queue_put(const char *queue, const char *text, size_t size,
                       struct storage_queue_request *request)
{
        buf_add_format(&request->path, "/%s/messages", queue);
        buf_add_text(&request->query, "messagettl=-1");
        buf_add_text(&request->body, "<QueueMessage><MessageText>");
        add_escaped(&request->body, text, size);
        buf_add_text(&request->body, "</MessageText></QueueMessage>");
        finish(request, "POST");
}

static void name_message(const char *queue, const char *id, const char *receipt,
                         struct storage_queue_request *request)
{
        buf_add_format(&request->path, "/%s/messages/", queue);
        text_url_escape(&request->path, id);
        buf_add_text(&request->query, "popreceipt=");
        text_url_escape(&request->query, receipt);
}

void storage_queue_extend(const char *queue, const char *id, const char *receipt, int invisible_s,
                          struct storage_queue_request *request)
{
        name_message(queue, id, receipt, request);
        buf_add_format(&request->query, "&visibilitytimeout=%d", invisible_s);
        finish(request, "PUT");
}

void storage_queue_delete(const char *queue, const char *id, const char *receipt,
                          struct storage_queue_request *request)
{
        name_message(queue, id, receipt, request);
        finish(request, "DELETE");
}

/* --- answers -------------------------------------------------------------------------------- */

void storage_message_deinit(struct storage_message *message)
{
        free(message->id);
        free(message->receipt);
        free(message->text);
        *message = (struct storage_message){.id = NULL};
}

void storage_messages_deinit(struct storage_messages *messages)
{
        for (size_t i = 0; i < messages->count; i++)
                storage_message_deinit(&messages->items[i]);
        messages->count = 0;
}

#define LIST_DEPTH    1
#define MESSAGE_DEPTH 2
#define MEMBER_DEPTH  3

static const char *open_element(void *context, int depth, const char *name)
{
        struct storage_messages *messages = context;

        if (depth == LIST_DEPTH && strcmp(name, "QueueMessagesList") != 0)
                return "it is no list of messages";
        if (depth != MESSAGE_DEPTH)
                return NULL;
        if (messages->count == STORAGE_QUEUE_GET_MAX)
                return "it holds more messages than were asked for";
        messages->items[messages->count++] = (struct storage_message){.id = NULL};
        return NULL;
}

static const char *take_member(struct storage_message *message, const char *name,
                               const struct buf *text)
{
        char **target = strcmp(name, "MessageId") == 0     ? &message->id
                        : strcmp(name, "PopReceipt") == 0  ? &message->receipt
                        : strcmp(name, "MessageText") == 0 ? &message->text
                                                           : NULL;

        if (strcmp(name, "DequeueCount") == 0 &&
            !text_to_int64(buf_text(text), 0, INT64_MAX, &message->dequeue_count))
                return "its DequeueCount is no number";
        if (!target)
                return NULL;
        if (*target)
                return "a message has the same member twice";
        if (target == &message->text)
                message->size = text->size;
        *target = mem_text_n(buf_text(text), text->size);
        return NULL;
}

static const char *close_element(void *context, int depth, const char *name, const struct buf *text)
{
        struct storage_messages *messages = context;
        struct storage_message *message;

        if (depth != MEMBER_DEPTH && depth != MESSAGE_DEPTH)
                return NULL;
        message = &messages->items[messages->count - 1];
        if (depth == MEMBER_DEPTH)
                return take_member(message, name, text);
        if (!message->id || !message->receipt || !message->text)
                return "a message has no MessageId, PopReceipt or MessageText";
        return NULL;
}

int64_t storage_queue_read_count(const struct http_answer *answer)
{
        CLEANUP(buf_deinit) struct buf header = BUF_INIT;
        int64_t count;

        if (answer->failure != HTTP_OK || answer->status != 200 ||
            !http_answer_header(answer, "x-ms-approximate-messages-count", &header) ||
            !text_to_int64(buf_text(&header), 0, INT64_MAX, &count))
                return -1;
        return count;
}

bool storage_messages_read(const char *xml, size_t size, struct storage_messages *messages,
                           struct reason *reason)
{
        const struct storage_xml_hooks hooks = {open_element, close_element, messages};

        if (size <= STORAGE_QUEUE_ANSWER_MAX)
                return storage_xml_read(xml, size, &hooks, reason);
        reason_set(reason, "the answer is too long");
        return false;
}
