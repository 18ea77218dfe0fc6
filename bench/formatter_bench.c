// SPDX-License-Identifier: MIT
/*
 * What a payload formatter costs per call: in the same engine in this process, without isolation;
 * and through the pool, one call at a time and many at once. The formatter decodes twelve bytes.
 *
 *     formatter_bench PROGRAM [CALLS]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "formatter/formatter.h"
#include "formatter/worker/javascript_engine.h"

#define DEFAULT_CALLS 100000

static const char source[] =
        "function decodeUplink(input) {\n"
        "  const b = input.bytes;\n"
        "  return { data: { temperature: (b[0] << 8 | b[1]) / 100, humidity: b[2], battery: b[3] * "
        "2,\n"
        "    state: b[4] & 1 ? 'open' : 'closed', levels: [b[5], b[6], b[7]],\n"
        "    position: { latitude: b[8] + b[9] / 256, longitude: b[10] + b[11] / 256 } } };\n"
        "}\n";

static const struct formatter_input input = {
        .bytes = (const uint8_t *)"\x08\x02\x37\x64\x01\x05\x06\x07\x2f\x10\x08\x20",
        .size = 12,
        .port = 6,
        .time_ns = 1700000000 * CLOCK_NS_PER_S,
        .device = "eui-0102030405060708",
        .application = "application",
};

static void fail(const char *what)
{
        fprintf(stderr, "formatter_bench: %s\n", what);
        exit(1);
}

static double processor_us(int who)
{
        struct rusage usage;

        getrusage(who, &usage);
        return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void print_row(const char *name, int64_t started_ns, int calls, const char *processor)
{
        double us = (double)(clock_steady_ns() - started_ns) / 1e3 / calls;

        printf("  %-34s %10.0f %10.2f %s\n", name, 1e6 / us, us, processor);
}

/* --- without isolation --------------------------------------------------------------------- */

static void measure_engine(int calls)
{
        const struct javascript_limits limits = {.timeout_ms = 1000, .memory_bytes = 256 << 20};
        const struct formatter_load load = {
                .version = 1, .name = "bench", .source = source, .source_size = sizeof(source) - 1};
        const struct formatter_wire_call call = {.id = 1, .version = 1, .input = input};
        struct javascript_engine *engine = javascript_engine_new(&limits);
        struct formatter_loaded loaded;
        struct formatter_wire_result result;
        char processor[64];
        int64_t started_ns;
        double own_us;

        javascript_engine_load(engine, &load, &loaded);
        for (int i = 0; i < calls / 10; i++)
                javascript_engine_call(engine, &call, &result);
        own_us = processor_us(RUSAGE_SELF);
        started_ns = clock_steady_ns();
        for (int i = 0; i < calls; i++) {
                javascript_engine_call(engine, &call, &result);
                if (result.result.status != FORMATTER_GOOD)
                        fail(result.result.reason.text);
        }
        own_us = (processor_us(RUSAGE_SELF) - own_us) / calls;
        snprintf(processor, sizeof(processor), "%12.2f", own_us);
        print_row("the engine alone, no isolation", started_ns, calls, processor);
        javascript_engine_free(engine);
}

/* --- through the pool ---------------------------------------------------------------------- */

/* Guarded by the lock. */
static struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        int under_way;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void done(void *context, const struct formatter_result *result)
{
        (void)context;
        if (result->status != FORMATTER_GOOD)
                fail(result->reason.text);
        pthread_mutex_lock(&state.lock);
        state.under_way--;
        pthread_cond_signal(&state.changed);
        pthread_mutex_unlock(&state.lock);
}

static void wait_below(int limit)
{
        pthread_mutex_lock(&state.lock);
        while (state.under_way >= limit)
                pthread_cond_wait(&state.changed, &state.lock);
        pthread_mutex_unlock(&state.lock);
}

static void call_many(struct formatter_pool *pool, int calls, int at_once)
{
        for (int i = 0; i < calls; i++) {
                wait_below(at_once);
                pthread_mutex_lock(&state.lock);
                state.under_way++;
                pthread_mutex_unlock(&state.lock);
                formatter_call(pool, "bench", FORMATTER_DECODE_UPLINK, &input, done, NULL);
        }
        wait_below(1);
}

static void measure_pool(const char *folder, const char *program, int workers, int calls,
                         int at_once)
{
        const struct formatter_options options = {
                .directory = folder, .program = program, .workers = workers};
        struct formatter_pool *pool;
        struct reason reason = REASON_INIT;
        char name[64];
        char processor[64];
        int64_t started_ns;
        double own_us;

        if (formatter_pool_new(&options, &pool, &reason) != 0)
                fail(reason.text);
        call_many(pool, calls / 10 + 1, at_once);
        own_us = processor_us(RUSAGE_SELF);
        started_ns = clock_steady_ns();
        call_many(pool, calls, at_once);
        own_us = (processor_us(RUSAGE_SELF) - own_us) / calls;
        snprintf(name, sizeof(name), "the pool, %d worker%s, %d at once", workers,
                 workers > 1 ? "s" : "", at_once);
        snprintf(processor, sizeof(processor), "%12.2f", own_us);
        print_row(name, started_ns, calls, processor);
        formatter_pool_free(pool);
}

int main(int argc, char **argv)
{
        int calls = argc > 2 ? atoi(argv[2]) : DEFAULT_CALLS;
        char folder[] = "/tmp/isthmus-bench-XXXXXX";
        CLEANUP(mem_cleanup) char *path = NULL;
        struct reason reason = REASON_INIT;

        if (argc < 2 || calls < 1 || !mkdtemp(folder))
                fail("usage: formatter_bench PROGRAM [CALLS]");
        log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_AUTO);
        path = mem_format("%s/bench.js", folder);
        if (file_write(path, 0600, source, sizeof(source) - 1, &reason) != 0)
                fail(reason.text);
        printf("  %-34s %10s %10s %12s\n", "payload formatter, 12 bytes", "calls/s", "us/call",
               "own cpu us");
        measure_engine(calls);
        measure_pool(folder, argv[1], 1, calls, 64);
        measure_pool(folder, argv[1], 2, calls, 256);
        measure_pool(folder, argv[1], 1, calls / 20 + 1, 1);
        unlink(path);
        rmdir(folder);
        return 0;
}
