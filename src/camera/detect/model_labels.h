// SPDX-License-Identifier: MIT
/*
 * The labels in a model file, without running it: an ONNX file is a protocol buffer, and its
 * metadata are entries of a key and a value in it
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, ModelProto.metadata_props).
 */
#ifndef ISTHMUS_CAMERA_DETECT_MODEL_LABELS_H
#define ISTHMUS_CAMERA_DETECT_MODEL_LABELS_H

#include "base/buf.h"
#include "camera/detect/labels.h"

/*
 * Adds the value of a key of the metadata; nothing, if there is none of that name. LABELS_E_BAD
 * with the reason if the bytes are no model.
 */
int model_metadata(const void *bytes, size_t size, const char *key, struct buf *out,
                   struct reason *reason) MUST_CHECK;

/* The labels of the model at `path`; COCO's, if it names none. `labels` must be empty. */
int model_labels_read(const char *path, struct labels *labels, struct reason *reason) MUST_CHECK;

#endif
