// SPDX-License-Identifier: MIT
/* What the tests of the camera share: ONNX Runtime, and the models of tools/make-model.mjs. */
#ifndef ISTHMUS_TESTS_CAMERA_MODELS_H
#define ISTHMUS_TESTS_CAMERA_MODELS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "camera/detect/detector.h"
#include "camera/picture/picture.h"

/* tools/setup-onnxruntime puts it there. */
#define MODELS_LIBRARY TEST_PROJECT "/.cache/libonnxruntime.so.1"

static inline struct onnx_runtime *models_runtime(void)
{
        struct onnx_runtime *runtime = NULL;
        struct reason reason = REASON_INIT;

        if (onnx_runtime_open(MODELS_LIBRARY, &runtime, &reason) != 0)
                fail_msg("%s (tools/setup-onnxruntime puts it there)", reason.text);
        return runtime;
}

/* Makes the model that finds red, green and blue shapes, its input `size` pixels wide and high. */
static inline void models_make(const char *path, const char *layout, const char *size)
{
        int status = -1;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
                execl(TEST_PROJECT "/tools/make-model.mjs", "make-model", path, "--layout", layout,
                      "--size", size, (char *)NULL);
                _exit(127);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
}

/* Blue, green, red of a colour. */
static inline void models_paint(struct picture *picture, int x, int y, int width, int height,
                                const uint8_t colour[3])
{
        for (int row = y; row < y + height; row++) {
                for (int column = x; column < x + width; column++)
                        memcpy(picture_row(picture, row) + (size_t)column * PICTURE_PIXEL_BYTES,
                               colour, 3);
        }
}

static inline void models_grey(struct picture *picture, int width, int height)
{
        static const uint8_t grey[] = {120, 120, 120};

        picture_init(picture, width, height);
        models_paint(picture, 0, 0, width, height, grey);
}

#endif
