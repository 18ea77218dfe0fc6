// SPDX-License-Identifier: MIT
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/terminal.h"
#include "conf/settings_load.h"

static const char help[] =
        "usage: isthmus config check [--config FILE]\n"
        "       isthmus config show [--config FILE]\n"
        "       isthmus config settings\n"
        "\n"
        "  check     explains every mistake in the configuration, with its line and column, and\n"
        "            whatever else may not be as meant; status 0 if a gateway can start with it,\n"
        "            2 if not\n"
        "  show      prints what is in force as JSON: the file, the environment and the\n"
        "            defaults; secrets are masked, and Origins says where each value came from\n"
        "  settings  lists every setting with its type, its default and its meaning\n"
        "\n"
        "  --config FILE  the configuration (default " SETTINGS_DEFAULT_FILE ")\n"
        "  --help         this text\n"
        "\n"
        "A setting A.B.C may be given in the environment as A__B__C; it wins over the file.\n";

/* Of one run. */
struct config {
        const char *file;
        struct settings settings;
        struct conf_report report;
        int result; /* of the loading */
};

static void load(struct config *config)
{
        const struct settings_source source = {
                .file = config->file,
                .may_be_absent = strcmp(config->file, SETTINGS_DEFAULT_FILE) == 0,
                .environment = environ,
        };

        settings_init(&config->settings);
        config->result = settings_load(&source, &config->settings, &config->report);
}

static void print_report(const struct config *config, enum conf_severity least, FILE *to)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        conf_report_write(&config->report, config->file, least, &text);
        fputs(buf_text(&text), to);
}

static int check(const struct config *config)
{
        size_t mistakes = conf_report_count(&config->report, CONF_MISTAKE);
        size_t warnings = conf_report_count(&config->report, CONF_WARNING);

        print_report(config, CONF_NOTE, stdout);
        if (config->result != 0) {
                printf("%s: not usable: %zu %s\n", config->file, mistakes,
                       mistakes == 1 ? "mistake" : "mistakes");
                return CLI_USAGE;
        }
        printf("%s: usable, %zu %s\n", config->file, warnings,
               warnings == 1 ? "warning" : "warnings");
        return CLI_GOOD;
}

static int show(const struct config *config)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;

        if (config->result != 0) {
                print_report(config, CONF_MISTAKE, stderr);
                return CLI_USAGE;
        }
        settings_show(&config->settings, &config->report, &text);
        text_add_printable_json(&out, buf_text(&text), text.size);
        (void)terminal_write(&out);
        return CLI_GOOD;
}

static int describe(void)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        settings_describe(&text);
        fputs(buf_text(&text), stdout);
        return CLI_GOOD;
}

static int load_and(int (*act)(const struct config *config), const char *file)
{
        struct config config = {.file = file, .report = CONF_REPORT_INIT};
        int status;

        load(&config);
        status = act(&config);
        settings_deinit(&config.settings);
        conf_report_deinit(&config.report);
        return status;
}

static int act(const char *action, const char *file)
{
        if (action && strcmp(action, "check") == 0)
                return load_and(check, file);
        if (action && strcmp(action, "show") == 0)
                return load_and(show, file);
        if (action && strcmp(action, "settings") == 0)
                return describe();
        if (action)
                return terminal_usage("config", "there is no '%s'", action);
        fputs(help, stderr);
        return CLI_USAGE;
}

int isthmus_config(int argc, char **argv)
{
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"help", no_argument, NULL, 'h'},
                {NULL, 0, NULL, 0},
        };
        const char *file = SETTINGS_DEFAULT_FILE;
        int option;

        while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
                if (option == 'h') {
                        fputs(help, stdout);
                        return CLI_GOOD;
                }
                if (option != 'c')
                        return CLI_USAGE;
                file = optarg;
        }
        if (argc - optind > 1)
                return terminal_usage("config", "'%s' is one argument too many", argv[optind + 1]);
        return act(argv[optind], file);
}
