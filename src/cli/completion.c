// SPDX-License-Identifier: MIT
#include "cli/completion.h"

#include <string.h>

#include "base/text.h"

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

/* Commands of two words, as the alternatives of a shell's pattern. */
static void add_inner_commands(const struct completion *completion, struct buf *out)
{
        bool first = true;

        for (size_t i = 0; i < completion->option_count; i++) {
                if (!strchr(completion->options[i]->command, ' '))
                        continue;
                buf_add_format(out, "%s\"%s\"", first ? "" : "|", completion->options[i]->command);
                first = false;
        }
}

/* `case` of each command with its words, which go into the variable. */
static void add_cases(const struct completion *completion, const char *variable, struct buf *out)
{
        buf_add_text(out, "    case \"$key\" in\n");
        for (size_t i = 0; i < completion->option_count; i++) {
                buf_add_format(out, "    \"%s\") %s=\"", completion->options[i]->command, variable);
                add_words(completion, completion->options[i], out);
                buf_add_text(out, "\" ;;\n");
        }
        buf_add_text(out, "    esac\n");
}

void completion_bash(const struct completion *completion, struct buf *out)
{
        buf_add_text(out,
                     "# SPDX-License-Identifier: MIT\n"
                     "# Completion of isthmus for bash, as `isthmus help --completion-bash` prints "
                     "it.\n"
                     "# shellcheck shell=bash\n"
                     "_isthmus() {\n"
                     "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                     "    local key=${COMP_WORDS[1]} words=\n"
                     "    COMPREPLY=()\n"
                     "    if ((COMP_CWORD == 1)); then\n"
                     "        words=\"");
        for (size_t i = 0; i < completion->command_count; i++)
                buf_add_format(out, "%s%s", i > 0 ? " " : "", completion->commands[i].name);
        buf_add_text(out, "\"\n"
                          "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                          "        return\n"
                          "    fi\n"
                          "    if ((COMP_CWORD > 2)); then\n"
                          "        case \"$key ${COMP_WORDS[2]}\" in\n"
                          "        ");
        add_inner_commands(completion, out);
        buf_add_text(out, ") key+=\" ${COMP_WORDS[2]}\" ;;\n"
                          "        esac\n"
                          "    fi\n"
                          "    case \"$prev\" in\n    ");
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
                          "complete -o filenames -F _isthmus isthmus\n");
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
        buf_add_text(out,
                     "#compdef isthmus\n"
                     "# SPDX-License-Identifier: MIT\n"
                     "# Completion of isthmus for zsh, as `isthmus help --completion-zsh` prints "
                     "it.\n"
                     "_isthmus() {\n"
                     "    local key=${words[2]} prev=${words[CURRENT-1]} ours=\n"
                     "    local -a commands\n"
                     "    if (( CURRENT == 2 )); then\n"
                     "        commands=(\n");
        for (size_t i = 0; i < completion->command_count; i++)
                add_described(&completion->commands[i], out);
        buf_add_text(out, "        )\n"
                          "        _describe command commands\n"
                          "        return\n"
                          "    fi\n"
                          "    if (( CURRENT > 3 )); then\n"
                          "        case \"$key ${words[3]}\" in\n"
                          "        ");
        add_inner_commands(completion, out);
        buf_add_text(out, ") key+=\" ${words[3]}\" ;;\n"
                          "        esac\n"
                          "    fi\n"
                          "    case \"$prev\" in\n    ");
        add_file_options(completion, out);
        buf_add_text(out, ")\n"
                          "        _files\n"
                          "        return ;;\n"
                          "    esac\n");
        add_cases(completion, "ours", out);
        buf_add_text(out, "    compadd -- ${=ours} || _files\n"
                          "}\n"
                          "_isthmus \"$@\"\n");
}
