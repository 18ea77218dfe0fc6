// SPDX-License-Identifier: MIT
/* What the files of this folder share. */
#ifndef ISTHMUS_CAMERA_ONNX_ONNX_INSIDE_H
#define ISTHMUS_CAMERA_ONNX_ONNX_INSIDE_H

#include <stdbool.h>

#include "base/reason.h"
#include "camera/onnx/onnx_api.h"

struct onnx_runtime {
        void *library;
        const onnx_function *api;
        struct onnx_env *env;
        struct onnx_memory *memory;
        struct onnx_allocator *allocator; /* the library's own, not to be released */
};

/* Releases the status. True for success; false with the library's words in the reason. */
bool onnx_is_good(const struct onnx_runtime *runtime, struct onnx_status *status,
                  struct reason *reason);

#endif
