// SPDX-License-Identifier: MIT
#include "cli/terminal.h"

#include <stdio.h>
#include <string.h>

#include "base/json/json.h"
#include "base/text.h"

static const char *program = "isthmus";

void terminal_set_program(const char *name)
{
        program = name;
}

const char *terminal_program(void)
{
        return program;
}

void terminal_add(struct buf *out, const char *text)
{
        if (text)
                text_add_printable(out, text, strlen(text));
}

void terminal_add_column(struct buf *out, int width, const char *text)
{
        int size = text ? (int)strlen(text) : 0;

        terminal_add(out, text);
        buf_add_format(out, "%*s  ", size < width ? width - size : 0, "");
}

void terminal_end_row(struct buf *out)
{
        buf_trim_end(out, " ");
        buf_add_char(out, '\n');
}

void terminal_add_json(struct buf *out, struct json_object *value)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        json_write(&text, value);
        text_add_printable_json(out, buf_text(&text), text.size);
}

void terminal_add_json_line(struct buf *out, struct json_object *value)
{
        terminal_add_json(out, value);
        buf_add_char(out, '\n');
}

bool terminal_write(struct buf *out)
{
        bool written = out->size == 0 || fwrite(out->data, 1, out->size, stdout) == out->size;

        buf_clear(out);
        return written;
}

int terminal_print(struct buf *out)
{
        return terminal_write(out) && fflush(stdout) == 0 ? CLI_GOOD : CLI_FAILED;
}

static void PRINTF_LIKE(2, 0) complain(const char *command, const char *format, va_list values)
{
        CLEANUP(buf_deinit) struct buf sentence = BUF_INIT;
        CLEANUP(buf_deinit) struct buf line = BUF_INIT;

        buf_add_values(&sentence, format, values);
        buf_add_format(&line, "%s%s%s: ", program, *command ? " " : "", command);
        text_add_printable(&line, buf_text(&sentence), sentence.size);
        fprintf(stderr, "%s\n", buf_text(&line));
}

int terminal_fail(const char *command, const char *format, ...)
{
        va_list values;

        va_start(values, format);
        complain(command, format, values);
        va_end(values);
        return CLI_FAILED;
}

int terminal_usage(const char *command, const char *format, ...)
{
        va_list values;

        va_start(values, format);
        complain(command, format, values);
        va_end(values);
        fprintf(stderr, "`%s%s%s --help` explains it\n", program, *command ? " " : "", command);
        return CLI_USAGE;
}
