// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"

/* Set once at start, read by all threads afterwards. */
static enum log_level threshold = LOG_LEVEL_INFO;
static enum log_format chosen_format = LOG_FORMAT_AUTO;

/* Context and level are written before the listener and read after it. */
static struct {
        _Atomic(log_listener *) listener;
        enum log_level level;
        void *context;
} ears[LOG_LISTENERS_MAX];

static const char *const level_names[] = {"error", "warning", "information", "debug"};

void log_configure(enum log_level level, enum log_format format)
{
        threshold = level;
        /* Not at each line: that is a system call. */
        if (format == LOG_FORMAT_AUTO)
                format = isatty(STDERR_FILENO) ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
        chosen_format = format;
}

/* On the threads that start and stop things. */
void log_listen(enum log_level level, log_listener *listener, void *context)
{
        size_t i = 0;

        while (i < LOG_LISTENERS_MAX && atomic_load(&ears[i].listener) != listener)
                i++;
        if (i == LOG_LISTENERS_MAX)
                for (i = 0; i < LOG_LISTENERS_MAX && atomic_load(&ears[i].listener);)
                        i++;
        if (i == LOG_LISTENERS_MAX)
                return;
        ears[i].level = level;
        ears[i].context = context;
        atomic_store(&ears[i].listener, listener);
}

void log_unlisten(log_listener *listener)
{
        for (size_t i = 0; i < LOG_LISTENERS_MAX; i++) {
                log_listener *expected = listener;

                atomic_compare_exchange_strong(&ears[i].listener, &expected, NULL);
        }
}

static void tell_listeners(enum log_level level, const char *id, const char *sentence,
                           const struct log_field *fields)
{
        for (size_t i = 0; i < LOG_LISTENERS_MAX; i++) {
                log_listener *listener = atomic_load(&ears[i].listener);

                if (listener && level <= ears[i].level)
                        listener(ears[i].context, level, id, sentence, fields);
        }
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

struct event {
        char time[CLOCK_TEXT_SIZE];
        enum log_level level;
        const char *id;
        const char *sentence;
        const struct log_field *fields;
};

static void write_json(struct buf *line, const struct event *event)
{
        buf_add_format(line,
                       "{\"time\":\"%s\",\"level\":\"%s\",\"id\":\"%s\",\"message\":", event->time,
                       level_names[event->level], event->id);
        buf_add_json_string(line, event->sentence, strlen(event->sentence));
        for (const struct log_field *field = event->fields; field->name; field++) {
                buf_add_format(line, ",\"%s\":", field->name);
                add_json_value(line, field);
        }
        buf_add_text(line, "}\n");
}

static void write_text(struct buf *line, const struct event *event)
{
        static const char *const marks[] = {"ERROR", "WARN ", "info ", "debug"};

        buf_add_format(line, "%.12s %s %s (%s)", event->time + strlen("2024-05-06T"),
                       marks[event->level], event->sentence, event->id);
        for (const struct log_field *field = event->fields; field->name; field++) {
                buf_add_format(line, " %s=", field->name);
                if (field->is_number)
                        buf_add_format(line, "%lld", (long long)field->number);
                else if (field->text)
                        text_add_printable(line, field->text, strlen(field->text));
                else
                        buf_add_char(line, '-');
        }
        buf_add_char(line, '\n');
}

void log_event(enum log_level level, const char *id, const char *sentence,
               const struct log_field *fields)
{
        CLEANUP(buf_deinit) struct buf line = BUF_INIT;
        struct event event = {.level = level, .id = id, .sentence = sentence, .fields = fields};
        ssize_t written;

        tell_listeners(level, id, sentence, fields);
        if (!log_is_on(level))
                return;
        clock_format_utc(event.time, clock_wall_ms() * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        if (is_json()) {
                CLEANUP(buf_deinit) struct buf json = BUF_INIT;

                write_json(&json, &event);
                text_add_printable_json(&line, buf_text(&json), json.size);
        } else {
                write_text(&line, &event);
        }
        do {
                written = write(STDERR_FILENO, line.data, line.size);
        } while (written < 0 && errno == EINTR);
}

/* --- seldom lines ----------------------------------------------------------------------- */

#define PAUSE_MS 10000

bool log_pause_take(struct log_pause *pause, int64_t *unlogged)
{
        long long now_ms = clock_steady_ms();
        long long until_ms = atomic_load(&pause->until_ms);

        if (now_ms < until_ms ||
            !atomic_compare_exchange_strong(&pause->until_ms, &until_ms, now_ms + PAUSE_MS)) {
                atomic_fetch_add(&pause->unlogged, 1);
                return false;
        }
        *unlogged = atomic_exchange(&pause->unlogged, 0);
        return true;
}
