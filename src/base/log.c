// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"

/* Set once at start, read by all threads afterwards. */
static enum log_level threshold = LOG_LEVEL_INFO;
static enum log_format chosen_format = LOG_FORMAT_AUTO;

static const char *const level_names[] = {"error", "warning", "information", "debug"};

void log_configure(enum log_level level, enum log_format format)
{
        threshold = level;
        chosen_format = format;
}

bool log_level_parse(const char *name, enum log_level *level)
{
        static const struct {
                const char *name;
                enum log_level level;
        } names[] = {
                {"error", LOG_LEVEL_ERROR},      {"critical", LOG_LEVEL_ERROR},
                {"warning", LOG_LEVEL_WARN},     {"warn", LOG_LEVEL_WARN},
                {"information", LOG_LEVEL_INFO}, {"info", LOG_LEVEL_INFO},
                {"debug", LOG_LEVEL_DEBUG},      {"trace", LOG_LEVEL_DEBUG},
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (text_equal_nocase(name, names[i].name)) {
                        *level = names[i].level;
                        return true;
                }
        }
        return false;
}

bool log_is_on(enum log_level level)
{
        return level <= threshold;
}

static bool is_json(void)
{
        if (chosen_format == LOG_FORMAT_AUTO)
                return !isatty(STDERR_FILENO);
        return chosen_format == LOG_FORMAT_JSON;
}

static void add_json_value(struct buf *line, const struct log_field *field)
{
        if (field->is_number)
                buf_add_format(line, "%lld", (long long)field->number);
        else if (field->text)
                buf_add_json_string(line, field->text, strlen(field->text));
        else
                buf_add_text(line, "null");
}

static void write_json(struct buf *line, const char *time, enum log_level level, const char *id,
                       const char *sentence, const struct log_field *fields)
{
        buf_add_format(line, "{\"time\":\"%s\",\"level\":\"%s\",\"id\":\"%s\",\"message\":", time,
                       level_names[level], id);
        buf_add_json_string(line, sentence, strlen(sentence));
        for (; fields->name; fields++) {
                buf_add_format(line, ",\"%s\":", fields->name);
                add_json_value(line, fields);
        }
        buf_add_text(line, "}\n");
}

/* Control characters from outside must not reach a terminal. */
static void add_printable(struct buf *line, const char *text)
{
        for (const char *c = text; *c; c++)
                buf_add_char(line, (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c);
}

static void write_text(struct buf *line, const char *time, enum log_level level, const char *id,
                       const char *sentence, const struct log_field *fields)
{
        static const char *const marks[] = {"ERROR", "WARN ", "info ", "debug"};

        buf_add_format(line, "%.12s %s %s (%s)", time + strlen("2024-05-06T"), marks[level],
                       sentence, id);
        for (; fields->name; fields++) {
                buf_add_format(line, " %s=", fields->name);
                if (fields->is_number)
                        buf_add_format(line, "%lld", (long long)fields->number);
                else
                        add_printable(line, fields->text ? fields->text : "-");
        }
        buf_add_char(line, '\n');
}

void log_event(enum log_level level, const char *id, const char *sentence,
               const struct log_field *fields)
{
        CLEANUP(buf_deinit) struct buf line = BUF_INIT;
        char time[CLOCK_TEXT_SIZE];
        ssize_t written;

        if (!log_is_on(level))
                return;
        clock_format_utc(time, clock_wall_ms() * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        if (is_json())
                write_json(&line, time, level, id, sentence, fields);
        else
                write_text(&line, time, level, id, sentence, fields);
        do {
                written = write(STDERR_FILENO, line.data, line.size);
        } while (written < 0 && errno == EINTR);
}
