// SPDX-License-Identifier: MIT
#include "localhub/gate/quotas.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

#define BURST_S 60 /* limits are said to be of minutes */
#define DAY_MS  86400000

struct rate {
        double per_unit; /* in a second */
        double least;    /* of all units together */
};

struct size {
        const char *name;
        int64_t units_max;
        int64_t messages_a_day; /* of a unit */
        size_t message_size;    /* what counts as one message */
        struct rate rates[QUOTA_KIND_COUNT];
};

#define PER_MINUTE(number)                                                                         \
        {                                                                                          \
                (number) / 60.0, 0                                                                 \
        }

/* "Reference - IoT Hub quotas and throttling", and the sizes of its page of prices. */
#define RATES_OF_S1                                                                                \
        {                                                                                          \
                [QUOTA_CONNECTIONS] = {12, 100}, [QUOTA_SENDS] = {12, 100},                        \
                [QUOTA_COMMANDS] = PER_MINUTE(100), [QUOTA_REGISTRY] = PER_MINUTE(100),            \
                [QUOTA_QUERIES] = PER_MINUTE(20), [QUOTA_TWIN_READS] = {0, 100},                   \
                [QUOTA_TWIN_WRITES] = {0, 50}, [QUOTA_METHODS] = {40, 0},                          \
                [QUOTA_JOBS] = PER_MINUTE(100), [QUOTA_CONFIGURATIONS] = PER_MINUTE(20),           \
        }

static const struct size sizes[] = {
        {"F1", 1, 8000, 512, RATES_OF_S1},
        {"S1", 200, 400000, 4096, RATES_OF_S1},
        {"S2",
         200,
         6000000,
         4096,
         {[QUOTA_CONNECTIONS] = {120, 0},
          [QUOTA_SENDS] = {120, 0},
          [QUOTA_COMMANDS] = PER_MINUTE(100),
          [QUOTA_REGISTRY] = PER_MINUTE(100),
          [QUOTA_QUERIES] = PER_MINUTE(20),
          [QUOTA_TWIN_READS] = {10, 100},
          [QUOTA_TWIN_WRITES] = {5, 50},
          [QUOTA_METHODS] = {120, 0},
          [QUOTA_JOBS] = PER_MINUTE(100),
          [QUOTA_CONFIGURATIONS] = PER_MINUTE(20)}},
        {"S3",
         10,
         300000000,
         4096,
         {[QUOTA_CONNECTIONS] = {6000, 0},
          [QUOTA_SENDS] = {6000, 0},
          [QUOTA_COMMANDS] = PER_MINUTE(5000),
          [QUOTA_REGISTRY] = PER_MINUTE(5000),
          [QUOTA_QUERIES] = PER_MINUTE(1000),
          [QUOTA_TWIN_READS] = {500, 0},
          [QUOTA_TWIN_WRITES] = {250, 0},
          [QUOTA_METHODS] = {6144, 0},
          [QUOTA_JOBS] = PER_MINUTE(5000),
          [QUOTA_CONFIGURATIONS] = PER_MINUTE(20)}},
};

struct bucket {
        double tokens;
        int64_t filled_ms; /* -1 = full */
};

struct counts {
        struct bucket buckets[QUOTA_KIND_COUNT];
        int64_t day; /* since 1970 */
        int64_t messages;
};

struct quotas {
        pthread_mutex_t mutex;
        const struct size *size;
        int64_t units;
        int hubs;
        struct counts *counts;
};

struct quotas *quotas_new(const char *sku, int64_t units, int hubs)
{
        struct quotas *made;
        size_t i = 0;

        while (i < ARRAY_SIZE(sizes) && !text_equal_nocase(sku, sizes[i].name))
                i++;
        if (i == ARRAY_SIZE(sizes) || units < 1 || units > sizes[i].units_max)
                return NULL;
        made = mem_new(1, sizeof(*made));
        pthread_mutex_init(&made->mutex, NULL);
        made->size = &sizes[i];
        made->units = units;
        made->hubs = hubs;
        made->counts = mem_new((size_t)hubs, sizeof(*made->counts));
        for (int hub = 0; hub < hubs; hub++) {
                for (size_t kind = 0; kind < QUOTA_KIND_COUNT; kind++)
                        made->counts[hub].buckets[kind].filled_ms = -1;
        }
        return made;
}

void quotas_free(struct quotas *quotas)
{
        if (!quotas)
                return;
        pthread_mutex_destroy(&quotas->mutex);
        free(quotas->counts);
        free(quotas);
}

static bool take(struct quotas *quotas, int hub, enum quota_kind kind, int64_t count,
                 int64_t now_ms)
{
        const struct rate *rate = &quotas->size->rates[kind];
        struct bucket *bucket = &quotas->counts[hub].buckets[kind];
        double per_second = fmax(rate->per_unit * (double)quotas->units, rate->least);
        double most = fmax(per_second * BURST_S, (double)count);

        if (bucket->filled_ms < 0)
                bucket->tokens = most;
        else
                bucket->tokens = fmin(bucket->tokens + (double)(now_ms - bucket->filled_ms) *
                                                               per_second / 1000,
                                      most);
        bucket->filled_ms = now_ms;
        if (bucket->tokens < (double)count)
                return false;
        bucket->tokens -= (double)count;
        return true;
}

static bool knows(const struct quotas *quotas, int hub)
{
        return quotas && hub >= 0 && hub < quotas->hubs;
}

enum quota_verdict quotas_take(struct quotas *quotas, int hub, enum quota_kind kind, int64_t count,
                               int64_t now_ms)
{
        bool taken;

        if (!knows(quotas, hub))
                return QUOTA_TAKEN;
        pthread_mutex_lock(&quotas->mutex);
        taken = take(quotas, hub, kind, count, now_ms);
        pthread_mutex_unlock(&quotas->mutex);
        return taken ? QUOTA_TAKEN : QUOTA_THROTTLED;
}

/* A day ends at midnight UTC. */
static struct counts *today(struct quotas *quotas, int hub, int64_t wall_ms)
{
        struct counts *counts = &quotas->counts[hub];

        if (counts->day != wall_ms / DAY_MS)
                counts->messages = 0;
        counts->day = wall_ms / DAY_MS;
        return counts;
}

enum quota_verdict quotas_take_message(struct quotas *quotas, int hub, size_t size, int64_t now_ms,
                                       int64_t wall_ms)
{
        enum quota_verdict verdict = QUOTA_TAKEN;
        struct counts *counts;
        int64_t messages;

        if (!knows(quotas, hub))
                return QUOTA_TAKEN;
        messages = (int64_t)((size + quotas->size->message_size - 1) / quotas->size->message_size);
        messages = messages > 0 ? messages : 1;
        pthread_mutex_lock(&quotas->mutex);
        counts = today(quotas, hub, wall_ms);
        if (counts->messages + messages > quotas->size->messages_a_day * quotas->units)
                verdict = QUOTA_USED_UP;
        else if (!take(quotas, hub, QUOTA_SENDS, 1, now_ms))
                verdict = QUOTA_THROTTLED;
        else
                counts->messages += messages;
        pthread_mutex_unlock(&quotas->mutex);
        return verdict;
}

bool quotas_usage(struct quotas *quotas, int hub, int64_t wall_ms, struct quota_usage *usage)
{
        if (!knows(quotas, hub))
                return false;
        pthread_mutex_lock(&quotas->mutex);
        *usage = (struct quota_usage){
                .sku = quotas->size->name,
                .units = quotas->units,
                .messages = today(quotas, hub, wall_ms)->messages,
                .messages_a_day = quotas->size->messages_a_day * quotas->units,
        };
        pthread_mutex_unlock(&quotas->mutex);
        return true;
}
