// SPDX-License-Identifier: MIT
/*
 * ONNX Runtime, opened when it is needed: the program is built without it, starts without it, and
 * says how to get it.
 */
#ifndef ISTHMUS_CAMERA_ONNX_ONNX_RUNTIME_H
#define ISTHMUS_CAMERA_ONNX_ONNX_RUNTIME_H

#include "base/error.h"
#include "base/reason.h"

struct onnx_runtime;

enum onnx_condition {
        ONNX_E_LIBRARY = 1, /* the library is missing, too old, or can't be used */
        ONNX_E_MODEL,       /* the model is not what can be run; the reason says what was found */
        ONNX_E_RUN,         /* a run failed */
};

/*
 * Opens the library at `path`; NULL = where it usually is: beside the program, below
 * ../lib/isthmus of it, or where the system finds it. Its network telemetry is switched off before
 * it is opened. On success `*runtime` is the caller's; ONNX_E_LIBRARY with the reason otherwise.
 * At most one is open at a time.
 */
int onnx_runtime_open(const char *path, struct onnx_runtime **runtime,
                      struct reason *reason) MUST_CHECK;

/* After all models of it are freed. */
void onnx_runtime_close(struct onnx_runtime *runtime);

#endif
