// SPDX-License-Identifier: MIT
/*
 * Posts uplinks of many devices over keep-alive connections, one request at a time on each, and
 * prints one line of JSON: what was sent, how fast, and how long the answers took.
 *
 *     bench_load --port PORT --body FILE [--path /things-stack] [--key KEY] [--connections 64]
 *                [--devices 1000] [--count N | --seconds S]
 *
 * FILE is a webhook of The Things Stack; device, DevEUI, counter and times are put in anew for
 * every request. Devices take turns.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"

struct options {
        int port;
        const char *path;
        const char *key;
        const char *body;
        int64_t connections;
        int64_t devices;
        int64_t count;
        int64_t seconds;
};

struct connection {
        int fd;
        bool busy;
        int64_t sent_ns;
        struct buf answer;
};

struct load {
        struct options options;
        int epoll;
        struct connection *connections;
        /* The body is pieces[0] value[0] pieces[1] value[1] ... */
        struct buf pieces[8];
        char values[8];
        size_t piece_count;
        struct buf request;
        struct buf body;
        int64_t next;
        int64_t answered;
        int64_t accepted;
        int64_t refused;
        int64_t failed;
        int64_t under_way;
        int64_t stop_ns;
        uint32_t *latencies_us;
        size_t latency_capacity;
};

static void give_up(const char *what)
{
        fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
        exit(1);
}

/* --- bodies ------------------------------------------------------------------------------ */

/* What stands in the template where a value goes; samples hold no `@`. */
#define MARK_DEVICE  "@1@"
#define MARK_EUI     "@2@"
#define MARK_COUNTER "@3@"
#define MARK_TIME    "@4@"

static void set_text(struct json_object *object, const char *name, const char *text)
{
        json_object_object_add(object, name, json_object_new_string(text));
}

static void split_template(struct load *load, const char *text)
{
        while (load->piece_count < ARRAY_SIZE(load->pieces)) {
                struct buf *piece = &load->pieces[load->piece_count++];
                const char *mark = strchr(text, '@');

                if (!mark || mark[1] == '\0' || mark[2] != '@') {
                        buf_add_text(piece, text);
                        return;
                }
                buf_add(piece, text, (size_t)(mark - text));
                load->values[load->piece_count - 1] = mark[1];
                text = mark + 3;
        }
}

static void read_template(struct load *load)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf marked = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *body = NULL;
        struct reason reason = REASON_INIT;
        struct json_object *ids;
        struct json_object *uplink;

        if (file_read(load->options.body, 1 << 20, &text, &reason) == 0)
                body = json_parse(text.data, text.size, 32, JSON_STRICT, &reason);
        ids = json_object_member(body, "end_device_ids");
        uplink = json_object_member(body, "uplink_message");
        if (!ids || !uplink) {
                fprintf(stderr, "bench_load: %s is no uplink: %s\n", load->options.body,
                        reason.text);
                exit(1);
        }
        set_text(ids, "device_id", MARK_DEVICE);
        set_text(ids, "dev_eui", MARK_EUI);
        /* A number whose text is the mark. */
        json_object_object_add(uplink, "f_cnt", json_object_new_double_s(0, MARK_COUNTER));
        set_text(uplink, "received_at", MARK_TIME);
        set_text(body, "received_at", MARK_TIME);
        json_write(&marked, body);
        split_template(load, marked.data);
}

static void add_value(struct load *load, char value, int64_t number)
{
        int64_t device = number % load->options.devices;
        char time[CLOCK_TEXT_SIZE];

        switch (value) {
        case '1':
                buf_add_format(&load->body, "bench-%05lld", (long long)device);
                break;
        case '2':
                buf_add_format(&load->body, "00005EEF%08llX", (unsigned long long)device);
                break;
        case '3':
                buf_add_format(&load->body, "%lld", (long long)(number / load->options.devices));
                break;
        default:
                clock_format_utc(time, clock_wall_ns(), CLOCK_FRACTION);
                buf_add_text(&load->body, time);
                break;
        }
}

static void make_request(struct load *load)
{
        int64_t number = load->next++;

        buf_clear(&load->body);
        for (size_t i = 0; i < load->piece_count; i++) {
                buf_add(&load->body, load->pieces[i].data, load->pieces[i].size);
                if (load->values[i])
                        add_value(load, load->values[i], number);
        }
        buf_clear(&load->request);
        buf_add_format(&load->request, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n",
                       load->options.path);
        if (load->options.key)
                buf_add_format(&load->request, "X-Api-Key: %s\r\n", load->options.key);
        buf_add_format(&load->request,
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                       load->body.size);
        buf_add(&load->request, load->body.data, load->body.size);
}

/* --- connections ------------------------------------------------------------------------- */

static void connect_one(struct load *load, struct connection *connection)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)load->options.port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        int on = 1;

        connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connection->fd < 0 ||
            connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
                give_up("connect");
        setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0)
                give_up("epoll_ctl");
}

static bool is_wanted(const struct load *load)
{
        if (load->options.count > 0)
                return load->next < load->options.count;
        return clock_steady_ns() < load->stop_ns;
}

/* The requests are small against the socket's buffer: a blocking write does not block. */
static void send_next(struct load *load, struct connection *connection)
{
        size_t done = 0;

        connection->busy = false;
        if (!is_wanted(load))
                return;
        make_request(load);
        connection->sent_ns = clock_steady_ns();
        while (done < load->request.size) {
                ssize_t written = send(connection->fd, load->request.data + done,
                                       load->request.size - done, MSG_NOSIGNAL);

                if (written < 0 && errno != EINTR)
                        give_up("send");
                done += written > 0 ? (size_t)written : 0;
        }
        connection->busy = true;
        load->under_way++;
}

static void note_latency(struct load *load, int64_t ns)
{
        size_t index = (size_t)load->answered++;

        if (index >= load->latency_capacity) {
                load->latency_capacity =
                        load->latency_capacity ? load->latency_capacity * 2 : 65536;
                load->latencies_us = mem_resize(load->latencies_us, load->latency_capacity,
                                                sizeof(*load->latencies_us));
        }
        load->latencies_us[index] = (uint32_t)(ns / 1000);
}

/* Size of the whole answer once its head is there, else 0. */
static size_t answer_size(const struct buf *answer)
{
        const char *text = buf_text(answer);
        const char *end = strstr(text, "\r\n\r\n");
        const char *length = end ? strcasestr(text, "\r\ncontent-length:") : NULL;

        if (!end)
                return 0;
        return (size_t)(end - text) + 4 +
               (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

static void take_answer(struct load *load, struct connection *connection)
{
        size_t size = answer_size(&connection->answer);
        int status;

        if (size == 0 || connection->answer.size < size)
                return;
        status = atoi(connection->answer.data + strlen("HTTP/1.1 "));
        note_latency(load, clock_steady_ns() - connection->sent_ns);
        load->under_way--;
        if (status >= 200 && status < 300)
                load->accepted++;
        else if (status == 503)
                load->refused++;
        else
                load->failed++;
        if (status >= 300 && status != 503 && load->failed == 1)
                fprintf(stderr, "bench_load: %.*s\n", (int)size, connection->answer.data);
        buf_clear(&connection->answer);
        send_next(load, connection);
}

static void read_answer(struct load *load, struct connection *connection)
{
        char block[8192];
        ssize_t got = recv(connection->fd, block, sizeof(block), 0);

        if (got > 0) {
                buf_add(&connection->answer, block, (size_t)got);
                take_answer(load, connection);
                return;
        }
        if (got < 0 && errno == EINTR)
                return;
        /* The server closed: a keep-alive limit between answers is its right. */
        close(connection->fd);
        if (connection->busy) {
                load->failed++;
                load->under_way--;
        }
        buf_clear(&connection->answer);
        connect_one(load, connection);
        send_next(load, connection);
}

static void run(struct load *load)
{
        size_t count = (size_t)load->options.connections;

        load->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (load->epoll < 0)
                give_up("epoll_create1");
        load->connections = mem_new(count, sizeof(*load->connections));
        for (size_t i = 0; i < count; i++)
                connect_one(load, &load->connections[i]);
        for (size_t i = 0; i < count; i++)
                send_next(load, &load->connections[i]);
        while (load->under_way > 0) {
                struct epoll_event events[64];
                int ready = epoll_wait(load->epoll, events, ARRAY_SIZE(events), 10000);

                if (ready == 0) {
                        fputs("bench_load: no answer for ten seconds\n", stderr);
                        exit(1);
                }
                for (int i = 0; i < ready; i++)
                        read_answer(load, events[i].data.ptr);
        }
}

/* --- the rest ---------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
        uint32_t left = *(const uint32_t *)a;
        uint32_t right = *(const uint32_t *)b;

        return (left > right) - (left < right);
}

static double percentile_ms(const struct load *load, double part)
{
        if (load->answered == 0)
                return 0;
        return load->latencies_us[(size_t)((double)(load->answered - 1) * part)] / 1000.0;
}

static void report(struct load *load, int64_t took_ns)
{
        double seconds = (double)took_ns / 1e9;

        qsort(load->latencies_us, (size_t)load->answered, sizeof(*load->latencies_us), compare);
        printf("{\"accepted\":%lld,\"refused\":%lld,\"failed\":%lld,\"seconds\":%.3f,"
               "\"per_second\":%.0f,\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n",
               (long long)load->accepted, (long long)load->refused, (long long)load->failed,
               seconds, (double)load->accepted / seconds, percentile_ms(load, 0.5),
               percentile_ms(load, 0.99));
}

static int usage(void)
{
        fputs("usage: bench_load --port PORT --body FILE [--path PATH] [--key KEY]\n"
              "                  [--connections N] [--devices N] [--count N | --seconds N]\n",
              stderr);
        return 2;
}

static bool take_option(struct options *options, int option)
{
        int64_t number = 0;

        switch (option) {
        case 'a':
                options->path = optarg;
                return true;
        case 'k':
                options->key = optarg;
                return true;
        case 'b':
                options->body = optarg;
                return true;
        default:
                break;
        }
        if (!text_to_int64(optarg, 1, 1000000000, &number))
                return false;
        switch (option) {
        case 'p':
                options->port = (int)number;
                return number < 65536;
        case 'c':
                options->connections = number;
                return number <= 10000;
        case 'd':
                options->devices = number;
                return true;
        case 'n':
                options->count = number;
                return true;
        case 's':
                options->seconds = number;
                return true;
        default:
                return false;
        }
}

int main(int argc, char **argv)
{
        static const struct option names[] = {
                {"port", 1, NULL, 'p'},        {"path", 1, NULL, 'a'},    {"key", 1, NULL, 'k'},
                {"body", 1, NULL, 'b'},        {"devices", 1, NULL, 'd'}, {"count", 1, NULL, 'n'},
                {"connections", 1, NULL, 'c'}, {"seconds", 1, NULL, 's'}, {NULL, 0, NULL, 0},
        };
        struct load load = {
                .options = {
                        .path = "/things-stack", .connections = 64, .devices = 1000, .seconds = 5}};
        int64_t start;
        int option;

        while ((option = getopt_long(argc, argv, "", names, NULL)) >= 0) {
                if (option == '?' || !take_option(&load.options, option))
                        return usage();
        }
        if (optind != argc || load.options.port == 0 || !load.options.body)
                return usage();
        read_template(&load);
        start = clock_steady_ns();
        load.stop_ns = start + load.options.seconds * CLOCK_NS_PER_S;
        run(&load);
        report(&load, clock_steady_ns() - start);
        return load.failed > 0 ? 1 : 0;
}
