// SPDX-License-Identifier: MIT
/*
 * Requests to a storage account whose key, signature or token may change while the gateway runs,
 * and what its refusals mean. On the thread "http".
 */
#ifndef ISTHMUS_AZURE_STORAGE_STORAGE_ACCESS_H
#define ISTHMUS_AZURE_STORAGE_STORAGE_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "azure/identity/identity.h"
#include "azure/storage/storage_account.h"
#include "azure/storage/storage_request.h"
#include "base/reason.h"
#include "http/client/http_client.h"
#include "http/client/http_watch.h"

/* How a service of a storage account is reached. */
struct storage_access {
        enum storage_service service;
        struct http_client *http;
        struct identity *identity; /* whose token opens an account without key and signature */
        const char *client;        /* which of a machine's identities; or NULL */
        struct http_watch watch;   /* who is told of the requests; or nobody */
        struct storage_account account;
        const char *text; /* the connection string that `account` was made of */
};

/*
 * Makes the account of the connection string that is in force now. False with the reason if there
 * is none yet, or it can't be used. An account that was made of a service's URL stays.
 */
bool storage_access_renew(struct storage_access *access, const char *connection_string,
                          struct reason *reason);

/*
 * Sends it, signed, or with a token, of which a new one is tried once in a while when it is refused
 * (401, 403); copies the request. `done` as http_client_send.
 */
void storage_access_send(struct storage_access *access, const struct storage_request *request,
                         http_done *done, void *context);

bool storage_answer_is_good(const struct http_answer *answer);

#define STORAGE_CODE_SIZE 64

/* "QueueNotFound", "403", "no answer": what tells one kind of failure from another. */
void storage_answer_code(const struct http_answer *answer, char code[STORAGE_CODE_SIZE]);

/* What a failure means; "" = nothing more than its code. */
void storage_answer_explain(const struct http_answer *answer, const char *code,
                            struct reason *reason);

/* When to ask again after so many failures in a row (from 1). */
int64_t storage_answer_pause_ms(const struct http_answer *answer, int failures);

#endif
