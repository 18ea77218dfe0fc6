// SPDX-License-Identifier: MIT
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "camera/camera_options.h"
#include "camera/program.h"
#include "camera/settings/camera_settings.h"
#include "cli/cli.h"
#include "cli/config_actions.h"

#define KEPT_BYTES (256 * 1024 * 1024)

/* Whoever ends soon need give nothing back, and asks for more at once. */
static void keep_all_memory(void)
{
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
        mallopt(M_TOP_PAD, KEPT_BYTES / 8);
}

static int run_once(const struct once_options *options)
{
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        struct reason reason = REASON_INIT;

        keep_all_memory();
        if (!options->image || !options->model)
                return terminal_usage("", "--once needs --image and --model");
        if (once(options, &out, &reason) != 0)
                return terminal_fail("", "%s", reason.text);
        return terminal_write(&out) && fflush(stdout) == 0 ? CLI_GOOD : CLI_FAILED;
}

static const char *certificates(const void *target)
{
        const struct camera_program_settings *settings = target;

        return settings->trusted_certificates;
}

static int config(int argc, char **argv)
{
        struct camera_program_settings settings;
        struct configuration configuration = {
                .schema = &camera_schema,
                .file = CAMERA_DEFAULT_FILE,
                .default_file = CAMERA_DEFAULT_FILE,
                .target = &settings,
                .certificates = certificates,
        };
        int status;

        camera_settings_init(&settings);
        status = configuration_command(&camera_config_options, argc, argv, &configuration);
        camera_settings_deinit(&settings);
        return status;
}

/* Returns the signal that asks for the end. */
static int wait_for_end(struct program *program, const sigset_t *signals)
{
        int number = 0;

        while (sigwait(signals, &number) != 0 || number == SIGHUP) {
                if (number == SIGHUP)
                        program_refresh(program);
        }
        return number;
}

static int run(struct camera_program_settings *settings, const sigset_t *signals)
{
        struct program *program = NULL;
        struct reason reason = REASON_INIT;

        if (program_start(settings, &program, &reason) != 0) {
                log_error("CAMERAS_NOT_STARTED", "The cameras can't start",
                          LOG_TEXT("reason", reason.text), LOG_END);
                return CLI_FAILED;
        }
        log_info("CAMERAS_READY", "The cameras are looked at",
                 LOG_INT("port", program_port(program)),
                 LOG_INT("cameras", program_cameras(program)),
                 LOG_TEXT("model", program_describe(program)), LOG_END);
        log_info("CAMERAS_STOPPING", "The program was asked to end",
                 LOG_TEXT("signal", strsignal(wait_for_end(program, signals))), LOG_END);
        program_stop(program);
        log_info("CAMERAS_STOPPED", "The program has ended", LOG_END);
        return CLI_GOOD;
}

/* What a picture takes goes back to the system with it, instead of staying in some thread's heap.
 */
#define LARGE_BYTES (1024 * 1024)

static int load_and_run(const char *file)
{
        const struct conf_source source = {
                .file = file,
                .may_be_absent = strcmp(file, CAMERA_DEFAULT_FILE) == 0,
                .environment = environ,
        };
        struct camera_program_settings settings;
        sigset_t signals;
        int status = CLI_USAGE;

        process_keep_files_private();
        process_keep_memory_private();
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
        /* Before the first thread, so that only wait_for_end gets them. */
        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGHUP);
        sigprocmask(SIG_BLOCK, &signals, NULL);
        signal(SIGPIPE, SIG_IGN);
        camera_settings_init(&settings);
        if (conf_load_or_complain(&camera_schema, &source, &settings)) {
                log_configure(settings.log.level, settings.log.format);
                status = run(&settings, &signals);
        }
        camera_settings_deinit(&settings);
        return status;
}

/* For whoever writes docs/man/isthmus-camera.1 and packaging/completion/. */
static bool print_made(const char *what)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        if (strcmp(what, "--manual") == 0)
                camera_manual(&text);
        else if (strcmp(what, "--completion-bash") == 0)
                camera_completion(CLI_BASH, &text);
        else if (strcmp(what, "--completion-zsh") == 0)
                camera_completion(CLI_ZSH, &text);
        fputs(buf_text(&text), stdout);
        return text.size > 0;
}

int main(int argc, char **argv)
{
        struct camera_order order = {.config = CAMERA_DEFAULT_FILE, .once.threshold = 0.25F};
        struct options_found found;
        int status;

        terminal_set_program(CAMERA_PROGRAM);
        if (argc > 1 && strcmp(argv[1], "config") == 0)
                return config(argc - 1, argv + 1);
        if (argc > 1 && print_made(argv[1]))
                return CLI_GOOD;
        if (!options_read(&camera_options, argc, argv, &order, &found, &status))
                return status;
        if (order.is_version) {
                puts(CAMERA_PROGRAM " " ISTHMUS_VERSION);
                return CLI_GOOD;
        }
        if (order.is_once)
                return run_once(&order.once);
        return load_and_run(order.config);
}
