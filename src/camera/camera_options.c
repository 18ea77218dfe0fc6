// SPDX-License-Identifier: MIT
#include "camera/camera_options.h"

#include <stddef.h>
#include <stdlib.h>

#include "camera/settings/camera_settings.h"
#include "cli/completion.h"
#include "cli/config_actions.h"
#include "cli/terminal.h"

static bool read_threshold(void *target, const char *text, struct reason *reason)
{
        struct camera_order *order = target;
        char *end;
        float number = strtof(text, &end);

        if (end == text || *end != '\0' || !(number >= 0 && number < 1)) {
                reason_set(reason, "--threshold needs a number from 0 to below 1, not '%s'", text);
                return false;
        }
        order->once.threshold = number;
        return true;
}

static const struct options_row rows[] = {
        OPTION_CONFIG(struct camera_order, config,
                      "settings (default " CAMERA_DEFAULT_FILE
                      "); `isthmus-camera config check` explains mistakes in it"),
        OPTION_SWITCH(struct camera_order, is_once, "once",
                      "looks at one picture, without any Azure, and prints one JSON object: how "
                      "many of each label, and where"),
        OPTION_TEXT(struct camera_order, once.image, "image", "FILE",
                    "with --once: a JPEG picture"),
        OPTION_TEXT(struct camera_order, once.model, "model", "FILE",
                    "with --once: YOLOv5, v8 or later, or an end-to-end model, as ONNX"),
        OPTION_TEXT(struct camera_order, once.labels, "labels", "FILE",
                    "with --once: a name a line, instead of those in the model"),
        OPTION_READ("threshold", "N", "with --once: scores above N count, 0 to 1 (default 0.25)",
                    read_threshold),
        OPTION_TEXT(struct camera_order, once.marked_up, "marked-up", "FILE",
                    "with --once: writes the picture with boxes, labels and scores there"),
        OPTION_TEXT(struct camera_order, once.library, "onnxruntime", "FILE",
                    "with --once: the library libonnxruntime.so.1, if it is in no usual place"),
        OPTION_SWITCH(struct camera_order, is_version, "version", "prints the version"),
        {.name = NULL},
};

const struct options camera_options = {
        .command = "",
        .synopsis = "[--config FILE]\n"
                    "config check|show|convert|settings [--config FILE]\n"
                    "--once --image FILE --model FILE [options]",
        .summary = "Looks at pictures of cameras with a YOLO model, counts what is in them, and "
                   "sends the counts as telemetry to Azure IoT Hub or IoT Central, each camera as "
                   "a device of its own.",
        .rows = rows,
        .notes = "Ends on SIGTERM or SIGINT. Counts that no hub has accepted yet are sent after "
                 "the next start. SIGHUP makes it read the secrets in files and Key Vaults again.",
};

const struct options camera_config_options = CONFIGURATION_OPTIONS(CAMERA_DEFAULT_FILE);

void camera_manual(struct buf *out)
{
        options_manual(&camera_options, out);
        options_manual(&camera_config_options, out);
}

void camera_completion(enum cli_shell shell, struct buf *out)
{
        static const struct cli_command commands[] = {
                {.name = "config", .summary = "checks or shows the configuration"}};
        static const struct options *const options[] = {&camera_config_options, &camera_options};
        static const struct completion completion = {
                .program = CAMERA_PROGRAM,
                .printed_by = CAMERA_PROGRAM,
                .commands = commands,
                .command_count = ARRAY_SIZE(commands),
                .options = options,
                .option_count = ARRAY_SIZE(options),
        };

        if (shell == CLI_BASH)
                completion_bash(&completion, out);
        else
                completion_zsh(&completion, out);
}
