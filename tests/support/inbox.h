// SPDX-License-Identifier: MIT
/* Where the answers of an http_client wait for a test. Static functions, so that only tests of
 * what knows http_client.h need its library. */
#ifndef ISTHMUS_TESTS_SUPPORT_INBOX_H
#define ISTHMUS_TESTS_SUPPORT_INBOX_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"
#include "http/client/http_client.h"

/* A test fails when nothing comes for so long. */
#define TEST_INBOX_PATIENCE_S 60

struct test_inbox {
        pthread_mutex_t lock;
        pthread_cond_t filled;
        struct list items;
};

struct test_inbox_item {
        struct list_node node;
        struct http_answer answer; /* a copy */
        bool on_http_thread;
};

static inline void test_inbox_init(struct test_inbox *inbox)
{
        pthread_mutex_init(&inbox->lock, NULL);
        pthread_cond_init(&inbox->filled, NULL);
        list_init(&inbox->items);
}

static inline void test_inbox_item_cleanup(struct test_inbox_item **item)
{
        if (!*item)
                return;
        buf_deinit(&(*item)->answer.body);
        buf_deinit(&(*item)->answer.headers);
        free(*item);
}

static inline void test_inbox_deinit(struct test_inbox *inbox)
{
        struct list_node *node;

        while ((node = list_pop_front(&inbox->items))) {
                struct test_inbox_item *item = list_entry(node, struct test_inbox_item, node);

                test_inbox_item_cleanup(&item);
        }
        pthread_cond_destroy(&inbox->filled);
        pthread_mutex_destroy(&inbox->lock);
}

/* An http_done; `context` is the inbox. */
static inline void test_inbox_put(void *context, const struct http_answer *answer)
{
        struct test_inbox *inbox = context;
        struct test_inbox_item *item = mem_new(1, sizeof(*item));

        item->answer = *answer;
        item->answer.body = BUF_INIT;
        item->answer.headers = BUF_INIT;
        buf_add(&item->answer.body, answer->body.data, answer->body.size);
        buf_add(&item->answer.headers, answer->headers.data, answer->headers.size);
        item->on_http_thread = thread_is(HTTP_CLIENT_THREAD);
        pthread_mutex_lock(&inbox->lock);
        list_push_back(&inbox->items, &item->node);
        pthread_cond_signal(&inbox->filled);
        pthread_mutex_unlock(&inbox->lock);
}

/* The next answer, the caller's; ends the test program if none comes. */
static inline struct test_inbox_item *test_inbox_take(struct test_inbox *inbox)
{
        struct list_node *node;
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += TEST_INBOX_PATIENCE_S;
        pthread_mutex_lock(&inbox->lock);
        while (list_is_empty(&inbox->items)) {
                if (pthread_cond_timedwait(&inbox->filled, &inbox->lock, &until) != 0) {
                        fputs("no answer came\n", stderr);
                        abort();
                }
        }
        node = list_pop_front(&inbox->items);
        pthread_mutex_unlock(&inbox->lock);
        return list_entry(node, struct test_inbox_item, node);
}

static inline size_t test_inbox_count(struct test_inbox *inbox)
{
        size_t count;

        pthread_mutex_lock(&inbox->lock);
        count = inbox->items.count;
        pthread_mutex_unlock(&inbox->lock);
        return count;
}

#endif
