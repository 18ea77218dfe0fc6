// SPDX-License-Identifier: MIT
#include "camera/detect/detector.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "camera/onnx/onnx_api.h"
#include "camera/onnx/onnx_session.h"
#include "camera/picture/letterbox.h"

#define THREADS_MAX 4
#define SIDE_FREE   640
#define SIDE_STEP   32
#define SIDE_MAX    4096

struct detector {
        const char *model;
        struct onnx_session *session;
        struct labels labels;
        enum layout layout;
        size_t output; /* which one holds the boxes */
        int width;     /* of the input */
        int height;
        float *tensor;
        bool has_told_odd_numbers;
        char description[96];
};

static int refuse(const char *model, struct reason *reason)
{
        reason_prefix(reason, "%s can't be used", model);
        return DETECTOR_E_MODEL;
}

static bool check_task(const struct onnx_session *session, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *task = onnx_session_metadata(session, "task");

        if (!task || strcmp(task, "detect") == 0)
                return true;
        reason_set(reason, "it is made for the task \"%.40s\", \"detect\" is needed", task);
        return false;
}

static int cores(void)
{
        long count = sysconf(_SC_NPROCESSORS_ONLN);

        if (count < 1)
                return 1;
        return count > THREADS_MAX ? THREADS_MAX : (int)count;
}

/* A side of the input: as the model says, or `wanted` where it leaves that free. */
static bool choose_side(int64_t side, int wanted, int *chosen, struct reason *reason)
{
        if (side < 0)
                side = wanted;
        if (side < SIDE_STEP || side > SIDE_MAX || side % SIDE_STEP != 0) {
                reason_set(reason,
                           "its input would be %lld pixels wide or high; a multiple of %d from %d "
                           "to %d is needed",
                           (long long)side, SIDE_STEP, SIDE_STEP, SIDE_MAX);
                return false;
        }
        *chosen = (int)side;
        return true;
}

static bool check_input(struct detector *detector, const struct detector_options *options,
                        struct reason *reason)
{
        const struct onnx_port *ports;
        size_t count = onnx_session_inputs(detector->session, &ports);
        int wanted = options->size ? options->size : SIDE_FREE;

        if (count != 1) {
                reason_set(reason, "it has %zu inputs, 1 is needed", count);
                return false;
        }
        if (ports[0].element != ONNX_FLOAT) {
                reason_set(reason, "its input has elements of type %d%s, 1 (float32) is needed",
                           ports[0].element,
                           ports[0].element == ONNX_FLOAT16 ? " (float16: export without `half`)"
                                                            : "");
                return false;
        }
        if (ports[0].rank != 4 || ports[0].dimensions[0] > 1 || ports[0].dimensions[1] > 3 ||
            ports[0].dimensions[0] == 0 ||
            (ports[0].dimensions[1] >= 0 && ports[0].dimensions[1] != 3)) {
                reason_set(reason, "its input is not of the shape [1, 3, height, width]");
                return false;
        }
        return choose_side(ports[0].dimensions[2], wanted, &detector->height, reason) &&
               choose_side(ports[0].dimensions[3], wanted, &detector->width, reason);
}

static bool read_labels(struct detector *detector, const struct detector_options *options,
                        struct reason *reason)
{
        CLEANUP(mem_cleanup) char *names = NULL;

        if (options->labels)
                return labels_read_file(options->labels, &detector->labels, reason) == 0;
        names = onnx_session_metadata(detector->session, "names");
        if (names)
                return labels_read_metadata(names, &detector->labels, reason) == 0;
        labels_coco(&detector->labels);
        return true;
}

static int run(struct detector *detector, struct onnx_output *output, struct reason *reason)
{
        const int64_t dimensions[] = {1, 3, detector->height, detector->width};

        return onnx_session_run(detector->session, detector->tensor, dimensions, detector->output,
                                output, reason);
}

static enum layout layout_of(const struct detector *detector, const int64_t *dimensions,
                             size_t rank, struct reason *reason)
{
        return layout_recognise(dimensions, rank, detector->labels.count, detector->width,
                                detector->height, reason);
}

static bool has_free_dimension(const struct onnx_port *port)
{
        for (size_t i = 0; i < port->rank; i++) {
                if (port->dimensions[i] < 0)
                        return true;
        }
        return false;
}

/* A run tells the shapes that a model with free dimensions does not. */
static bool recognise(struct detector *detector, struct reason *reason)
{
        const struct onnx_port *ports;
        size_t count = onnx_session_outputs(detector->session, &ports);
        const struct onnx_port *port;
        struct onnx_output output;

        while (detector->output < count && ports[detector->output].rank != 3)
                detector->output++;
        if (detector->output == count) {
                reason_set(reason, "none of its %zu outputs has three dimensions", count);
                return false;
        }
        port = &ports[detector->output];
        if (!has_free_dimension(port))
                detector->layout = layout_of(detector, port->dimensions, port->rank, reason);
        else if (run(detector, &output, reason) == 0)
                detector->layout = layout_of(detector, output.dimensions, output.rank, reason);
        return detector->layout != LAYOUT_NONE;
}

int detector_new(const struct detector_options *options, struct detector **detector,
                 struct reason *reason)
{
        struct detector *fresh = mem_new(1, sizeof(*fresh));

        if (onnx_session_load(options->runtime, options->model,
                              options->threads ? options->threads : cores(), &fresh->session,
                              reason) != 0) {
                detector_free(fresh);
                return refuse(options->model, reason);
        }
        if (!check_task(fresh->session, reason) || !check_input(fresh, options, reason) ||
            !read_labels(fresh, options, reason)) {
                detector_free(fresh);
                return refuse(options->model, reason);
        }
        fresh->tensor =
                mem_new((size_t)fresh->width * (size_t)fresh->height * 3, sizeof(*fresh->tensor));
        if (!recognise(fresh, reason)) {
                detector_free(fresh);
                return refuse(options->model, reason);
        }
        fresh->model = options->model;
        snprintf(fresh->description, sizeof(fresh->description), "%d x %d, %s, %zu labels",
                 fresh->width, fresh->height, layout_name(fresh->layout), fresh->labels.count);
        *detector = fresh;
        return 0;
}

void detector_free(struct detector *detector)
{
        if (!detector)
                return;
        onnx_session_free(detector->session);
        labels_deinit(&detector->labels);
        free(detector->tensor);
        free(detector);
}

const struct labels *detector_labels(const struct detector *detector)
{
        return &detector->labels;
}

const char *detector_describe(const struct detector *detector)
{
        return detector->description;
}

/* What comes out must have the layout that was recognised. */
static int run_as_recognised(struct detector *detector, struct onnx_output *output,
                             struct reason *reason)
{
        if (run(detector, output, reason) == 0 &&
            layout_of(detector, output->dimensions, output->rank, reason) == detector->layout)
                return 0;
        return refuse(detector->model, reason);
}

int detector_try(struct detector *detector, struct reason *reason)
{
        struct onnx_output output;

        return run_as_recognised(detector, &output, reason);
}

static float within(float value, float most)
{
        return value < 0 ? 0 : value > most ? most : value;
}

/* Back into the picture's pixels; what the model calls by no label is dropped. */
static void place_boxes(const struct detector *detector, const struct picture *picture,
                        const struct letterbox *letterbox, struct box_list *list)
{
        size_t kept = 0;

        for (size_t i = 0; i < list->count; i++) {
                struct box box = list->boxes[i];

                if (box.label >= detector->labels.count)
                        continue;
                box.x1 = within((box.x1 - (float)letterbox->left) / letterbox->scale,
                                (float)picture->width);
                box.y1 = within((box.y1 - (float)letterbox->top) / letterbox->scale,
                                (float)picture->height);
                box.x2 = within((box.x2 - (float)letterbox->left) / letterbox->scale,
                                (float)picture->width);
                box.y2 = within((box.y2 - (float)letterbox->top) / letterbox->scale,
                                (float)picture->height);
                list->boxes[kept++] = box;
        }
        list->count = kept;
}

static void tell_odd_numbers(struct detector *detector, size_t odd)
{
        if (odd == 0 || detector->has_told_odd_numbers)
                return;
        detector->has_told_odd_numbers = true;
        log_warn("MODEL_ODD_NUMBERS",
                 "The model gives values that are no numbers; they are left out",
                 LOG_INT("count", odd), LOG_END);
}

int detector_look(struct detector *detector, const struct picture *picture,
                  const struct box_rules *rules, struct box_list *list, struct reason *reason)
{
        struct letterbox letterbox =
                letterbox_fit(picture->width, picture->height, detector->width, detector->height);
        struct onnx_output output;

        list->count = 0;
        letterbox_fill(picture, &letterbox, detector->width, detector->height, detector->tensor);
        if (run_as_recognised(detector, &output, reason) != 0)
                return DETECTOR_E_RUN;
        tell_odd_numbers(detector,
                         boxes_read(detector->layout, output.data, output.dimensions, rules, list));
        place_boxes(detector, picture, &letterbox, list);
        return 0;
}
