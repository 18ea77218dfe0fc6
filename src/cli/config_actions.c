// SPDX-License-Identifier: MIT
#include "cli/config_actions.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/terminal.h"

static void load(struct configuration *config)
{
        const struct conf_source source = {
                .file = config->file,
                .may_be_absent = strcmp(config->file, config->default_file) == 0,
                .environment = environ,
        };

        config->result = conf_load_file(config->schema, &source, config->target, &config->report);
}

static void print_report(const struct configuration *config, enum conf_severity least, FILE *to)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        conf_report_write(&config->report, config->file, least, &text);
        fputs(buf_text(&text), to);
}

int configuration_check(void *context)
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
        return CLI_GOOD;
}

int configuration_show(void *context)
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

int configuration_describe(void *context)
{
        const struct configuration *config = context;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        conf_describe(config->schema, &text);
        fputs(buf_text(&text), stdout);
        return CLI_GOOD;
}

int configuration_command(const struct options *options, int argc, char **argv,
                          struct configuration *configuration)
{
        struct options_found found;
        int status;

        configuration->report = CONF_REPORT_INIT;
        if (!options_read(options, argc, argv, configuration, &found, &status))
                return status;
        if (found.action->run != configuration_describe)
                load(configuration);
        status = found.action->run(configuration);
        conf_report_deinit(&configuration->report);
        return status;
}
