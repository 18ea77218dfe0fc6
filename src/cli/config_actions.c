// SPDX-License-Identifier: MIT
#include "cli/config_actions.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/secrets_check.h"

static struct conf_source source_of(const struct configuration *config)
{
        return (struct conf_source){
                .file = config->file,
                .may_be_absent = strcmp(config->file, config->default_file) == 0,
                .environment = environ,
        };
}

static void load(struct configuration *config)
{
        const struct conf_source source = source_of(config);

        config->result = conf_load_file(config->schema, &source, config->target, &config->report);
}

static void print_report(const struct configuration *config, enum conf_severity least, FILE *to)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        conf_report_write(&config->report, config->file, least, &text);
        fputs(buf_text(&text), to);
}

static int check(void *context)
{
        const struct configuration *config = context;
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
        if (config->secrets &&
            !secrets_check(config->schema, config->target, config->certificates(config->target)))
                return CLI_USAGE;
        return CLI_GOOD;
}

static int show(void *context)
{
        const struct configuration *config = context;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;

        if (config->result != 0) {
                print_report(config, CONF_MISTAKE, stderr);
                return CLI_USAGE;
        }
        conf_show(config->schema, config->target, &config->report, &text);
        text_add_printable_json(&out, buf_text(&text), text.size);
        (void)terminal_write(&out);
        return CLI_GOOD;
}

static int describe(void *context)
{
        const struct configuration *config = context;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        conf_describe(config->schema, &text);
        fputs(buf_text(&text), stdout);
        return CLI_GOOD;
}

static int write_converted(const struct configuration *config, const struct buf *text)
{
        struct reason reason = REASON_INIT;

        if (!config->output) {
                fwrite(text->data, 1, text->size, stdout);
                return CLI_GOOD;
        }
        if (access(config->output, F_OK) == 0) {
                terminal_fail("config", "'%s' exists already", config->output);
                return CLI_FAILED;
        }
        if (file_write(config->output, 0600, text->data, text->size, &reason) != 0) {
                terminal_fail("config", "%s", reason.text);
                return CLI_FAILED;
        }
        return CLI_GOOD;
}

static int convert(void *context)
{
        struct configuration *config = context;
        CLEANUP(buf_wipe) struct buf text = BUF_INIT;
        const struct conf_source source = source_of(config);

        config->result =
                conf_convert_file(config->schema, &source, config->target, &config->report, &text);
        print_report(config, config->result == 0 ? CONF_WARNING : CONF_MISTAKE, stderr);
        return config->result == 0 ? write_converted(config, &text) : CLI_USAGE;
}

const struct options_action configuration_actions[] = {
        {"check", "[--config FILE]",
         "explains every mistake in the configuration, with its line and column, and whatever else "
         "may not be as meant; status 0 if the program can start with it, 2 if not",
         0, 0, check},
        {"show", "[--config FILE]",
         "prints what is in force as JSON: the file, the environment and the defaults; secrets are "
         "masked, and Origins says where each value came from",
         0, 0, show},
        {"convert", "[--config FILE] [--output FILE]",
         "writes the configuration in its own names, as JSON with comments: what each setting was "
         "called before, and what has no effect; secrets that stand in the file are in it, so keep "
         "it from others; relative paths stay as they are",
         0, 0, convert},
        {"settings", "", "lists every setting with its type, its default and its meaning", 0, 0,
         describe},
        {.name = NULL},
};

const char configuration_notes[] =
        "A setting A.B.C may be given in the environment as A__B__C; it wins over the file.";

int configuration_command(const struct options *options, int argc, char **argv,
                          struct configuration *configuration)
{
        struct options_found found;
        int status;

        configuration->report = CONF_REPORT_INIT;
        if (!options_read(options, argc, argv, configuration, &found, &status))
                return status;
        if (found.action->run != describe && found.action->run != convert)
                load(configuration);
        status = found.action->run(configuration);
        conf_report_deinit(&configuration->report);
        return status;
}
