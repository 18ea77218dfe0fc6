// SPDX-License-Identifier: MIT
/*
 * How long each stage of a picture takes, in this process, beside bare runs of the same model in
 * the same runtime that take turns with it: medians, as JSON. usage: camera_bench LIBRARY MODEL
 * PICTURE THREADS COUNT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "camera/count/tally.h"
#include "camera/detect/detector.h"
#include "camera/onnx/onnx_session.h"
#include "camera/picture/jpeg.h"
#include "camera/picture/letterbox.h"
#include "camera/source/source.h"
#include "camera/watch/marking.h"
#include "http/client/http_client.h"

#define PICTURE_MAX ((size_t)64 << 20)
#define QUALITY     85

enum stage {
        FETCH,
        DECODE,
        SCALE,
        LOOK, /* scale, infer, boxes */
        COUNT,
        DRAW,
        ENCODE,
        BARE,
        TO_JSON,
        TO_MARKED_UP,
        STAGES,
};

static const char *const names[STAGES] = {"fetch", "decode", "scale", "look", "count",
                                          "draw",  "encode", "bare",  "json", "markedUp"};

struct bench {
        struct onnx_runtime *runtime;
        struct detector *detector;
        struct onnx_session *bare;
        float *tensor;
        int64_t dimensions[4];
        struct tally_rules rules;
        struct http_client *http;
        struct source *source;
        struct buf jpeg;
        int count;
        int64_t *times[STAGES];
};

static void fail(const struct reason *reason)
{
        fprintf(stderr, "camera_bench: %s\n", reason->text);
        exit(1);
}

static void open_models(struct bench *bench, char **argv)
{
        struct reason reason = REASON_INIT;
        const struct onnx_port *ports;
        int threads = atoi(argv[4]);

        if (onnx_runtime_open(argv[1], &bench->runtime, &reason) != 0 ||
            detector_new(&(struct detector_options){.runtime = bench->runtime,
                                                    .model = argv[2],
                                                    .threads = threads},
                         &bench->detector, &reason) != 0 ||
            onnx_session_load(bench->runtime, argv[2], threads, &bench->bare, &reason) != 0 ||
            file_read(argv[3], PICTURE_MAX, &bench->jpeg, &reason) != 0)
                fail(&reason);
        if (http_client_new(&(struct http_client_options){.user_agent = "bench"}, &bench->http,
                            &reason) != 0 ||
            source_new(&(struct source_settings){.kind = SOURCE_HTTP,
                                                 .place = argv[6],
                                                 .http = bench->http,
                                                 .maximum_age_ms = -1},
                       &bench->source, &reason) != 0)
                fail(&reason);
        onnx_session_inputs(bench->bare, &ports);
        memcpy(bench->dimensions, (int64_t[]){1, 3, 640, 640}, sizeof(bench->dimensions));
        for (size_t i = 2; i < 4; i++) {
                if (ports[0].dimensions[i] > 0)
                        bench->dimensions[i] = ports[0].dimensions[i];
        }
        bench->tensor =
                mem_new((size_t)(3 * bench->dimensions[2] * bench->dimensions[3]), sizeof(float));
        tally_rules_init(&bench->rules, detector_labels(bench->detector));
        bench->rules.threshold = 0.25F;
}

static int64_t since(int64_t *mark_ns)
{
        int64_t now_ns = clock_steady_ns();
        int64_t passed_ns = now_ns - *mark_ns;

        *mark_ns = now_ns;
        return passed_ns;
}

static void run_bare(struct bench *bench, int round)
{
        struct onnx_output output;
        struct reason reason = REASON_INIT;
        int64_t mark_ns = clock_steady_ns();

        if (onnx_session_run(bench->bare, bench->tensor, bench->dimensions, 0, &output, &reason) !=
            0)
                fail(&reason);
        bench->times[BARE][round] = since(&mark_ns);
}

static void run_fetch(struct bench *bench, int round)
{
        CLEANUP(source_picture_deinit) struct source_picture picture = SOURCE_PICTURE_INIT;
        struct reason reason = REASON_INIT;
        int64_t mark_ns = clock_steady_ns();

        if (source_take(bench->source, &picture, &reason) != 0)
                fail(&reason);
        bench->times[FETCH][round] = since(&mark_ns);
}

static void run_picture(struct bench *bench, int round)
{
        static const struct box_rules boxes = {.score = 0.25F, .overlap = 0.45F};
        CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;
        CLEANUP(box_list_deinit) struct box_list found = BOX_LIST_INIT;
        CLEANUP(tally_deinit) struct tally tally = TALLY_INIT;
        CLEANUP(buf_deinit) struct buf json = BUF_INIT;
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        struct reason reason = REASON_INIT;
        int64_t start_ns = clock_steady_ns();
        int64_t mark_ns = start_ns;

        if (jpeg_read(bench->jpeg.data, bench->jpeg.size, &picture, &reason) != 0)
                fail(&reason);
        bench->times[DECODE][round] = since(&mark_ns);
        if (detector_look(bench->detector, &picture, &boxes, &found, &reason) != 0)
                fail(&reason);
        bench->times[LOOK][round] = since(&mark_ns);
        tally_select(&bench->rules, picture.width, picture.height, &found);
        tally_count(&bench->rules, picture.width, picture.height, &found, &tally);
        tally_write(&bench->rules, &tally, NULL, &json);
        bench->times[COUNT][round] = since(&mark_ns);
        bench->times[TO_JSON][round] = mark_ns - start_ns;
        marking_draw(&picture, detector_labels(bench->detector), &found, NULL, 0);
        bench->times[DRAW][round] = since(&mark_ns);
        if (jpeg_write(&picture, QUALITY, &out, &reason) != 0)
                fail(&reason);
        bench->times[ENCODE][round] = since(&mark_ns);
        bench->times[TO_MARKED_UP][round] = mark_ns - start_ns;
}

/* Scaling alone, which `look` holds. */
static void run_scale(struct bench *bench, int round)
{
        CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;
        struct reason reason = REASON_INIT;
        struct letterbox letterbox;
        int64_t mark_ns;

        if (jpeg_read(bench->jpeg.data, bench->jpeg.size, &picture, &reason) != 0)
                fail(&reason);
        mark_ns = clock_steady_ns();
        letterbox = letterbox_fit(picture.width, picture.height, (int)bench->dimensions[3],
                                  (int)bench->dimensions[2]);
        letterbox_fill(&picture, &letterbox, (int)bench->dimensions[3], (int)bench->dimensions[2],
                       bench->tensor);
        bench->times[SCALE][round] = since(&mark_ns);
}

static int compare(const void *a, const void *b)
{
        const int64_t *left = a;
        const int64_t *right = b;

        return (*left > *right) - (*left < *right);
}

int main(int argc, char **argv)
{
        struct bench bench = {.jpeg = BUF_INIT};

        if (argc != 7) {
                fputs("usage: camera_bench LIBRARY MODEL PICTURE THREADS COUNT URL\n", stderr);
                return 2;
        }
        open_models(&bench, argv);
        bench.count = atoi(argv[5]);
        for (int i = 0; i < STAGES; i++)
                bench.times[i] = mem_new((size_t)bench.count, sizeof(int64_t));
        for (int round = 0; round < bench.count; round++) {
                run_fetch(&bench, round);
                run_scale(&bench, round);
                run_bare(&bench, round);
                run_picture(&bench, round);
        }
        for (int i = 0; i < STAGES; i++) {
                qsort(bench.times[i], (size_t)bench.count, sizeof(int64_t), compare);
                printf("%s\"%s\":%.3f", i == 0 ? "{" : ",", names[i],
                       (double)bench.times[i][bench.count / 2] / 1e6);
                free(bench.times[i]);
        }
        puts("}");
        source_free(bench.source);
        http_client_free(bench.http);
        tally_rules_deinit(&bench.rules);
        free(bench.tensor);
        onnx_session_free(bench.bare);
        detector_free(bench.detector);
        onnx_runtime_close(bench.runtime);
        buf_deinit(&bench.jpeg);
        return 0;
}
