// SPDX-License-Identifier: MIT
/*
 * isthmus-formatter: runs payload formatters for the program that started it, and for nobody else.
 * It has a socket to that program, the memory of its progress, and nothing else that is open. The
 * thread "main" reads, runs and answers in order; see watchdog.c for the other one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "formatter/formatter_progress.h"
#include "formatter/formatter_wire.h"
#include "formatter/worker/javascript_engine.h"
#include "formatter/worker/sandbox.h"
#include "formatter/worker/watchdog.h"

#define READ_SIZE 65536
/* Answers are collected until there are so many bytes, or for so long. */
#define FLUSH_BYTES 32768
#define FLUSH_NS    (2 * CLOCK_NS_PER_MS)
/* Reading a text, which is not interrupted, may take so much more than compiling it. */
#define LOAD_MS 1000
/* Starting may be slow where a call may not. */
#define WARM_UP_MS 10000

struct worker {
        struct javascript_engine *engine;
        struct buf in;
        struct buf out;
        int64_t collecting_ns; /* since when */
        int64_t memory_bytes;
        struct formatter_wire_result result;
};

static void flush(struct worker *worker)
{
        size_t done = 0;

        while (done < worker->out.size) {
                ssize_t written = write(FORMATTER_SOCKET_FD, worker->out.data + done,
                                        worker->out.size - done);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written <= 0)
                        _exit(0);
                done += (size_t)written;
        }
        buf_clear(&worker->out);
        worker->collecting_ns = clock_steady_ns();
}

/* --- frames -------------------------------------------------------------------------------- */

static bool load(struct worker *worker, const struct formatter_frame *frame)
{
        struct formatter_load load;
        struct formatter_loaded loaded;

        if (!formatter_wire_read_load(frame, &load) || load.version == 0)
                return false;
        watchdog_call_begins(load.version, formatter_compile_ms(load.source_size) + LOAD_MS);
        javascript_engine_load(worker->engine, &load, &loaded);
        watchdog_call_ends();
        formatter_wire_add_loaded(&worker->out, &loaded);
        return true;
}

static bool unload(struct worker *worker, const struct formatter_frame *frame)
{
        uint64_t version;

        if (!formatter_wire_read_unload(frame, &version))
                return false;
        javascript_engine_unload(worker->engine, version);
        return true;
}

static bool call(struct worker *worker, const struct formatter_frame *frame)
{
        struct formatter_wire_call call;
        struct formatter_wire_result *result = &worker->result;

        if (!formatter_wire_read_call(frame, &call) || call.id == 0)
                return false;
        watchdog_call_begins(call.id, javascript_engine_limit_ms(worker->engine, call.version));
        javascript_engine_call(worker->engine, &call, result);
        watchdog_call_ends();
        if (result->result.elapsed_ns > CLOCK_NS_PER_MS)
                worker->memory_bytes = watchdog_look_at_memory();
        result->result.memory_bytes = worker->memory_bytes;
        formatter_wire_add_result(&worker->out, result);
        return true;
}

static bool take(struct worker *worker, const struct formatter_frame *frame)
{
        switch (frame->type) {
        case FORMATTER_FRAME_LOAD:
                return load(worker, frame);
        case FORMATTER_FRAME_UNLOAD:
                return unload(worker, frame);
        case FORMATTER_FRAME_CALL:
                return call(worker, frame);
        case FORMATTER_FRAME_READY:
        case FORMATTER_FRAME_LOADED:
        case FORMATTER_FRAME_RESULT:
        default:
                return false;
        }
}

/* Runs every whole frame of the input. */
static void run_input(struct worker *worker)
{
        struct formatter_frame frame;
        size_t done = 0;
        size_t taken;
        int result;

        worker->collecting_ns = clock_steady_ns();
        while ((result = formatter_frame_next(worker->in.data + done, worker->in.size - done,
                                              &frame, &taken)) == 0) {
                if (!take(worker, &frame))
                        _exit(FORMATTER_EXIT_PROTOCOL);
                done += taken;
                if (worker->out.size > FLUSH_BYTES ||
                    clock_steady_ns() - worker->collecting_ns > FLUSH_NS)
                        flush(worker);
        }
        if (result != -EAGAIN)
                _exit(FORMATTER_EXIT_PROTOCOL);
        worker->in.size -= done;
        memmove(worker->in.data, worker->in.data + done, worker->in.size);
        flush(worker);
}

static void read_more(struct worker *worker)
{
        ssize_t got;

        buf_reserve(&worker->in, READ_SIZE);
        do
                got = read(FORMATTER_SOCKET_FD, worker->in.data + worker->in.size, READ_SIZE);
        while (got < 0 && errno == EINTR);
        if (got <= 0)
                _exit(0);
        worker->in.size += (size_t)got;
}

static void serve(struct worker *worker)
{
        formatter_wire_add_ready(&worker->out);
        flush(worker);
        for (;;) {
                read_more(worker);
                watchdog_set_busy(true);
                worker->memory_bytes = watchdog_look_at_memory();
                run_input(worker);
                watchdog_set_busy(false);
        }
}

/* --- start --------------------------------------------------------------------------------- */

/* Touches whatever opens files or starts threads when it is first used. */
static void warm_up(struct javascript_engine *engine)
{
        static const char source[] =
                "function decodeUplink(input) {"
                "  const text = new Date(2024, 1, 29).toLocaleString() + input.recvTime +"
                "    (1234.5).toLocaleString() + new Intl.DateTimeFormat().format() +"
                "    'a'.localeCompare('b') + '\\u0130'.toLocaleLowerCase() + 'e'.normalize('NFD') "
                "+"
                "    /\\p{L}+/iu.test('x') + Math.random() + new Date('2024-02-29 10:00');"
                "  let junk = [];"
                "  for (let i = 0; i < 200000; i++) junk.push({ i });"
                "  junk = null;"
                "  return { data: { text } };"
                "}";
        const struct formatter_load load = {.version = 1,
                                            .name = "warm-up",
                                            .source = source,
                                            .source_size = sizeof(source) - 1};
        const struct formatter_wire_call call = {
                .id = 1, .version = 1, .input = {.time_ns = 1700000000 * CLOCK_NS_PER_S}};
        struct formatter_loaded loaded;
        struct formatter_wire_result result;

        javascript_engine_load(engine, &load, &loaded);
        javascript_engine_call(engine, &call, &result);
        javascript_engine_unload(engine, 1);
        if (!loaded.good || result.result.status != FORMATTER_GOOD)
                _exit(FORMATTER_EXIT_SANDBOX);
}

static struct formatter_progress *map_progress(void)
{
        void *progress = mmap(NULL, sizeof(struct formatter_progress), PROT_READ | PROT_WRITE,
                              MAP_SHARED, FORMATTER_PROGRESS_FD, 0);

        return progress == MAP_FAILED ? NULL : progress;
}

static bool is_socket(int fd)
{
        int type;
        socklen_t size = sizeof(type);

        return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

int main(int argc, char **argv)
{
        int64_t timeout_ms;
        struct javascript_limits engine_limits = {0};
        struct worker worker = {.in = BUF_INIT, .out = BUF_INIT};
        struct formatter_progress *progress;

        if (argc != 3 || !text_to_int64(argv[1], 1, INT32_MAX, &timeout_ms) ||
            !text_to_int64(argv[2], 1, INT64_MAX, &engine_limits.memory_bytes) ||
            !is_socket(FORMATTER_SOCKET_FD) || !(progress = map_progress())) {
                fputs("isthmus-formatter is started by isthmus; try `isthmus formatter test`\n",
                      stderr);
                return FORMATTER_EXIT_USAGE;
        }
        if (sandbox_prepare() != 0)
                return FORMATTER_EXIT_SANDBOX;
        watchdog_start(engine_limits.memory_bytes, progress);
        engine_limits.timeout_ms = WARM_UP_MS;
        worker.engine = javascript_engine_new(&engine_limits);
        warm_up(worker.engine);
        javascript_engine_set_timeout(worker.engine, timeout_ms);
        if (sandbox_enter() != 0)
                return FORMATTER_EXIT_SANDBOX;
        serve(&worker);
}
