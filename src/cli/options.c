// SPDX-License-Identifier: MIT
#include "cli/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/terminal.h"

#define LINE_MAX_COLUMNS 92
#define NAMES_MAX        24 /* a longer name has its meaning on the next line */

/* Numbers of options for getopt_long: a row's index behind this. */
#define FIRST_ROW 256

static const struct options_row help_row = {.name = "help", .letter = 'h', .meaning = "this text"};

static size_t count_rows(const struct options *options)
{
        size_t count = 0;

        while (options->rows[count].name)
                count++;
        return count;
}

/* The row with this index; the one behind the last is --help. */
static const struct options_row *row_at(const struct options *options, size_t index)
{
        return index < count_rows(options) ? &options->rows[index] : &help_row;
}

/* --- help ---------------------------------------------------------------------------------- */

/* Adds words so that no line is too long; further lines begin with `indent` blanks. */
static void add_filled(struct buf *out, const char *text, size_t indent)
{
        size_t column = indent;

        while (*text) {
                size_t blanks = strspn(text, " ");
                size_t breaks = strspn(text, "\n");
                size_t size = strcspn(text + blanks, " \n");

                if (breaks > 0 || (blanks > 0 && column + 1 + size > LINE_MAX_COLUMNS)) {
                        buf_add_format(out, "%s%*s", breaks > 1 ? "\n\n" : "\n", (int)indent, "");
                        column = indent;
                        text += breaks + blanks;
                        continue;
                }
                buf_add(out, text, blanks + size);
                column += blanks + size;
                text += blanks + size;
        }
}

static void add_paragraphs(struct buf *out, const char *text)
{
        if (!text)
                return;
        buf_add_char(out, '\n');
        add_filled(out, text, 0);
        buf_add_char(out, '\n');
}

static void add_command(struct buf *out, const char *command)
{
        buf_add_format(out, "%s%s%s", terminal_program(), *command ? " " : "", command);
}

/* Each form of a usage, on a line of its own. */
static void add_usage(struct buf *out, const char *begin, const char *name, const char *forms)
{
        do {
                size_t size = strcspn(forms, "\n");

                buf_add_text(out, out->size == 0 ? "usage: " : "       ");
                add_command(out, begin);
                if (name)
                        buf_add_format(out, " %s", name);
                if (size > 0)
                        buf_add_char(out, ' ');
                buf_add(out, forms, size);
                buf_add_char(out, '\n');
                forms += size + (forms[size] == '\n' ? 1 : 0);
        } while (*forms);
}

static char *title_of(const struct options_row *row)
{
        return row->value ? mem_format("--%s %s", row->name, row->value)
                          : mem_format("--%s", row->name);
}

static void add_row(struct buf *out, const char *title, size_t width, const char *meaning)
{
        size_t indent = width + 4;

        buf_add_format(out, "  %-*s  ", (int)width, title);
        if (strlen(title) > width)
                buf_add_format(out, "\n%*s", (int)indent, "");
        add_filled(out, meaning, indent);
        buf_add_char(out, '\n');
}

static void add_actions(struct buf *out, const struct options *options)
{
        size_t width = 0;

        if (!options->actions || !options->actions->meaning)
                return;
        for (const struct options_action *action = options->actions; action->name; action++)
                width = strlen(action->name) > width ? strlen(action->name) : width;
        buf_add_char(out, '\n');
        for (const struct options_action *action = options->actions; action->name; action++)
                add_row(out, action->name, width, action->meaning);
}

static void add_rows(struct buf *out, const struct options *options)
{
        size_t count = count_rows(options);
        size_t width = 0;

        for (size_t i = 0; i <= count; i++) {
                CLEANUP(mem_cleanup) char *title = title_of(row_at(options, i));
                size_t size = strlen(title);

                if (size > width && size <= NAMES_MAX)
                        width = size;
        }
        buf_add_char(out, '\n');
        for (size_t i = 0; i <= count; i++) {
                CLEANUP(mem_cleanup) char *title = title_of(row_at(options, i));

                add_row(out, title, width, row_at(options, i)->meaning);
        }
}

void options_help(const struct options *options, struct buf *out)
{
        if (options->actions)
                for (const struct options_action *action = options->actions; action->name; action++)
                        add_usage(out, options->command, action->name, action->arguments);
        else
                add_usage(out, options->command, NULL, options->synopsis);
        add_paragraphs(out, options->summary);
        add_actions(out, options);
        add_rows(out, options);
        add_paragraphs(out, options->notes);
}

/* --- the manual page ----------------------------------------------------------------------- */

/* Text of a roff source: a line must not begin like a request, a backslash is two. */
static void add_roff(struct buf *out, const char *text)
{
        bool start = true;

        for (; *text; text++) {
                if (start && (*text == '.' || *text == '\''))
                        buf_add_text(out, "\\&");
                if (text[0] == '\n' && text[1] == '\n') {
                        buf_add_text(out, "\n.Pp");
                        continue;
                }
                buf_add_char(out, *text);
                if (*text == '\\')
                        buf_add_char(out, *text);
                start = *text == '\n';
        }
}

static void add_roff_item(struct buf *out, const char *title, const char *meaning)
{
        buf_add_format(out, ".It %s\n", title);
        add_roff(out, meaning);
        buf_add_text(out, ".\n");
}

void options_manual(const struct options *options, struct buf *out)
{
        CLEANUP(buf_deinit) struct buf usage = BUF_INIT;
        const char *line;

        options_help(options, &usage);
        usage.data[(size_t)(strstr(usage.data, "\n\n") - usage.data)] = '\0';
        buf_add_text(out, ".Ss ");
        add_command(out, options->command);
        buf_add_text(out, "\n.Bd -literal -compact\n");
        for (line = usage.data; line; line = strchr(line, '\n')) {
                line += *line == '\n' ? 1 : 0;
                buf_add(out, line + strlen("usage: "), strcspn(line + strlen("usage: "), "\n"));
                buf_add_char(out, '\n');
        }
        buf_add_text(out, ".Ed\n.Pp\n");
        if (options->summary) {
                add_roff(out, options->summary);
                buf_add_char(out, '\n');
        }
        buf_add_text(out, ".Bl -tag -width Ds\n");
        for (const struct options_action *action = options->actions;
             action && action->name && action->meaning; action++) {
                CLEANUP(mem_cleanup) char *title = mem_format("Cm %s", action->name);

                add_roff_item(out, title, action->meaning);
        }
        for (const struct options_row *row = options->rows; row->name; row++) {
                CLEANUP(mem_cleanup)
                char *title = row->value ? mem_format("Fl -%s Ar %s", row->name, row->value)
                                         : mem_format("Fl -%s", row->name);

                add_roff_item(out, title, row->meaning);
        }
        buf_add_text(out, ".El\n");
        if (options->notes) {
                buf_add_text(out, ".Pp\n");
                add_roff(out, options->notes);
                buf_add_char(out, '\n');
        }
}

/* --- reading ------------------------------------------------------------------------------- */

static bool write_number(const struct options_row *row, void *field, const char *text,
                         struct reason *reason)
{
        int64_t number;

        if (!text_to_int64(text, row->least, row->most, &number)) {
                reason_set(reason, "--%s must be a whole number from %lld to %lld", row->name,
                           (long long)row->least, (long long)row->most);
                return false;
        }
        memcpy(field, &number, sizeof(number));
        return true;
}

/* False with the reason if the value is not fit for the option. */
static bool write_field(const struct options_row *row, void *target, const char *text,
                        struct reason *reason)
{
        void *field = (char *)target + row->offset;

        if (row->read)
                return row->read(target, text, reason);
        if (!row->value)
                *(bool *)field = true;
        else if (row->most != 0)
                return write_number(row, field, text, reason);
        else
                memcpy(field, &text, sizeof(text));
        return true;
}

/* What getopt_long needs; `letters` holds two characters a row and five more. */
static struct option *make_table(const struct options *options, char *letters)
{
        size_t count = count_rows(options) + 1;
        struct option *table = mem_new(count + 1, sizeof(*table));

        *letters++ = ':';
        for (size_t i = 0; i < count; i++) {
                const struct options_row *row = row_at(options, i);

                table[i] = (struct option){
                        .name = row->name,
                        .has_arg = row->value ? required_argument : no_argument,
                        .val = FIRST_ROW + (int)i,
                };
                if (row->letter)
                        *letters++ = row->letter;
                if (row->letter && row->value)
                        *letters++ = ':';
        }
        *letters = '\0';
        return table;
}

/* The row that getopt_long's answer means; NULL if it is none. */
static const struct options_row *row_of(const struct options *options, int answer)
{
        size_t count = count_rows(options);

        if (answer >= FIRST_ROW)
                return row_at(options, (size_t)(answer - FIRST_ROW));
        for (size_t i = 0; i <= count; i++) {
                if (row_at(options, i)->letter == answer)
                        return row_at(options, i);
        }
        return NULL;
}

static bool print_help(const struct options *options, FILE *to, int *status)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        options_help(options, &text);
        fputs(buf_text(&text), to);
        *status = to == stdout ? CLI_GOOD : CLI_USAGE;
        return false;
}

/* One answer of getopt_long; false as options_read. */
static bool take_option(const struct options *options, int answer, char **argv, void *target,
                        int *status)
{
        const struct options_row *row = row_of(options, answer);
        struct reason reason = REASON_INIT;

        if (row == &help_row)
                return print_help(options, stdout, status);
        if (row && write_field(row, target, optarg, &reason))
                return true;
        if (row && reason.text[0] == '\0')
                *status = terminal_usage(options->command, "'%s' can't be used for --%s", optarg,
                                         row->name);
        else if (row)
                *status = terminal_usage(options->command, "%s", reason.text);
        else
                *status = terminal_usage(options->command,
                                         answer == ':' ? "the option '%s' needs a value"
                                                       : "unknown option '%s'",
                                         argv[optind - 1]);
        return false;
}

static bool read_options(const struct options *options, int argc, char **argv, void *target,
                         int *status)
{
        CLEANUP(mem_cleanup) char *letters = mem_new(count_rows(options) * 2 + 5, 1);
        struct option *table = make_table(options, letters);
        bool good = true;

        opterr = 0;
        optind = 0; /* begins anew */
        while (good) {
                int answer = getopt_long(argc, argv, letters, table, NULL);

                if (answer == -1)
                        break;
                good = take_option(options, answer, argv, target, status);
        }
        free(table);
        return good;
}

static bool find_action(const struct options *options, struct options_found *found, int *status)
{
        const struct options_action *action = options->actions;

        if (found->count == 0)
                return print_help(options, stderr, status);
        while (action->name && !text_equal(action->name, found->arguments[0]))
                action++;
        if (!action->name) {
                *status = terminal_usage(options->command, "there is no '%s'", found->arguments[0]);
                return false;
        }
        found->action = action;
        found->arguments++;
        found->count--;
        return true;
}

static bool check_count(const struct options *options, const struct options_found *found,
                        int *status)
{
        int least = found->action ? found->action->least : options->least;
        int most = found->action ? found->action->most : options->most;

        if (found->count > most)
                *status = terminal_usage(options->command, "'%s' is one argument too many",
                                         found->arguments[most]);
        else if (found->count < least && found->action)
                *status = terminal_usage(options->command, "'%s' needs more arguments",
                                         found->action->name);
        else if (found->count < least)
                print_help(options, stderr, status);
        else
                return true;
        return false;
}

bool options_read(const struct options *options, int argc, char **argv, void *target,
                  struct options_found *found, int *status)
{
        if (!read_options(options, argc, argv, target, status))
                return false;
        *found = (struct options_found){.arguments = argv + optind, .count = argc - optind};
        return (!options->actions || find_action(options, found, status)) &&
               check_count(options, found, status);
}
