// SPDX-License-Identifier: MIT
#include "camera/watch/eye.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/thread.h"
#include "camera/detect/detector.h"
#include "camera/picture/jpeg.h"

struct eye {
        const struct camera_program_settings *settings;

        /* The thread "model" writes these, and ends. */
        pthread_t opener;
        bool is_opening;
        struct onnx_runtime *runtime;
        int result;
        struct reason reason;

        pthread_mutex_t lock; /* guards what follows, once it is open */
        pthread_cond_t tried; /* the model has run, or failed to */
        bool is_tried;
        struct detector *detector;
        struct box_list found;
};

static void *open_eye(void *context)
{
        struct eye *eye = context;
        const struct camera_program_settings *settings = eye->settings;

        thread_enter("model");
        eye->result = onnx_runtime_open(settings->onnx_runtime, &eye->runtime, &eye->reason);
        if (eye->result == 0)
                eye->result = detector_new(
                        &(struct detector_options){.runtime = eye->runtime,
                                                   .model = settings->model,
                                                   .labels = settings->labels,
                                                   .threads = (int)settings->model_threads,
                                                   .size = (int)settings->model_size},
                        &eye->detector, &eye->reason);
        return NULL;
}

struct eye *eye_new(const struct camera_program_settings *settings)
{
        struct eye *eye = mem_new(1, sizeof(*eye));

        eye->settings = settings;
        pthread_mutex_init(&eye->lock, NULL);
        condition_init(&eye->tried);
        eye->is_opening = true;
        thread_start(&eye->opener, open_eye, eye);
        return eye;
}

static void finish_opening(struct eye *eye)
{
        if (eye->is_opening)
                pthread_join(eye->opener, NULL);
        eye->is_opening = false;
}

int eye_wait(struct eye *eye, struct reason *reason)
{
        finish_opening(eye);
        *reason = eye->reason;
        return eye->result == 0 ? 0 : EYE_E_FAILED;
}

void eye_free(struct eye *eye)
{
        if (!eye)
                return;
        finish_opening(eye);
        box_list_deinit(&eye->found);
        detector_free(eye->detector);
        onnx_runtime_close(eye->runtime);
        pthread_cond_destroy(&eye->tried);
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

/* With the lock held. What the first run says is what eye_try tells. */
static int note_run(struct eye *eye, int result, const struct reason *reason)
{
        if (!eye->is_tried && result != 0) {
                eye->result = result;
                eye->reason = *reason;
        }
        eye->is_tried = true;
        pthread_cond_broadcast(&eye->tried);
        return result;
}

int eye_try(struct eye *eye, int64_t patience_ms, struct reason *reason)
{
        int64_t until_ns = clock_steady_ns() + patience_ms * CLOCK_NS_PER_MS;
        int result;

        pthread_mutex_lock(&eye->lock);
        while (!eye->is_tried && condition_wait_until(&eye->tried, &eye->lock, until_ns))
                continue;
        if (!eye->is_tried)
                (void)note_run(eye, detector_try(eye->detector, reason), reason);
        result = eye->result;
        *reason = eye->reason;
        pthread_mutex_unlock(&eye->lock);
        return result == 0 ? 0 : EYE_E_FAILED;
}

static int look(struct eye *eye, struct eye_turn *turn, struct reason *reason)
{
        CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;
        int64_t start_ns = clock_steady_ns();
        int64_t decoded_ns;

        if (jpeg_read(turn->jpeg->data, turn->jpeg->size, &picture, reason) != 0)
                return EYE_E_FAILED;
        decoded_ns = clock_steady_ns();
        if (note_run(eye, detector_look(eye->detector, &picture, &turn->rules, &eye->found, reason),
                     reason) != 0)
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
