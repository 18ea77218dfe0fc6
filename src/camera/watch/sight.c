// SPDX-License-Identifier: MIT
#include "camera/watch/sight.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

void sight_init(struct sight *sight)
{
        *sight = (struct sight){.taken_ms = 0};
        pthread_mutex_init(&sight->lock, NULL);
}

void sight_deinit(struct sight *sight)
{
        for (size_t i = 0; i < SIGHT_POINTS_MAX; i++)
                free(sight->points[i].tally);
        buf_deinit(&sight->picture);
        buf_deinit(&sight->things);
        buf_deinit(&sight->tally);
        pthread_mutex_destroy(&sight->lock);
}

static void copy(struct buf *to, const struct buf *from)
{
        buf_clear(to);
        buf_add(to, buf_text(from), from->size);
}

/* The oldest point gives way. */
static void add_point(struct sight *sight, const struct sight_news *news)
{
        struct sight_point *point =
                &sight->points[(sight->first + sight->count) % SIGHT_POINTS_MAX];

        free(point->tally);
        *point = (struct sight_point){.put_ms = clock_wall_ms(),
                                      .tally = mem_text(buf_text(news->tally))};
        if (sight->count < SIGHT_POINTS_MAX)
                sight->count++;
        else
                sight->first = (sight->first + 1) % SIGHT_POINTS_MAX;
}

void sight_put(struct sight *sight, const struct sight_news *news)
{
        pthread_mutex_lock(&sight->lock);
        sight->taken_ms = news->taken_ms;
        copy(&sight->picture, news->picture);
        copy(&sight->things, news->things);
        copy(&sight->tally, news->tally);
        add_point(sight, news);
        pthread_mutex_unlock(&sight->lock);
}

static void write_history(const struct sight *sight, int64_t since_ms, struct buf *out)
{
        const char *comma = "";

        buf_add_text(out, ",\"history\":[");
        for (size_t i = 0; i < sight->count; i++) {
                const struct sight_point *point =
                        &sight->points[(sight->first + i) % SIGHT_POINTS_MAX];

                if (point->put_ms < since_ms)
                        continue;
                buf_add_format(out, "%s[%" PRId64 ",%s]", comma, point->put_ms, point->tally);
                comma = ",";
        }
        buf_add_char(out, ']');
}

void sight_write(struct sight *sight, int64_t since_ms, struct buf *out)
{
        pthread_mutex_lock(&sight->lock);
        buf_add_format(out, "\"takenAt\":%" PRId64 ",\"things\":%s,\"tally\":%s", sight->taken_ms,
                       sight->things.size > 0 ? sight->things.data : "[]",
                       sight->tally.size > 0 ? sight->tally.data : "{}");
        write_history(sight, since_ms, out);
        pthread_mutex_unlock(&sight->lock);
}

bool sight_picture(struct sight *sight, struct buf *out)
{
        bool is_there;

        pthread_mutex_lock(&sight->lock);
        is_there = sight->picture.size > 0;
        buf_add(out, buf_text(&sight->picture), sight->picture.size);
        pthread_mutex_unlock(&sight->lock);
        return is_there;
}
