// SPDX-License-Identifier: MIT
/*
 * Sends cloud-to-device messages by a local hub's control API, stands in for the network's API
 * that their downlinks are pushed to, and prints one line of JSON: how many a second came through,
 * and how long each took from its sending to the push.
 *
 *     bench_commands --control PORT --listen PORT [--in-flight 64] [--devices 1000] [--count N]
 *
 * So many messages are in flight: the next one is sent when the downlink of one has come. A
 * payload is the number of its message.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"

#define NUMBER_DIGITS 9
#define WAIT_MS       10000

enum peer_kind {
        PEER_LISTENER,
        PEER_HUB,     /* we ask the hub's control API */
        PEER_GATEWAY, /* the gateway asks us */
};

struct peer {
        enum peer_kind kind;
        int fd;
        struct buf in;
};

struct bench {
        int64_t control;
        int64_t listen;
        int64_t in_flight;
        int64_t devices;
        int64_t count;
        int epoll;
        struct peer **idle; /* connections to the hub */
        size_t idle_count;
        int64_t next;
        int64_t arrived;
        int64_t again; /* came a second time */
        int64_t *sent_ns;
        uint32_t *latencies_us;
};

static void give_up(const char *what)
{
        fprintf(stderr, "bench_commands: %s: %s\n", what, strerror(errno));
        exit(1);
}

/* --- sockets ------------------------------------------------------------------------------- */

static struct peer *add_peer(struct bench *bench, enum peer_kind kind, int fd)
{
        struct peer *peer = mem_new(1, sizeof(*peer));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
        int on = 1;

        peer->kind = kind;
        peer->fd = fd;
        if (kind != PEER_LISTENER)
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (epoll_ctl(bench->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
                give_up("epoll_ctl");
        return peer;
}

static int new_socket(int64_t port, struct sockaddr_in *address)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        *address = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        if (fd < 0)
                give_up("socket");
        return fd;
}

static void start_listening(struct bench *bench)
{
        struct sockaddr_in address;
        int fd = new_socket(bench->listen, &address);
        int on = 1;

        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 128) != 0)
                give_up("listen");
        add_peer(bench, PEER_LISTENER, fd);
}

static void connect_to_hub(struct bench *bench)
{
        struct sockaddr_in address;
        int fd = new_socket(bench->control, &address);

        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
                give_up("connect");
        bench->idle[bench->idle_count++] = add_peer(bench, PEER_HUB, fd);
}

/* What is sent is small against the socket's buffer: a blocking write does not block. */
static void send_all(const struct peer *peer, const struct buf *bytes)
{
        size_t done = 0;

        while (done < bytes->size) {
                ssize_t written =
                        send(peer->fd, bytes->data + done, bytes->size - done, MSG_NOSIGNAL);

                if (written < 0 && errno != EINTR)
                        give_up("send");
                done += written > 0 ? (size_t)written : 0;
        }
}

/* Size of the first whole request or answer, 0 if it is not there yet. */
static size_t whole_size(const struct buf *in)
{
        const char *text = buf_text(in);
        const char *end = strstr(text, "\r\n\r\n");
        const char *length = end ? strcasestr(text, "\r\ncontent-length:") : NULL;
        size_t size;

        if (!end)
                return 0;
        size = (size_t)(end - text) + 4;
        if (length && length < end)
                size += strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
        return in->size >= size ? size : 0;
}

/* --- there --------------------------------------------------------------------------------- */

static void send_message(struct bench *bench, struct peer *hub)
{
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        CLEANUP(buf_deinit) struct buf request = BUF_INIT;
        CLEANUP(mem_cleanup) char *number = mem_format("%0*" PRId64, NUMBER_DIGITS, bench->next);

        buf_add_text(&body, "{\"properties\":{\"Port\":\"10\"},\"bodyText\":\"");
        crypto_base64_encode(&body, number, strlen(number));
        buf_add_text(&body, "\"}");
        buf_add_format(&request,
                       "POST /devices/bench-%05" PRId64 "/messages HTTP/1.1\r\nHost: localhost\r\n"
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                       bench->next % bench->devices, body.size);
        buf_add(&request, body.data, body.size);
        bench->sent_ns[bench->next++] = clock_steady_ns();
        send_all(hub, &request);
}

static void send_more(struct bench *bench)
{
        while (bench->next < bench->count && bench->next - bench->arrived < bench->in_flight &&
               bench->idle_count > 0)
                send_message(bench, bench->idle[--bench->idle_count]);
}

static void take_hub_answer(struct bench *bench, struct peer *hub, size_t size)
{
        if (strncmp(buf_text(&hub->in), "HTTP/1.1 201", strlen("HTTP/1.1 201")) != 0) {
                fprintf(stderr, "bench_commands: %.*s\n", (int)size, buf_text(&hub->in));
                exit(1);
        }
        bench->idle[bench->idle_count++] = hub;
}

/* --- and here ------------------------------------------------------------------------------ */

static void note_arrival(struct bench *bench, const char *request)
{
        static const char member[] = "\"frm_payload\":\"";
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        const char *payload = strstr(request, member);
        int64_t number = -1;

        if (payload) {
                payload += strlen(member);
                (void)!crypto_base64_decode(&text, payload, strcspn(payload, "\""));
                number = strtoll(buf_text(&text), NULL, 10);
        }
        if (number < 0 || number >= bench->next) {
                fprintf(stderr, "bench_commands: not what was sent: %s\n", request);
                exit(1);
        }
        if (bench->sent_ns[number] == 0) {
                bench->again++;
                return;
        }
        bench->latencies_us[bench->arrived++] =
                (uint32_t)((clock_steady_ns() - bench->sent_ns[number]) / 1000);
        bench->sent_ns[number] = 0;
}

static void take_push(struct bench *bench, struct peer *gateway)
{
        static const char answer[] =
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;

        note_arrival(bench, buf_text(&gateway->in));
        buf_add_text(&out, answer);
        send_all(gateway, &out);
}

static void take_whole(struct bench *bench, struct peer *peer)
{
        size_t size = whole_size(&peer->in);

        if (size == 0)
                return;
        if (peer->kind == PEER_HUB)
                take_hub_answer(bench, peer, size);
        else
                take_push(bench, peer);
        /* Nobody pipelines. */
        buf_clear(&peer->in);
}

static void handle(struct bench *bench, struct peer *peer)
{
        char block[8192];
        ssize_t got;

        if (peer->kind == PEER_LISTENER) {
                int fd = accept4(peer->fd, NULL, NULL, SOCK_CLOEXEC);

                if (fd >= 0)
                        add_peer(bench, PEER_GATEWAY, fd);
                return;
        }
        got = recv(peer->fd, block, sizeof(block), 0);
        if (got < 0 && errno == EINTR)
                return;
        if (got > 0) {
                buf_add(&peer->in, block, (size_t)got);
                take_whole(bench, peer);
                return;
        }
        if (peer->kind == PEER_HUB) {
                fputs("bench_commands: the hub has closed a connection\n", stderr);
                exit(1);
        }
        close(peer->fd);
        buf_deinit(&peer->in);
        free(peer);
}

static void run(struct bench *bench)
{
        while (bench->arrived < bench->count) {
                struct epoll_event events[64];
                int ready;

                send_more(bench);
                ready = epoll_wait(bench->epoll, events, ARRAY_SIZE(events), WAIT_MS);
                if (ready == 0) {
                        fprintf(stderr,
                                "bench_commands: %" PRId64 " of %" PRId64 " came, then nothing\n",
                                bench->arrived, bench->count);
                        exit(1);
                }
                for (int i = 0; i < ready; i++)
                        handle(bench, events[i].data.ptr);
        }
}

/* --- the rest ------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
        uint32_t left = *(const uint32_t *)a;
        uint32_t right = *(const uint32_t *)b;

        return (left > right) - (left < right);
}

static double percentile_ms(const struct bench *bench, double part)
{
        return bench->latencies_us[(size_t)((double)(bench->count - 1) * part)] / 1000.0;
}

static void report(struct bench *bench, int64_t took_ns)
{
        qsort(bench->latencies_us, (size_t)bench->count, sizeof(*bench->latencies_us), compare);
        printf("{\"count\":%" PRId64 ",\"again\":%" PRId64 ",\"per_second\":%.0f,"
               "\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n",
               bench->count, bench->again, (double)bench->count * 1e9 / (double)took_ns,
               percentile_ms(bench, 0.5), percentile_ms(bench, 0.99));
}

static int usage(void)
{
        fputs("usage: bench_commands --control PORT --listen PORT [--in-flight N] [--devices N]\n"
              "                      [--count N]\n",
              stderr);
        return 2;
}

static bool take_option(struct bench *bench, int option)
{
        int64_t *const places[] = {['c'] = &bench->control,
                                   ['l'] = &bench->listen,
                                   ['f'] = &bench->in_flight,
                                   ['d'] = &bench->devices,
                                   ['n'] = &bench->count};

        return option > 0 && (size_t)option < ARRAY_SIZE(places) && places[option] &&
               text_to_int64(optarg, 1, 10000000, places[option]);
}

int main(int argc, char **argv)
{
        static const struct option names[] = {
                {"control", 1, NULL, 'c'}, {"listen", 1, NULL, 'l'}, {"in-flight", 1, NULL, 'f'},
                {"devices", 1, NULL, 'd'}, {"count", 1, NULL, 'n'},  {NULL, 0, NULL, 0},
        };
        struct bench bench = {.in_flight = 64, .devices = 1000, .count = 10000};
        int64_t start;
        int option;

        while ((option = getopt_long(argc, argv, "", names, NULL)) >= 0) {
                if (!take_option(&bench, option))
                        return usage();
        }
        if (optind != argc || bench.control == 0 || bench.listen == 0)
                return usage();
        bench.epoll = epoll_create1(EPOLL_CLOEXEC);
        bench.idle = mem_new((size_t)bench.in_flight, sizeof(struct peer *));
        bench.sent_ns = mem_new((size_t)bench.count, sizeof(*bench.sent_ns));
        bench.latencies_us = mem_new((size_t)bench.count, sizeof(*bench.latencies_us));
        start_listening(&bench);
        for (int64_t i = 0; i < bench.in_flight; i++)
                connect_to_hub(&bench);
        start = clock_steady_ns();
        run(&bench);
        report(&bench, clock_steady_ns() - start);
        return bench.again > 0 ? 1 : 0;
}
