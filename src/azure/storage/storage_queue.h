// SPDX-License-Identifier: MIT
/*
 * Requests to a queue of Azure Storage, and what is answered. Pure: nothing is sent here.
 *
 * Source: https://learn.microsoft.com/rest/api/storageservices/queue-service-rest-api
 */
#ifndef ISTHMUS_AZURE_STORAGE_STORAGE_QUEUE_H
#define ISTHMUS_AZURE_STORAGE_STORAGE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "azure/storage/storage_request.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

/* Messages that one request may get, and that the service gives at most. */
#define STORAGE_QUEUE_GET_MAX 32

/* Of an answer: 32 messages of 64 KiB, in which XML may escape many characters. */
#define STORAGE_QUEUE_ANSWER_MAX (8 * 1024 * 1024)

/* A request with the texts that it points to. */
struct storage_queue_request {
        struct storage_request request;
        struct buf path;
        struct buf query;
        struct buf body;
};

#define STORAGE_QUEUE_REQUEST_INIT ((struct storage_queue_request){.path = BUF_INIT})

/* Fit for CLEANUP. */
void storage_queue_request_deinit(struct storage_queue_request *request);

/*
 * Each fills a request that is STORAGE_QUEUE_REQUEST_INIT; `queue` is the queue's name. A message
 * that was got is seen by nobody for `invisible_s` (1 to 604,800).
 */
void storage_queue_count(const char *queue, struct storage_queue_request *request);
void storage_queue_create(const char *queue, struct storage_queue_request *request);
void storage_queue_get(const char *queue, int invisible_s, struct storage_queue_request *request);
void storage_queue_put(const char *queue, const char *text, size_t size,
                       struct storage_queue_request *request);
/* The text stays; the answer's `x-ms-popreceipt` takes the receipt's place. */
void storage_queue_extend(const char *queue, const char *id, const char *receipt, int invisible_s,
                          struct storage_queue_request *request);
void storage_queue_delete(const char *queue, const char *id, const char *receipt,
                          struct storage_queue_request *request);

/* One that was got; owns its texts. */
struct storage_message {
        char *id;
        char *receipt;
        char *text;
        size_t size;
        int64_t dequeue_count; /* how often it was got */
};

/* Fit for CLEANUP. */
void storage_message_deinit(struct storage_message *message);

struct storage_messages {
        struct storage_message items[STORAGE_QUEUE_GET_MAX];
        size_t count;
};

/* Fit for CLEANUP. */
void storage_messages_deinit(struct storage_messages *messages);

/* How many messages are in the queue, about, as the answer to storage_queue_count says; -1 = not.
 */
int64_t storage_queue_read_count(const struct http_answer *answer);

/*
 * Reads the XML of an answer to storage_queue_get. `messages` is zero before, and the caller's to
 * deinit in any case. False with the reason if it is none.
 */
bool storage_messages_read(const char *xml, size_t size, struct storage_messages *messages,
                           struct reason *reason) MUST_CHECK;

#endif
