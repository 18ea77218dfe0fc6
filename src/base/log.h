// SPDX-License-Identifier: MIT
/*
 * The one way to log: an event with a stable id (docs/log-events.md says what each means and what
 * to do), one sentence, and named values. Text on a terminal, JSON lines elsewhere, on standard
 * error. Never a key or a token. May be called on every thread; a line is written in one piece.
 *
 *     log_info("EVENT_STORED", "Uplink stored", LOG_TEXT("device", id), LOG_INT("port", 6),
 *              LOG_END);
 */
#ifndef ISTHMUS_BASE_LOG_H
#define ISTHMUS_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Levels say what an event means for the service. */
enum log_level {
        LOG_LEVEL_ERROR, /* something is lost or stands still until a person acts */
        LOG_LEVEL_WARN,  /* it goes on, but a person should look */
        LOG_LEVEL_INFO,  /* starts, stops, changes of state */
        LOG_LEVEL_DEBUG, /* each message */
};

enum log_format {
        LOG_FORMAT_AUTO, /* text on a terminal, JSON otherwise */
        LOG_FORMAT_TEXT,
        LOG_FORMAT_JSON,
};

struct log_field {
        const char *name; /* NULL ends the list */
        const char *text; /* the value, or NULL for a number */
        int64_t number;
        bool is_number;
};

#define LOG_TEXT(field, value) ((struct log_field){.name = (field), .text = (value)})
#define LOG_INT(field, value)                                                                      \
        ((struct log_field){.name = (field), .number = (int64_t)(value), .is_number = true})
#define LOG_END ((struct log_field){.name = NULL})

#define log_error(id, sentence, ...)                                                               \
        log_event(LOG_LEVEL_ERROR, (id), (sentence), (const struct log_field[]){__VA_ARGS__})
#define log_warn(id, sentence, ...)                                                                \
        log_event(LOG_LEVEL_WARN, (id), (sentence), (const struct log_field[]){__VA_ARGS__})
#define log_info(id, sentence, ...)                                                                \
        log_event(LOG_LEVEL_INFO, (id), (sentence), (const struct log_field[]){__VA_ARGS__})
/* The values are not evaluated unless the level is on. */
#define log_debug(id, sentence, ...)                                                               \
        do {                                                                                       \
                if (log_is_on(LOG_LEVEL_DEBUG))                                                    \
                        log_event(LOG_LEVEL_DEBUG, (id), (sentence),                               \
                                  (const struct log_field[]){__VA_ARGS__});                        \
        } while (0)

/* Called once before the first thread starts; the default is LOG_LEVEL_INFO and automatic. */
void log_configure(enum log_level level, enum log_format format);

/* `error`, `warning`, `information`, `debug` (.NET's names are understood too, in any case). */
bool log_level_parse(const char *name, enum log_level *level);

bool log_is_on(enum log_level level);

void log_event(enum log_level level, const char *id, const char *sentence,
               const struct log_field *fields);

/* Those who may listen at the same time. */
#define LOG_LISTENERS_MAX 2

/*
 * Is told of each event from `level` up, whether it is logged or not, on the thread that logs it;
 * must neither log nor wait. The context must stay. A listener that listens already changes its
 * level.
 */
typedef void log_listener(void *context, enum log_level level, const char *id, const char *sentence,
                          const struct log_field *fields);
void log_listen(enum log_level level, log_listener *listener, void *context);

/* Not any more; of events that began before it may still be told when this returns. */
void log_unlisten(log_listener *listener);

/* One line in ten seconds, of what may happen thousands of times in one. All zero at first. */
struct log_pause {
        atomic_llong until_ms; /* steady clock */
        atomic_llong unlogged;
};

/*
 * True if it may be logged now, which begins the next ten seconds: `*unlogged` is how often it was
 * not since the last time, for the line to say. If not, it is counted. Every thread.
 */
bool log_pause_take(struct log_pause *pause, int64_t *unlogged);

#endif
