// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "camera/camera_options.h"
#include "camera/settings/camera_settings.h"
#include "cli/cli.h"
#include "cli/configuration.h"
#include "cli/terminal.h"

static int run_once(const struct once_options *options)
{
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        struct reason reason = REASON_INIT;

        if (!options->image || !options->model)
                return terminal_usage("", "--once needs --image and --model");
        if (once(options, &out, &reason) != 0)
                return terminal_fail("", "%s", reason.text);
        return terminal_write(&out) && fflush(stdout) == 0 ? CLI_GOOD : CLI_FAILED;
}

static int config(int argc, char **argv)
{
        struct camera_program_settings settings;
        struct configuration configuration = {
                .schema = &camera_schema,
                .file = CAMERA_DEFAULT_FILE,
                .default_file = CAMERA_DEFAULT_FILE,
                .target = &settings,
        };
        int status;

        camera_settings_init(&settings);
        status = configuration_command(&camera_config_options, argc, argv, &configuration);
        camera_settings_deinit(&settings);
        return status;
}

static int manual(void)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        camera_manual(&text);
        fputs(buf_text(&text), stdout);
        return CLI_GOOD;
}

int main(int argc, char **argv)
{
        struct camera_order order = {.config = CAMERA_DEFAULT_FILE, .once.threshold = 0.25F};
        struct options_found found;
        int status;

        terminal_set_program(CAMERA_PROGRAM);
        if (argc > 1 && strcmp(argv[1], "config") == 0)
                return config(argc - 1, argv + 1);
        /* For whoever writes docs/man/isthmus-camera.1. */
        if (argc > 1 && strcmp(argv[1], "--manual") == 0)
                return manual();
        if (!options_read(&camera_options, argc, argv, &order, &found, &status))
                return status;
        if (order.is_version) {
                puts(CAMERA_PROGRAM " " ISTHMUS_VERSION);
                return CLI_GOOD;
        }
        if (order.is_once)
                return run_once(&order.once);
        return terminal_usage("", "--once is missing");
}
