// SPDX-License-Identifier: MIT
#include "cli/secrets_check.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "secrets/secrets.h"

/* Each request ends before that. */
#define PATIENCE_MS 60000

static void print_state(void *context, const struct secrets_state *state)
{
        bool *all = context;
        char time[CLOCK_TEXT_SIZE];

        if (!state->known) {
                printf("%s: %s can't be read: %s%s%s\n", state->path, state->url,
                       state->code[0] != '\0' ? state->code : "no answer in time",
                       state->reason[0] != '\0' ? ": " : "", state->reason);
                *all = false;
                return;
        }
        printf("%s: %s is there, version %s", state->path, state->url, state->version);
        if (state->updated_s > 0) {
                clock_format_utc(time, state->updated_s * CLOCK_NS_PER_S, CLOCK_SECONDS);
                printf(" of %sZ", time);
        }
        putchar('\n');
}

bool secrets_check(const struct conf_schema *schema, void *target, const char *certificates)
{
        struct http_client *http;
        struct identity *identity;
        struct secrets *secrets;
        struct reason reason = REASON_INIT;
        bool all = true;

        if (http_client_new(
                    &(struct http_client_options){
                            .trusted_certificates = certificates,
                            .user_agent = "isthmus/" ISTHMUS_VERSION,
                    },
                    &http, &reason) != 0) {
                printf("%s\n", reason.text);
                return false;
        }
        log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_AUTO);
        identity = identity_new(&(struct identity_options){.http = http, .environment = environ});
        secrets = secrets_new(&(struct secrets_options){
                .schema = schema,
                .target = target,
                .http = http,
                .identity = identity,
        });
        secrets_wait(secrets, PATIENCE_MS);
        secrets_each(secrets, print_state, &all);
        http_client_free(http);
        identity_free(identity);
        secrets_free(secrets);
        return all;
}
