// SPDX-License-Identifier: MIT
#include "cli/completion.h"

#include <string.h>

/* The command's actions and options, and the commands below it. */
static void add_words(const struct completion *completion, const struct options *options,
                      struct buf *out)
{
        size_t length = strlen(options->command);

        for (size_t i = 0; options->actions && options->actions[i].name; i++)
                buf_add_format(out, "%s ", options->actions[i].name);
        for (size_t i = 0; i < completion->option_count; i++) {
                const char *other = completion->options[i]->command;

                if (strncmp(other, options->command, length) == 0 && other[length] == ' ')
                        buf_add_format(out, "%s ", other + length + 1);
        }
        for (size_t i = 0; options->rows[i].name; i++)
                buf_add_format(out, "--%s ", options->rows[i].name);
        buf_add_text(out, "--help");
}

/* Options whose value is a file or folder, as the alternatives of a shell's pattern. */
static void add_file_options(const struct completion *completion, struct buf *out)
{
        struct buf seen = BUF_INIT;

        for (size_t i = 0; i < completion->option_count; i++) {
                const struct options_row *row = completion->options[i]->rows;

                for (; row->name; row++) {
                        CLEANUP(buf_deinit) struct buf word = BUF_INIT;

                        if (!row->value ||
                            (!strstr(row->value, "FILE") && !strstr(row->value, "DIRECTORY")))
                                continue;
                        buf_add_format(&word, "--%s|", row->name);
                        if (!strstr(buf_text(&seen), buf_text(&word)))
                                buf_add_text(&seen, buf_text(&word));
                        if (row->letter && !strstr(buf_text(&seen), "|-c|"))
                                buf_add_format(&seen, "-%c|", row->letter);
                }
        }
        buf_trim_end(&seen, "|");
        buf_add_text(out, buf_text(&seen));
        buf_deinit(&seen);
}

static bool is_inner(const struct options *options)
{
        return strchr(options->command, ' ') != NULL;
}

/*
 * Commands of two words, as the alternatives of a shell's pattern: the key of the cases below has
 * both. `second` is the shell's second word of them, and `condition` whether there is one.
 */
static void add_inner_commands(const struct completion *completion, const char *condition,
                               const char *second, struct buf *out)
{
        const char *between = "";

        for (size_t i = 0; i < completion->option_count; i++) {
                if (!is_inner(completion->options[i]))
                        continue;
                if (between[0] == '\0')
                        buf_add_format(out,
                                       "    if %s; then\n"
                                       "        case \"$key %s\" in\n"
                                       "        ",
                                       condition, second);
                buf_add_format(out, "%s\"%s\"", between, completion->options[i]->command);
                between = "|";
        }
        if (between[0] != '\0')
                buf_add_format(out,
                               ") key+=\" %s\" ;;\n"
                               "        esac\n"
                               "    fi\n",
                               second);
}

/* The program's own options, if it has any without a command. */
static const struct options *own_options(const struct completion *completion)
{
        const struct options *last = completion->options[completion->option_count - 1];

        return last->command[0] == '\0' ? last : NULL;
}

/* The name of the shell's function. */
static void add_function(const struct completion *completion, struct buf *out)
{
        buf_add_char(out, '_');
        for (const char *at = completion->program; *at; at++)
                buf_add_char(out, *at == '-' ? '_' : *at);
}

static void add_heading(const struct completion *completion, const char *shell, struct buf *out)
{
        buf_add_format(out,
                       "# SPDX-License-Identifier: MIT\n"
                       "# Completion of %s for %s, as `%s --completion-%s` prints it.\n",
                       completion->program, shell, completion->printed_by, shell);
}

/* `case` of each command with its words, which go into the variable. */
static void add_cases(const struct completion *completion, const char *variable, struct buf *out)
{
        buf_add_text(out, "    case \"$key\" in\n");
        for (size_t i = 0; i < completion->option_count; i++) {
                const struct options *options = completion->options[i];

                if (options == own_options(completion))
                        buf_add_format(out, "    *) %s=\"", variable);
                else
                        buf_add_format(out, "    \"%s\") %s=\"", options->command, variable);
                add_words(completion, options, out);
                buf_add_text(out, "\" ;;\n");
        }
        buf_add_text(out, "    esac\n");
}

/* What the first word may be. */
static void add_first_words(const struct completion *completion, struct buf *out)
{
        const struct options *own = own_options(completion);

        for (size_t i = 0; i < completion->command_count; i++)
                buf_add_format(out, "%s%s", i > 0 ? " " : "", completion->commands[i].name);
        if (own) {
                buf_add_char(out, ' ');
                add_words(completion, own, out);
        }
}

void completion_bash(const struct completion *completion, struct buf *out)
{
        add_heading(completion, "bash", out);
        buf_add_text(out, "# shellcheck shell=bash\n");
        add_function(completion, out);
        buf_add_text(out,
                     "() {\n"
                     "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                     "    local key=${COMP_WORDS[1]} words=\n"
                     "    COMPREPLY=()\n"
                     "    if ((COMP_CWORD == 1)); then\n"
                     "        words=\"");
        add_first_words(completion, out);
        buf_add_text(out, "\"\n"
                          "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                          "        return\n"
                          "    fi\n");
        add_inner_commands(completion, "((COMP_CWORD > 2))", "${COMP_WORDS[2]}", out);
        buf_add_text(out, "    case \"$prev\" in\n    ");
        add_file_options(completion, out);
        buf_add_text(out, ")\n"
                          "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
                          "        return ;;\n"
                          "    esac\n");
        add_cases(completion, "words", out);
        buf_add_text(out, "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                          "    # What is no word of ours may be a file.\n"
                          "    ((${#COMPREPLY[@]})) || mapfile -t COMPREPLY < <(compgen -f -- "
                          "\"$cur\")\n"
                          "}\n"
                          "complete -o filenames -F ");
        add_function(completion, out);
        buf_add_format(out, " %s\n", completion->program);
}

/* A summary within single quotes, in which ':' parts the word from its meaning. */
static void add_described(const struct cli_command *command, struct buf *out)
{
        buf_add_format(out, "        '%s:", command->name);
        for (const char *at = command->summary; *at; at++) {
                if (*at == '\'')
                        buf_add_text(out, "'\\''");
                else
                        buf_add_char(out, *at);
        }
        buf_add_text(out, "'\n");
}

void completion_zsh(const struct completion *completion, struct buf *out)
{
        const struct options *own = own_options(completion);

        buf_add_format(out, "#compdef %s\n", completion->program);
        add_heading(completion, "zsh", out);
        add_function(completion, out);
        buf_add_text(out, "() {\n"
                          "    local key=${words[2]} prev=${words[CURRENT-1]} ours=\n"
                          "    local -a commands\n"
                          "    if (( CURRENT == 2 )); then\n"
                          "        commands=(\n");
        for (size_t i = 0; i < completion->command_count; i++)
                add_described(&completion->commands[i], out);
        buf_add_text(out, "        )\n"
                          "        _describe command commands\n");
        if (own) {
                buf_add_text(out, "        ours=\"");
                add_words(completion, own, out);
                buf_add_text(out, "\"\n        compadd -- ${=ours}\n");
        }
        buf_add_text(out, "        return\n"
                          "    fi\n");
        add_inner_commands(completion, "(( CURRENT > 3 ))", "${words[3]}", out);
        buf_add_text(out, "    case \"$prev\" in\n    ");
        add_file_options(completion, out);
        buf_add_text(out, ")\n"
                          "        _files\n"
                          "        return ;;\n"
                          "    esac\n");
        add_cases(completion, "ours", out);
        buf_add_text(out, "    compadd -- ${=ours} || _files\n"
                          "}\n");
        add_function(completion, out);
        buf_add_text(out, " \"$@\"\n");
}
