// SPDX-License-Identifier: MIT
/*
 * Requests at the control socket, as lines: method, path, then the values of `state`, `device`,
 * `limit`, `force`, `ids`, `all`, `before`, `after`, `lists`, `again`, `dryRun`, `application`,
 * `more` and `moved`; a value that is not there is no argument.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "gateway/control/control_request.h"

#define LINES 16

static const char *argument(void *context, const char *name)
{
        static const char *const names[] = {"state",  "device",      "limit", "force", "ids",
                                            "all",    "before",      "after", "lists", "again",
                                            "dryRun", "application", "more",  "moved"};
        char **lines = context;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (strcmp(names[i], name) == 0)
                        return lines[i + 2];
        }
        abort();
}

static void check(const struct control_source *source)
{
        struct control_request request;
        struct reason reason = REASON_INIT;
        int status = control_request_parse(source, &request, &reason);

        if (status != 0) {
                require(status == 400 || status == 404 || status == 405);
                require(reason.text[0] != '\0');
                return;
        }
        require(request.call < CONTROL_CALL_COUNT);
        require(!request.force || request.call == CONTROL_CANCEL ||
                request.call == CONTROL_RELEASE);
        if (request.call == CONTROL_DEVICE || request.call == CONTROL_RELEASE)
                require(request.filter.device && request.filter.device[0] != '\0');
        require(request.limit <=
                (request.call == CONTROL_PROVISION ? CONTROL_BULK_MAX : CONTROL_LIMIT_MAX));
        require(request.after >= 0 && (request.call != CONTROL_STORED || request.id > 0));
        require(request.id_count <= CONTROL_IDS_MAX);
        for (size_t i = 0; i < request.id_count; i++)
                require(request.ids[i] > 0 && (i == 0 || request.ids[i] >= request.ids[i - 1]));
        if (request.call == CONTROL_COMMAND || request.call == CONTROL_CANCEL)
                require(strlen(request.reference) >= COMMAND_REFERENCE_MIN &&
                        !strchr(request.reference, '/'));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        CLEANUP(mem_cleanup) char *text = mem_text_n((const char *)bytes, size);
        char *lines[LINES] = {NULL};
        char *rest = text;

        for (size_t i = 0; i < LINES && rest; i++)
                lines[i] = strsep(&rest, "\n");
        check(&(struct control_source){
                .method = lines[0],
                .path = lines[1] ? lines[1] : "",
                .argument = argument,
                .context = lines,
        });
        return 0;
}
