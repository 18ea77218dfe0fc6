// SPDX-License-Identifier: MIT
#include "camera/once.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/thread.h"
#include "camera/detect/detector.h"
#include "camera/picture/jpeg.h"
#include "camera/watch/marking.h"

#define IMAGE_LIMIT ((size_t)64 << 20)
#define OVERLAP     0.45F
#define QUALITY     85

static void write_number(struct buf *out, float number, int digits)
{
        buf_add_format(out, "%.*f", digits, (double)number);
}

static void write_label(struct buf *out, const char *label)
{
        buf_add_json_string(out, label, strlen(label));
}

/* Of labels that are called the same the first one stands for all. */
static size_t first_of_name(const struct labels *labels, size_t label)
{
        size_t first = 0;

        while (strcmp(labels->names[first], labels->names[label]) != 0)
                first++;
        return first;
}

/* Labels in the order of their first detection. */
static void write_tally(struct buf *out, const struct labels *labels, const struct box_list *found)
{
        CLEANUP(mem_cleanup) unsigned int *counts = mem_new(labels->count, sizeof(*counts));
        const char *comma = "";

        for (size_t i = 0; i < found->count; i++)
                counts[first_of_name(labels, found->boxes[i].label)]++;
        buf_add_text(out, "{\"tally\":{");
        for (size_t i = 0; i < found->count; i++) {
                unsigned int *count = &counts[first_of_name(labels, found->boxes[i].label)];

                if (*count == 0)
                        continue;
                buf_add_text(out, comma);
                write_label(out, labels->names[found->boxes[i].label]);
                buf_add_format(out, ":%u", *count);
                *count = 0;
                comma = ",";
        }
        buf_add_text(out, "},\"detections\":[");
}

static void write_detection(struct buf *out, const struct labels *labels, const struct box *box)
{
        const float corners[] = {box->x1, box->y1, box->x2, box->y2};

        buf_add_text(out, "{\"label\":");
        write_label(out, labels->names[box->label]);
        buf_add_text(out, ",\"score\":");
        write_number(out, box->score, 4);
        for (size_t i = 0; i < ARRAY_SIZE(corners); i++) {
                buf_add_text(out, i == 0 ? ",\"box\":[" : ",");
                write_number(out, corners[i], 1);
        }
        buf_add_text(out, "]}");
}

static void write_result(struct buf *out, const struct labels *labels, const struct box_list *found)
{
        write_tally(out, labels, found);
        for (size_t i = 0; i < found->count; i++) {
                if (i > 0)
                        buf_add_char(out, ',');
                write_detection(out, labels, &found->boxes[i]);
        }
        buf_add_text(out, "]}\n");
}

static int write_marked_up(const char *path, struct picture *picture, const struct labels *labels,
                           const struct box_list *found, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf jpeg = BUF_INIT;
        int result;

        marking_draw(picture, labels, found, NULL, 0);
        result = jpeg_write(picture, QUALITY, &jpeg, reason);
        if (result == 0)
                result = file_write(path, 0644, jpeg.data, jpeg.size, reason);
        return result;
}

/* The model, which a thread of its own opens while the picture is decoded. */
struct opening {
        const struct once_options *options;
        struct onnx_runtime *runtime;
        struct detector *detector;
        int result;
        struct reason reason;
};

static void *open_model(void *context)
{
        struct opening *opening = context;
        const struct once_options *options = opening->options;

        opening->result = onnx_runtime_open(options->library, &opening->runtime, &opening->reason);
        if (opening->result == 0)
                opening->result =
                        detector_new(&(struct detector_options){.runtime = opening->runtime,
                                                                .model = options->model,
                                                                .labels = options->labels},
                                     &opening->detector, &opening->reason);
        return NULL;
}

static int read_picture(const char *path, struct picture *picture, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

        if (file_read(path, IMAGE_LIMIT, &bytes, reason) != 0)
                return ONCE_E_FAILED;
        if (jpeg_read(bytes.data, bytes.size, picture, reason) == 0)
                return 0;
        reason_prefix(reason, "%s", path);
        return ONCE_E_FAILED;
}

static int look(const struct once_options *options, struct detector *detector,
                struct picture *picture, struct buf *out, struct reason *reason)
{
        CLEANUP(box_list_deinit) struct box_list found = BOX_LIST_INIT;
        const struct box_rules rules = {.score = options->threshold, .overlap = OVERLAP};

        if (detector_look(detector, picture, &rules, &found, reason) != 0)
                return ONCE_E_FAILED;
        write_result(out, detector_labels(detector), &found);
        if (options->marked_up && write_marked_up(options->marked_up, picture,
                                                  detector_labels(detector), &found, reason) != 0)
                return ONCE_E_FAILED;
        return 0;
}

int once(const struct once_options *options, struct buf *out, struct reason *reason)
{
        CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;
        struct opening opening = {.options = options, .reason = REASON_INIT};
        pthread_t thread;
        int result;

        thread_start(&thread, open_model, &opening);
        result = read_picture(options->image, &picture, reason);
        pthread_join(thread, NULL);
        if (result == 0 && opening.result != 0) {
                *reason = opening.reason;
                result = ONCE_E_FAILED;
        }
        if (result == 0)
                result = look(options, opening.detector, &picture, out, reason);
        detector_free(opening.detector);
        onnx_runtime_close(opening.runtime);
        return result;
}
