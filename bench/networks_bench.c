// SPDX-License-Identifier: MIT
/*
 * What the pure part of an uplink costs: webhook to event, event to record and back, event to
 * telemetry. Prints microseconds per call, the best of several rounds.
 *
 *     networks_bench [NETWORK FILE]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "networks/event_record.h"
#include "networks/network.h"

#define CALLS  5000
#define ROUNDS 9

struct bench {
        const struct network *network;
        struct webhook webhook;
        struct event_list events;
        struct buf record;
};

static void read_file(const char *path, struct buf *out)
{
        FILE *file = fopen(path, "rb");
        char block[4096];
        size_t got;

        if (!file) {
                perror(path);
                exit(1);
        }
        while ((got = fread(block, 1, sizeof(block), file)) > 0)
                buf_add(out, block, got);
        fclose(file);
}

static void require(int result, const struct reason *reason)
{
        if (result == 0)
                return;
        fprintf(stderr, "networks_bench: %s\n", reason->text);
        exit(1);
}

static void parse(struct bench *bench)
{
        struct reason reason = REASON_INIT;
        struct event_list events = EVENT_LIST_INIT;

        require(bench->network->parse(&bench->webhook, &events, &reason), &reason);
        event_list_deinit(&events);
}

static void parse_and_encode(struct bench *bench)
{
        struct reason reason = REASON_INIT;
        struct event_list events = EVENT_LIST_INIT;
        struct buf record = BUF_INIT;

        require(bench->network->parse(&bench->webhook, &events, &reason), &reason);
        event_encode(&events.events[0], &record);
        buf_deinit(&record);
        event_list_deinit(&events);
}

static void decode(struct bench *bench)
{
        struct reason reason = REASON_INIT;
        struct event event = EVENT_INIT;

        require(event_decode(bench->record.data, bench->record.size, &event, &reason), &reason);
        event_deinit(&event);
}

static void telemetry(struct bench *bench)
{
        struct telemetry_options options = {.times_without_zone = false};
        struct reason reason = REASON_INIT;
        struct telemetry message = TELEMETRY_INIT;

        require(bench->network->telemetry(&bench->events.events[0], NULL, &options, &message,
                                          &reason),
                &reason);
        telemetry_deinit(&message);
}

static void measure(const char *name, void (*run)(struct bench *bench), struct bench *bench)
{
        int64_t best = INT64_MAX;

        for (int round = 0; round < ROUNDS; round++) {
                int64_t start = clock_steady_ns();
                int64_t took;

                for (int i = 0; i < CALLS; i++)
                        run(bench);
                took = clock_steady_ns() - start;
                if (took < best)
                        best = took;
        }
        printf("%-18s %8.2f us\n", name, (double)best / CALLS / 1000.0);
}

int main(int argc, char **argv)
{
        const char *name = argc > 2 ? argv[1] : "things-stack";
        const char *path =
                argc > 2 ? argv[2] : BENCH_PROJECT "/tests/data/things-stack/uplink.json";
        struct bench bench = {.network = network_by_name(name), .record = BUF_INIT};
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        struct reason reason = REASON_INIT;

        if (!bench.network) {
                fprintf(stderr, "networks_bench: no network is named %s\n", name);
                return 2;
        }
        read_file(path, &body);
        bench.webhook = (struct webhook){.path = "",
                                         .body = body.data,
                                         .body_size = body.size,
                                         .maximum_values = 20000,
                                         .arrived_ns = clock_wall_ns()};
        require(bench.network->parse(&bench.webhook, &bench.events, &reason), &reason);
        event_encode(&bench.events.events[0], &bench.record);
        printf("%s, body of %zu bytes, record of %zu\n", name, body.size, bench.record.size);
        measure("parse", parse, &bench);
        measure("parse and encode", parse_and_encode, &bench);
        measure("decode", decode, &bench);
        measure("telemetry", telemetry, &bench);
        buf_deinit(&bench.record);
        event_list_deinit(&bench.events);
        return 0;
}
