// SPDX-License-Identifier: MIT
/* Answers questions about the cameras over HTTP: /healthz, /metrics, and the page of page.h. */
#ifndef ISTHMUS_CAMERA_WATCH_HEALTH_H
#define ISTHMUS_CAMERA_WATCH_HEALTH_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "camera/watch/camera.h"

struct health;

struct health_options {
        const char *host; /* must stay, as the cameras */
        uint16_t port;    /* 0 = any free one */
        /* A secret that whoever asks must know; NULL in it = only this machine asks. Must stay. */
        char *const *key;
        struct camera *const *cameras;
        size_t count;
};

int health_start(const struct health_options *options, struct health **health,
                 struct reason *reason) MUST_CHECK;

uint16_t health_port(const struct health *health);

/* Frees it; NULL is allowed. */
void health_stop(struct health *health);

#endif
