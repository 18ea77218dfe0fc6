// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "conf/settings_load.h"

/* Of one run. */
struct config {
        const char *file;
        struct settings settings;
        struct conf_report report;
        int result; /* of the loading */
};

static void load(struct config *config)
{
        const struct conf_source source = {
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

static int check(void *context)
{
        const struct config *config = context;
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

static int show(void *context)
{
        const struct config *config = context;
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

static int describe(void *context)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        (void)context;
        settings_describe(&text);
        fputs(buf_text(&text), stdout);
        return CLI_GOOD;
}

static const struct options_action actions[] = {
        {"check", "[--config FILE]",
         "explains every mistake in the configuration, with its line and column, and whatever else "
         "may not be as meant; status 0 if a gateway can start with it, 2 if not",
         0, 0, check},
        {"show", "[--config FILE]",
         "prints what is in force as JSON: the file, the environment and the defaults; secrets are "
         "masked, and Origins says where each value came from",
         0, 0, show},
        {"settings", "", "lists every setting with its type, its default and its meaning", 0, 0,
         describe},
        {.name = NULL},
};

static const struct options_row rows[] = {
        {.name = "config",
         .letter = 'c',
         .value = "FILE",
         .meaning = "the configuration (default " SETTINGS_DEFAULT_FILE ")",
         .offset = offsetof(struct config, file)},
        {.name = NULL},
};

const struct options isthmus_config_options = {
        .command = "config",
        .actions = actions,
        .rows = rows,
        .notes = "A setting A.B.C may be given in the environment as A__B__C; it wins over the "
                 "file.",
};

int isthmus_config(int argc, char **argv)
{
        struct config config = {.file = SETTINGS_DEFAULT_FILE, .report = CONF_REPORT_INIT};
        struct options_found found;
        int status;

        if (!options_read(&isthmus_config_options, argc, argv, &config, &found, &status))
                return status;
        if (found.action->run != describe)
                load(&config);
        status = found.action->run(&config);
        settings_deinit(&config.settings);
        conf_report_deinit(&config.report);
        return status;
}
