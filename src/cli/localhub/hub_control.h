// SPDX-License-Identifier: MIT
/* A caller of the local hub's control API, for the commands `isthmus hub watch` and the like. */
#ifndef ISTHMUS_CLI_LOCALHUB_HUB_CONTROL_H
#define ISTHMUS_CLI_LOCALHUB_HUB_CONTROL_H

#include <json-c/json.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "cli/options.h"

struct hub_control;

/* The options that say which hub is asked, for members `control` and `directory` of a type. */
#define HUB_CONTROL_ROWS(type)                                                                     \
        OPTION_TEXT(type, control, "control", "URL",                                               \
                    "control API of the hub, for example http://127.0.0.1:8870"),                  \
                OPTION_TEXT(type, directory, "data", "DIR",                                        \
                            "data directory of the hub, whose hub.json names the control API "     \
                            "(default: ~/.local/state/isthmus-hub)")

/*
 * `url` as `--control` names it; NULL = the one in hub.json of `directory` (NULL = the default
 * directory).
 */
int hub_control_open(const char *url, const char *directory, struct hub_control **control,
                     struct reason *reason) MUST_CHECK;

void hub_control_close(struct hub_control *control);

struct hub_control_request {
        const char *method;
        const char *path;         /* with its query, percent escapes done */
        struct json_object *body; /* NULL = none; stays the caller's */
        long timeout_ms;
};

/*
 * Waits for the answer: 0 with its body added to `answer` if its status is 2xx, otherwise -EIO
 * with what the hub said, or why it could not be asked.
 */
int hub_control_call(struct hub_control *control, const struct hub_control_request *request,
                     struct buf *answer, struct reason *reason) MUST_CHECK;

#endif
