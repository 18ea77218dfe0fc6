// SPDX-License-Identifier: MIT
/*
 * Connection strings of Application Insights:
 * `InstrumentationKey=GUID;IngestionEndpoint=https://...` in the form of key_values.h, or the bare
 * GUID that came before them (rule A10).
 *
 * Sources: https://learn.microsoft.com/azure/azure-monitor/app/connection-strings and, of tokens,
 * https://learn.microsoft.com/azure/azure-monitor/app/azure-ad-authentication
 */
#ifndef ISTHMUS_AZURE_INSIGHTS_STRING_H
#define ISTHMUS_AZURE_INSIGHTS_STRING_H

#include <stdbool.h>

#include "base/error.h"
#include "base/reason.h"

struct insights_string {
        char *key;      /* the GUID in small letters */
        char *endpoint; /* where items are sent to: http(s)://host[:port][/path], no '/' at its end
                         */
        char *audience; /* of tokens, if the string names one; or NULL */
        bool is_blank;  /* a template's: nothing but zeros for a key, and no endpoint */
};

#define INSIGHTS_STRING_INIT ((struct insights_string){.key = NULL})

/*
 * Reads and checks a string. False with a reason that names the part which is missing or wrong;
 * `parsed` is then empty. Plain http is for this machine only.
 */
bool insights_string_parse(const char *text, struct insights_string *parsed,
                           struct reason *reason) MUST_CHECK;

/*
 * Reads `Authorization=AAD[;ClientId=ID]`: items go with a token of Entra ID. `client` is then
 * which of the machine's identities asks for it, or NULL; the caller's. False with a reason if it
 * is anything else.
 */
bool insights_authentication_parse(const char *text, char **client,
                                   struct reason *reason) MUST_CHECK;

/* May items be sent there? https://, or http:// to this machine; neither query nor user name. */
bool insights_endpoint_check(const char *url, struct reason *reason) MUST_CHECK;

/* Fit for CLEANUP. */
void insights_string_deinit(struct insights_string *parsed);

#endif
