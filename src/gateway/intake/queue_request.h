// SPDX-License-Identifier: MIT
/*
 * Requests to a storage account whose key, signature or token may change while the gateway runs,
 * and what its refusals mean. On the thread "http".
 */
#ifndef ISTHMUS_GATEWAY_INTAKE_QUEUE_REQUEST_H
#define ISTHMUS_GATEWAY_INTAKE_QUEUE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "azure/identity/identity.h"
#include "azure/storage/storage_account.h"
#include "azure/storage/storage_request.h"
#include "base/reason.h"
#include "http/http_client.h"

/* How a storage account is reached. */
struct queue_access {
        struct http_client *http;
        struct identity *identity; /* whose token opens an account without key and signature */
        const char *client;        /* which of a machine's identities; or NULL */
        struct storage_account account;
        const char *text; /* the connection string that `account` was made of */
};

/*
 * Makes the account of the connection string that is in force now. False with the reason if there
 * is none yet, or it can't be used. An account that was made of a service's URL stays.
 */
bool queue_access_renew(struct queue_access *access, const char *connection_string,
                        struct reason *reason);

/* Sends it, signed, or with a token; copies the request. `done` as http_client_send. */
void queue_access_send(struct queue_access *access, const struct storage_request *request,
                       http_done *done, void *context);

bool queue_answer_is_good(const struct http_answer *answer);

#define QUEUE_CODE_SIZE 64

/* "QueueNotFound", "403", "no answer": what tells one kind of failure from another. */
void queue_answer_code(const struct http_answer *answer, char code[QUEUE_CODE_SIZE]);

/* What a failure means; "" = nothing more than its code. */
void queue_answer_explain(const struct http_answer *answer, const char *code,
                          struct reason *reason);

/* When to ask again after so many failures in a row (from 1). */
int64_t queue_answer_pause_ms(const struct http_answer *answer, int failures);

#endif
