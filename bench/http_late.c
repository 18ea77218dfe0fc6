// SPDX-License-Identifier: MIT
/*
 * What HTTP in costs before anything is parsed or stored: our server reads every body, and another
 * thread answers 202 in batches, as the store does after each commit. Prints its port and runs
 * until its standard input ends. An argument is the time of a commit in microseconds (1000).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"
#include "http/http_server.h"

struct request {
        struct list_node node;
        struct http_exchange *exchange;
};

struct bench {
        pthread_mutex_t lock;
        pthread_cond_t some;
        struct list waiting;
        useconds_t commit_us;
};

static void handle(void *context, struct http_exchange *exchange)
{
        struct bench *bench = context;
        struct request *request = mem_new(1, sizeof(*request));

        request->exchange = exchange;
        pthread_mutex_lock(&bench->lock);
        list_push_back(&bench->waiting, &request->node);
        pthread_cond_signal(&bench->some);
        pthread_mutex_unlock(&bench->lock);
}

static void *commit(void *context)
{
        struct bench *bench = context;

        thread_enter("bench-store");
        for (;;) {
                struct list batch;

                list_init(&batch);
                pthread_mutex_lock(&bench->lock);
                while (list_is_empty(&bench->waiting))
                        pthread_cond_wait(&bench->some, &bench->lock);
                list_splice_back(&batch, &bench->waiting);
                pthread_mutex_unlock(&bench->lock);
                usleep(bench->commit_us);
                for (struct list_node *node; (node = list_pop_front(&batch));) {
                        struct request *request = list_entry(node, struct request, node);

                        http_exchange_answer(request->exchange, 202, NULL, NULL);
                        free(request);
                }
        }
        return NULL;
}

int main(int argc, char **argv)
{
        struct bench bench = {.commit_us = argc > 1 ? (useconds_t)atoi(argv[1]) : 1000};
        struct http_server *server;
        struct reason reason = REASON_INIT;
        pthread_t thread;
        char byte;

        list_init(&bench.waiting);
        pthread_mutex_init(&bench.lock, NULL);
        pthread_cond_init(&bench.some, NULL);
        if (http_server_start(
                    &(struct http_server_options){
                            .thread = "bench-http",
                            .host = "127.0.0.1",
                            .maximum_body = 1 << 20,
                            .header_timeout_ms = 3000,
                            .request_timeout_ms = 10000,
                            .maximum_connections = 1000,
                            .handle = handle,
                            .context = &bench,
                    },
                    &server, &reason) != 0) {
                fprintf(stderr, "http_late: %s\n", reason.text);
                return 1;
        }
        thread_start(&thread, commit, &bench);
        printf("%u\n", http_server_port(server));
        fflush(stdout);
        while (read(STDIN_FILENO, &byte, 1) > 0 || errno == EINTR)
                continue;
        return 0;
}
