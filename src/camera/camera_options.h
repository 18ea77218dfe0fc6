// SPDX-License-Identifier: MIT
/* What isthmus-camera may be told; --help and docs/man/isthmus-camera.1 are made from it. */
#ifndef ISTHMUS_CAMERA_CAMERA_OPTIONS_H
#define ISTHMUS_CAMERA_CAMERA_OPTIONS_H

#include <stdbool.h>

#include "base/buf.h"
#include "camera/once.h"
#include "cli/cli.h"
#include "cli/options.h"

#define CAMERA_PROGRAM "isthmus-camera"

struct camera_order {
        const char *config;
        bool is_once;
        bool is_version;
        struct once_options once;
};

extern const struct options camera_options;
extern const struct options camera_config_options;

/* Adds the section of the manual page that is made from them, as mdoc(7). */
void camera_manual(struct buf *out);

/* Adds a file of packaging/completion/. */
void camera_completion(enum cli_shell shell, struct buf *out);

#endif
