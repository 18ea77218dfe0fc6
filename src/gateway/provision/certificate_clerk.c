// SPDX-License-Identifier: MIT
#include "gateway/provision/certificate_clerk.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"

#define CLERK_THREAD "certificates"

struct certificate_clerk {
        struct loop *loop;
        pthread_t thread;
        bool started;
        pthread_mutex_t lock; /* for the rest */
        pthread_cond_t more;
        struct list questions;
        struct list answered;
        bool stopping;
};

struct question {
        struct list_node node;
        char *folder;
        char *id;
        char *authority;
        char *authority_key;
        int days;
        certificate_clerk_done *done;
        void *context;
        struct certificate *certificate;
        struct reason reason;
};

static void question_free(struct question *question)
{
        certificate_free(question->certificate);
        free(question->folder);
        free(question->id);
        free(question->authority);
        free(question->authority_key);
        free(question);
}

struct certificate_clerk *certificate_clerk_new(struct loop *loop)
{
        struct certificate_clerk *clerk = mem_new(1, sizeof(*clerk));

        clerk->loop = loop;
        pthread_mutex_init(&clerk->lock, NULL);
        pthread_cond_init(&clerk->more, NULL);
        list_init(&clerk->questions);
        list_init(&clerk->answered);
        return clerk;
}

/* The first that is answered; there is one for each call. */
static void deliver(void *context)
{
        struct certificate_clerk *clerk = context;
        struct question *question;

        pthread_mutex_lock(&clerk->lock);
        question = list_entry(list_pop_front(&clerk->answered), struct question, node);
        pthread_mutex_unlock(&clerk->lock);
        question->done(question->context, question->certificate, &question->reason);
        question_free(question);
}

static struct question *next_question(struct certificate_clerk *clerk)
{
        struct list_node *node;

        pthread_mutex_lock(&clerk->lock);
        while (list_is_empty(&clerk->questions) && !clerk->stopping)
                pthread_cond_wait(&clerk->more, &clerk->lock);
        node = clerk->stopping ? NULL : list_pop_front(&clerk->questions);
        pthread_mutex_unlock(&clerk->lock);
        return node ? list_entry(node, struct question, node) : NULL;
}

static void *run(void *context)
{
        struct certificate_clerk *clerk = context;
        struct question *question;

        thread_enter(CLERK_THREAD);
        while ((question = next_question(clerk))) {
                const struct device_certificate_order order = {
                        .folder = question->folder,
                        .id = question->id,
                        .authority = question->authority,
                        .authority_key = question->authority_key,
                        .days = question->days,
                        .now_s = clock_wall_ms() / 1000,
                };

                if (device_certificate_open(&order, &question->certificate, &question->reason) != 0)
                        question->certificate = NULL;
                pthread_mutex_lock(&clerk->lock);
                list_push_back(&clerk->answered, &question->node);
                pthread_mutex_unlock(&clerk->lock);
                loop_post(clerk->loop, deliver, clerk);
        }
        return NULL;
}

void certificate_clerk_ask(struct certificate_clerk *clerk,
                           const struct device_certificate_order *order,
                           certificate_clerk_done *done, void *context)
{
        struct question *question = mem_new(1, sizeof(*question));

        THREAD_ASSERT(LOOP_THREAD);
        question->folder = mem_text(order->folder);
        question->id = mem_text(order->id);
        question->authority = mem_text(order->authority);
        question->authority_key = mem_text(order->authority_key);
        question->days = order->days;
        question->done = done;
        question->context = context;
        pthread_mutex_lock(&clerk->lock);
        list_push_back(&clerk->questions, &question->node);
        pthread_cond_signal(&clerk->more);
        pthread_mutex_unlock(&clerk->lock);
        if (!clerk->started)
                thread_start(&clerk->thread, run, clerk);
        clerk->started = true;
}

void certificate_clerk_free(struct certificate_clerk *clerk)
{
        if (!clerk)
                return;
        pthread_mutex_lock(&clerk->lock);
        clerk->stopping = true;
        pthread_cond_signal(&clerk->more);
        pthread_mutex_unlock(&clerk->lock);
        if (clerk->started)
                pthread_join(clerk->thread, NULL);
        list_splice_back(&clerk->questions, &clerk->answered);
        list_for_each_safe (node, &clerk->questions)
                question_free(list_entry(node, struct question, node));
        pthread_mutex_destroy(&clerk->lock);
        pthread_cond_destroy(&clerk->more);
        free(clerk);
}
