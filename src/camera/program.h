// SPDX-License-Identifier: MIT
/* isthmus-camera as a whole: the model, the store, the connections, and all cameras at work. */
#ifndef ISTHMUS_CAMERA_PROGRAM_H
#define ISTHMUS_CAMERA_PROGRAM_H

#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "camera/settings/camera_settings.h"

struct program;

enum program_condition {
        PROGRAM_E_NOT_STARTED = 1, /* the reason says why */
};

/* `settings` must stay; its secrets may change meanwhile. On success `*program` is the caller's:
 * program_stop. */
int program_start(struct camera_program_settings *settings, struct program **program,
                  struct reason *reason) MUST_CHECK;

/* Reads secrets in files and Key Vaults again. */
void program_refresh(struct program *program);

/* Where /healthz is. */
uint16_t program_port(const struct program *program);

/* For the log: what the model is, and how many cameras look through it. */
const char *program_describe(const struct program *program);
size_t program_cameras(const struct program *program);

/* Ends everything within three seconds and frees it; what was told and not sent is in the store. */
void program_stop(struct program *program);

#endif
