// SPDX-License-Identifier: MIT
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "camera/once.h"

/* Exit status. */
enum status {
        STATUS_GOOD = 0,
        STATUS_FAILED = 1,
        STATUS_USAGE = 2,
};

static const char help[] =
        "usage: isthmus-camera --once --image FILE --model FILE [options]\n"
        "\n"
        "Finds things in a picture with a YOLO model (ONNX) and prints one JSON object: how many "
        "of\n"
        "each label, and where.\n"
        "\n"
        "  --once              one picture, without any Azure\n"
        "  --image FILE        a JPEG picture\n"
        "  --model FILE        YOLOv5, v8 or later, or an end-to-end model, as ONNX\n"
        "  --labels FILE       a name a line, instead of those in the model\n"
        "  --threshold N       scores above N count, 0 to 1 (default 0.25)\n"
        "  --marked-up FILE    writes the picture with boxes, labels and scores there\n"
        "  --onnxruntime FILE  the library libonnxruntime.so.1, if it is in no usual place\n"
        "  --version           prints the version\n"
        "  --help              this text\n";

enum option_id {
        OPTION_ONCE = 256,
        OPTION_IMAGE,
        OPTION_MODEL,
        OPTION_LABELS,
        OPTION_THRESHOLD,
        OPTION_MARKED_UP,
        OPTION_LIBRARY,
        OPTION_VERSION,
        OPTION_HELP,
};

static const struct option options[] = {
        {"once", no_argument, NULL, OPTION_ONCE},
        {"image", required_argument, NULL, OPTION_IMAGE},
        {"model", required_argument, NULL, OPTION_MODEL},
        {"labels", required_argument, NULL, OPTION_LABELS},
        {"threshold", required_argument, NULL, OPTION_THRESHOLD},
        {"marked-up", required_argument, NULL, OPTION_MARKED_UP},
        {"onnxruntime", required_argument, NULL, OPTION_LIBRARY},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"help", no_argument, NULL, OPTION_HELP},
        {NULL, 0, NULL, 0},
};

struct arguments {
        struct once_options once;
        bool is_once;
};

static int complain(const char *text, const char *what)
{
        fprintf(stderr, "isthmus-camera: %s%s; `isthmus-camera --help` explains the options\n",
                text, what);
        return STATUS_USAGE;
}

static bool read_threshold(const char *text, float *threshold)
{
        char *end;
        float number = strtof(text, &end);

        if (end == text || *end != '\0' || !(number >= 0 && number < 1))
                return false;
        *threshold = number;
        return true;
}

/* Returns a status, or -1 to go on. */
static int take_option(int option, const char *value, struct arguments *arguments)
{
        switch (option) {
        case OPTION_ONCE:
                arguments->is_once = true;
                return -1;
        case OPTION_IMAGE:
                arguments->once.image = value;
                return -1;
        case OPTION_MODEL:
                arguments->once.model = value;
                return -1;
        case OPTION_LABELS:
                arguments->once.labels = value;
                return -1;
        case OPTION_MARKED_UP:
                arguments->once.marked_up = value;
                return -1;
        case OPTION_LIBRARY:
                arguments->once.library = value;
                return -1;
        case OPTION_THRESHOLD:
                if (read_threshold(value, &arguments->once.threshold))
                        return -1;
                return complain("--threshold needs a number from 0 to below 1, not ", value);
        case OPTION_VERSION:
                puts("isthmus-camera " ISTHMUS_VERSION);
                return STATUS_GOOD;
        case OPTION_HELP:
                fputs(help, stdout);
                return STATUS_GOOD;
        default:
                return complain("wrong usage", "");
        }
}

static int run_once(const struct once_options *once_options)
{
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        struct reason reason = REASON_INIT;

        if (once(once_options, &out, &reason) != 0) {
                fprintf(stderr, "isthmus-camera: %s\n", reason.text);
                return STATUS_FAILED;
        }
        fwrite(out.data, 1, out.size, stdout);
        return fflush(stdout) == 0 ? STATUS_GOOD : STATUS_FAILED;
}

int main(int argc, char **argv)
{
        struct arguments arguments = {.once.threshold = 0.25F};
        int option;

        while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
                int status = take_option(option, optarg, &arguments);

                if (status >= 0)
                        return status;
        }
        if (optind < argc)
                return complain("there is no argument ", argv[optind]);
        if (!arguments.is_once)
                return complain("--once is missing", "");
        if (!arguments.once.image)
                return complain("--image is missing", "");
        if (!arguments.once.model)
                return complain("--model is missing", "");
        return run_once(&arguments.once);
}
