// SPDX-License-Identifier: MIT
/* How a camera is doing, for /healthz and the page. */
#ifndef ISTHMUS_CAMERA_WATCH_DESCRIBE_H
#define ISTHMUS_CAMERA_WATCH_DESCRIBE_H

#include <json-c/json.h>
#include <stdbool.h>

#include "camera/watch/camera.h"

/* A JSON object, the caller's to put; `is_good` becomes false if the camera is in trouble. */
struct json_object *camera_describe(struct camera *camera, bool *is_good);

#endif
