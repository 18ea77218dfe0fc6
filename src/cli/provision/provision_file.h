// SPDX-License-Identifier: MIT
/*
 * A file of devices for `isthmus provision --devices`, in one of three shapes, told apart by its
 * first line that is not empty:
 *
 *   JSON lines    it begins with '{': an object a line, with `device` and, if known, `network`,
 *                 `application`, `devEui`, `modelId`
 *   CSV           one of its fields, parted by commas or semicolons, is called `device` (RFC 4180:
 *                 quoted fields, "" for a quote); the other columns as in JSON
 *   plain         one id a line
 *
 * Names are compared without case, '_' and '-'; `device_id`, `id`, `application_id` and
 * `dtdl_model_id` are understood, other columns left alone. Pure; made for hostile input.
 */
#ifndef ISTHMUS_CLI_PROVISION_PROVISION_FILE_H
#define ISTHMUS_CLI_PROVISION_PROVISION_FILE_H

#include <json-c/json.h>
#include <stddef.h>

#include "base/reason.h"

/* What is meant where a line does not say; texts are the caller's. */
struct provision_defaults {
        const char *network;     /* NULL: then each line must say */
        const char *application; /* NULL = not known */
};

/*
 * A JSON array of objects as the gateway's control socket takes them, the caller's; NULL, with the
 * reason, which names the line.
 */
struct json_object *provision_file_read(const char *text, size_t size,
                                        const struct provision_defaults *defaults,
                                        struct reason *reason);

#endif
