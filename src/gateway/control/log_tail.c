// SPDX-License-Identifier: MIT
#include "gateway/control/log_tail.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json/json_writer.h"
#include "base/log.h"

/* For the life of the process, as the log. */
static struct {
        pthread_mutex_t lock;
        char *lines[LOG_TAIL_MAX]; /* JSON */
        size_t count;              /* that ever came */
} tail = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void take(void *context, enum log_level level, const char *id, const char *sentence,
                 const struct log_field *fields)
{
        struct buf line = BUF_INIT;
        struct json_writer writer;
        char time[CLOCK_TEXT_SIZE];
        size_t place;

        (void)context;
        clock_format_utc(time, clock_wall_ms() * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        json_writer_open(&writer, &line);
        json_writer_text(&writer, "time", time);
        json_writer_text(&writer, "level", level == LOG_LEVEL_ERROR ? "error" : "warning");
        json_writer_text(&writer, "id", id);
        json_writer_text(&writer, "message", sentence);
        for (; fields->name; fields++) {
                if (fields->is_number)
                        json_writer_int(&writer, fields->name, fields->number);
                else
                        json_writer_text(&writer, fields->name, fields->text);
        }
        json_writer_close(&writer);
        pthread_mutex_lock(&tail.lock);
        place = tail.count++ % LOG_TAIL_MAX;
        free(tail.lines[place]);
        tail.lines[place] = buf_take(&line);
        pthread_mutex_unlock(&tail.lock);
}

void log_tail_start(void)
{
        log_listen(LOG_LEVEL_WARN, take, NULL);
}

void log_tail_write(struct buf *out)
{
        pthread_mutex_lock(&tail.lock);
        buf_add_text(out, "{\"lines\":[");
        for (size_t i = 1; i <= LOG_TAIL_MAX && i <= tail.count; i++) {
                buf_add_text(out, i > 1 ? ",\n" : "\n");
                buf_add_text(out, tail.lines[(tail.count - i) % LOG_TAIL_MAX]);
        }
        buf_add_text(out, "]}\n");
        pthread_mutex_unlock(&tail.lock);
}
