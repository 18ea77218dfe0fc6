// SPDX-License-Identifier: MIT
/*
 * A model, loaded and run. Nothing here knows what the model is for. A session may be run by one
 * thread at a time.
 */
#ifndef ISTHMUS_CAMERA_ONNX_ONNX_SESSION_H
#define ISTHMUS_CAMERA_ONNX_ONNX_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "camera/onnx/onnx_runtime.h"

#define ONNX_RANK_MAX  8
#define ONNX_PORTS_MAX 8

/* An input or an output. */
struct onnx_port {
        char *name;
        int element; /* enum onnx_element; 0 = it is no tensor */
        size_t rank;
        int64_t dimensions[ONNX_RANK_MAX]; /* -1 = left free */
};

struct onnx_session;

/*
 * Loads the model file at `path`, which may have at most 1 GiB. `threads` work on one run; none
 * of them spins between runs. On success `*session` is the caller's; ONNX_E_MODEL with the reason
 * otherwise.
 */
int onnx_session_load(struct onnx_runtime *runtime, const char *path, int threads,
                      struct onnx_session **session, struct reason *reason) MUST_CHECK;
void onnx_session_free(struct onnx_session *session);

size_t onnx_session_inputs(const struct onnx_session *session, const struct onnx_port **ports);
size_t onnx_session_outputs(const struct onnx_session *session, const struct onnx_port **ports);

/* A text of the model's own metadata, the caller's to free; NULL if there is none. */
char *onnx_session_metadata(const struct onnx_session *session, const char *key);

/* What came out; `data` belongs to the session until the next run. */
struct onnx_output {
        const float *data;
        size_t rank;
        int64_t dimensions[ONNX_RANK_MAX];
};

/*
 * Runs the model on its first input, whose values and dimensions (as many as the input's rank) are
 * the caller's, and gives output number `output`. ONNX_E_RUN with the reason if that fails or the
 * output is no tensor of floats.
 */
int onnx_session_run(struct onnx_session *session, float *input, const int64_t *dimensions,
                     size_t output, struct onnx_output *result, struct reason *reason) MUST_CHECK;

#endif
