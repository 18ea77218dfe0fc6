// SPDX-License-Identifier: MIT
#include "camera/watch/eye.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "camera/detect/detector.h"
#include "camera/picture/jpeg.h"

struct eye {
        struct onnx_runtime *runtime;
        pthread_mutex_t lock; /* guards what follows */
        struct detector *detector;
        struct box_list found;
};

int eye_new(const struct camera_program_settings *settings, struct eye **eye, struct reason *reason)
{
        struct eye *made = mem_new(1, sizeof(*made));

        pthread_mutex_init(&made->lock, NULL);
        if (onnx_runtime_open(settings->onnx_runtime, &made->runtime, reason) == 0 &&
            detector_new(&(struct detector_options){.runtime = made->runtime,
                                                    .model = settings->model,
                                                    .labels = settings->labels,
                                                    .threads = (int)settings->model_threads,
                                                    .size = (int)settings->model_size},
                         &made->detector, reason) == 0) {
                *eye = made;
                return 0;
        }
        eye_free(made);
        return EYE_E_FAILED;
}

void eye_free(struct eye *eye)
{
        if (!eye)
                return;
        box_list_deinit(&eye->found);
        detector_free(eye->detector);
        if (eye->runtime)
                onnx_runtime_close(eye->runtime);
        pthread_mutex_destroy(&eye->lock);
        free(eye);
}

const struct labels *eye_labels(const struct eye *eye)
{
        return detector_labels(eye->detector);
}

const char *eye_describe(const struct eye *eye)
{
        return detector_describe(eye->detector);
}

static int look(struct eye *eye, struct eye_turn *turn, struct reason *reason)
{
        CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;
        int64_t start_ns = clock_steady_ns();
        int64_t decoded_ns;

        if (jpeg_read(turn->jpeg->data, turn->jpeg->size, &picture, reason) != 0)
                return EYE_E_FAILED;
        decoded_ns = clock_steady_ns();
        if (detector_look(eye->detector, &picture, &turn->rules, &eye->found, reason) != 0)
                return EYE_E_FAILED;
        metrics_observe(METRIC_CAMERA_DECODE, decoded_ns - start_ns);
        metrics_observe(METRIC_CAMERA_LOOK, clock_steady_ns() - decoded_ns);
        turn->seen(turn->context, &picture, &eye->found);
        return 0;
}

int eye_look(struct eye *eye, struct eye_turn *turn, struct reason *reason)
{
        int result;

        pthread_mutex_lock(&eye->lock);
        result = look(eye, turn, reason);
        pthread_mutex_unlock(&eye->lock);
        return result;
}
